"""Backward rules of unit composites. Residuals are outputs of the node, and every rule takes cotangents for them too:
that is what makes the second derivative right. A missing cotangent is None and stands for zeros.
"""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor import exp, float32, reshape, zeros
from lamella.tensor import sum as t_sum
from lamella.tensor.extend import OPS, dispatch

from ._row import row

__all__ = ["VJP"]

_MATMUL = OPS["matmul"]


def _wide(x: Any) -> Any:
    return x.to(float32) if x.dtype.itemsize < 4 else x


def linear(ctx: Any, g: Any) -> Any:
    gx = gw = gb = None
    if ctx.needs(0):
        gx = dispatch(_MATMUL, (g, ctx.x(1)))
    if ctx.needs(1):
        gw = dispatch(OPS["linear_weight_grad"], (g, ctx.x(0)))
    if ctx.needs(2):
        gb = g if g.ndim == 1 else dispatch(OPS["sum"], (g,), {"dims": tuple(range(g.ndim - 1)), "keepdim": False})
    return gx, gw, gb


def softmax(ctx: Any, g: Any) -> Any:
    y = ctx.y(0)
    dim = ctx.params["dim"]
    if not y.ndim:
        return (y * 0.0 * g,)
    return (dispatch(OPS["softmax_grad"], (g, y), {"dim": dim}),)


def log_softmax(ctx: Any, g: Any) -> Any:
    dim = ctx.params["dim"]
    y = ctx.y(0)
    if not y.ndim:
        return (y * 0.0 * g,)
    return (dispatch(OPS["log_softmax_grad"], (g, y), {"dim": dim}),)


def _normalized(
    x: Any, mean: Any, rstd: Any, weight: Any, dims: tuple[int, ...], gy: Any, gm: Any, gr: Any
) -> tuple[Any, Any]:
    """(gradient of x, normalized x) of y = (x - mean) * rstd * weight; mean and rstd broadcast against x."""
    n = math.prod(x.shape[d] for d in dims)
    hat = (x - mean) * rstd
    gx = None
    if gy is not None:
        gh = gy if weight is None else gy * weight
        gx = (gh - t_sum(gh, dims, True) / n - hat * (t_sum(gh * hat, dims, True) / n)) * rstd
    if gm is not None:
        part = (gm / n).expand(x.shape)
        gx = part if gx is None else gx + part
    if gr is not None:
        part = gr * rstd * rstd * hat * (-1 / n)
        gx = part if gx is None else gx + part
    return gx, hat


def layer_norm(ctx: Any, gy: Any, gm: Any, gr: Any) -> Any:
    return _row_norm(ctx, ctx.y(1), ctx.y(2), gy, gm, gr)


def rms_norm(ctx: Any, gy: Any, gr: Any) -> Any:
    return _row_norm(ctx, None, ctx.y(1), gy, None, gr)[:2]


def _row_norm(ctx: Any, mean: Any, rstd: Any, gy: Any, gm: Any, gr: Any) -> Any:
    """Gradients of x, weight and bias; without a mean, rows were not centred."""
    x, weight, ndims = _wide(ctx.x(0)), ctx.x(1), ctx.params["ndims"]
    gx = gw = gb = None
    if gy is not None:
        args = (_wide(gy), x, mean, rstd, None if weight is None else _wide(weight))
        if ctx.needs(1) or ctx.needs(2):
            gx, gw, gb = dispatch(OPS["layer_norm_grad"], args, {"ndims": ndims})
        else:
            gx = dispatch(OPS["layer_norm_input_grad"], args, {"ndims": ndims})
    if gm is not None or gr is not None:
        dims = tuple(range(x.ndim - ndims, x.ndim))
        part = _normalized(x, 0.0 if mean is None else mean, rstd, None, dims, None, gm, gr)[0]
        gx = part if gx is None else gx + part
    return gx, gw, gb


def batch_norm(ctx: Any, gy: Any, gm: Any, gr: Any) -> Any:
    x, mean, rstd, weight = _wide(ctx.x(0)), ctx.y(1), ctx.y(2), ctx.x(1)
    gx = gw = gb = None
    if gy is not None:
        wide = None if weight is None else _wide(weight)
        gx, gw, gb = dispatch(OPS["batch_norm_grad"], (_wide(gy), x, mean, rstd, wide))
    if gm is not None or gr is not None:
        dims = (0, *range(2, x.ndim))

        def channel(v: Any) -> Any:
            return None if v is None else reshape(v, 1, -1, *(1,) * (x.ndim - 2))

        part = _normalized(x, channel(mean), channel(rstd), None, dims, None, channel(gm), channel(gr))[0]
        gx = part if gx is None else gx + part
    return gx, gw, gb


def cross_entropy(ctx: Any, g: Any, gp: Any) -> Any:
    logp = ctx.y(1)
    out = None
    if g is not None:
        out = dispatch(OPS["cross_entropy_grad"], (_wide(g), logp, ctx.x(1)), ctx.params)
    if gp is not None:
        part = gp - exp(logp) * t_sum(gp, 1, True)
        out = part if out is None else out + part
    return out, None


def dropout(ctx: Any, g: Any, _: Any) -> Any:
    p = ctx.params["p"]
    if p >= 1:
        return zeros(ctx.shape(0), dtype=g.dtype), None, None
    return g * ctx.y(1).to(g.dtype) * (1 / (1 - p)), None, None


VJP = {
    "linear": row(linear, "1", "0", ""),
    "softmax": row(softmax, "o0"),
    "log_softmax": row(log_softmax, "o0"),
    "layer_norm": row(layer_norm, "0 1 o1 o2", "0 1 o1 o2", "0 1 o1 o2"),
    "rms_norm": row(rms_norm, "0 1 o1", "0 1 o1"),
    "batch_norm": row(batch_norm, "0 1 o1 o2", "0 1 o1 o2", "0 1 o1 o2"),
    "cross_entropy": row(cross_entropy, "1 o1"),
    "dropout": row(dropout, "o1"),
}
