"""Elementwise functions: a row is the kernel of numpy and the data types that the standard defines the function for.

Functions of two operands take a Python scalar for one of them. `clip`, shifts and the like have bodies of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._array import Array, check_shift, pair, storage, wrap
from ._scalars import SCALARS

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert",
    "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "clip", "conj", "copysign", "cos",
    "cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide", "greater", "greater_equal", "hypot", "imag",
    "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log1p", "log2", "log10", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal",
    "positive", "pow", "real", "reciprocal", "remainder", "round", "sign", "signbit", "sin", "sinh", "sqrt", "square",
    "subtract", "tan", "tanh", "trunc",
]  # fmt: skip


def _unary(name: str, kernel: Any, category: str) -> Callable[[Array], Array]:
    def function(x: Array, /) -> Array:
        return wrap(kernel(storage(x, name, category)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of every element; TypeError for others than {category} data types."
    return function


def _binary(name: str, kernel: Any, category: str) -> Callable[[Array | complex, Array | complex], Array]:
    def function(x1: Array | complex, x2: Array | complex, /) -> Array:
        return wrap(kernel(*pair(x1, x2, name, category)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of two arrays that broadcast; TypeError for others than {category} data types."
    return function


def _shift(name: str, kernel: Any) -> Callable[[Array | int, Array | int], Array]:
    def function(x1: Array | int, x2: Array | int, /) -> Array:
        a, b = pair(x1, x2, name, "integer")
        check_shift(b, name)
        return wrap(kernel(a, b))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of two arrays that broadcast; ValueError for a negative number of bits."
    return function


def _whole(kernel: Any) -> Any:
    """A rounding kernel that leaves integers as they are."""
    return lambda data: data if data.dtype.kind in "iu" else kernel(data)


def _sign(data: Any) -> Any:
    if data.dtype.kind != "c":
        return np.sign(data)
    size = np.abs(data)
    return np.where(size == 0, data.dtype.type(0), data / np.where(size == 0, size.dtype.type(1), size))


abs = _unary("abs", np.abs, "numeric")
acos = _unary("acos", np.arccos, "floating-point")
acosh = _unary("acosh", np.arccosh, "floating-point")
asin = _unary("asin", np.arcsin, "floating-point")
asinh = _unary("asinh", np.arcsinh, "floating-point")
atan = _unary("atan", np.arctan, "floating-point")
atanh = _unary("atanh", np.arctanh, "floating-point")
bitwise_invert = _unary("bitwise_invert", np.invert, "integer or boolean")
ceil = _unary("ceil", _whole(np.ceil), "real numeric")
conj = _unary("conj", np.conj, "numeric")
cos = _unary("cos", np.cos, "floating-point")
cosh = _unary("cosh", np.cosh, "floating-point")
exp = _unary("exp", np.exp, "floating-point")
expm1 = _unary("expm1", np.expm1, "floating-point")
floor = _unary("floor", _whole(np.floor), "real numeric")
imag = _unary("imag", np.imag, "complex floating-point")
isfinite = _unary("isfinite", np.isfinite, "numeric")
isinf = _unary("isinf", np.isinf, "numeric")
isnan = _unary("isnan", np.isnan, "numeric")
log = _unary("log", np.log, "floating-point")
log10 = _unary("log10", np.log10, "floating-point")
log1p = _unary("log1p", np.log1p, "floating-point")
log2 = _unary("log2", np.log2, "floating-point")
logical_not = _unary("logical_not", np.logical_not, "boolean")
negative = _unary("negative", np.negative, "numeric")
positive = _unary("positive", np.positive, "numeric")
real = _unary("real", np.real, "numeric")
reciprocal = _unary("reciprocal", np.reciprocal, "floating-point")
round = _unary("round", _whole(np.rint), "numeric")
sign = _unary("sign", _sign, "numeric")
signbit = _unary("signbit", np.signbit, "real floating-point")
sin = _unary("sin", np.sin, "floating-point")
sinh = _unary("sinh", np.sinh, "floating-point")
sqrt = _unary("sqrt", np.sqrt, "floating-point")
square = _unary("square", np.square, "numeric")
tan = _unary("tan", np.tan, "floating-point")
tanh = _unary("tanh", np.tanh, "floating-point")
trunc = _unary("trunc", _whole(np.trunc), "real numeric")

add = _binary("add", np.add, "numeric")
atan2 = _binary("atan2", np.arctan2, "real floating-point")
bitwise_and = _binary("bitwise_and", np.bitwise_and, "integer or boolean")
bitwise_left_shift = _shift("bitwise_left_shift", np.left_shift)
bitwise_or = _binary("bitwise_or", np.bitwise_or, "integer or boolean")
bitwise_right_shift = _shift("bitwise_right_shift", np.right_shift)
bitwise_xor = _binary("bitwise_xor", np.bitwise_xor, "integer or boolean")
copysign = _binary("copysign", np.copysign, "real floating-point")
divide = _binary("divide", np.true_divide, "floating-point")
equal = _binary("equal", np.equal, "any")
floor_divide = _binary("floor_divide", np.floor_divide, "real numeric")
greater = _binary("greater", np.greater, "real numeric")
greater_equal = _binary("greater_equal", np.greater_equal, "real numeric")
hypot = _binary("hypot", np.hypot, "real floating-point")
less = _binary("less", np.less, "real numeric")
less_equal = _binary("less_equal", np.less_equal, "real numeric")
logaddexp = _binary("logaddexp", np.logaddexp, "real floating-point")
logical_and = _binary("logical_and", np.logical_and, "boolean")
logical_or = _binary("logical_or", np.logical_or, "boolean")
logical_xor = _binary("logical_xor", np.logical_xor, "boolean")
maximum = _binary("maximum", np.maximum, "real numeric")
minimum = _binary("minimum", np.minimum, "real numeric")
multiply = _binary("multiply", np.multiply, "numeric")
nextafter = _binary("nextafter", np.nextafter, "real floating-point")
not_equal = _binary("not_equal", np.not_equal, "any")
pow = _binary("pow", np.power, "numeric")
remainder = _binary("remainder", np.remainder, "real numeric")
subtract = _binary("subtract", np.subtract, "numeric")


def clip(x: Array, /, min: Array | float | None = None, max: Array | float | None = None) -> Array:
    """`x` between `min` and `max`, scalars or arrays of its kind that broadcast; the data type is that of `x`.

    ValueError where a lower bound is above the upper one.
    """
    data = storage(x, "clip", "real numeric")
    low, high = _bound(data, min, "min"), _bound(data, max, "max")
    if low is not None and high is not None and np.any(low > high):
        raise ValueError("clip needs min <= max everywhere")
    dtype = data.dtype
    result = data if low is None else np.maximum(data, _inside(low, dtype))
    result = result if high is None else np.minimum(result, _inside(high, dtype))
    return wrap(result.copy() if result is data else result)


def _bound(data: Any, bound: Any, name: str) -> Any:
    """One bound as an array of the kind of `data`, perhaps of another width."""
    if bound is None:
        return None
    if type(bound) is Array:
        found = storage(bound, f"clip ({name})", "real numeric")
        if (found.dtype.kind == "f") != (data.dtype.kind == "f"):
            raise TypeError(f"clip: {name} of {found.dtype} beside x of {data.dtype}; convert one with astype")
        return found
    if type(bound) not in SCALARS or isinstance(bound, (bool, complex)):
        raise TypeError(f"clip: {name} must be None, an int, a float or an array, got {type(bound).__name__}")
    if data.dtype.kind == "f":
        return np.asarray(bound, data.dtype)
    if isinstance(bound, float):
        raise TypeError(f"clip: {name}={bound!r} is no integer, and x has data type {data.dtype}")
    return np.asarray(bound, object)  # it may be outside of every integer type


def _inside(bound: Any, dtype: Any) -> Any:
    """A bound in `dtype`, integers beyond its range moved to its ends: no element is beyond them."""
    if dtype.kind == "f" or bound.dtype == dtype:
        return bound.astype(dtype)
    info = np.iinfo(dtype)
    low, high = np.asarray(info.min, object), np.asarray(info.max, object)
    return np.asarray(np.minimum(np.maximum(bound.astype(object), low), high)).astype(dtype)
