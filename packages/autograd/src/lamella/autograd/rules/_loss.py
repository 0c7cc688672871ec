"""Rules of losses."""

from __future__ import annotations

from typing import Any

from lamella.tensor import log, log1p, maximum, reshape
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


def pick_class(ctx: Any, g: Any) -> Any:
    params = {"classes": ctx.shape(0)[1], "ignore_index": ctx.params["ignore_index"]}
    return dispatch(OPS["pick_class_grad"], (g, ctx.x(1)), params), None


def pick_class_grad(ctx: Any, g: Any) -> Any:
    return dispatch(OPS["pick_class"], (g, ctx.x(1)), {"ignore_index": ctx.params["ignore_index"]}), None


def ctc_loss(ctx: Any, g: Any) -> Any:
    args = (g, *[ctx.x(i) for i in range(4)])
    return dispatch(OPS["ctc_loss_grad"], args, ctx.params), None, None, None


def _merged(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """The examples' rows one behind the other."""
    rows = [full(x, b, size) for x, b in zip(xs, batched, strict=True)]
    flat = [reshape(x, -1, *x.shape[2:]) for x in rows]
    out = dispatch(op, tuple(flat), params)
    return reshape(out, size, rows[0].shape[1], *out.shape[1:]), True


VJP = {
    "ctc_loss": row(ctc_loss, "0 1 2 3"),
    "binary_cross_entropy": row(binary_cross_entropy, "0 1", "0"),
    "pick_class": row(pick_class, "1"),
    "pick_class_grad": row(pick_class_grad, "1"),
}
JVP = {"pick_class": linear_in(0), "pick_class_grad": linear_in(0)}
BATCH = {"ctc_loss": looped, "pick_class": _merged, "pick_class_grad": _merged}
