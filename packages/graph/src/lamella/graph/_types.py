"""The types of values: a tensor of known element type and sizes, or a host scalar.

Invariant: sizes are plain Python ints, not negative, or polynomials over named sizes while a program is captured for
many. Those are bound to numbers (`bound`) before any pass or executor sees the graph: no later stage has to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from lamella.tensor.extend import DType, as_dtype

from ._polynomial import Polynomial

__all__ = ["DTYPES", "MAX_RANK", "SCALAR_KINDS", "ScalarType", "TensorType", "Type"]

# The words of the text form, in the order of the documentation.
DTYPES: Final[dict[str, DType]] = {
    word: as_dtype(word)
    for word in (
        "bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64",
        "f16", "bf16", "f32", "f64", "c64", "c128", "f8e4m3", "f8e5m2",
    )
}  # fmt: skip
SCALAR_KINDS: Final[dict[str, type]] = {"i64": int, "f64": float, "bool": bool}
_CATEGORY: Final = {"bool": 0, "i64": 1, "f64": 2}
MAX_RANK: Final = 64  # numpy's own limit
_MAX_SIZE: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TensorType:
    """An array of `dtype` and `shape`; TypeError for a size that is not an int, ValueError for one out of range."""

    dtype: DType
    shape: tuple[Any, ...]

    def __post_init__(self) -> None:
        if type(self.dtype) is not DType:
            raise TypeError(
                f"the dtype of a tensor type must be a lamella DType, got {self.dtype!r}; convert it with as_dtype"
            )
        if type(self.shape) is not tuple:
            raise TypeError(f"the shape of a tensor type must be a tuple of ints, got {self.shape!r}")
        if len(self.shape) > MAX_RANK:
            raise ValueError(f"a tensor type has at most {MAX_RANK} dims, got {len(self.shape)}")
        for size in self.shape:
            if type(size) is Polynomial:
                continue
            if type(size) is not int:
                raise TypeError(
                    f"sizes in a graph are Python ints, got {size!r} of type {type(size).__name__} in {self.shape!r}"
                )
            if not 0 <= size <= _MAX_SIZE:
                raise ValueError(f"a size must lie between 0 and 2**63 - 1, got {size} in {self.shape}")

    def __str__(self) -> str:
        return f"{self.dtype.short}[{', '.join([n.word if type(n) is Polynomial else str(n) for n in self.shape])}]"


@dataclass(frozen=True, slots=True)
class ScalarType:
    """A host scalar of `kind` "i64", "f64" or "bool": a Python int, float or bool at run time."""

    kind: str

    def __post_init__(self) -> None:
        if self.kind not in SCALAR_KINDS:
            raise ValueError(f"a scalar type is one of {', '.join(SCALAR_KINDS)}, got {self.kind!r}")

    @property
    def category(self) -> int:
        """0 for bool, 1 for ints, 2 for floats: as a weak operand it promotes like a Python number of its kind."""
        return _CATEGORY[self.kind]

    def __str__(self) -> str:
        return self.kind


Type: TypeAlias = TensorType | ScalarType
