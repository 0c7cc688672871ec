"""Small draws from prefilled tables.

Seeking a bit generator costs microseconds, so a draw of a few elements is a slice of a table: the draws of one kind for
4096 consecutive slots, and for as many after them as the largest small draw needs. A table is a pure function of its
key; throwing all of them away changes nothing but time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["SMALL", "SPAN", "SPAN_BITS", "Make", "Tables", "element_count", "fill"]

Tables: TypeAlias = dict[Hashable, NDArray[Any]]
Make: TypeAlias = Callable[[int, int, int, Any], NDArray[Any]]

SMALL = 1024  # the largest draw, in elements, that tables serve
SPAN_BITS = 12
SPAN = 1 << SPAN_BITS
_MAX_TABLES = 32


def element_count(shape: tuple[int, ...]) -> int:
    """How many elements a shape has; ValueError for a negative size."""
    for size in shape:
        if size < 0:
            raise ValueError(f"shape {shape}: sizes must not be negative")
    return math.prod(shape)


def fill(tables: Tables, make: Make, seed: int, offset: int, kind: Any) -> NDArray[Any]:
    """Make, keep and return the table with the draws at `offset`; its key is (seed, offset >> SPAN_BITS, kind)."""
    table = make(seed, offset & -SPAN, SPAN + SMALL, kind)
    if len(tables) >= _MAX_TABLES:
        tables.clear()
    tables[(seed, offset >> SPAN_BITS, kind)] = table
    return table
