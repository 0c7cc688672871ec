"""Questions about dtypes: their limits, what one can be cast to, where several meet."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes

from ._dtype import COMPLEX, FLOAT, INT, DType, as_dtype, float64, promote
from ._promotion import default_float
from ._promotion import result_type as meeting
from ._values import int_range

__all__ = ["can_cast", "finfo", "iinfo", "promote_types", "result_type"]


def _asked(dtype: Any) -> DType:
    return float64 if dtype is float else as_dtype(dtype)  # Python's float is a double


class finfo:
    """The limits of a floating dtype, or of the parts of a complex one; of the default dtype for None.

    `bits`, `eps` (from 1 to the next number), `max`, `min` (the lowest number), `smallest_normal` and its alias `tiny`,
    `resolution` (10 to the decimal digits it keeps), `dtype` (its name). TypeError for other dtypes.
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, dtype: Any = None) -> None:
        kind = default_float() if dtype is None else _asked(dtype)
        if kind.category not in (FLOAT, COMPLEX):
            raise TypeError(f"finfo needs a floating dtype, got {kind}; iinfo has the limits of integers")
        kind = kind.to_real()
        info: Any = ml_dtypes.finfo(kind.numpy)  # type: ignore[no-untyped-call]
        self.bits = 8 * kind.itemsize
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.smallest_normal = self.tiny = float(info.smallest_normal)
        self.resolution = 10.0 ** -math.floor(-math.log10(self.eps))
        self.dtype = kind.name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(("finfo", self.dtype))


class iinfo:
    """The limits of an integer dtype: `bits`, `max`, `min`, `dtype` (its name); TypeError for other dtypes."""

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, dtype: Any) -> None:
        kind = _asked(dtype)
        if kind.category != INT:
            raise TypeError(f"iinfo needs an integer dtype, got {kind}; finfo has the limits of floating ones")
        self.bits = 8 * kind.itemsize
        self.min, self.max = int_range(kind)
        self.dtype = kind.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(("iinfo", self.dtype))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of one dtype may be written into another: the category must not fall, widths do not matter."""
    low, high = as_dtype(from_).category, as_dtype(to).category
    return low <= high


def promote_types(type1: Any, type2: Any) -> DType:
    """The dtype in which tensors of two dtypes meet; TypeError for uint64 with a signed integer."""
    return promote(as_dtype(type1), as_dtype(type2))


def result_type(*operands: Any) -> DType:
    """The dtype in which tensors and numbers meet; 0-d tensors and numbers raise only the category.

    TypeError for anything else, and where there are none.
    """
    for x in operands:
        if x is None:
            raise TypeError("result_type needs tensors and numbers, got None")
    return meeting(operands)
