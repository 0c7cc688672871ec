"""Rules of products of vectors in space."""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import OPS, dispatch

from ._batching import elementwise
from ._forward import bilinear
from ._row import row

__all__ = ["BATCH", "JVP", "VJP"]


def cross(ctx: Any, g: Any) -> Any:
    op = OPS["cross"]
    gx = dispatch(op, (ctx.x(1), g), ctx.params) if ctx.needs(0) else None
    return gx, dispatch(op, (g, ctx.x(0)), ctx.params) if ctx.needs(1) else None


VJP = {"cross": row(cross, "1", "0")}
JVP = {"cross": bilinear}
BATCH = {"cross": elementwise}
