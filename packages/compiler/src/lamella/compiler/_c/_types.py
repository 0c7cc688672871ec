"""The C names of value and memory types, and what every helper is written with."""

from __future__ import annotations

from lamella.compiler._kernel._ir import NARROW

C_TYPES = {
    "bool": "_Bool", "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "i8": "int8_t",
    "i16": "int16_t", "i32": "int32_t", "i64": "int64_t", "f32": "float", "f64": "double",
}  # fmt: skip
MEMORY_TYPES = C_TYPES | {"bool": "uint8_t"} | {name: f"uint{8 * size}_t" for name, size in NARROW.items()}
MASK_TYPE = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}

COMPARE_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

INLINE = "static inline __attribute__((always_inline))"


def lane_loop(body: str, lanes: int) -> str:
    """A loop over the lanes `l` of a vector."""
    return f"for (int l = 0; l < {lanes}; ++l) {body}"
