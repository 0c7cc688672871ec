"""Rules of attention. Backward is one step, the op `attention_grad`; with the gradient of a mask it is its body."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, zeros
from lamella.tensor.extend import BOOL, OPS, Op, attention_backward, dispatch

from ._batching import aligned, full, rank_of
from ._row import row

__all__ = ["BATCH", "VJP"]

_GRAD = OPS["attention_grad"]


def attention(ctx: Any, go: Any, gl: Any) -> Any:
    q, k, v, mask, seed, offset = (ctx.x(i) for i in range(6))
    o, lse = ctx.y(0), ctx.y(1)
    if go is None:
        go = zeros(o.shape, dtype=o.dtype)
    args = (go, gl, q, k, v, mask, seed, offset, o, lse)
    if ctx.needs(3) and mask.dtype.category != BOOL:
        gq, gk, gv, gm = attention_backward(*args, **ctx.params)
    else:
        gq, gk, gv = dispatch(_GRAD, args, ctx.params)
        gm = None
    return gq, gk, gv, gm, None, None


def batch(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    if xs[4] is not None:  # the weights dropped are drawn for one example, and are the same for all: the body's draw
        return None
    tensors = [(x, b) for x, b in zip(xs[:4], batched, strict=False) if isinstance(x, Tensor)]
    rank = max(rank_of(x, b) for x, b in tensors)
    args = [aligned(x, b, rank) if isinstance(x, Tensor) else None for x, b in zip(xs[:4], batched, strict=False)]
    if not (batched[0] or batched[1] or batched[2]):
        args[0] = aligned(full(xs[0], False, size), True, rank)
    return dispatch(op, (*args, None, None), params), (True, True)


_ALL = "0 1 2 3 4 5 o0 o1"
VJP = {"attention": row(attention, _ALL, _ALL, _ALL, _ALL)}
BATCH = {"attention": batch}
