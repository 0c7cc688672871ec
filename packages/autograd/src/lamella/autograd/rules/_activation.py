"""Backward rules of activation functions: each is one step, an op `NAME_grad` with a kernel and a body."""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import OPS, dispatch

from ._row import row

__all__ = ["VJP"]


def _step(name: str) -> Any:
    """The rule that hands the cotangent, the operand and the params to the op `name`."""

    def rule(ctx: Any, g: Any) -> Any:
        return (dispatch(OPS[name], (g, ctx.x(0)), ctx.params),)

    return row(rule, "0")


def hardtanh(ctx: Any, g: Any) -> Any:
    given = ctx.params
    band = {"low": given["min_val"], "high": given["max_val"], "scale": 1.0}
    return (dispatch(OPS["band_grad"], (g, ctx.x(0)), band),)


def hardsigmoid(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["band_grad"], (g, ctx.x(0)), {"low": -3.0, "high": 3.0, "scale": 1 / 6}),)


VJP = {
    "silu": _step("silu_grad"),
    "gelu": _step("gelu_grad"),
    "leaky_relu": _step("leaky_relu_grad"),
    "elu": _step("elu_grad"),
    "softplus": _step("softplus_grad"),
    "hardswish": _step("hardswish_grad"),
    "hardtanh": row(hardtanh, "0"),
    "hardsigmoid": row(hardsigmoid, "0"),
}
