"""Rules of products, variances, norms, logsumexp and medians over dims.

A reduction to one value has one slope an element, dy/dx: the backward rule spreads the cotangent over it, the forward
rule sums the tangent times it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella.tensor import abs as t_abs
from lamella.tensor import (
    cat,
    complex128,
    cumprod,
    exp,
    flip,
    float32,
    float64,
    isnan,
    ones,
    permute,
    reshape,
    sign,
    where,
    zeros_like,
)
from lamella.tensor import sum as t_sum
from lamella.tensor.extend import COMPLEX, OPS, Op, dispatch

from ._forward import linear_in
from ._movement import kept
from ._row import row

__all__ = ["EXEMPT", "JVP", "VJP", "conjugate", "inverse", "no_zeros", "norm_slope", "shifted", "wide"]


def wide(x: Any) -> Any:
    """x, of a half type in float32."""
    return x.to(float32) if x.dtype.itemsize < 4 else x


def _back(v: Any, shape: tuple[int, ...], params: dict[str, Any]) -> Any:
    return v if params["keepdim"] else kept(v, shape, params["dims"])


def no_zeros(x: Any) -> bool:
    """Whether the values are known and none is 0: then products may be divided by their factors."""
    return not math.prod(x.shape) or (type(x._data) is np.ndarray and bool(x._data.all()))


def conjugate(v: Any) -> Any:
    """v, or its complex conjugate, which is what a cotangent is multiplied with."""
    return dispatch(OPS["conj"], (v,)) if v.dtype.category == COMPLEX else v


def shifted(y: Any, dim: int) -> Any:
    """y moved on by one along dim, with 1 in front: a running product without its last factor."""
    n = y.shape[dim]
    first = ones(*[1 if d == dim else m for d, m in enumerate(y.shape)], dtype=y.dtype)
    return cat([first, y.narrow(dim, 0, n - 1)], dim)


def _others(x: Any, y: Any, params: dict[str, Any]) -> Any:
    """The product of all the other factors, for every factor."""
    dims, shape = params["dims"], tuple(x.shape)
    if no_zeros(x):
        return _back(y, shape, params) / x
    if not dims or not math.prod(shape):
        return where(x == x, 1.0, 1.0).to(x.dtype)
    # of those before and of those behind: zeros do no harm, and the rule can be differentiated again
    rest = [d for d in range(x.ndim) if d not in dims]
    order = (*rest, *dims)
    moved = permute(x, *order)
    flat = reshape(moved, *[shape[d] for d in rest], -1)
    last = len(rest)
    before = shifted(cumprod(flat, last), last)
    behind = flip(shifted(cumprod(flip(flat, last), last), last), last)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return permute(reshape(before * behind, *moved.shape), *inverse)


def product(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    return (_back(g, tuple(x.shape), ctx.params) * conjugate(_others(x, ctx.y(0), ctx.params)),)


def product_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    return _summed(_others(primals[0], out, params) * tangents[0], params)


def _summed(v: Any, params: dict[str, Any]) -> Any:
    return t_sum(v, params["dims"], params["keepdim"]) if params["dims"] else v


def nansum(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    return (where(isnan(x), 0.0, _back(g, tuple(x.shape), ctx.params)),)


def nansum_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    return _summed(where(isnan(primals[0]), 0.0, tangents[0]), params)


def mean(ctx: Any, g: Any) -> Any:
    shape, params = ctx.shape(0), ctx.params
    n = math.prod([shape[d] for d in params["dims"]])
    return (_of_mean(_back(g, shape, params), n, shape),)


def _left(x: Any, params: dict[str, Any]) -> tuple[int, float]:
    """(how many elements a value is made of, what their squares are divided by; NaN where nothing is left)."""
    n = math.prod(x.shape[d] for d in params["dims"])
    left = n - params["correction"]
    return n, left if left > 0 else math.nan


def _of_mean(gm: Any, n: int, shape: tuple[int, ...]) -> Any:
    return (gm / n).expand(shape)


def var(ctx: Any, g: Any, gm: Any) -> Any:
    x = wide(ctx.x(0))
    n, left = _left(x, ctx.params)
    out = None
    if g is not None:
        out = (x - ctx.y(1)) * (_back(wide(g), tuple(x.shape), ctx.params) * (2 / left))
    if gm is not None:
        part = _of_mean(gm, n, tuple(x.shape))
        out = part if out is None else out + part
    return (out,)


def var_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, t = wide(primals[0]), wide(tangents[0])
    n, left = _left(x, params)
    centred = x - out[1]
    moved = _summed(_real_product(centred, t), params) * (2 / left)
    return moved.to(out[0].dtype), _over_kept(t, params) / n


def _over_kept(t: Any, params: dict[str, Any]) -> Any:
    return t_sum(t, params["dims"], True) if params["dims"] else t


def _real_product(a: Any, t: Any) -> Any:
    """The real part of conj(a) * t."""
    if a.dtype.category != COMPLEX:
        return a * t
    kind = float64 if a.dtype is complex128 else float32
    return (conjugate(a) * t).to(kind)  # the cast takes the real part


def inverse(y: Any) -> Any:
    """1 / y, and 0 at 0: a root has no slope there, which is taken as 0."""
    return where(y == 0, 0.0, 1.0 / where(y == 0, 1.0, y))


def std(ctx: Any, g: Any, gm: Any) -> Any:
    x = wide(ctx.x(0))
    n, left = _left(x, ctx.params)
    out = None
    if g is not None:
        slope = wide(g) * inverse(wide(ctx.y(0))) / left
        out = (x - ctx.y(1)) * _back(slope, tuple(x.shape), ctx.params)
    if gm is not None:
        part = _of_mean(gm, n, tuple(x.shape))
        out = part if out is None else out + part
    return (out,)


def std_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, t = wide(primals[0]), wide(tangents[0])
    n, left = _left(x, params)
    moved = _summed(_real_product(x - out[1], t), params) * inverse(wide(out[0])) / left
    return moved.to(out[0].dtype), _over_kept(t, params) / n


def _direction(x: Any) -> Any:
    """x / |x|, and 0 at 0."""
    return x * inverse(t_abs(x)) if x.dtype.category == COMPLEX else sign(x)


def norm_slope(x: Any, y: Any, p: float, params: dict[str, Any]) -> Any:
    """d|x|/dx; y has the dims of x."""
    if p == 0:
        return zeros_like(x)
    if p == 1:
        return _direction(x)
    if p == 2:
        return x * inverse(y)
    if math.isinf(p):
        hit = (t_abs(x) == y).to(y.dtype)
        return _direction(x) * (hit / _over_kept(hit, params))
    size = t_abs(x)
    if p > 2:
        return x * size ** (p - 2) * inverse(y) ** (p - 1)
    # below 2 the power of a zero is infinite, and its slope is taken as 0
    zero = size == 0
    powered = where(zero, 0.0, where(zero, 1.0, size) ** (p - 1))
    below = y ** (1 - p) if p < 1 else inverse(y) ** (p - 1)
    return _direction(x) * powered * below


def norm(ctx: Any, g: Any) -> Any:
    x = wide(ctx.x(0))
    shape, params = tuple(x.shape), ctx.params
    slope = norm_slope(x, _back(wide(ctx.y(0)), shape, params), params["p"], params)
    return (_back(wide(g), shape, params) * slope,)


def norm_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x = wide(primals[0])
    slope = norm_slope(x, _back(wide(out), tuple(x.shape), params), params["p"], params)
    return _summed(_real_product(slope, wide(tangents[0])), params).to(out.dtype)


def _soft(x: Any, y: Any) -> Any:
    # where every element is -inf nothing weighs anything
    return exp(x - where(y == -math.inf, 0.0, y))


def logsumexp(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    shape = tuple(x.shape)
    return (_back(g, shape, ctx.params) * _soft(x, _back(ctx.y(0), shape, ctx.params)),)


def logsumexp_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x = primals[0]
    return _summed(_soft(x, _back(out, tuple(x.shape), params)) * tangents[0], params)


def _shares(x: Any, y: Any, params: dict[str, Any], dtype: Any) -> Any:
    """1 / count where an element is the value, or both are NaN."""
    y = _back(y, tuple(x.shape), params)
    hit = ((x == y) | (isnan(x) & isnan(y))).to(dtype)
    return hit / _over_kept(hit, params)


def median(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    return (_back(g, tuple(x.shape), ctx.params) * _shares(x, ctx.y(0), ctx.params, g.dtype),)


def median_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    t = tangents[0]
    return _summed(_shares(primals[0], out, params, t.dtype) * t, params)


VJP = {
    "prod": row(product, "0 o0", conjugating=True),
    "nansum": row(nansum, "0"),
    "mean": row(mean, ""),
    "var": row(var, "0 o1"),
    "std": row(std, "0 o0 o1"),
    "norm": row(norm, "0 o0"),
    "logsumexp": row(logsumexp, "0 o0"),
    "median": row(median, "0 o0"),
    "nanmedian": row(median, "0 o0"),
}
JVP = {
    "prod": product_jvp,
    "nansum": nansum_jvp,
    "mean": linear_in(0),
    "var": var_jvp,
    "std": std_jvp,
    "norm": norm_jvp,
    "logsumexp": logsumexp_jvp,
    "median": median_jvp,
    "nanmedian": median_jvp,
}
_COUNTED = {"count_nonzero": "the result is bool or integer"}
EXEMPT: dict[str, dict[str, str]] = {"vjp": _COUNTED, "jvp": _COUNTED}
