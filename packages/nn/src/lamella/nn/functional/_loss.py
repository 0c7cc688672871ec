"""Losses: a number per batch unless reduction='none'."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor

from ._arguments import need_tensor, reduced

__all__ = ["cross_entropy", "mse_loss"]


def cross_entropy(
    input: Any, target: Any, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """Negative log likelihood of integer classes [N, d...] under logits [N, C, d...].

    The mean is over targets that are not ignored.
    """
    return lt.cross_entropy(
        input, target, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """(input - target)**2; ValueError unless the shapes are equal."""
    x, y = need_tensor(input, "mse_loss", "input"), need_tensor(target, "mse_loss", "target")
    if x.shape != y.shape:
        # broadcasting [N, 1] against [N] gives a plausible wrong number
        raise ValueError(f"mse_loss needs input and target of one shape, got {x.shape} and {y.shape}; reshape one")
    d = x - y
    return reduced(d * d, reduction, "mse_loss")
