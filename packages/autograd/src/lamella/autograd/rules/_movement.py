"""Backward rules of reductions, products, views, layout and indexing, and of ops that have none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamella.tensor import cumsum as t_cumsum
from lamella.tensor import flip as t_flip
from lamella.tensor import reshape as t_reshape
from lamella.tensor import sum as t_sum
from lamella.tensor import zeros, zeros_like
from lamella.tensor.extend import HOT, OPS, dispatch, replay, wrap

from .._node import Vjp
from ._row import row

__all__ = ["VJP", "at_source", "kept"]

_SMALL = 4096
_EXPAND = OPS["expand"]
_VIEW_GRAD = OPS["view_grad"]
_RESHAPE = OPS["reshape"]


def kept(g: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """A reduced value with its dims put back as 1, so that it broadcasts against the input."""
    return t_reshape(g, tuple(1 if i in dims else n for i, n in enumerate(shape)))


def _back(ctx: Any, v: Any, shape: tuple[int, ...]) -> Any:
    return v if ctx.params["keepdim"] else kept(v, shape, ctx.params["dims"])


def total(ctx: Any, g: Any) -> Any:
    shape = ctx.shape(0)
    data = g._data
    if not (g._flags | HOT[0]) and type(data) is np.ndarray and data.ndim == 0 and math.prod(shape) <= _SMALL:
        # the common end of a loss: filling a little memory takes less time than the ops below
        spread = np.empty(shape, data.dtype)
        spread.fill(data)
        return (wrap(spread),)
    if not ctx.params["keepdim"]:
        dims = ctx.params["dims"]
        g = dispatch(_RESHAPE, (g,), {"shape": tuple([1 if i in dims else n for i, n in enumerate(shape)])})
    return (dispatch(_EXPAND, (g,), {"shape": shape}),)


def extreme(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    shape = tuple(x.shape)
    hit = x == _back(ctx, ctx.y(0), shape)
    dims = ctx.params["dims"]
    share = _back(ctx, g, shape)
    return ((share / t_sum(hit, dims, True) if dims else share) * hit,)


def matmul(ctx: Any, g: Any) -> Any:
    a = ctx.x(0) if ctx.needs(1) else None
    b = ctx.x(1) if ctx.needs(0) else None
    rank_a = len(ctx.shape(0)) if a is None else a.ndim
    rank_b = len(ctx.shape(1)) if b is None else b.ndim
    if rank_a == rank_b == 1:
        return None if b is None else g * b, None if a is None else g * a
    if rank_a == 1:
        g = g.unsqueeze(-2 if rank_b > 1 else 0)
    if rank_b == 1:
        g = g.unsqueeze(-1)
    ga = gb = None
    if b is not None:
        ga = g @ (b.unsqueeze(-1) if rank_b == 1 else b).mT
        if rank_a == 1:
            ga = ga.squeeze(-2)
    if a is not None:
        gb = (a.unsqueeze(0) if rank_a == 1 else a).mT @ g
        if rank_b == 1:
            gb = gb.squeeze(-1)
    return ga, gb


def reshape(ctx: Any, g: Any) -> Any:
    return (t_reshape(g, ctx.shape(0)),)


def permute(ctx: Any, g: Any) -> Any:
    dims = ctx.params["dims"]
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return (g.permute(inverse),)


def same(ctx: Any, g: Any) -> Any:
    return (g,)


def viewed(name: str) -> Any:
    key = OPS[name].params[0]

    def rule(ctx: Any, g: Any) -> Any:
        return (dispatch(_VIEW_GRAD, (g,), {"shape": ctx.shape(0), "chain": ((name, ctx.params[key]),)}),)

    return rule


def view_grad(ctx: Any, g: Any) -> Any:
    # a view of g would tie this gradient to g's memory
    return (replay(g, ctx.params["chain"]).clone(),)


def view_write(ctx: Any, g: Any) -> Any:
    chain = ctx.params["chain"]
    inner = replay(g, chain)
    base = dispatch(OPS["view_write"], (g, zeros_like(inner)), {"chain": chain}) if ctx.needs(0) else None
    # a view of g would tie the value's gradient to g's memory
    return base, (inner.clone() if ctx.needs(1) else None)


def cat(ctx: Any, g: Any) -> Any:
    dim = ctx.params["dim"]
    out = []
    at = 0
    for i in range(ctx.count()):
        n = ctx.operand_shape(i)[dim]
        out.append(g.narrow(dim, at, n) if ctx.needs(i) else None)
        at += n
    return tuple(out)


def cumsum(ctx: Any, g: Any) -> Any:
    dim = ctx.params["dim"]
    return (t_flip(t_cumsum(t_flip(g, dim), dim), dim),)


def take(ctx: Any, g: Any) -> Any:
    dim = ctx.params["dim"]
    return dispatch(OPS["take_grad"], (g, ctx.x(1)), {"dim": dim, "size": ctx.shape(0)[dim]}), None


def take_grad(ctx: Any, g: Any) -> Any:
    return dispatch(OPS["take"], (g, ctx.x(1)), {"dim": ctx.params["dim"]}), None


def gather(ctx: Any, g: Any) -> Any:
    base = zeros(ctx.shape(0), dtype=g.dtype)
    return dispatch(OPS["scatter_add"], (base, ctx.x(1), g), {"dim": ctx.params["dim"]}), None


def scatter_add(ctx: Any, g: Any) -> Any:
    return g, None, at_source(ctx, g, ctx.x(1)) if ctx.needs(2) else None


def at_source(ctx: Any, g: Any, index: Any, slope: Any = None) -> Any:
    """The gradient of src (operand 2) of a scatter: g where the index points, times a slope; 0 beyond the index."""
    src = dispatch(OPS["gather"], (g, index), {"dim": ctx.params["dim"]})
    if slope is not None:
        src = src * slope
    pads = tuple((0, n - m) for n, m in zip(ctx.shape(2), src.shape, strict=True))
    return dispatch(OPS["pad"], (src,), {"pads": pads, "value": 0}) if any(hi for _, hi in pads) else src


VJP = {
    **{name: row(viewed(name), "") for name in ("slice", "diagonal", "unfold", "as_strided")},
    "sum": row(total, ""),
    "amax": row(extreme, "0 o0"),
    "amin": row(extreme, "0 o0"),
    "matmul": row(matmul, "1", "0"),
    "reshape": row(reshape, ""),
    "permute": row(permute, ""),
    "expand": row(same, ""),
    "alias": row(same, ""),
    "view_grad": row(view_grad, ""),
    "view_write": row(view_write, "", ""),
    "cat": Vjp(cat, (), shapes=True),
    "cumsum": row(cumsum, ""),
    "take": row(take, "1"),
    "take_grad": row(take_grad, "1"),
    "gather": row(gather, "1"),
    "scatter_add": row(scatter_add, "", "", "1"),
}
