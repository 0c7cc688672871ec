"""Rules of ops that copy elements to other places: all are linear, and their transposes are ops of this family too."""

from __future__ import annotations

from typing import Any

from lamella.tensor import flip as t_flip
from lamella.tensor.extend import OPS, Op, dispatch

from .._node import Vjp
from ._batching import Rule, along_dim, front
from ._forward import all_operands, linear_in
from ._row import row

__all__ = ["BATCH", "JVP", "VJP"]

_PAD, _AROUND, _AROUND_GRAD, _ROLL, _SLICE = (OPS[n] for n in ("pad", "pad_around", "pad_around_grad", "roll", "slice"))


def pad(ctx: Any, g: Any) -> Any:
    index = tuple((lo, lo + n, 1) for n, (lo, _) in zip(ctx.shape(0), ctx.params["pads"], strict=True))
    return (dispatch(_SLICE, (g,), {"index": index}),)


def pad_jvp(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    return dispatch(op, (tangents[0],), {**params, "value": 0})


def pad_around(ctx: Any, g: Any) -> Any:
    return (dispatch(_AROUND_GRAD, (g,), ctx.params),)


def pad_around_grad(ctx: Any, g: Any) -> Any:
    return (dispatch(_AROUND, (g,), ctx.params),)


def flip(ctx: Any, g: Any) -> Any:
    return (t_flip(g, *ctx.params["dims"]),)


def roll(ctx: Any, g: Any) -> Any:
    back = tuple([-s for s in ctx.params["shifts"]])
    return (dispatch(_ROLL, (g,), {"shifts": back, "dims": ctx.params["dims"]}),)


def stack(ctx: Any, g: Any) -> Any:
    dim = ctx.params["dim"]
    rest = [(0, n, 1) for n in g.shape]
    before, behind = rest[:dim], rest[dim + 1 :]
    return tuple(
        [dispatch(_SLICE, (g,), {"index": (*before, i, *behind)}) if ctx.needs(i) else None for i in range(ctx.count())]
    )


def block_diag(ctx: Any, g: Any) -> Any:
    lead = [(0, n, 1) for n in g.shape[:-2]]
    out = []
    row = col = 0
    for i in range(ctx.count()):
        rows, cols = ctx.operand_shape(i)[-2:]
        index = (*lead, (row, row + rows, 1), (col, col + cols, 1))
        out.append(dispatch(_SLICE, (g,), {"index": index}) if ctx.needs(i) else None)
        row += rows
        col += cols
    return tuple(out)


def triangle(name: str) -> Any:
    def rule(ctx: Any, g: Any) -> Any:
        return (dispatch(OPS[name], (g,), ctx.params),)

    return rule


def with_pads(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return dispatch(op, (xs[0],), {**params, "pads": ((0, 0), *params["pads"])}), True


def with_dims(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return dispatch(op, (xs[0],), {**params, "dims": tuple([d + 1 for d in params["dims"]])}), True


def same(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    return dispatch(op, (xs[0],), params), True


VJP = {
    "pad": row(pad, ""),
    "pad_around": row(pad_around, ""),
    "pad_around_grad": row(pad_around_grad, ""),
    "flip": row(flip, ""),
    "roll": row(roll, ""),
    "stack": Vjp(stack, (), shapes=True),
    "block_diag": Vjp(block_diag, (), shapes=True),
    "tril": row(triangle("tril"), ""),
    "triu": row(triangle("triu"), ""),
}
JVP = {
    "pad": pad_jvp,
    **dict.fromkeys(("stack", "block_diag"), all_operands),
    **dict.fromkeys(("pad_around", "pad_around_grad", "flip", "roll", "tril", "triu"), linear_in(0)),
}
BATCH: dict[str, Rule] = {
    **dict.fromkeys(("pad", "pad_around", "pad_around_grad"), with_pads),
    **dict.fromkeys(("flip", "roll"), with_dims),
    **dict.fromkeys(("tril", "triu"), same),
    "stack": along_dim,
    "block_diag": front,
}
