"""Backward rules of elementwise ops of complex numbers."""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import OPS, dispatch

from ._row import row

__all__ = ["VJP"]


def conjugate(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["conj"], (g,)),)


VJP = {"conj": row(conjugate, "")}
