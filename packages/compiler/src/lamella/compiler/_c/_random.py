"""Random words in C: Philox 4x64-10, one block for four slots (docs/decisions/0001-rng.md).

Lanes that stand at consecutive slots share blocks; others, and lone elements, compute one each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamella.compiler._c._types import INLINE

if TYPE_CHECKING:
    from lamella.compiler._c._helpers import Helpers

_BLOCK = """static inline void philox_block(uint64_t key, uint64_t number, uint64_t *out) {
    uint64_t c0 = number + 1, c1 = 0, c2 = 0, c3 = 0, k0 = key, k1 = 0;
    for (int round = 0; round < 10; ++round) {
        uint64_t high0, high1;
        const uint64_t low0 = lm_mul128(UINT64_C(0xD2E7470EE14C6C93), c0, &high0);
        const uint64_t low1 = lm_mul128(UINT64_C(0xCA5A826395121157), c2, &high1);
        c0 = high1 ^ c1 ^ k0; c1 = low1; c2 = high0 ^ c3 ^ k1; c3 = low0;
        k0 += UINT64_C(0x9E3779B97F4A7C15); k1 += UINT64_C(0xBB67AE8584CAA73B);
    }
    out[0] = c0; out[1] = c1; out[2] = c2; out[3] = c3;
}
"""


def _philox(h: Helpers, full: str, dtype: str, lanes: int) -> str:
    if lanes == 1:
        return (
            f"{_BLOCK}{INLINE} uint64_t {full}(uint64_t seed, uint64_t slot) "
            "{ uint64_t w[4]; philox_block(seed, slot >> 2, w); return w[slot & 3]; }"
        )
    scalar, value = h.call("philox", dtype, 1), h.type(dtype, lanes)
    return (
        f"{INLINE} {value} {full}({value} seeds, {value} slots) {{\n"
        f"    uint64_t k[{lanes}], s[{lanes}], w[{lanes + 8}];\n"
        f"    memcpy(k, &seeds, sizeof k); memcpy(s, &slots, sizeof s);\n"
        f"    if (s[{lanes - 1}] - s[0] == {lanes - 1} && s[0] < s[{lanes - 1}]) {{\n"
        f"        const int first = (int)(s[0] & 3), count = (first + {lanes + 3}) / 4;\n"
        "        for (int b = 0; b < count; ++b) philox_block(k[0], (s[0] >> 2) + (uint64_t)b, w + 4 * b);\n"
        "        memcpy(&slots, w + first, sizeof slots);\n"
        "    } else {\n"
        f"        for (int l = 0; l < {lanes}; ++l) w[l] = {scalar}(k[l], s[l]);\n"
        "        memcpy(&slots, w, sizeof slots);\n"
        "    }\n    return slots;\n}"
    )


RANDOM: dict[str, Callable[[Helpers, str, str, int], str]] = {"philox": _philox}
