"""The slot that autograd fills: tensor never imports it, and asks for it by name only when a gradient is wanted."""

from __future__ import annotations

from typing import Any

from lamella.interfaces import discover, missing

__all__ = ["NUMBER", "PAIR", "autograd"]

_engine: list[Any] = []


def autograd() -> Any:
    """The installed autograd engine; MissingPackage naming the pip command where there is none."""
    if not _engine:
        found = discover("autograd")
        if not found:
            raise missing("lamella-autograd", "requires_grad, backward() and transforms")
        _engine.append(found[0])
    return _engine[0]


def _first_pair(op: Any, a: Any, b: Any, out: Any) -> None:
    PAIR[0] = autograd().record_pair
    PAIR[0](op, a, b, out)


def _first_number(op: Any, a: Any, b: Any, out: Any) -> None:
    NUMBER[0] = autograd().record_number
    NUMBER[0](op, a, b, out)


# How the fast operators record two plain tensors, or a tensor and a number: loaded at the first use, then one list item
# away.
PAIR: list[Any] = [_first_pair]
NUMBER: list[Any] = [_first_number]
