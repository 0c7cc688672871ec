"""Backward rules of convolution and pooling: each of the three convolution ops is the gradient of the others."""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import OPS, dispatch

from ._row import row

__all__ = ["VJP"]


def _window(params: dict[str, Any]) -> dict[str, Any]:
    return {k: params[k] for k in ("stride", "padding", "dilation", "groups")}


def conv2d(ctx: Any, g: Any) -> Any:
    p = _window(ctx.params)
    gx = dispatch(OPS["conv2d_input_grad"], (g, ctx.x(1)), {"shape": ctx.shape(0), **p}) if ctx.needs(0) else None
    gw = dispatch(OPS["conv2d_weight_grad"], (g, ctx.x(0)), {"shape": ctx.shape(1), **p}) if ctx.needs(1) else None
    return gx, gw


def conv2d_input_grad(ctx: Any, g: Any) -> Any:
    p = _window(ctx.params)
    gg = dispatch(OPS["conv2d"], (g, ctx.x(1)), p) if ctx.needs(0) else None
    gw = dispatch(OPS["conv2d_weight_grad"], (ctx.x(0), g), {"shape": ctx.shape(1), **p}) if ctx.needs(1) else None
    return gg, gw


def conv2d_weight_grad(ctx: Any, g: Any) -> Any:
    p = _window(ctx.params)
    gg = dispatch(OPS["conv2d"], (ctx.x(1), g), p) if ctx.needs(0) else None
    gx = dispatch(OPS["conv2d_input_grad"], (ctx.x(0), g), {"shape": ctx.shape(1), **p}) if ctx.needs(1) else None
    return gg, gx


def max_pool2d(ctx: Any, g: Any, _: Any) -> Any:
    return (dispatch(OPS["max_pool2d_grad"], (g, ctx.y(1)), {"shape": ctx.shape(0)}),)


def max_pool2d_grad(ctx: Any, g: Any) -> Any:
    index = ctx.x(1)
    n, c, oh, ow = index.shape
    flat = dispatch(OPS["gather"], (g.reshape(n, c, -1), index.reshape(n, c, -1)), {"dim": 2})
    return flat.reshape(n, c, oh, ow), None


def avg_pool2d(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["avg_pool2d_grad"], (g,), {"shape": ctx.shape(0), **ctx.params}),)


def avg_pool2d_grad(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["avg_pool2d"], (g,), {k: ctx.params[k] for k in ("kernel", "stride", "padding")}),)


VJP = {
    "conv2d": row(conv2d, "1", "0"),
    "conv2d_input_grad": row(conv2d_input_grad, "1", "0"),
    "conv2d_weight_grad": row(conv2d_weight_grad, "1", "0"),
    "max_pool2d": row(max_pool2d, "o1"),
    "max_pool2d_grad": row(max_pool2d_grad, "1"),
    "avg_pool2d": row(avg_pool2d, ""),
    "avg_pool2d_grad": row(avg_pool2d_grad, ""),
}
