"""Literals that are data rather than text: a target that reads them at run time prints one text for many of them."""

from __future__ import annotations

import math
import struct

from lamella.compiler._kernel._ir import FLOATS, Apply, Const, Kernel, used

_PLAIN = frozenset({0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5})


def is_data(dtype: str, value: bool | int | float) -> bool:
    """Whether a literal is likely to follow from sizes or settings."""
    return dtype in FLOATS and value not in _PLAIN and math.isfinite(value)


def rounded(value: float, dtype: str) -> float:
    """The number nearest to `value` that a type holds; beyond the largest f32 that is infinity."""
    if dtype != "f32" or not math.isfinite(value):
        return value
    try:
        number: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number


def counts(kernel: Kernel) -> set[int]:
    """Integer literals that are only made floats of, as the number of elements of a mean is."""
    found = {i.out for _, i in kernel.instructions() if isinstance(i, Const) and kernel.types[i.out] in ("i32", "i64")}
    for _, instr in kernel.instructions():
        if not (isinstance(instr, Apply) and instr.op == "cast" and kernel.types[instr.out] in FLOATS):
            found.difference_update(used(instr))
    return found
