"""Rules of scans, of ops that select elements along a dim, and of lookups.

What selects gives (values, indices): its gradient goes to the indices, its tangent comes from them.
"""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor import cumprod, cumsum, exp, flip, log, logcumsumexp, reshape, where, zeros
from lamella.tensor.extend import OPS, Op, dispatch

from ._batching import along_dim, front, full, looped, rank_of
from ._forward import linear_in
from ._row import row
from ._statistics import conjugate, no_zeros, shifted

__all__ = ["BATCH", "EXEMPT", "JVP", "VJP"]

SELECTIONS = ("sort", "topk", "kthvalue", "median_along", "mode", "max_along", "min_along")
RUNNING = ("cummax", "cummin")


def selected(ctx: Any, g: Any, _: Any) -> Any:
    dim, index = ctx.params["dim"], ctx.y(1)
    if ctx.params.get("keepdim") is False:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return (dispatch(OPS["place"], (g, index), {"dim": dim, "size": ctx.shape(0)[dim]}),)


def running(ctx: Any, g: Any, _: Any) -> Any:
    base = zeros(ctx.shape(0), dtype=g.dtype)
    return (dispatch(OPS["scatter_add"], (base, ctx.y(1), g), {"dim": ctx.params["dim"]}),)


def selected_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    dim = params["dim"]
    if params.get("keepdim") is False:
        return dispatch(OPS["gather"], (tangents[0], out[1].unsqueeze(dim)), {"dim": dim}).squeeze(dim), None
    return dispatch(OPS["gather"], (tangents[0], out[1]), {"dim": dim}), None


def place(ctx: Any, g: Any) -> Any:
    return dispatch(OPS["gather"], (g, ctx.x(1)), {"dim": ctx.params["dim"]}), None


def _suffix_sums(v: Any, dim: int) -> Any:
    return flip(cumsum(flip(v, dim), dim), dim)


def _recurrence(a: Any, b: Any, dim: int) -> Any:
    """s[k] = b[k] + a[k] * s[k + 1] along dim, by doubling: every step joins stretches twice as long."""
    n = b.shape[dim]
    step = 1
    while step < n:
        b = b + a * _ahead(b, dim, step)
        a = a * _ahead(a, dim, step)
        step *= 2
    return b


def _ahead(v: Any, dim: int, step: int) -> Any:
    """v[k + step] along dim, 0 behind the end."""
    pads = tuple((0, step if d == dim else 0) for d in range(v.ndim))
    return dispatch(OPS["pad"], (v.narrow(dim, step, v.shape[dim] - step),), {"pads": pads, "value": 0})


def _prefixes(x: Any, dim: int) -> Any:
    return shifted(cumprod(x, dim), dim)


def cumprod_vjp(ctx: Any, g: Any) -> Any:
    x, dim = ctx.x(0), ctx.params["dim"]
    if no_zeros(x):
        return (_suffix_sums(g * conjugate(ctx.y(0)), dim) / conjugate(x),)
    # beside zeros nothing can be divided: what comes before, times the sum over what comes after
    x = conjugate(x)
    return (_prefixes(x, dim) * _recurrence(_ahead(x, dim, 1), g, dim),)


def cumprod_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, t, dim = primals[0], tangents[0], params["dim"]
    if no_zeros(x):
        return out * cumsum(t / x, dim)
    return flip(_recurrence(flip(x, dim), flip(_prefixes(x, dim) * t, dim), dim), dim)


def _signed(fn: Any, v: Any) -> Any:
    """fn of log|v| for the positive and for the negative part of v, subtracted."""
    positive, negative = v > 0, v < 0
    return fn(where(positive, log(where(positive, v, 1.0)), -math.inf)) - fn(
        where(negative, log(where(negative, -v, 1.0)), -math.inf)
    )


def logcumsumexp_vjp(ctx: Any, g: Any) -> Any:
    x, y, dim = ctx.x(0), ctx.y(0), ctx.params["dim"]
    nothing = y == -math.inf
    top = where(nothing, 0.0, y)

    def part(logs: Any) -> Any:
        return exp(flip(logcumsumexp(flip(where(nothing, -math.inf, logs - top), dim), dim), dim) + x)

    return (_signed(part, g),)


def logcumsumexp_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, dim = primals[0], params["dim"]
    top = where(out == -math.inf, 0.0, out)
    return _signed(lambda logs: exp(logcumsumexp(logs + x, dim) - top), tangents[0])


def selection_batch(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return along_dim(op, xs, batched, params, size)[0], (True,) * op.outputs


def searchsorted_batch(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    sequence, values = xs
    if rank_of(sequence, batched[0]) > 1:
        return front(op, xs, batched, params, size)
    if not batched[0]:
        return dispatch(op, (sequence, values), params), True
    values = full(values, batched[1], size)
    return reshape(dispatch(op, (sequence, reshape(values, size, -1)), params), *values.shape), True


def isin_batch(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return looped(op, xs, batched, params, size) if batched[1] else (dispatch(op, tuple(xs), params), True)


VJP = {
    **dict.fromkeys(SELECTIONS, row(selected, "o1")),
    **dict.fromkeys(RUNNING, row(running, "o1")),
    "place": row(place, "1"),
    "cumprod": row(cumprod_vjp, "0 o0", conjugating=True),
    "logcumsumexp": row(logcumsumexp_vjp, "0 o0"),
}
JVP = {
    **dict.fromkeys((*SELECTIONS, *RUNNING), selected_jvp),
    "place": linear_in(0),
    "cumprod": cumprod_jvp,
    "logcumsumexp": logcumsumexp_jvp,
}
BATCH = {
    **dict.fromkeys((*SELECTIONS, *RUNNING), selection_batch),
    "argsort": along_dim,
    "place": along_dim,
    "cumprod": along_dim,
    "logcumsumexp": along_dim,
    "searchsorted": searchsorted_batch,
    "isin": isin_batch,
    "multinomial": front,
    "poisson": front,
}
_INTEGER = "the result is bool or integer"
EXEMPT: dict[str, dict[str, str]] = {
    kind: dict.fromkeys(("argsort", "searchsorted", "isin", "multinomial"), _INTEGER)
    | {"poisson": "a draw does not follow its rate"}
    for kind in ("vjp", "jvp")
}
