"""Params of views worked out: chains of slices and permutations as one, and views that move no element."""

from __future__ import annotations

import math
from typing import Any

from .._graph import Value

__all__ = ["compose_dims", "compose_index", "inverse_dims", "keeps_order", "plain_index", "takes_all", "tidy_index"]

Index = tuple[Any, ...]


def positions(entry: Any) -> range:
    """The places along its dim that an entry of an index names; an int names one."""
    return range(entry, entry + 1) if type(entry) is int else range(*entry)


def _entry(places: range) -> tuple[int, int, int]:
    """The one way to write a range of places: the stop follows the last, a single one has step 1."""
    if not places:
        return 0, 0, 1
    if len(places) == 1:
        return places[0], places[0] + 1, 1
    return places[0], places[-1] + (1 if places.step > 0 else -1), places.step


def tidy_index(index: Index) -> Index:
    """The index in the one way to write it."""
    return tuple([e if type(e) is int else _entry(range(*e)) for e in index])


def compose_index(first: Index, second: Index) -> Index:
    """The index that takes in one step what `first` and then `second` take."""
    rest = iter(second)
    out: list[Any] = []
    for entry in first:
        if type(entry) is int:
            out.append(entry)
            continue
        places, inner = range(*entry), next(rest)
        out.append(places[inner] if type(inner) is int else _entry(_through(places, range(*inner))))
    return tuple(out)


def _through(places: range, inner: range) -> range:
    if not inner:
        return range(0)
    step = places.step * inner.step
    start = places[inner[0]]
    return range(start, start + step * len(inner), step)


def takes_all(index: Index, x: Value) -> bool:
    """Whether an index takes every element of x in its order: no more than a reshape."""
    return all(positions(e) == range(n) or n == 1 for e, n in zip(index, x.tensor.shape, strict=True))


def plain_index(index: Index) -> bool:
    """Whether every entry steps forward by one, or is an int."""
    return all(type(e) is int or (e[2] == 1 and e[1] >= e[0]) for e in index)


def compose_dims(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that does `first` and then `second`."""
    return tuple([first[d] for d in second])


def inverse_dims(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `dims`."""
    return tuple([dims.index(d) for d in range(len(dims))])


def keeps_order(dims: tuple[int, ...], x: Value) -> bool:
    """Whether a permutation moves only dims of size 1: no more than a reshape."""
    shape = x.tensor.shape
    moved = [d for d in dims if shape[d] != 1]
    return moved == sorted(moved) or math.prod(shape) == 0
