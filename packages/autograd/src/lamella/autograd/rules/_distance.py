"""Rules of distances between rows: slopes of a norm of differences, 0 at distance 0.

For p = inf every coordinate that reaches the largest has the whole gradient, as in PyTorch; those of `norm` share it.
"""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor import abs as t_abs
from lamella.tensor import cat, sign
from lamella.tensor import sum as t_sum
from lamella.tensor.extend import Op

from ._batching import front
from ._row import row
from ._statistics import inverse, norm_slope, wide

__all__ = ["BATCH", "JVP", "VJP"]

_BLOCK = 1 << 20  # elements of the differences that are held at a time


def cdist(ctx: Any, g: Any) -> Any:
    x, y, d = wide(ctx.x(0)), wide(ctx.x(1)), wide(ctx.y(0))
    p, dtype = ctx.params["p"], g.dtype
    g = wide(g)
    gx, gy = _of_products(g * inverse(d), x, y) if ctx.params["mm"] else _of_differences(g, x, y, d, p)
    return gx.to(dtype) if ctx.needs(0) else None, gy.to(dtype) if ctx.needs(1) else None


def _of_products(weights: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The sums of weights * (x - y), without the differences."""
    return (
        x * t_sum(weights, -1, True) - weights @ y,
        y * t_sum(weights, -2).unsqueeze(-1) - weights.mT @ x,
    )


def _slope(difference: Any, d: Any, p: float) -> Any:
    if math.isinf(p):
        return sign(difference) * (t_abs(difference) == d)
    return norm_slope(difference, d, p, {"dims": (difference.ndim - 1,), "keepdim": True})


def _of_differences(g: Any, x: Any, y: Any, d: Any, p: float) -> tuple[Any, Any]:
    rows = x.shape[-2]
    step = max(_BLOCK // max(math.prod(d.shape[:-2]) * d.shape[-1] * x.shape[-1], 1), 1)
    of_x, of_y = [], None
    for low in range(0, max(rows, 1), step):
        at = (-2, low, min(step, rows - low))
        difference = x.narrow(*at).unsqueeze(-2) - y.unsqueeze(-3)
        slope = _slope(difference, d.narrow(*at).unsqueeze(-1), p) * g.narrow(*at).unsqueeze(-1)
        of_x.append(t_sum(slope, -2))
        of_y = -t_sum(slope, -3) if of_y is None else of_y - t_sum(slope, -3)
    return of_x[0] if len(of_x) == 1 else cat(of_x, -2), of_y


def cdist_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, y = (wide(v) for v in primals)
    slope = _slope(x.unsqueeze(-2) - y.unsqueeze(-3), wide(out).unsqueeze(-1), params["p"])
    tx, ty = (None if t is None else wide(t) for t in tangents)
    moved = None if tx is None else t_sum(slope * tx.unsqueeze(-2), -1)
    if ty is not None:
        part = t_sum(slope * ty.unsqueeze(-3), -1)
        moved = -part if moved is None else moved - part
    return moved.to(out.dtype) if moved is not None else None


JVP = {"cdist": cdist_jvp}
VJP = {"cdist": row(cdist, "0 1 o0", "0 1 o0")}
BATCH = {"cdist": front}
