"""Rules of writing through indices: what is overwritten gets no gradient, what is written reads its own back.

Of several values written to one element the last one stays, yet each of them gets the element's gradient, as in
PyTorch. The rules of reading and of sums are in `_movement`.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import expand, reshape, where, zeros, zeros_like
from lamella.tensor.extend import OPS, Op, dispatch

from ._batching import aligned, along_dim, full, offset, rank_of
from ._forward import linear_in
from ._movement import at_source
from ._row import row

__all__ = ["BATCH", "EXEMPT", "JVP", "VJP"]


def _nothing(g: Any, shape: Any) -> Any:
    return expand(zeros((), dtype=g.dtype), tuple(shape))


def put(ctx: Any, g: Any) -> Any:
    index, params = ctx.x(1), ctx.params
    value = dispatch(OPS["take"], (g, index), {"dim": params["dim"]}) if ctx.needs(2) else None
    if not ctx.needs(0) or params["accumulate"]:
        return g, None, value
    dim = params["dim"]
    shape = (*g.shape[:dim], *index.shape, *g.shape[dim + 1 :])
    return dispatch(OPS["put"], (g, index, _nothing(g, shape)), params), None, value


def scatter(ctx: Any, g: Any) -> Any:
    index = ctx.x(1)
    base = dispatch(OPS["scatter"], (g, index, _nothing(g, index.shape)), ctx.params) if ctx.needs(0) else None
    return base, None, at_source(ctx, g, index) if ctx.needs(2) else None


def _read(v: Any, index: Any, dim: int) -> Any:
    return dispatch(OPS["gather"], (v, index), {"dim": dim})


def _slopes(x: Any, index: Any, src: Any, y: Any, params: dict[str, Any]) -> tuple[Any, Any]:
    """How y, of scatter_reduce, changes with each element of x and with each of src that the index reaches."""
    dim = params["dim"]
    src = dispatch(OPS["slice"], (src,), {"index": tuple((0, n, 1) for n in index.shape)})
    if params["reduce"] == "prod":
        # the product of the others: what is left without zeros by the element; 0 where another one is 0
        no_x, no_src = x == 0, src == 0
        x, src = where(no_x, 1, x), where(no_src, 1, src)
        rest = dispatch(OPS["scatter_reduce"], (x, index, src), params)
        zeros_in = dispatch(OPS["scatter_add"], (no_x.to(y.dtype), index, no_src.to(y.dtype)), {"dim": dim})
        of_x = where(zeros_in == no_x, rest / x, 0)
        return of_x, where(_read(zeros_in, index, dim) == no_src, _read(rest, index, dim) / src, 0)
    # elements that share the extreme share its gradient
    of_x, of_src = (x == y).to(y.dtype), (src == _read(y, index, dim)).to(y.dtype)
    count = dispatch(OPS["scatter_add"], (of_x, index, of_src), {"dim": dim})
    return of_x / count, of_src / _read(count, index, dim)


def scatter_reduce(ctx: Any, g: Any) -> Any:
    index = ctx.x(1)
    of_x, of_src = _slopes(ctx.x(0), index, ctx.x(2), ctx.y(0), ctx.params)
    return (
        g * of_x if ctx.needs(0) else None,
        None,
        at_source(ctx, g, index, of_src) if ctx.needs(2) else None,
    )


def scatter_reduce_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, index, src = primals
    of_x, of_src = _slopes(x, index, src, out, params)
    t = zeros_like(out) if tangents[0] is None else tangents[0] * of_x
    if tangents[2] is None:
        return t
    reached = dispatch(OPS["slice"], (tangents[2],), {"index": tuple((0, n, 1) for n in index.shape)})
    return dispatch(OPS["scatter_add"], (t, index, reached * of_src), {"dim": params["dim"]})


def put_batch(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    dim = params["dim"]
    x, index, value = full(xs[0], batched[0], size), xs[1], full(xs[2], batched[2], size)
    if not batched[1]:
        return dispatch(op, (x, index, value), {**params, "dim": dim + 1}), True
    # the examples one behind the other along the dim, which comes first
    k, n = index.ndim - 1, x.shape[dim + 1]
    first = x.permute(0, dim + 1, *[d for d in range(1, x.ndim) if d != dim + 1])
    value = value.permute(0, *range(1 + dim, 1 + dim + k), *range(1, 1 + dim), *range(1 + dim + k, value.ndim))
    rest = first.shape[2:]
    args = (reshape(first, size * n, *rest), offset(index, n, size), value)
    out = reshape(dispatch(op, args, {**params, "dim": 0}), size, n, *rest)
    return out.permute(0, *range(2, 2 + dim), 1, *range(2 + dim, out.ndim)), True


def ravel_index_batch(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    rank = max(rank_of(x, b) for x, b in zip(xs, batched, strict=True))
    return dispatch(op, tuple(aligned(x, b, rank) for x, b in zip(xs, batched, strict=True)), params), True


VJP = {
    "put": row(put, "1", "", "1"),
    "scatter": row(scatter, "1", "", "1"),
    "scatter_reduce": row(scatter_reduce, "0 1 2 o0", "", "0 1 2 o0"),
}
JVP = {"put": linear_in(0, 2), "scatter": linear_in(0, 2), "scatter_reduce": scatter_reduce_jvp}
BATCH = {
    "put": put_batch,
    "ravel_index": ravel_index_batch,
    "scatter": along_dim,
    "scatter_reduce": along_dim,
}
_INTEGER = "the result is bool or integer"
EXEMPT: dict[str, dict[str, str]] = {kind: {"ravel_index": _INTEGER} for kind in ("vjp", "jvp")}
