"""Small draws from prefilled tables.

Seeking a bit generator costs microseconds, so a draw of a few elements is a slice of a table: the draws of one kind for
4096 consecutive slots, and for as many after them as the largest small draw needs. A table is a pure function of its
key; throwing all of them away changes nothing but time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    Tables: TypeAlias = dict[Hashable, NDArray[Any]]
    Make: TypeAlias = Callable[[int, int, int, Any], NDArray[Any]]

__all__ = ["SMALL", "draw", "element_count"]

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


def draw(tables: Tables, make: Make, seed: int, offset: int, shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
    """The draws of one kind at `offset` in a shape: a copy out of a table if few, else made by `make`."""
    n = math.prod(shape)
    if 0 <= n <= SMALL:
        table = tables.get((seed, offset >> SPAN_BITS, kind))
        if table is None:
            table = _fill(tables, make, seed, offset, kind)
        start = offset & (SPAN - 1)
        part = table[start : start + n]
        if len(shape) == 1:
            return part.copy()
        element_count(shape)  # two negative sizes have a positive product
        return part.reshape(shape).copy()
    return make(seed, offset, element_count(shape), kind).reshape(shape)


def _fill(tables: Tables, make: Make, seed: int, offset: int, kind: Any) -> NDArray[Any]:
    table = make(seed, offset & -SPAN, SPAN + SMALL, kind)
    if len(tables) >= _MAX_TABLES:
        tables.clear()
    tables[(seed, offset >> SPAN_BITS, kind)] = table
    return table
