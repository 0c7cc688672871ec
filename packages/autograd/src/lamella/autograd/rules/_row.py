"""How a row of the vjp table is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._node import NONDIFFERENTIABLE, Vjp

__all__ = ["NONE", "row"]

NONE = NONDIFFERENTIABLE


def row(fn: Callable[..., Any], *uses: str, conjugating: bool = False) -> Vjp:
    """A rule whose gradient of operand i reads `uses[i]`: words `0 1 ..` for operands, `o0 o1 ..` for outputs."""
    reads = tuple(tuple(~int(w[1:]) if w[0] == "o" else int(w) for w in use.split()) for use in uses)
    return Vjp(fn, reads, conjugating=conjugating)
