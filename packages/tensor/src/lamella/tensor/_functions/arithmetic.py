"""Elementwise arithmetic composed of a few ops: rounding to decimals, interpolation, fused sums, powers, angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _pointwise as p
from .._arguments import number, shown, whole
from .._base import TensorBase
from .._division import div
from .._dtype import BOOL, COMPLEX, FLOAT, complex128, float64, from_numpy_dtype, int32
from .._operand import is_operand
from .common import require_float, run, tensor_of, to_dtype
from .elementwise import where

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "addcdiv", "addcmul", "deg2rad", "float_power", "frac", "frexp", "heaviside", "ldexp", "lerp", "logit", "mvlgamma",
    "polygamma", "positive", "rad2deg", "round", "rsub", "sgn",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "addcdiv", "addcmul", "deg2rad", "float_power", "frac", "frexp", "heaviside", "ldexp", "lerp", "logit", "mvlgamma",
    "polygamma", "positive", "rad2deg", "round", "sgn",
)  # fmt: skip
IN_PLACE = (
    "addcdiv", "addcmul", "deg2rad", "float_power", "frac", "heaviside", "ldexp", "lerp", "logit", "mvlgamma",
    "polygamma", "rad2deg", "round", "sgn",
)  # fmt: skip


def _category(x: TensorBase) -> int:
    return from_numpy_dtype(x._data.dtype).category


def round(x: Any, *, decimals: int = 0) -> Tensor:
    """The nearest integer, halves to the even one; with decimals, the nearest multiple of 10**-decimals."""
    t, decimals = tensor_of(x, "round"), whole(decimals, "round: decimals")
    if not decimals:
        return run("round", (t,))
    if _category(t) != FLOAT:
        raise TypeError(f"round with decimals needs a floating tensor, got {t.dtype}; convert it with .to(float32)")
    scale = float(10 ** abs(decimals))
    if decimals > 0:
        return p.div(run("round", (p.mul(t, scale),)), scale)
    return p.mul(run("round", (p.div(t, scale),)), scale)


def frac(x: Any) -> Tensor:
    """x without its integer part, with the sign of x; TypeError unless floating."""
    t = require_float(x, "frac")
    return p.sub(t, p.trunc(t))


def positive(x: Any) -> Tensor:
    """x itself; TypeError for bool."""
    t = tensor_of(x, "positive")
    if _category(t) == BOOL:
        raise TypeError("positive of bool tensors has no meaning; cast them with .to(int64)")
    return t


def sgn(x: Any) -> Tensor:
    """sign(x) of real numbers, x / |x| of complex ones, 0 at 0."""
    t = tensor_of(x, "sgn")
    if _category(t) != COMPLEX:
        return p.sign(t)
    size = p.abs(t)
    return where(p.eq(size, 0), 0.0, p.div(t, where(p.eq(size, 0), 1.0, size)))


def lerp(start: Any, end: Any, weight: Any) -> Tensor:
    """start + weight * (end - start), exactly `end` at weight 1."""
    a, b = tensor_of(start, "lerp"), tensor_of(end, "lerp")
    if _category(a) < FLOAT:
        raise TypeError(f"lerp needs floating tensors, got {a.dtype}; convert them with .to(float32)")
    step = p.sub(b, a)
    if isinstance(weight, TensorBase):
        near = p.add(a, p.mul(weight, step))
        return where(p.lt(p.abs(weight), 0.5), near, p.sub(b, p.mul(step, p.sub(1, weight))))
    if not is_operand(weight):
        raise TypeError(f"lerp: weight must be a tensor or a number, got {shown(weight)}")
    if abs(weight) < 0.5:
        return p.add(a, p.mul(step, weight))
    return p.sub(b, p.mul(step, 1 - weight))


def addcmul(x: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """x + value * tensor1 * tensor2."""
    product = p.mul(tensor_of(tensor1, "addcmul"), tensor_of(tensor2, "addcmul"))
    return p.add(tensor_of(x, "addcmul"), product, alpha=value)


def addcdiv(x: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """x + value * tensor1 / tensor2; TypeError where both are integers, whose rounding the caller should say."""
    a, b = tensor_of(tensor1, "addcdiv"), tensor_of(tensor2, "addcdiv")
    if _category(a) < FLOAT and _category(b) < FLOAT:
        raise TypeError("addcdiv of integer tensors is not defined; use x + value * div(a, b, rounding_mode=...)")
    return p.add(tensor_of(x, "addcdiv"), p.div(a, b), alpha=value)


def rsub(x: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * x."""
    return p.sub(other, x, alpha=alpha)


def float_power(x: Any, exponent: Any) -> Tensor:
    """x ** exponent in float64, or complex128."""
    if not isinstance(x, TensorBase) and not isinstance(exponent, TensorBase):
        raise TypeError(f"float_power needs a tensor, got {type(x).__name__} and {type(exponent).__name__}")
    for v, what in ((x, "x"), (exponent, "exponent")):
        if not is_operand(v):
            raise TypeError(f"float_power: {what} must be a tensor or a number, got {shown(v)}")
    of_complex = any(_category(v) == COMPLEX if isinstance(v, TensorBase) else isinstance(v, complex)
                     for v in (x, exponent))  # fmt: skip
    wide = complex128 if of_complex else float64
    a, b = (to_dtype(v, wide) if isinstance(v, TensorBase) else wide.numpy.type(v).item() for v in (x, exponent))
    return p.pow(a, b)


def ldexp(x: Any, other: Any) -> Tensor:
    """x * 2**other."""
    return p.mul(tensor_of(x, "ldexp"), p.pow(2.0, tensor_of(other, "ldexp")))


def frexp(x: Any) -> tuple[Tensor, Tensor]:
    """(mantissa, exponent) with x = mantissa * 2**exponent and 1/2 <= |mantissa| < 1; the exponent is int32."""
    t = require_float(x, "frexp")
    exponent = run("exponent", (t,))
    # in two steps: 2**-exponent alone would overflow for the smallest numbers
    half = div(exponent, 2, rounding_mode="floor")
    rest = p.sub(exponent, half)
    return p.mul(p.mul(t, _two_to(half, t)), _two_to(rest, t)), to_dtype(exponent, int32)


def _two_to(n: Any, like: Tensor) -> Tensor:
    wide = float64 if like._data.dtype.itemsize > 4 else None
    power = p.exp2(p.neg(to_dtype(n, wide) if wide is not None else n))
    return to_dtype(power, like.dtype)


def heaviside(x: Any, values: Any) -> Tensor:
    """0 below 0, 1 above, `values` at 0, elementwise; TypeError unless both are of one dtype."""
    a, b = tensor_of(x, "heaviside"), tensor_of(values, "heaviside")
    if a.dtype is not b.dtype:
        raise TypeError(f"heaviside needs x and values of one dtype, got {a.dtype} and {b.dtype}; cast one of them")
    if _category(a) == COMPLEX:
        raise TypeError("heaviside is not defined for complex numbers")
    return where(p.eq(a, 0), b, to_dtype(p.gt(a, 0), a.dtype))


def logit(x: Any, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), with x limited to [eps, 1 - eps] if eps is given; NaN outside [0, 1]."""
    t = tensor_of(x, "logit")
    if eps is not None:
        low = float(number(eps, "logit: eps"))
        t = run("clamp", (t, low, 1 - low))
    # two logarithms, so that the gradient at 0 and 1 is infinite and no NaN
    return p.sub(p.log(t), p.log1p(p.mul(t, -1.0)))


def deg2rad(x: Any) -> Tensor:
    """Degrees as radians."""
    return p.mul(tensor_of(x, "deg2rad"), math.pi / 180)


def rad2deg(x: Any) -> Tensor:
    """Radians as degrees."""
    return p.mul(tensor_of(x, "rad2deg"), 180 / math.pi)


def polygamma(n: Any, x: Any) -> Tensor:
    """The n-th derivative of digamma, n >= 0; as a method x.polygamma(n)."""
    if isinstance(n, TensorBase):
        n, x = x, n
    if not isinstance(n, int) or n < 0:
        raise ValueError(f"polygamma needs a non-negative int as its order, got {n!r}")
    t = tensor_of(x, "polygamma")
    return run("polygamma", (t,), n=n) if n else p.digamma(t)


def mvlgamma(x: Any, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p; ValueError unless p >= 1."""
    p = whole(p, "mvlgamma: p")
    if p < 1:
        raise ValueError(f"mvlgamma needs p >= 1, got {p}")
    t = require_float(x, "mvlgamma")
    total = t.lgamma()
    for j in range(1, p):
        total = total + (t - j / 2).lgamma()
    return total + p * (p - 1) / 4 * math.log(math.pi)
