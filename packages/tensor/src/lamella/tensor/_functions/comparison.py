"""Tests of values: close, equal, of one sign of infinity, real; and truth of one but not both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _pointwise as p
from .._arguments import number
from .._creation import full_like
from .._dtype import COMPLEX, FLOAT, bool_, from_numpy_dtype
from .common import tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["allclose", "equal", "isclose", "isneginf", "isposinf", "isreal"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("allclose", "equal", "isclose", "isneginf", "isposinf", "isreal")
IN_PLACE: tuple[str, ...] = ()


def _pair(name: str, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    x, y = tensor_of(a, name), tensor_of(b, name)
    if x.dtype is not y.dtype:
        raise TypeError(f"{name} needs tensors of one dtype, got {x.dtype} and {y.dtype}; cast one with .to(dtype)")
    return x, y


def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where |a - b| <= atol + rtol * |b|, or both are equal; NaN is close to NaN only if equal_nan."""
    x, y = _pair("isclose", a, b)
    rtol, atol = number(rtol, "isclose: rtol"), number(atol, "isclose: atol")
    if not rtol >= 0 or not atol >= 0:
        raise ValueError(f"isclose needs tolerances of at least 0, got rtol={rtol} and atol={atol}")
    close = p.eq(x, y)
    floating = from_numpy_dtype(x._data.dtype).category >= FLOAT
    if equal_nan and floating:
        close = p.logical_or(close, p.logical_and(p.isnan(x), p.isnan(y)))
    if rtol == 0 and atol == 0:
        return close
    if not floating:
        x, y = p.mul(x, 1.0), p.mul(y, 1.0)
    error = p.abs(p.sub(x, y))
    within = p.le(error, p.add(p.mul(p.abs(y), rtol), atol))
    return p.logical_or(close, p.logical_and(p.isfinite(error), within))


def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close in the sense of isclose."""
    return bool(isclose(a, b, rtol, atol, equal_nan).all())


def equal(a: Any, b: Any) -> bool:
    """Whether two tensors have the same shape and equal elements, in the dtype that the two meet in."""
    x, y = tensor_of(a, "equal"), tensor_of(b, "equal")
    return x.shape == y.shape and bool(p.eq(x, y).all())


def _infinite(name: str, x: Any, which: float) -> Tensor:
    t = tensor_of(x, name)
    category = from_numpy_dtype(t._data.dtype).category
    if category == COMPLEX:
        raise TypeError(f"{name} is not defined for complex numbers; take the real or imaginary part")
    return p.eq(t, which) if category == FLOAT else full_like(t, False, dtype=bool_)


def isposinf(x: Any) -> Tensor:
    """Where x is +inf."""
    return _infinite("isposinf", x, math.inf)


def isneginf(x: Any) -> Tensor:
    """Where x is -inf."""
    return _infinite("isneginf", x, -math.inf)


def isreal(x: Any) -> Tensor:
    """Where the imaginary part is 0: everywhere for real dtypes."""
    t = tensor_of(x, "isreal")
    if t._data.dtype.kind != "c":
        return full_like(t, True, dtype=bool_)
    return p.eq(t.imag, 0)
