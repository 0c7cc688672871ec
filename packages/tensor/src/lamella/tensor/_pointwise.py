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
from ._operand import scaled
from ._state import HOT

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bind", "bitwise_and",
    "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "copysign",
    "cos", "cosh", "digamma", "div", "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "floor", "fmax", "fmin",
    "gcd", "ge", "gt", "hypot", "i0", "isfinite", "isinf", "isnan", "lcm", "le", "lgamma", "log", "log1p", "log2",
    "log10", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "maximum",
    "minimum", "mul", "ne", "neg", "nextafter", "pow", "reciprocal", "relu", "rsqrt", "sigmoid", "sign", "signbit",
    "sin", "sinc", "sinh", "sqrt", "sub", "tan", "tanh", "trunc", "xlogy",
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
_exp2 = OPS["exp2"]
_expm1 = OPS["expm1"]
_log2 = OPS["log2"]
_log10 = OPS["log10"]
_tan = OPS["tan"]
_asin = OPS["asin"]
_acos = OPS["acos"]
_atan = OPS["atan"]
_sinh = OPS["sinh"]
_cosh = OPS["cosh"]
_asinh = OPS["asinh"]
_acosh = OPS["acosh"]
_atanh = OPS["atanh"]
_sinc = OPS["sinc"]
_erfc = OPS["erfc"]
_erfinv = OPS["erfinv"]
_lgamma = OPS["lgamma"]
_digamma = OPS["digamma"]
_i0 = OPS["i0"]
_ceil = OPS["ceil"]
_trunc = OPS["trunc"]
_isfinite = OPS["isfinite"]
_isinf = OPS["isinf"]
_signbit = OPS["signbit"]
_bitwise_not = OPS["bitwise_not"]
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
_logical_xor = OPS["logical_xor"]
_atan2 = OPS["atan2"]
_hypot = OPS["hypot"]
_copysign = OPS["copysign"]
_nextafter = OPS["nextafter"]
_logaddexp = OPS["logaddexp"]
_logaddexp2 = OPS["logaddexp2"]
_xlogy = OPS["xlogy"]
_fmax = OPS["fmax"]
_fmin = OPS["fmin"]
_gcd = OPS["gcd"]
_lcm = OPS["lcm"]
_bitwise_and = OPS["bitwise_and"]
_bitwise_or = OPS["bitwise_or"]
_bitwise_xor = OPS["bitwise_xor"]
_bitwise_left_shift = OPS["bitwise_left_shift"]
_bitwise_right_shift = OPS["bitwise_right_shift"]
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
_np_exp2 = _exp2.rules["numpy"]
_np_expm1 = _expm1.rules["numpy"]
_np_log2 = _log2.rules["numpy"]
_np_log10 = _log10.rules["numpy"]
_np_tan = _tan.rules["numpy"]
_np_asin = _asin.rules["numpy"]
_np_acos = _acos.rules["numpy"]
_np_atan = _atan.rules["numpy"]
_np_sinh = _sinh.rules["numpy"]
_np_cosh = _cosh.rules["numpy"]
_np_asinh = _asinh.rules["numpy"]
_np_acosh = _acosh.rules["numpy"]
_np_atanh = _atanh.rules["numpy"]
_np_sinc = _sinc.rules["numpy"]
_np_erfc = _erfc.rules["numpy"]
_np_erfinv = _erfinv.rules["numpy"]
_np_lgamma = _lgamma.rules["numpy"]
_np_digamma = _digamma.rules["numpy"]
_np_i0 = _i0.rules["numpy"]
_np_ceil = _ceil.rules["numpy"]
_np_trunc = _trunc.rules["numpy"]
_np_isfinite = _isfinite.rules["numpy"]
_np_isinf = _isinf.rules["numpy"]
_np_signbit = _signbit.rules["numpy"]


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
    """Elementwise sign: -1, 0 or 1; 0 for NaN."""
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


def exp2(x: Any) -> Tensor:
    """Elementwise 2**x; integer input becomes the default float."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_exp2(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_exp2, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_exp2, (x,)))


def expm1(x: Any) -> Tensor:
    """Elementwise exp(x) - 1, exact near 0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_expm1(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_expm1, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_expm1, (x,)))


def log2(x: Any) -> Tensor:
    """Elementwise logarithm to base 2."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_log2(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_log2, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_log2, (x,)))


def log10(x: Any) -> Tensor:
    """Elementwise logarithm to base 10."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_log10(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_log10, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_log10, (x,)))


def tan(x: Any) -> Tensor:
    """Elementwise tangent, radians."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_tan(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_tan, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_tan, (x,)))


def asin(x: Any) -> Tensor:
    """Elementwise inverse sine, in radians; NaN outside [-1, 1]."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_asin(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_asin, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_asin, (x,)))


def acos(x: Any) -> Tensor:
    """Elementwise inverse cosine, in radians; NaN outside [-1, 1]."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_acos(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_acos, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_acos, (x,)))


def atan(x: Any) -> Tensor:
    """Elementwise inverse tangent, in radians."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_atan(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_atan, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_atan, (x,)))


def sinh(x: Any) -> Tensor:
    """Elementwise hyperbolic sine."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_sinh(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_sinh, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_sinh, (x,)))


def cosh(x: Any) -> Tensor:
    """Elementwise hyperbolic cosine."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_cosh(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_cosh, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_cosh, (x,)))


def asinh(x: Any) -> Tensor:
    """Elementwise inverse hyperbolic sine."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_asinh(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_asinh, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_asinh, (x,)))


def acosh(x: Any) -> Tensor:
    """Elementwise inverse hyperbolic cosine; NaN below 1."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_acosh(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_acosh, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_acosh, (x,)))


def atanh(x: Any) -> Tensor:
    """Elementwise inverse hyperbolic tangent; NaN outside [-1, 1]."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_atanh(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_atanh, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_atanh, (x,)))


def sinc(x: Any) -> Tensor:
    """Elementwise sin(pi x) / (pi x), 1 at 0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_sinc(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_sinc, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_sinc, (x,)))


def erfc(x: Any) -> Tensor:
    """Elementwise 1 - erf(x), exact in the tail."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_erfc(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_erfc, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_erfc, (x,)))


def erfinv(x: Any) -> Tensor:
    """Elementwise inverse of erf; NaN outside [-1, 1]."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_erfinv(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_erfinv, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_erfinv, (x,)))


def lgamma(x: Any) -> Tensor:
    """Elementwise log |Gamma(x)|."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_lgamma(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_lgamma, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_lgamma, (x,)))


def digamma(x: Any) -> Tensor:
    """Elementwise derivative of lgamma."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_digamma(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_digamma, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_digamma, (x,)))


def i0(x: Any) -> Tensor:
    """Elementwise modified Bessel function of the first kind, order 0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_i0(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_i0, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_i0, (x,)))


def ceil(x: Any) -> Tensor:
    """Elementwise smallest integer not below x."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_ceil(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_ceil, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_ceil, (x,)))


def trunc(x: Any) -> Tensor:
    """Elementwise integer part, towards 0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_trunc(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_trunc, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_trunc, (x,)))


def isfinite(x: Any) -> Tensor:
    """Elementwise test for what is neither infinite nor NaN, as bool."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_isfinite(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_isfinite, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_isfinite, (x,)))


def isinf(x: Any) -> Tensor:
    """Elementwise test for infinities, as bool."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_isinf(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_isinf, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_isinf, (x,)))


def signbit(x: Any) -> Tensor:
    """Elementwise test of the sign bit, as bool: true for -0.0."""
    if isinstance(x, _class):
        flags = x._flags | HOT[0]
        if flags <= 1:
            a = x._data
            dtype = a.dtype
            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                out = _np_signbit(a)
                r: Tensor = _new(_class)
                r._data = out if type(out) is _ndarray else _asarray(out)
                r._flags = 0
                r._edge = r._cell = r._view = None
                if flags:
                    autograd().record(_signbit, (x,), _EMPTY, r)
                return r
    return cast("Tensor", dispatch(_signbit, (x,)))


def bitwise_not(x: Any) -> Tensor:
    """Elementwise bits inverted, of integers; logical_not of bools."""
    return cast("Tensor", dispatch(_bitwise_not, (x,)))


def add(a: Any, b: Any, *, alpha: Any = 1) -> Tensor:
    """Elementwise a + alpha * b with broadcasting and promotion."""
    if alpha != 1:
        b = scaled("add", a, b, alpha)
    if isinstance(a, _class):
        r: Tensor = a.__add__(b)
        if r is not NotImplemented:  # what is no operand is refused by name below
            return r
    return cast("Tensor", dispatch(_add, (a, b)))


def sub(a: Any, b: Any, *, alpha: Any = 1) -> Tensor:
    """Elementwise a - alpha * b with broadcasting and promotion; TypeError for bool."""
    if alpha != 1:
        b = scaled("sub", a, b, alpha)
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


def logical_xor(a: Any, b: Any) -> Tensor:
    """Elementwise truth of one but not of both, as bool."""
    return cast("Tensor", dispatch(_logical_xor, (a, b)))


def atan2(a: Any, b: Any) -> Tensor:
    """Elementwise angle of the point (b, a), in (-pi, pi]."""
    return cast("Tensor", dispatch(_atan2, (a, b)))


def hypot(a: Any, b: Any) -> Tensor:
    """Elementwise sqrt(a**2 + b**2) without overflow; TypeError unless floating."""
    return cast("Tensor", dispatch(_hypot, (a, b)))


def copysign(a: Any, b: Any) -> Tensor:
    """Elementwise |a| with the sign of b."""
    return cast("Tensor", dispatch(_copysign, (a, b)))


def nextafter(a: Any, b: Any) -> Tensor:
    """Elementwise next number of the dtype after a towards b; TypeError unless floating."""
    return cast("Tensor", dispatch(_nextafter, (a, b)))


def logaddexp(a: Any, b: Any) -> Tensor:
    """Elementwise log(exp(a) + exp(b)) without overflow; TypeError unless floating."""
    return cast("Tensor", dispatch(_logaddexp, (a, b)))


def logaddexp2(a: Any, b: Any) -> Tensor:
    """Elementwise log2(2**a + 2**b) without overflow; TypeError unless floating."""
    return cast("Tensor", dispatch(_logaddexp2, (a, b)))


def xlogy(a: Any, b: Any) -> Tensor:
    """Elementwise a * log(b), 0 where a is 0."""
    return cast("Tensor", dispatch(_xlogy, (a, b)))


def fmax(a: Any, b: Any) -> Tensor:
    """Elementwise larger of a and b; a number wins over NaN."""
    return cast("Tensor", dispatch(_fmax, (a, b)))


def fmin(a: Any, b: Any) -> Tensor:
    """Elementwise smaller of a and b; a number wins over NaN."""
    return cast("Tensor", dispatch(_fmin, (a, b)))


def gcd(a: Any, b: Any) -> Tensor:
    """Elementwise greatest common divisor of integers, not negative."""
    return cast("Tensor", dispatch(_gcd, (a, b)))


def lcm(a: Any, b: Any) -> Tensor:
    """Elementwise least common multiple of integers, not negative."""
    return cast("Tensor", dispatch(_lcm, (a, b)))


def bitwise_and(a: Any, b: Any) -> Tensor:
    """Elementwise bits of both, of integers or bools."""
    return cast("Tensor", dispatch(_bitwise_and, (a, b)))


def bitwise_or(a: Any, b: Any) -> Tensor:
    """Elementwise bits of either, of integers or bools."""
    return cast("Tensor", dispatch(_bitwise_or, (a, b)))


def bitwise_xor(a: Any, b: Any) -> Tensor:
    """Elementwise bits of one but not of both, of integers or bools."""
    return cast("Tensor", dispatch(_bitwise_xor, (a, b)))


def bitwise_left_shift(a: Any, b: Any) -> Tensor:
    """Elementwise a * 2**b of integers; 0 where every bit leaves."""
    return cast("Tensor", dispatch(_bitwise_left_shift, (a, b)))


def bitwise_right_shift(a: Any, b: Any) -> Tensor:
    """Elementwise floor(a / 2**b) of integers."""
    return cast("Tensor", dispatch(_bitwise_right_shift, (a, b)))
