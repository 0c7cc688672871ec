"""Checks of constructor arguments; every error names the class and the argument."""

from __future__ import annotations

from typing import Any

__all__ = ["positive", "probability"]


def positive(owner: str, name: str, value: Any) -> int:
    """value if it is an int above 0."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{owner}: {name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{owner}: {name} must be positive, got {value}")
    return value


def probability(owner: str, value: Any) -> float:
    """value if it is a number in [0, 1]."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{owner}: p must be a number, got {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{owner}: p must lie in [0, 1], got {value}")
    return float(value)
