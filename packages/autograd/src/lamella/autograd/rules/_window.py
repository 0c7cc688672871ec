"""Rules of convolution, pooling, unfolding and resampling.

Each of the three convolution ops is the gradient of the others; im2col and col2im, average pooling and its gradient,
and resampling and its transpose are pairs of linear maps.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import expand, reshape
from lamella.tensor import sum as t_sum
from lamella.tensor.extend import OPS, Op, dispatch

from ._batching import full
from ._forward import bilinear, linear_in
from ._row import row

__all__ = ["BATCH", "JVP", "VJP"]


def _window(params: dict[str, Any]) -> dict[str, Any]:
    return {k: params[k] for k in ("stride", "padding", "dilation", "groups")}


def conv(ctx: Any, g: Any) -> Any:
    p = _window(ctx.params)
    gx = dispatch(OPS["conv_input_grad"], (g, ctx.x(1)), {"shape": ctx.shape(0), **p}) if ctx.needs(0) else None
    gw = dispatch(OPS["conv_weight_grad"], (g, ctx.x(0)), {"shape": ctx.shape(1), **p}) if ctx.needs(1) else None
    gb = t_sum(g, (0, *range(2, g.ndim))) if ctx.needs(2) else None
    return gx, gw, gb


def _conv_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, w = primals[:2]
    total = None
    for args in ((tangents[0], w), (x, tangents[1])):
        if args[0] is not None and args[1] is not None:
            part = dispatch(op, (*args, None), params)
            total = part if total is None else total + part
    if tangents[2] is None:
        return total
    shift = reshape(tangents[2], 1, -1, *(1,) * len(params["stride"]))
    return expand(shift, tuple(out.shape)) if total is None else total + shift


def conv_input_grad(ctx: Any, g: Any) -> Any:
    p = _window(ctx.params)
    gg = dispatch(OPS["conv"], (g, ctx.x(1), None), p) if ctx.needs(0) else None
    gw = dispatch(OPS["conv_weight_grad"], (ctx.x(0), g), {"shape": ctx.shape(1), **p}) if ctx.needs(1) else None
    return gg, gw


def conv_weight_grad(ctx: Any, g: Any) -> Any:
    p = _window(ctx.params)
    gg = dispatch(OPS["conv"], (ctx.x(1), g, None), p) if ctx.needs(0) else None
    gx = dispatch(OPS["conv_input_grad"], (ctx.x(0), g), {"shape": ctx.shape(1), **p}) if ctx.needs(1) else None
    return gg, gx


def _at_largest(x: Any, index: Any) -> Any:
    """x [N, C, ...] at the flat spatial places [N, C, ...] of a pooling."""
    n, c = x.shape[:2]
    return reshape(dispatch(OPS["gather"], (x.reshape(n, c, -1), index.reshape(n, c, -1)), {"dim": 2}), *index.shape)


def max_pool(ctx: Any, g: Any, _: Any) -> Any:
    return (dispatch(OPS["max_pool_grad"], (g, ctx.y(1)), {"shape": ctx.shape(0)}),)


def max_pool_grad(ctx: Any, g: Any) -> Any:
    return _at_largest(g, ctx.x(1)), None


def _max_pool_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    return _at_largest(tangents[0], out[1]), None


def avg_pool(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["avg_pool_grad"], (g,), {"shape": ctx.shape(0), **ctx.params}),)


def avg_pool_grad(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["avg_pool"], (g,), {k: v for k, v in ctx.params.items() if k != "shape"}),)


def im2col(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["col2im"], (g,), {"sizes": tuple(ctx.shape(0)[2:]), **ctx.params}),)


def col2im(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["im2col"], (g,), {k: v for k, v in ctx.params.items() if k != "sizes"}),)


def resample(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["resample"], (g,), {**ctx.params, "transposed": not ctx.params["transposed"]}),)


def _merge(x: Any) -> Any:
    """[B, N, ...] as [B*N, ...]."""
    return reshape(x, x.shape[0] * x.shape[1], *x.shape[2:])


def _to_channels(x: Any) -> Any:
    """[B, N, C, ...] as [N, B*C, ...]: one group of channels an example."""
    b, n, c, *sizes = x.shape
    return reshape(x.permute(1, 0, *range(2, x.ndim)), n, b * c, *sizes)


def _from_channels(x: Any, size: int) -> Any:
    n, c, *sizes = x.shape
    out = reshape(x, n, size, c // size, *sizes)
    return out.permute(1, 0, *range(2, out.ndim))


def _batched_conv(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    x, w, bias = xs
    if bias is not None:
        y = _batched_conv(op, [x, w, None], [*batched[:2], False], params, size)[0]
        shape = (size if batched[2] else 1, 1, -1, *(1,) * len(params["stride"]))
        return y + reshape(bias, *shape), True
    if not batched[1]:
        out = dispatch(op, (_merge(full(x, batched[0], size)), w, None), params)
        return reshape(out, size, -1, *out.shape[1:]), True
    x = full(x, batched[0], size)
    out = dispatch(op, (_to_channels(x), _merge(w), None), {**params, "groups": params["groups"] * size})
    return _from_channels(out, size), True


def _batched_input_grad(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    g, w = xs
    n, c, *sizes = params["shape"]
    if not batched[1]:
        out = dispatch(op, (_merge(g), w), {**params, "shape": (size * n, c, *sizes)})
        return reshape(out, size, n, c, *sizes), True
    g = full(g, batched[0], size)
    grouped = {**params, "shape": (n, size * c, *sizes), "groups": params["groups"] * size}
    return _from_channels(dispatch(op, (_to_channels(g), _merge(w)), grouped), size), True


def _batched_weight_grad(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    g, x = (full(t, b, size) for t, b in zip(xs, batched, strict=True))
    o, *rest = params["shape"]
    grouped = {**params, "shape": (size * o, *rest), "groups": params["groups"] * size}
    out = dispatch(op, (_to_channels(g), _to_channels(x)), grouped)
    return reshape(out, size, o, *rest), True


def images(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """Ops that treat every image alike: examples join the image dim."""
    merged = [_merge(full(x, b, size)) for x, b in zip(xs, batched, strict=True)]
    given = dict(params)
    if "shape" in given:
        n, *rest = given["shape"]
        given["shape"] = (size * n, *rest)
    out = dispatch(op, tuple(merged), given)
    if type(out) is tuple:
        return tuple(reshape(o, size, -1, *o.shape[1:]) for o in out), (True,) * len(out)
    return reshape(out, size, -1, *out.shape[1:]), True


def _batched_resample(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return dispatch(op, (xs[0],), {**params, "dim": params["dim"] + 1}), True


VJP = {
    "conv": row(conv, "1", "0", ""),
    "conv_input_grad": row(conv_input_grad, "1", "0"),
    "conv_weight_grad": row(conv_weight_grad, "1", "0"),
    "max_pool": row(max_pool, "o1"),
    "max_pool_grad": row(max_pool_grad, "1"),
    "avg_pool": row(avg_pool, ""),
    "avg_pool_grad": row(avg_pool_grad, ""),
    "im2col": row(im2col, ""),
    "col2im": row(col2im, ""),
    "resample": row(resample, ""),
}
JVP = {
    "conv": _conv_jvp,
    **dict.fromkeys(("conv_input_grad", "conv_weight_grad"), bilinear),
    "max_pool": _max_pool_jvp,
    **dict.fromkeys(("max_pool_grad", "avg_pool", "avg_pool_grad", "im2col", "col2im", "resample"), linear_in(0)),
}
BATCH = {
    "conv": _batched_conv,
    "conv_input_grad": _batched_input_grad,
    "conv_weight_grad": _batched_weight_grad,
    **dict.fromkeys(("max_pool", "max_pool_grad", "avg_pool", "avg_pool_grad", "im2col", "col2im"), images),
    "resample": _batched_resample,
}
