"""Large copies: over threads, and in strips where the two layouts differ, so that both stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._random._parallel import split

__all__ = ["assign", "fresh"]

_LARGE = 1 << 18  # elements from where strips pay, and threads where elements are moved one by one
_STREAM = 1 << 22  # and where whole rows are: one thread moves them nearly as fast as memory does
_GRAIN = 1 << 17
_STRIP = 64  # elements of a row of the result: of another layout they are as many lines of the cache


def assign(out: Any, x: Any) -> None:
    """out[...] = x, of one shape and dtype, which do not overlap."""
    if out.size < _LARGE:
        out[...] = x
        return
    if x.strides[-1] == x.itemsize and out.size < _STREAM:
        out[...] = x
        return
    shape = out.shape
    dim = 0 if shape[0] > 8 else shape.index(max(shape))
    front = (slice(None),) * dim

    def part(start: int, stop: int) -> None:
        rows = (*front, slice(start, stop))
        _strips(out[rows], x[rows])

    split(shape[dim], max(shape[dim] * _GRAIN // out.size, 1), part)


def _strips(out: Any, x: Any) -> None:
    # of eight bytes and more, a line holds too few for strips to pay
    if x.ndim < 2 or x.itemsize > 4 or abs(x.strides[-1]) < 64 or x.shape[-1] <= _STRIP:
        out[...] = x
        return
    for start in range(0, x.shape[-1], _STRIP):
        strip = (..., slice(start, start + _STRIP))
        out[strip] = x[strip]


def fresh(x: Any) -> Any:
    """A row-major copy."""
    if x.size < _LARGE:
        return x.copy()
    out = np.empty(x.shape, x.dtype)
    assign(out, x)
    return out
