"""Padding: a constant around a tensor, or its own values mirrored, repeated or wrapped around."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor

from ._arguments import need_tensor

__all__ = ["pad"]


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Padding by (left, right) of the last dim, then of the one before it, and so on; negative pads cut.

    mode is 'constant' (value, 0 unless given), 'reflect', 'replicate' or 'circular'; the last three take the last one,
    two or three dims of a tensor with one or two more.
    """
    return lt.pad(need_tensor(input, "pad", "input"), pad, mode, value)
