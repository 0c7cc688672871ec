"""Floor division and remainder, as composites over the written op set.

Integers are exact in every width: a first quotient in float64 is at most a few thousand off, the integer remainder it
leaves is small, and dividing that again and looking at its sign settles the rest. Integers modulo 2**64 make this safe
for the largest values too. A zero among the elements of an integer divisor gives 0, as in numpy; the number 0 raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _functions as f
from . import _pointwise as p
from ._base import TensorBase
from ._dtype import BOOL, COMPLEX, INT, DType, float64, uint64
from ._promotion import result_type

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["floor_divide", "remainder"]
METHODS = ("floor_divide", "remainder")
IN_PLACE = ("floor_divide", "remainder")


def _target(name: str, a: Any, b: Any) -> DType:
    if not isinstance(a, TensorBase) and not isinstance(b, TensorBase):
        raise TypeError(f"{name} needs a tensor, got {type(a).__name__} and {type(b).__name__}")
    for v in (a, b):
        if isinstance(v, np.ndarray):
            raise TypeError(f"{name} needs tensors or numbers, got ndarray; wrap it with from_numpy(...)")
    dtype = result_type((a, b))
    if dtype.category in (BOOL, COMPLEX) or dtype is uint64:
        raise TypeError(f"{name} is defined for floats and integers up to int64, not for {dtype}; cast first")
    if dtype.category == INT and not isinstance(b, TensorBase) and b == 0:
        raise ZeroDivisionError(f"{name} of an integer tensor by 0; a floating tensor gives inf or nan")
    return dtype


def floor_divide(a: Any, b: Any) -> Tensor:
    """Elementwise largest integer not above a / b, in the dtype a and b meet in; ZeroDivisionError for integers by 0.

    For floats it is the floor of the rounded quotient.
    """
    dtype = _target("floor_divide", a, b)
    if dtype.category != INT:
        return p.floor(p.div(a, b))
    return _divided(a, b, dtype)[0]


def remainder(a: Any, b: Any) -> Tensor:
    """Elementwise a - b * floor(a / b): it has the sign of b, as Python's %; ZeroDivisionError for integers by 0."""
    dtype = _target("remainder", a, b)
    if dtype.category != INT:
        x = f.to_dtype(a, dtype) if isinstance(a, TensorBase) else a
        return p.sub(x, p.mul(p.floor(p.div(x, b)), b))
    return _divided(a, b, dtype)[1]


def _divided(a: Any, b: Any, dtype: DType) -> tuple[Tensor, Tensor]:
    # a number becomes a 0-d tensor here, as casts and comparisons below want tensors
    x, y = (f.to_dtype(v if isinstance(v, TensorBase) else _full(v, dtype), dtype) for v in (a, b))
    zero = p.eq(y, 0)
    y = f.where(zero, 1, y)
    quotient = f.where(zero, 0, p.mul(x, 0))  # zeros of the broadcast shape
    rest = p.add(x, quotient)
    wide = f.to_dtype(y, float64)
    for _ in range(2):
        step = f.to_dtype(p.floor(p.div(f.to_dtype(rest, float64), wide)), dtype)
        quotient, rest = p.add(quotient, step), p.sub(rest, p.mul(step, y))
    negative = p.lt(y, 0)
    low = f.where(negative, p.gt(rest, 0), p.lt(rest, 0))
    high = f.where(negative, p.le(rest, y), p.ge(rest, y))
    step = p.sub(f.to_dtype(high, dtype), f.to_dtype(low, dtype))
    quotient, rest = p.add(quotient, step), p.sub(rest, p.mul(step, y))
    return f.where(zero, 0, quotient), f.where(zero, 0, rest)


def _full(value: Any, dtype: DType) -> Tensor:
    from ._creation import full

    return full((), value, dtype=dtype)
