"""Forward rules that are not derived: linear and bilinear ops apply themselves to the tangents, the rest are written
out.

Elementwise ops derive theirs from the backward rule (a diagonal Jacobian is its own transpose); composites from their
body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.tensor import sum as t_sum
from lamella.tensor import zeros_like
from lamella.tensor.extend import Op, dispatch

from ._movement import kept

__all__ = ["JVP", "all_operands", "bilinear", "linear_in"]

Rule = Callable[[Op, list[Any], list[Any], Any, dict[str, Any]], Any]


def linear_in(*operands: int) -> Rule:
    """The op is linear in these operands taken together; the others are constants of it."""

    def rule(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
        args = list(primals)
        for i in operands:
            args[i] = tangents[i] if tangents[i] is not None else zeros_like(primals[i])
        return dispatch(op, tuple(args), params)

    return rule


def all_operands(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    return dispatch(
        op, tuple(t if t is not None else zeros_like(p) for p, t in zip(primals, tangents, strict=True)), params
    )


def bilinear(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    """d(a * b) = da * b + a * db, for any product."""
    total = None
    for i in (0, 1):
        if tangents[i] is not None:
            args = list(primals)
            args[i] = tangents[i]
            part = dispatch(op, tuple(args), params)
            total = part if total is None else total + part
    return total


def _back(v: Any, x: Any, params: dict[str, Any]) -> Any:
    return v if params["keepdim"] else kept(v, tuple(x.shape), params["dims"])


def _extreme(op: Op, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, t = primals[0], tangents[0]
    dims = params["dims"]
    if not dims:
        return t
    hit = (x == _back(out, x, params)).to(t.dtype)
    return t_sum(hit * t, dims, params["keepdim"]) / t_sum(hit, dims, params["keepdim"])


JVP: dict[str, Rule] = {
    "sum": linear_in(0),
    "amax": _extreme,
    "amin": _extreme,
    "matmul": bilinear,
    "reshape": linear_in(0),
    "permute": linear_in(0),
    "expand": linear_in(0),
    "alias": linear_in(0),
    "slice": linear_in(0),
    "diagonal": linear_in(0),
    "unfold": linear_in(0),
    "as_strided": linear_in(0),
    "view_grad": linear_in(0),
    "view_write": linear_in(0, 1),
    "cat": all_operands,
    "cumsum": linear_in(0),
    "take": linear_in(0),
    "take_grad": linear_in(0),
    "gather": linear_in(0),
    "scatter_add": linear_in(0, 2),
}
