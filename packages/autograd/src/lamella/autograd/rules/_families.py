"""The families of rules, one file each: its tables VJP, JVP and BATCH, and EXEMPT for ops without a rule of a kind.

A new family is a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from . import (
    _activation,
    _attention,
    _batching,
    _composite,
    _distance,
    _elementwise,
    _exempt,
    _forward,
    _indexing,
    _layout,
    _loss,
    _movement,
    _pointwise,
    _product,
    _recurrent,
    _selection,
    _statistics,
    _window,
)

__all__ = ["collected", "exempt"]

FAMILIES: tuple[ModuleType, ...] = (
    _activation,
    _attention,
    _batching,
    _composite,
    _distance,
    _elementwise,
    _exempt,
    _forward,
    _indexing,
    _layout,
    _loss,
    _movement,
    _pointwise,
    _product,
    _recurrent,
    _selection,
    _statistics,
    _window,
)


def collected(table: str, *more: Mapping[str, Any]) -> dict[str, Any]:
    """One table over all families, with `more`; ValueError for an op that two of them name."""
    out: dict[str, Any] = {}
    for rows in (*[getattr(family, table) for family in FAMILIES if hasattr(family, table)], *more):
        twice = out.keys() & rows.keys()
        if twice:
            raise ValueError(f"{table} rules are given twice for {sorted(twice)}")
        out.update(rows)
    return out


def exempt() -> dict[str, dict[str, str]]:
    """Kind to {op name: why it has no rule of the kind}."""
    kinds: dict[str, dict[str, str]] = {}
    for family in FAMILIES:
        for kind, rows in getattr(family, "EXEMPT", {}).items():
            kinds.setdefault(kind, {}).update(rows)
    return kinds
