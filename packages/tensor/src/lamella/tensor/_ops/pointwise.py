"""Elementwise ops of the second row: elementary and special functions, rounding, tests, bits, pairs.

Each is a row of a table, as in `elementwise`, whose `declare` makes the ops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._bessel import i0, i1
from .._blocks import blocked, clip
from .._gamma import digamma, lgamma, polygamma
from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from .._promotion import refusal
from .._special import erfc, erfinv
from .elementwise import declare

__all__: list[str] = []

_FEW = 256  # elements up to which numpy's own loop, slow as it is, takes less time than several passes


def _rounding(ufunc: Any) -> Any:
    def kernel(x: Any) -> Any:
        return x.copy() if x.dtype.kind in "iu" else ufunc(x)

    return kernel


def _conj(x: Any) -> Any:
    return np.conjugate(x) if x.dtype.kind == "c" else x.copy()


def _sinc(x: Any) -> Any:
    if x.dtype.itemsize < 4:
        return _sinc(x.astype(np.float32)).astype(x.dtype)
    t = np.multiply(x, x.dtype.type(math.pi))
    return np.divide(np.sin(t), t, out=np.ones_like(t), where=t != 0)


@blocked
def _hypot(out: Any, a: Any, b: Any) -> None:
    if out.dtype == np.float64 or out.size < _FEW:
        np.hypot(a, b, out=out)
        return
    # in double the squares neither overflow nor vanish
    wide = a.astype(np.float64)
    wide *= wide
    other = b.astype(np.float64)
    other *= other
    wide += other
    np.sqrt(wide, out=wide)
    np.copyto(out, wide, casting="same_kind")
    infinite = np.isnan(out)
    if infinite.any():  # an infinite side wins over NaN
        np.copyto(out, np.inf, where=infinite & (np.isinf(a) | np.isinf(b)))


def _log_sum(out: Any, a: Any, b: Any, exp: Any, log1p: Any) -> None:
    np.subtract(a, b, out=out)
    np.abs(out, out=out)
    np.negative(out, out=out)
    equal = np.equal(a, b)
    if equal.any():
        np.copyto(out, 0, where=equal)  # inf - inf
    exp(out, out=out)
    log1p(out, out=out)
    out += np.maximum(a, b)


@blocked
def _logaddexp(out: Any, a: Any, b: Any) -> None:
    _log_sum(out, a, b, np.exp, np.log1p)


def _log1p2(x: Any, out: Any) -> None:
    np.log1p(x, out=out)
    out *= 1 / math.log(2)


@blocked
def _logaddexp2(out: Any, a: Any, b: Any) -> None:
    _log_sum(out, a, b, np.exp2, _log1p2)


@blocked
def _xlogy(out: Any, a: Any, b: Any) -> None:
    np.log(b, out=out)
    out *= a
    zero = np.equal(a, 0)
    if zero.any():
        np.copyto(out, 0, where=zero & ~np.isnan(b))


_SAFE = 2.0**28  # below it the quotient of two float32 in float64 is never rounded to an integer that it is not


@blocked
def _fmod32(out: Any, a: Any, b: Any) -> None:
    y = b.astype(np.float64)
    q = np.divide(a, y)
    np.trunc(q, out=q)
    large = ~(np.abs(q) < _SAFE) | np.isinf(b)
    q *= y
    np.subtract(a, q, out=out, casting="same_kind")
    if large.any():
        out[large] = np.fmod(a[large], b[large])
    np.copysign(out, a, out=out)


@blocked
def _floor_divide32(out: Any, a: Any, b: Any) -> None:
    q = np.divide(a, b.astype(np.float64))
    np.floor(q, out=q)
    np.copyto(out, q, casting="same_kind")
    large = ~(np.abs(q) < _SAFE) | np.isinf(b)
    if large.any():
        out[large] = np.floor_divide(a[large], b[large])


@blocked
def _remainder32(out: Any, a: Any, b: Any) -> None:
    y = b.astype(np.float64)
    q = np.divide(a, y)
    np.floor(q, out=q)
    large = ~(np.abs(q) < _SAFE) | np.isinf(b)
    q *= y
    np.subtract(a, q, out=out, casting="same_kind")
    if large.any():
        out[large] = np.remainder(a[large], b[large])


def _of_floats(name: str, ufunc: Any, narrow: Any) -> Any:
    """numpy's own for integers and doubles; for floats narrower than double, where it is slow, through double."""

    def kernel(a: Any, b: Any) -> Any:
        dtype = (a if isinstance(a, np.ndarray) else b).dtype
        if dtype.kind in "iub" and np.count_nonzero(b) < np.size(b):
            raise ZeroDivisionError(f"{name} of an integer tensor by 0; a floating tensor gives inf or nan")
        if dtype.kind in "iu" or dtype.itemsize == 8 or (dtype == np.float32 and max(np.size(a), np.size(b)) < _FEW):
            return ufunc(a, b)
        return narrow(np.asarray(a, dtype), np.asarray(b, dtype))

    return kernel


def _on_arrays(kernel: Any) -> Any:
    """A kernel of two arrays that takes a number on either side."""

    def run(a: Any, b: Any) -> Any:
        dtype = (a if isinstance(a, np.ndarray) else b).dtype
        return kernel(np.asarray(a, dtype), np.asarray(b, dtype))

    return run


def _shift_left(a: Any, b: Any) -> Any:
    return _shifted(np.left_shift, a, b)


def _shift_right(a: Any, b: Any) -> Any:
    return _shifted(np.right_shift, a, b)


def _shifted(ufunc: Any, a: Any, b: Any) -> Any:
    dtype = (a if isinstance(a, np.ndarray) else b).dtype
    a, b = np.asarray(a, dtype), np.asarray(b, dtype)
    bits = 8 * dtype.itemsize
    if b.ndim == 0 and 0 <= int(b) < bits:
        return ufunc(a, b)
    # a negative width counts as one that moves every bit out
    width = np.where((b < 0) | (b >= bits), bits - 1, b).astype(dtype)
    out = ufunc(a, width)
    if ufunc is np.left_shift or dtype.kind == "u":
        return np.where(width == b, out, dtype.type(0))
    return out


# name: (how dtypes meet, kinds refused, kernel)
_UNARY = {
    "exp2": ("float", "", np.exp2),
    "expm1": ("float", "", np.expm1),
    "log2": ("float", "", np.log2),
    "log10": ("float", "", np.log10),
    "tan": ("float", "", np.tan),
    "asin": ("float", "", np.arcsin),
    "acos": ("float", "", np.arccos),
    "atan": ("float", "", np.arctan),
    "sinh": ("float", "", np.sinh),
    "cosh": ("float", "", np.cosh),
    "asinh": ("float", "", np.arcsinh),
    "acosh": ("float", "", np.arccosh),
    "atanh": ("float", "", np.arctanh),
    "sinc": ("float", "", _sinc),
    "erfc": ("float", "c", erfc),
    "erfinv": ("float", "c", erfinv),
    "lgamma": ("float", "c", lgamma),
    "digamma": ("float", "c", digamma),
    "i0": ("float", "c", i0),
    "i1": ("float", "c", i1),
    "ceil": ("same", "bc", _rounding(np.ceil)),
    "trunc": ("same", "bc", _rounding(np.trunc)),
    "round": ("same", "bc", _rounding(np.rint)),
    "isfinite": ("", "", np.isfinite),
    "isinf": ("", "", np.isinf),
    "signbit": ("", "c", np.signbit),
    "bitwise_not": ("same", "fVc", np.invert),
    "conj": ("same", "", _conj),
}
_BINARY = {
    "atan2": ("float", "c", np.arctan2),
    "hypot": ("same", "biuc", _on_arrays(_hypot)),
    "copysign": ("float", "c", np.copysign),
    "nextafter": ("same", "biuc", np.nextafter),
    "logaddexp": ("same", "biuc", _on_arrays(_logaddexp)),
    "logaddexp2": ("same", "biuc", _on_arrays(_logaddexp2)),
    "xlogy": ("float", "c", _on_arrays(_xlogy)),
    "fmod": ("same", "bc", _of_floats("fmod", np.fmod, _fmod32)),
    "floor_divide": ("same", "c", _of_floats("floor_divide", np.floor_divide, _floor_divide32)),
    "remainder": ("same", "c", _of_floats("remainder", np.remainder, _remainder32)),
    "fmax": ("same", "c", np.fmax),
    "fmin": ("same", "c", np.fmin),
    "gcd": ("same", "bfVc", np.gcd),
    "lcm": ("same", "bfVc", np.lcm),
    "logical_xor": ("", "", np.logical_xor),
    "bitwise_and": ("same", "fVc", np.bitwise_and),
    "bitwise_or": ("same", "fVc", np.bitwise_or),
    "bitwise_xor": ("same", "fVc", np.bitwise_xor),
    "bitwise_left_shift": ("same", "bfVc", _shift_left),
    "bitwise_right_shift": ("same", "bfVc", _shift_right),
}
declare(_UNARY, _BINARY, {"isfinite", "isinf", "signbit", "logical_xor"})


@blocked
def _clamp_numbers(out: Any, x: Any, *, low: Any, high: Any) -> None:
    if low is None and high is None:
        np.copyto(out, x)
    else:
        clip(out, x, low, high)


def _clamp(x: Any, low: Any, high: Any) -> Any:
    if not isinstance(x, np.ndarray):  # promotion gave the number that it is clamping a dtype already
        x = np.asarray(x, (low if isinstance(low, np.ndarray) else high).dtype)
    if not isinstance(low, np.ndarray) and not isinstance(high, np.ndarray):
        return _clamp_numbers(x, low=low, high=high)
    if low is not None:
        x = np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def _clamp_shape(x: Any, low: Any, high: Any) -> MetaArray:
    metas = [m for m in (x, low, high) if hasattr(m, "shape")]
    for m in metas:
        if m.dtype.kind in "bc":
            raise TypeError(refusal("clamp", m.dtype.kind))
    return MetaArray(broadcast_shapes(*[m.shape for m in metas]), metas[0].dtype)


@blocked
def _nan_to_num_blocks(out: Any, x: Any, *, nan: float, posinf: float, neginf: float) -> None:
    np.copyto(out, x)
    if np.isfinite(x).all():
        return
    np.copyto(out, nan, where=np.isnan(x), casting="same_kind")
    np.copyto(out, posinf, where=np.equal(x, np.inf), casting="same_kind")
    np.copyto(out, neginf, where=np.equal(x, -np.inf), casting="same_kind")


def _same_real(x: Any, **_: Any) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


def _exponent(x: Any) -> Any:
    wide = x.astype(np.float32) if x.dtype.itemsize < 4 else x
    return np.frexp(wide)[1].astype(np.int32, copy=False)


def _exponent_shape(x: Any) -> MetaArray:
    return MetaArray(x.shape, np.dtype(np.int32))


Op("clamp", "x, min?, max?", "elementwise", promotes="same", refuses="bc")
Op("nan_to_num", "x; nan, posinf, neginf", "elementwise", refuses="biuc")
Op("polygamma", "x; n", "elementwise", promotes="float", refuses="c")
Op("exponent", "x", "elementwise", refuses="biuc", differentiable=())
register_rules(
    "numpy",
    {"clamp": _clamp, "nan_to_num": _nan_to_num_blocks, "polygamma": polygamma, "exponent": _exponent},
)
register_rules(
    "shape",
    {"clamp": _clamp_shape, "nan_to_num": _same_real, "polygamma": _same_real, "exponent": _exponent_shape},
)
