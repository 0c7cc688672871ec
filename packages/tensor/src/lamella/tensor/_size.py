"""The shape of a tensor as users hold it."""

from __future__ import annotations

from math import prod

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """A tuple of sizes that knows how many elements there are; it prints and behaves as a tuple does."""

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements: the product of the sizes."""
        return prod(self)
