"""Losses as modules."""

from __future__ import annotations

from lamella.tensor import Tensor

from .._module import Module
from ..functional import cross_entropy, mse_loss

__all__ = ["CrossEntropyLoss", "MSELoss"]


class CrossEntropyLoss(Module):
    """Negative log likelihood of integer classes under logits, averaged over targets other than ignore_index."""

    def __init__(self, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits [N, C, d...] and classes [N, d...] to a number, or [N, d...] for reduction='none'."""
        return cross_entropy(
            input,
            target,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MSELoss(Module):
    """Mean of (input - target)**2."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Two tensors of one shape to a number, or that shape for reduction='none'."""
        return mse_loss(input, target, reduction=self.reduction)
