"""Pointwise functions: one def per op.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _ops  # declares the ops
from ._base import TensorBase
from ._dispatch import dispatch
from ._engine import autograd
from ._kernels import LARGE
from ._op import OPS
from ._state import HOT

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "abs", "add", "bind", "cos", "div", "eq", "erf", "exp", "floor", "ge", "gt", "isnan", "le", "log", "log1p",
    "logical_and", "logical_not", "logical_or", "lt", "maximum", "minimum", "mul", "ne", "neg", "pow", "reciprocal",
    "relu", "rsqrt", "sigmoid", "sign", "sin", "sqrt", "sub", "tanh",
]  # fmt: skip
assert _ops
_ndarray = np.ndarray
_asarray = np.asarray
_new = object.__new__
_class: Any = TensorBase
_EMPTY: dict[str, Any] = {}
_FLOAT32 = np.dtype(np.float32)  # identity answers before the hash does
_FLOATS = frozenset(map(np.dtype, (np.float32, np.float64)))
_neg = OPS["neg"]
_abs = OPS["abs"]
_sign = OPS["sign"]
_exp = OPS["exp"]
_log = OPS["log"]
_log1p = OPS["log1p"]
_sqrt = OPS["sqrt"]
_rsqrt = OPS["rsqrt"]
_sin = OPS["sin"]
_cos = OPS["cos"]
_tanh = OPS["tanh"]
_sigmoid = OPS["sigmoid"]
_erf = OPS["erf"]
_reciprocal = OPS["reciprocal"]
_relu = OPS["relu"]
_floor = OPS["floor"]
_logical_not = OPS["logical_not"]
_isnan = OPS["isnan"]
_add = OPS["add"]
_sub = OPS["sub"]
_mul = OPS["mul"]
_div = OPS["div"]
_pow = OPS["pow"]
_maximum = OPS["maximum"]
_minimum = OPS["minimum"]
_eq = OPS["eq"]
_ne = OPS["ne"]
_lt = OPS["lt"]
_le = OPS["le"]
_gt = OPS["gt"]
_ge = OPS["ge"]
_logical_and = OPS["logical_and"]
_logical_or = OPS["logical_or"]
_np_neg = _neg.rules["numpy"]
_np_abs = _abs.rules["numpy"]
_np_sign = _sign.rules["numpy"]
_np_exp = _exp.rules["numpy"]
_np_log = _log.rules["numpy"]
_np_log1p = _log1p.rules["numpy"]
_np_sqrt = _sqrt.rules["numpy"]
_np_rsqrt = _rsqrt.rules["numpy"]
_np_sin = _sin.rules["numpy"]
_np_cos = _cos.rules["numpy"]
_np_tanh = _tanh.rules["numpy"]
_np_sigmoid = _sigmoid.rules["numpy"]
_np_erf = _erf.rules["numpy"]
_np_reciprocal = _reciprocal.rules["numpy"]
_np_relu = _relu.rules["numpy"]
_np_floor = _floor.rules["numpy"]
_np_logical_not = _logical_not.rules["numpy"]
_np_isnan = _isnan.rules["numpy"]


def bind(cls: type[Tensor]) -> None:
    """Name the final tensor class; called once, by the module that defines it."""
    global _class
    _class = cls


def neg(x: Any) -> Tensor:
    """Elementwise -x; TypeError for bool."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_neg(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_neg, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_neg, (x,)))


def abs(x: Any) -> Tensor:
    """Elementwise absolute value."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_abs(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_abs, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_abs, (x,)))


def sign(x: Any) -> Tensor:
    """Elementwise sign: -1, 0 or 1, NaN stays NaN."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_sign(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_sign, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_sign, (x,)))


def exp(x: Any) -> Tensor:
    """Elementwise e**x; integer input becomes the default float."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_exp(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_exp, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_exp, (x,)))


def log(x: Any) -> Tensor:
    """Elementwise natural logarithm; integer input becomes the default float."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_log(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_log, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_log, (x,)))


def log1p(x: Any) -> Tensor:
    """Elementwise log(1 + x), exact near 0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_log1p(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_log1p, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_log1p, (x,)))


def sqrt(x: Any) -> Tensor:
    """Elementwise square root; NaN below 0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_sqrt(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_sqrt, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_sqrt, (x,)))


def rsqrt(x: Any) -> Tensor:
    """Elementwise 1 / sqrt(x)."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_rsqrt(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_rsqrt, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_rsqrt, (x,)))


def sin(x: Any) -> Tensor:
    """Elementwise sine, radians."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_sin(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_sin, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_sin, (x,)))


def cos(x: Any) -> Tensor:
    """Elementwise cosine, radians."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_cos(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_cos, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_cos, (x,)))


def tanh(x: Any) -> Tensor:
    """Elementwise hyperbolic tangent."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_tanh(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_tanh, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_tanh, (x,)))


def sigmoid(x: Any) -> Tensor:
    """Elementwise 1 / (1 + exp(-x))."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_sigmoid(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_sigmoid, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_sigmoid, (x,)))


def erf(x: Any) -> Tensor:
    """Elementwise error function."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_erf(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_erf, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_erf, (x,)))


def reciprocal(x: Any) -> Tensor:
    """Elementwise 1 / x."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_reciprocal(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_reciprocal, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_reciprocal, (x,)))


def relu(x: Any) -> Tensor:
    """Elementwise max(x, 0); NaN stays NaN."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_relu(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_relu, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_relu, (x,)))


def floor(x: Any) -> Tensor:
    """Elementwise largest integer not above x."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_floor(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_floor, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_floor, (x,)))


def logical_not(x: Any) -> Tensor:
    """Elementwise truth inverted, as bool."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_logical_not(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_logical_not, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_logical_not, (x,)))


def isnan(x: Any) -> Tensor:
    """Elementwise test for NaN, as bool."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_isnan(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_isnan, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_isnan, (x,)))


def add(a: Any, b: Any) -> Tensor:
    """Elementwise a + b with broadcasting and promotion."""
    if isinstance(a, _class):
        r: Tensor = a.__add__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_add, (a, b)))


def sub(a: Any, b: Any) -> Tensor:
    """Elementwise a - b with broadcasting and promotion; TypeError for bool."""
    if isinstance(a, _class):
        r: Tensor = a.__sub__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_sub, (a, b)))


def mul(a: Any, b: Any) -> Tensor:
    """Elementwise a * b with broadcasting and promotion."""
    if isinstance(a, _class):
        r: Tensor = a.__mul__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_mul, (a, b)))


def div(a: Any, b: Any) -> Tensor:
    """Elementwise true division a / b; integers become the default float."""
    if isinstance(a, _class):
        r: Tensor = a.__truediv__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_div, (a, b)))


def pow(a: Any, b: Any) -> Tensor:
    """Elementwise a ** b; ValueError for an integer tensor to a negative int."""
    if isinstance(a, _class):
        r: Tensor = a.__pow__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_pow, (a, b)))


def maximum(a: Any, b: Any) -> Tensor:
    """Elementwise larger of a and b; NaN wins."""
    return cast("Tensor", dispatch(_maximum, (a, b)))


def minimum(a: Any, b: Any) -> Tensor:
    """Elementwise smaller of a and b; NaN wins."""
    return cast("Tensor", dispatch(_minimum, (a, b)))


def eq(a: Any, b: Any) -> Tensor:
    """Elementwise a == b, as bool."""
    if isinstance(a, _class):
        r: Tensor = a.__eq__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_eq, (a, b)))


def ne(a: Any, b: Any) -> Tensor:
    """Elementwise a != b, as bool."""
    if isinstance(a, _class):
        r: Tensor = a.__ne__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_ne, (a, b)))


def lt(a: Any, b: Any) -> Tensor:
    """Elementwise a < b, as bool."""
    if isinstance(a, _class):
        r: Tensor = a.__lt__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_lt, (a, b)))


def le(a: Any, b: Any) -> Tensor:
    """Elementwise a <= b, as bool."""
    if isinstance(a, _class):
        r: Tensor = a.__le__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_le, (a, b)))


def gt(a: Any, b: Any) -> Tensor:
    """Elementwise a > b, as bool."""
    if isinstance(a, _class):
        r: Tensor = a.__gt__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_gt, (a, b)))


def ge(a: Any, b: Any) -> Tensor:
    """Elementwise a >= b, as bool."""
    if isinstance(a, _class):
        r: Tensor = a.__ge__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_ge, (a, b)))


def logical_and(a: Any, b: Any) -> Tensor:
    """Elementwise truth of both, as bool."""
    return cast("Tensor", dispatch(_logical_and, (a, b)))


def logical_or(a: Any, b: Any) -> Tensor:
    """Elementwise truth of either, as bool."""
    return cast("Tensor", dispatch(_logical_or, (a, b)))
