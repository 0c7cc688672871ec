"""Named results of functions that return several tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Histogram", "MinMax", "Selected"]


class Selected(NamedTuple):
    """Elements along a dim, and where they stood."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """The smallest and the largest elements."""

    min: Tensor
    max: Tensor


class Histogram(NamedTuple):
    """Counts (or weights) per bin, and the edges of the bins."""

    hist: Tensor
    bin_edges: Tensor
