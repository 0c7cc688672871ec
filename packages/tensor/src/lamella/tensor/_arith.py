"""Operators of a tensor, with the fast path for two plain arrays of one dtype.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _ops  # declares the ops
from . import _pointwise as _p
from ._base import TensorBase
from ._dispatch import dispatch, explained
from ._division import div
from ._engine import NUMBER, PAIR, autograd
from ._inplace import assign, inplace
from ._kernels import LARGE
from ._op import OPS
from ._operand import is_operand, scaled
from ._state import HOT

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Arithmetic", "bind"]

assert _ops
_ndarray = np.ndarray
_asarray = np.asarray
_new = object.__new__
_class: Any = TensorBase
_EMPTY: dict[str, Any] = {}
_FLOAT32 = np.dtype(np.float32)  # identity answers before the hash does
_FLOATS = frozenset(map(np.dtype, (np.float32, np.float64)))
_NUMERIC = _FLOATS | frozenset(map(np.dtype, (np.int64, np.int32, np.int16, np.int8, np.uint8)))
_np_add = np.add
_np_divide = np.divide
_np_equal = np.equal
_np_greater = np.greater
_np_greater_equal = np.greater_equal
_np_less = np.less
_np_less_equal = np.less_equal
_np_multiply = np.multiply
_np_not_equal = np.not_equal
_np_power = np.power
_np_subtract = np.subtract
_add = OPS["add"]
_bitwise_and = OPS["bitwise_and"]
_bitwise_left_shift = OPS["bitwise_left_shift"]
_bitwise_not = OPS["bitwise_not"]
_bitwise_or = OPS["bitwise_or"]
_bitwise_right_shift = OPS["bitwise_right_shift"]
_bitwise_xor = OPS["bitwise_xor"]
_div = OPS["div"]
_eq = OPS["eq"]
_ge = OPS["ge"]
_gt = OPS["gt"]
_le = OPS["le"]
_logical_and = OPS["logical_and"]
_logical_not = OPS["logical_not"]
_logical_or = OPS["logical_or"]
_lt = OPS["lt"]
_matmul = OPS["matmul"]
_mul = OPS["mul"]
_ne = OPS["ne"]
_pow = OPS["pow"]
_sub = OPS["sub"]
_np_matmul = _matmul.rules["numpy"]


def bind(cls: type[Tensor]) -> None:
    """Name the final tensor class; called once, by the module that defines it."""
    global _class
    _class = cls


class Arithmetic(TensorBase):
    """The operators."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_add(a, b)
                    except ValueError as error:
                        raise explained(_add, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        PAIR[0](_add, self, other, r)
                    return r
        elif type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_add(a, other)
                    r = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        NUMBER[0](_add, self, other, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_add, (self, other)))

    def __sub__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_subtract(a, b)
                    except ValueError as error:
                        raise explained(_sub, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        PAIR[0](_sub, self, other, r)
                    return r
        elif type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_subtract(a, other)
                    r = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        NUMBER[0](_sub, self, other, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_sub, (self, other)))

    def __mul__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_multiply(a, b)
                    except ValueError as error:
                        raise explained(_mul, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        PAIR[0](_mul, self, other, r)
                    return r
        elif type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_multiply(a, other)
                    r = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        NUMBER[0](_mul, self, other, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_mul, (self, other)))

    def __truediv__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _FLOATS):
                    try:
                        out = _np_divide(a, b)
                    except ValueError as error:
                        raise explained(_div, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        PAIR[0](_div, self, other, r)
                    return r
        elif type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_divide(a, other)
                    r = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        NUMBER[0](_div, self, other, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_div, (self, other)))

    def __pow__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _FLOATS):
                    try:
                        out = _np_power(a, b)
                    except ValueError as error:
                        raise explained(_pow, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        PAIR[0](_pow, self, other, r)
                    return r
        elif type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_power(a, other)
                    r = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        NUMBER[0](_pow, self, other, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_pow, (self, other)))

    def __eq__(self, other: Any) -> Tensor:  # type: ignore[override]
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_equal(a, b)
                    except ValueError as error:
                        raise explained(_eq, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_eq, (self, other)))

    def __ne__(self, other: Any) -> Tensor:  # type: ignore[override]
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_not_equal(a, b)
                    except ValueError as error:
                        raise explained(_ne, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_ne, (self, other)))

    def __lt__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_less(a, b)
                    except ValueError as error:
                        raise explained(_lt, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_lt, (self, other)))

    def __le__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_less_equal(a, b)
                    except ValueError as error:
                        raise explained(_le, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_le, (self, other)))

    def __gt__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_greater(a, b)
                    except ValueError as error:
                        raise explained(_gt, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_gt, (self, other)))

    def __ge__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _NUMERIC):
                    try:
                        out = _np_greater_equal(a, b)
                    except ValueError as error:
                        raise explained(_ge, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_ge, (self, other)))

    __radd__ = __add__

    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Tensor:
        if type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_subtract(other, a)
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        autograd().record(_sub, (other, self), _EMPTY, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_sub, (other, self)))

    def __rtruediv__(self, other: Any) -> Tensor:
        if type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_divide(other, a)
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        autograd().record(_div, (other, self), _EMPTY, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_div, (other, self)))

    def __rpow__(self, other: Any) -> Tensor:
        if type(other) is float or type(other) is int:
            flags = self._flags | HOT[0]
            if flags <= 1:
                a = self._data
                dtype = a.dtype
                if dtype is _FLOAT32 or dtype in _FLOATS:
                    out = _np_power(other, a)
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        autograd().record(_pow, (other, self), _EMPTY, r)
                    return r
        elif not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_pow, (other, self)))

    def __matmul__(self, other: Any) -> Tensor:
        if isinstance(other, _class):
            flags = self._flags | other._flags | HOT[0]
            if flags <= 1:
                a = self._data
                b = other._data
                dtype = a.dtype
                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:
                    try:
                        out = _np_matmul(a, b)
                    except ValueError as error:
                        raise explained(_matmul, (self, other), _EMPTY, error) from None
                    r: Tensor = _new(_class)
                    r._data = out if type(out) is _ndarray else _asarray(out)
                    r._flags = 0
                    r._edge = r._cell = r._view = None
                    if flags:
                        PAIR[0](_matmul, self, other, r)
                    return r
        if not is_operand(other):
            return NotImplemented
        if not isinstance(other, TensorBase):
            given = type(other).__name__
            raise TypeError(f"@ needs a tensor on both sides, got {given}; wrap an array with from_numpy(...)")
        return cast("Tensor", dispatch(_matmul, (self, other)))

    def __rmatmul__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        if not isinstance(other, TensorBase):
            given = type(other).__name__
            raise TypeError(f"@ needs a tensor on both sides, got {given}; wrap an array with from_numpy(...)")
        return cast("Tensor", dispatch(_matmul, (other, self)))

    def __and__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        op = _logical_and if _of_bools(self, other) else _bitwise_and
        return cast("Tensor", dispatch(op, (self, other)))

    __rand__ = __and__

    def __iand__(self, other: Any) -> Tensor:
        op = _logical_and if _of_bools(self, other) else _bitwise_and
        return cast("Tensor", inplace(op, self, (other,)))

    def __or__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        op = _logical_or if _of_bools(self, other) else _bitwise_or
        return cast("Tensor", dispatch(op, (self, other)))

    __ror__ = __or__

    def __ior__(self, other: Any) -> Tensor:
        op = _logical_or if _of_bools(self, other) else _bitwise_or
        return cast("Tensor", inplace(op, self, (other,)))

    def __xor__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        op = _ne if _of_bools(self, other) else _bitwise_xor
        return cast("Tensor", dispatch(op, (self, other)))

    __rxor__ = __xor__

    def __ixor__(self, other: Any) -> Tensor:
        op = _ne if _of_bools(self, other) else _bitwise_xor
        return cast("Tensor", inplace(op, self, (other,)))

    def __lshift__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_bitwise_left_shift, (self, other)))

    def __rlshift__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_bitwise_left_shift, (other, self)))

    def __ilshift__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_bitwise_left_shift, self, (other,)))

    def __rshift__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_bitwise_right_shift, (self, other)))

    def __rrshift__(self, other: Any) -> Tensor:
        if not is_operand(other):
            return NotImplemented
        return cast("Tensor", dispatch(_bitwise_right_shift, (other, self)))

    def __irshift__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_bitwise_right_shift, self, (other,)))

    __neg__ = _p.neg
    __abs__ = _p.abs

    def __pos__(self) -> Tensor:
        return cast("Tensor", self)

    def __invert__(self) -> Tensor:
        op = _logical_not if self._data.dtype == np.bool_ else _bitwise_not
        return cast("Tensor", dispatch(op, (self,)))

    def __iadd__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_add, self, (other,)))

    def __isub__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_sub, self, (other,)))

    def __imul__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_mul, self, (other,)))

    def __itruediv__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_div, self, (other,)))

    def __ipow__(self, other: Any) -> Tensor:
        return cast("Tensor", inplace(_pow, self, (other,)))

    def neg_(self) -> Tensor:
        """In-place twin of neg."""
        return cast("Tensor", inplace(OPS["neg"], self, ()))

    def abs_(self) -> Tensor:
        """In-place twin of abs."""
        return cast("Tensor", inplace(OPS["abs"], self, ()))

    def sign_(self) -> Tensor:
        """In-place twin of sign."""
        return cast("Tensor", inplace(OPS["sign"], self, ()))

    def exp_(self) -> Tensor:
        """In-place twin of exp."""
        return cast("Tensor", inplace(OPS["exp"], self, ()))

    def log_(self) -> Tensor:
        """In-place twin of log."""
        return cast("Tensor", inplace(OPS["log"], self, ()))

    def log1p_(self) -> Tensor:
        """In-place twin of log1p."""
        return cast("Tensor", inplace(OPS["log1p"], self, ()))

    def sqrt_(self) -> Tensor:
        """In-place twin of sqrt."""
        return cast("Tensor", inplace(OPS["sqrt"], self, ()))

    def rsqrt_(self) -> Tensor:
        """In-place twin of rsqrt."""
        return cast("Tensor", inplace(OPS["rsqrt"], self, ()))

    def sin_(self) -> Tensor:
        """In-place twin of sin."""
        return cast("Tensor", inplace(OPS["sin"], self, ()))

    def cos_(self) -> Tensor:
        """In-place twin of cos."""
        return cast("Tensor", inplace(OPS["cos"], self, ()))

    def tanh_(self) -> Tensor:
        """In-place twin of tanh."""
        return cast("Tensor", inplace(OPS["tanh"], self, ()))

    def sigmoid_(self) -> Tensor:
        """In-place twin of sigmoid."""
        return cast("Tensor", inplace(OPS["sigmoid"], self, ()))

    def erf_(self) -> Tensor:
        """In-place twin of erf."""
        return cast("Tensor", inplace(OPS["erf"], self, ()))

    def reciprocal_(self) -> Tensor:
        """In-place twin of reciprocal."""
        return cast("Tensor", inplace(OPS["reciprocal"], self, ()))

    def relu_(self) -> Tensor:
        """In-place twin of relu."""
        return cast("Tensor", inplace(OPS["relu"], self, ()))

    def floor_(self) -> Tensor:
        """In-place twin of floor."""
        return cast("Tensor", inplace(OPS["floor"], self, ()))

    def logical_not_(self) -> Tensor:
        """In-place twin of logical_not."""
        return cast("Tensor", inplace(OPS["logical_not"], self, ()))

    def exp2_(self) -> Tensor:
        """In-place twin of exp2."""
        return cast("Tensor", inplace(OPS["exp2"], self, ()))

    def expm1_(self) -> Tensor:
        """In-place twin of expm1."""
        return cast("Tensor", inplace(OPS["expm1"], self, ()))

    def log2_(self) -> Tensor:
        """In-place twin of log2."""
        return cast("Tensor", inplace(OPS["log2"], self, ()))

    def log10_(self) -> Tensor:
        """In-place twin of log10."""
        return cast("Tensor", inplace(OPS["log10"], self, ()))

    def tan_(self) -> Tensor:
        """In-place twin of tan."""
        return cast("Tensor", inplace(OPS["tan"], self, ()))

    def asin_(self) -> Tensor:
        """In-place twin of asin."""
        return cast("Tensor", inplace(OPS["asin"], self, ()))

    def acos_(self) -> Tensor:
        """In-place twin of acos."""
        return cast("Tensor", inplace(OPS["acos"], self, ()))

    def atan_(self) -> Tensor:
        """In-place twin of atan."""
        return cast("Tensor", inplace(OPS["atan"], self, ()))

    def sinh_(self) -> Tensor:
        """In-place twin of sinh."""
        return cast("Tensor", inplace(OPS["sinh"], self, ()))

    def cosh_(self) -> Tensor:
        """In-place twin of cosh."""
        return cast("Tensor", inplace(OPS["cosh"], self, ()))

    def asinh_(self) -> Tensor:
        """In-place twin of asinh."""
        return cast("Tensor", inplace(OPS["asinh"], self, ()))

    def acosh_(self) -> Tensor:
        """In-place twin of acosh."""
        return cast("Tensor", inplace(OPS["acosh"], self, ()))

    def atanh_(self) -> Tensor:
        """In-place twin of atanh."""
        return cast("Tensor", inplace(OPS["atanh"], self, ()))

    def sinc_(self) -> Tensor:
        """In-place twin of sinc."""
        return cast("Tensor", inplace(OPS["sinc"], self, ()))

    def erfc_(self) -> Tensor:
        """In-place twin of erfc."""
        return cast("Tensor", inplace(OPS["erfc"], self, ()))

    def erfinv_(self) -> Tensor:
        """In-place twin of erfinv."""
        return cast("Tensor", inplace(OPS["erfinv"], self, ()))

    def lgamma_(self) -> Tensor:
        """In-place twin of lgamma."""
        return cast("Tensor", inplace(OPS["lgamma"], self, ()))

    def digamma_(self) -> Tensor:
        """In-place twin of digamma."""
        return cast("Tensor", inplace(OPS["digamma"], self, ()))

    def i0_(self) -> Tensor:
        """In-place twin of i0."""
        return cast("Tensor", inplace(OPS["i0"], self, ()))

    def ceil_(self) -> Tensor:
        """In-place twin of ceil."""
        return cast("Tensor", inplace(OPS["ceil"], self, ()))

    def trunc_(self) -> Tensor:
        """In-place twin of trunc."""
        return cast("Tensor", inplace(OPS["trunc"], self, ()))

    def bitwise_not_(self) -> Tensor:
        """In-place twin of bitwise_not."""
        return cast("Tensor", inplace(OPS["bitwise_not"], self, ()))

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """In-place twin of add."""
        if alpha != 1:
            other = scaled("add_", self, other, alpha)
        return cast("Tensor", inplace(OPS["add"], self, (other,)))

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """In-place twin of sub."""
        if alpha != 1:
            other = scaled("sub_", self, other, alpha)
        return cast("Tensor", inplace(OPS["sub"], self, (other,)))

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """In-place twin of div."""
        if rounding_mode is not None:
            return cast("Tensor", assign(div, self, (other,), {"rounding_mode": rounding_mode}))
        return cast("Tensor", inplace(OPS["div"], self, (other,)))

    def mul_(self, other: Any) -> Tensor:
        """In-place twin of mul."""
        return cast("Tensor", inplace(OPS["mul"], self, (other,)))

    def pow_(self, other: Any) -> Tensor:
        """In-place twin of pow."""
        return cast("Tensor", inplace(OPS["pow"], self, (other,)))

    def maximum_(self, other: Any) -> Tensor:
        """In-place twin of maximum."""
        return cast("Tensor", inplace(OPS["maximum"], self, (other,)))

    def minimum_(self, other: Any) -> Tensor:
        """In-place twin of minimum."""
        return cast("Tensor", inplace(OPS["minimum"], self, (other,)))

    def eq_(self, other: Any) -> Tensor:
        """In-place twin of eq."""
        return cast("Tensor", inplace(OPS["eq"], self, (other,)))

    def ne_(self, other: Any) -> Tensor:
        """In-place twin of ne."""
        return cast("Tensor", inplace(OPS["ne"], self, (other,)))

    def lt_(self, other: Any) -> Tensor:
        """In-place twin of lt."""
        return cast("Tensor", inplace(OPS["lt"], self, (other,)))

    def le_(self, other: Any) -> Tensor:
        """In-place twin of le."""
        return cast("Tensor", inplace(OPS["le"], self, (other,)))

    def gt_(self, other: Any) -> Tensor:
        """In-place twin of gt."""
        return cast("Tensor", inplace(OPS["gt"], self, (other,)))

    def ge_(self, other: Any) -> Tensor:
        """In-place twin of ge."""
        return cast("Tensor", inplace(OPS["ge"], self, (other,)))

    def logical_and_(self, other: Any) -> Tensor:
        """In-place twin of logical_and."""
        return cast("Tensor", inplace(OPS["logical_and"], self, (other,)))

    def logical_or_(self, other: Any) -> Tensor:
        """In-place twin of logical_or."""
        return cast("Tensor", inplace(OPS["logical_or"], self, (other,)))

    def logical_xor_(self, other: Any) -> Tensor:
        """In-place twin of logical_xor."""
        return cast("Tensor", inplace(OPS["logical_xor"], self, (other,)))

    def atan2_(self, other: Any) -> Tensor:
        """In-place twin of atan2."""
        return cast("Tensor", inplace(OPS["atan2"], self, (other,)))

    def hypot_(self, other: Any) -> Tensor:
        """In-place twin of hypot."""
        return cast("Tensor", inplace(OPS["hypot"], self, (other,)))

    def copysign_(self, other: Any) -> Tensor:
        """In-place twin of copysign."""
        return cast("Tensor", inplace(OPS["copysign"], self, (other,)))

    def nextafter_(self, other: Any) -> Tensor:
        """In-place twin of nextafter."""
        return cast("Tensor", inplace(OPS["nextafter"], self, (other,)))

    def xlogy_(self, other: Any) -> Tensor:
        """In-place twin of xlogy."""
        return cast("Tensor", inplace(OPS["xlogy"], self, (other,)))

    def gcd_(self, other: Any) -> Tensor:
        """In-place twin of gcd."""
        return cast("Tensor", inplace(OPS["gcd"], self, (other,)))

    def lcm_(self, other: Any) -> Tensor:
        """In-place twin of lcm."""
        return cast("Tensor", inplace(OPS["lcm"], self, (other,)))

    def bitwise_and_(self, other: Any) -> Tensor:
        """In-place twin of bitwise_and."""
        return cast("Tensor", inplace(OPS["bitwise_and"], self, (other,)))

    def bitwise_or_(self, other: Any) -> Tensor:
        """In-place twin of bitwise_or."""
        return cast("Tensor", inplace(OPS["bitwise_or"], self, (other,)))

    def bitwise_xor_(self, other: Any) -> Tensor:
        """In-place twin of bitwise_xor."""
        return cast("Tensor", inplace(OPS["bitwise_xor"], self, (other,)))

    def bitwise_left_shift_(self, other: Any) -> Tensor:
        """In-place twin of bitwise_left_shift."""
        return cast("Tensor", inplace(OPS["bitwise_left_shift"], self, (other,)))

    def bitwise_right_shift_(self, other: Any) -> Tensor:
        """In-place twin of bitwise_right_shift."""
        return cast("Tensor", inplace(OPS["bitwise_right_shift"], self, (other,)))


def _of_bools(a: Any, b: Any) -> bool:
    for x in (a, b):
        if not isinstance(x, bool) and (not isinstance(x, TensorBase) or x._data.dtype != np.bool_):
            return False
    return True
