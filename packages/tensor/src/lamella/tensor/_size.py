"""The shape of a tensor as users hold it."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from math import prod
from typing import Any

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """A tuple of sizes that knows how many elements there are; it prints and behaves as a tuple does."""

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        given = tuple(sizes)
        try:
            return super().__new__(cls, map(operator.index, given))
        except TypeError:
            raise TypeError(f"Size is made of ints, got {given!r}") from None

    def numel(self) -> int:
        """Number of elements: the product of the sizes."""
        return prod(self)
