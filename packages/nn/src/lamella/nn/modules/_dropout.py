"""Dropout: elements, or whole channels, that training leaves out at random (Srivastava et al. 2014)."""

from __future__ import annotations

from lamella.tensor import Tensor

from .. import functional as F
from .._module import Module
from ._arguments import probability

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = probability(type(self).__name__, p)
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zero each element with probability p and scale the rest by 1/(1-p)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, zero each channel of [N, C, L] or [C, L] with probability p and scale the rest by 1/(1-p)."""

    def forward(self, input: Tensor) -> Tensor:
        """To the same shape."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, zero each channel of [N, C, H, W] (or [N, C, L]) with probability p, scale the rest by 1/(1-p)."""

    def forward(self, input: Tensor) -> Tensor:
        """To the same shape."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, zero each channel of [N, C, D, H, W] with probability p and scale the rest by 1/(1-p)."""

    def forward(self, input: Tensor) -> Tensor:
        """To the same shape."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1: dropped elements take SELU's limit (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels, dim 1."""

    def forward(self, input: Tensor) -> Tensor:
        """To the same shape."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
