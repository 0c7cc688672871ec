"""Rules of losses."""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor import expand, log, log1p, maximum, reshape
from lamella.tensor.extend import OPS, Op, dispatch

from ._batching import full, looped
from ._forward import linear_in
from ._row import row

__all__ = ["BATCH", "JVP", "VJP"]


def binary_cross_entropy(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    gx = gt = None
    if ctx.needs(0):
        gx = dispatch(OPS["binary_cross_entropy_grad"], (g, x, ctx.x(1)))
    if ctx.needs(1):
        gt = g * (maximum(log1p(-x), -100.0) - maximum(log(x), -100.0))
    return gx, gt


def huber(ctx: Any, g: Any) -> Any:
    gx = dispatch(OPS["huber_grad"], (g, ctx.x(0), ctx.x(1)), ctx.params)
    return gx if ctx.needs(0) else None, -gx if ctx.needs(1) else None


def pick_class(ctx: Any, g: Any) -> Any:
    return dispatch(OPS["pick_class_grad"], (g, ctx.x(1)), {"classes": ctx.shape(0)[1], **ctx.params}), None


def pick_class_grad(ctx: Any, g: Any) -> Any:
    params = {name: value for name, value in ctx.params.items() if name != "classes"}
    return dispatch(OPS["pick_class"], (g, ctx.x(1)), params), None


def ctc_loss(ctx: Any, g: Any) -> Any:
    args = (g, *[ctx.x(i) for i in range(4)])
    return dispatch(OPS["ctc_loss_grad"], args, ctx.params), None, None, None


def _classes_batched(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """The examples' rows one behind the other, each with its share of what it is reduced to."""
    first, target = (full(x, b, size) for x, b in zip(xs, batched, strict=True))
    how, dims = params["reduction"], tuple(range(1, target.ndim))
    kept = None if params["ignore_index"] is None else (target != params["ignore_index"]).sum(dims)
    count = math.prod(target.shape[1:]) if kept is None else kept.to(first.dtype)
    back = op.name == "pick_class_grad"
    if back and how != "none":
        share = reshape(first / count if how == "mean" else first, size, *(1,) * len(dims))
        first = expand(share, *target.shape)
    flat = [reshape(x, -1, *x.shape[2:]) for x in (first, target)]
    out = dispatch(op, tuple(flat), {**params, "reduction": "none"})
    out = reshape(out, *target.shape[:2], *out.shape[1:])
    if not back and how != "none":
        out = out.sum(dims) / count if how == "mean" else out.sum(dims)
    return out, True


VJP = {
    "ctc_loss": row(ctc_loss, "0 1 2 3"),
    "binary_cross_entropy": row(binary_cross_entropy, "0 1", "0"),
    "huber": row(huber, "0 1", "0 1"),
    "pick_class": row(pick_class, "1"),
    "pick_class_grad": row(pick_class_grad, "1"),
}
JVP = {"pick_class": linear_in(0), "pick_class_grad": linear_in(0)}
BATCH = {"ctc_loss": looped, "pick_class": _classes_batched, "pick_class_grad": _classes_batched}
