"""The slot that autograd fills: tensor never imports it, and asks for it by name only when a gradient is wanted."""

from __future__ import annotations

from typing import Any

from lamella.interfaces import discover, missing

__all__ = ["autograd"]

_engine: list[Any] = []


def autograd() -> Any:
    """The installed autograd engine; MissingPackage naming the pip command where there is none."""
    if not _engine:
        found = discover("autograd")
        if not found:
            raise missing("lamella-autograd", "requires_grad, backward() and transforms")
        _engine.append(found[0])
    return _engine[0]
