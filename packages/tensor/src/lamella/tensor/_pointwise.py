"""Pointwise functions: one def per op.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from . import _ops  # declares the ops
from ._dispatch import dispatch
from ._op import OPS

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "abs",
    "add",
    "cos",
    "div",
    "eq",
    "erf",
    "exp",
    "floor",
    "ge",
    "gt",
    "isnan",
    "le",
    "log",
    "log1p",
    "logical_and",
    "logical_not",
    "logical_or",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "ne",
    "neg",
    "pow",
    "reciprocal",
    "relu",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sqrt",
    "sub",
    "tanh",
]

assert _ops
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


def neg(x: Any) -> Tensor:
    """Elementwise -x; TypeError for bool."""
    return cast("Tensor", dispatch(_neg, (x,)))


def abs(x: Any) -> Tensor:
    """Elementwise absolute value."""
    return cast("Tensor", dispatch(_abs, (x,)))


def sign(x: Any) -> Tensor:
    """Elementwise sign: -1, 0 or 1, NaN stays NaN."""
    return cast("Tensor", dispatch(_sign, (x,)))


def exp(x: Any) -> Tensor:
    """Elementwise e**x; integer input becomes the default float."""
    return cast("Tensor", dispatch(_exp, (x,)))


def log(x: Any) -> Tensor:
    """Elementwise natural logarithm; integer input becomes the default float."""
    return cast("Tensor", dispatch(_log, (x,)))


def log1p(x: Any) -> Tensor:
    """Elementwise log(1 + x), exact near 0."""
    return cast("Tensor", dispatch(_log1p, (x,)))


def sqrt(x: Any) -> Tensor:
    """Elementwise square root; NaN below 0."""
    return cast("Tensor", dispatch(_sqrt, (x,)))


def rsqrt(x: Any) -> Tensor:
    """Elementwise 1 / sqrt(x)."""
    return cast("Tensor", dispatch(_rsqrt, (x,)))


def sin(x: Any) -> Tensor:
    """Elementwise sine, radians."""
    return cast("Tensor", dispatch(_sin, (x,)))


def cos(x: Any) -> Tensor:
    """Elementwise cosine, radians."""
    return cast("Tensor", dispatch(_cos, (x,)))


def tanh(x: Any) -> Tensor:
    """Elementwise hyperbolic tangent."""
    return cast("Tensor", dispatch(_tanh, (x,)))


def sigmoid(x: Any) -> Tensor:
    """Elementwise 1 / (1 + exp(-x))."""
    return cast("Tensor", dispatch(_sigmoid, (x,)))


def erf(x: Any) -> Tensor:
    """Elementwise error function."""
    return cast("Tensor", dispatch(_erf, (x,)))


def reciprocal(x: Any) -> Tensor:
    """Elementwise 1 / x."""
    return cast("Tensor", dispatch(_reciprocal, (x,)))


def relu(x: Any) -> Tensor:
    """Elementwise max(x, 0); NaN stays NaN."""
    return cast("Tensor", dispatch(_relu, (x,)))


def floor(x: Any) -> Tensor:
    """Elementwise largest integer not above x."""
    return cast("Tensor", dispatch(_floor, (x,)))


def logical_not(x: Any) -> Tensor:
    """Elementwise truth inverted, as bool."""
    return cast("Tensor", dispatch(_logical_not, (x,)))


def isnan(x: Any) -> Tensor:
    """Elementwise test for NaN, as bool."""
    return cast("Tensor", dispatch(_isnan, (x,)))


def add(a: Any, b: Any) -> Tensor:
    """Elementwise a + b with broadcasting and promotion."""
    return cast("Tensor", dispatch(_add, (a, b)))


def sub(a: Any, b: Any) -> Tensor:
    """Elementwise a - b with broadcasting and promotion; TypeError for bool."""
    return cast("Tensor", dispatch(_sub, (a, b)))


def mul(a: Any, b: Any) -> Tensor:
    """Elementwise a * b with broadcasting and promotion."""
    return cast("Tensor", dispatch(_mul, (a, b)))


def div(a: Any, b: Any) -> Tensor:
    """Elementwise true division a / b; integers become the default float."""
    return cast("Tensor", dispatch(_div, (a, b)))


def pow(a: Any, b: Any) -> Tensor:
    """Elementwise a ** b; ValueError for an integer tensor to a negative int."""
    return cast("Tensor", dispatch(_pow, (a, b)))


def maximum(a: Any, b: Any) -> Tensor:
    """Elementwise larger of a and b; NaN wins."""
    return cast("Tensor", dispatch(_maximum, (a, b)))


def minimum(a: Any, b: Any) -> Tensor:
    """Elementwise smaller of a and b; NaN wins."""
    return cast("Tensor", dispatch(_minimum, (a, b)))


def eq(a: Any, b: Any) -> Tensor:
    """Elementwise a == b, as bool."""
    return cast("Tensor", dispatch(_eq, (a, b)))


def ne(a: Any, b: Any) -> Tensor:
    """Elementwise a != b, as bool."""
    return cast("Tensor", dispatch(_ne, (a, b)))


def lt(a: Any, b: Any) -> Tensor:
    """Elementwise a < b, as bool."""
    return cast("Tensor", dispatch(_lt, (a, b)))


def le(a: Any, b: Any) -> Tensor:
    """Elementwise a <= b, as bool."""
    return cast("Tensor", dispatch(_le, (a, b)))


def gt(a: Any, b: Any) -> Tensor:
    """Elementwise a > b, as bool."""
    return cast("Tensor", dispatch(_gt, (a, b)))


def ge(a: Any, b: Any) -> Tensor:
    """Elementwise a >= b, as bool."""
    return cast("Tensor", dispatch(_ge, (a, b)))


def logical_and(a: Any, b: Any) -> Tensor:
    """Elementwise truth of both, as bool."""
    return cast("Tensor", dispatch(_logical_and, (a, b)))


def logical_or(a: Any, b: Any) -> Tensor:
    """Elementwise truth of either, as bool."""
    return cast("Tensor", dispatch(_logical_or, (a, b)))
