"""Functions that find places and choose elements."""

from __future__ import annotations

import numpy as np

from ._array import Array, pair, storage, wrap

__all__ = ["argmax", "argmin", "count_nonzero", "nonzero", "searchsorted", "where"]


def argmax(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the first largest element along `axis`, or in the flattened array."""
    return wrap(np.argmax(storage(x, "argmax", "real numeric"), axis=axis, keepdims=keepdims))


def argmin(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Place of the first smallest element along `axis`, or in the flattened array."""
    return wrap(np.argmin(storage(x, "argmin", "real numeric"), axis=axis, keepdims=keepdims))


def count_nonzero(x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """How many elements are not zero."""
    return wrap(np.count_nonzero(storage(x, "count_nonzero"), axis=axis, keepdims=keepdims))


def nonzero(x: Array, /) -> tuple[Array, ...]:
    """The places of elements that are not zero, an index vector a dim; ValueError for an array without dims."""
    data = storage(x, "nonzero")
    if not data.ndim:
        raise ValueError("nonzero needs at least one dim")
    return tuple(wrap(places) for places in np.nonzero(data))


def searchsorted(x1: Array, x2: Array, /, *, side: str = "left", sorter: Array | None = None) -> Array:
    """Where the elements of `x2` would go into the sorted vector `x1`, or into `x1` taken in the order `sorter`."""
    a, b = pair(x1, x2, "searchsorted", "real numeric", scalars=False)
    if a.ndim != 1:
        raise ValueError(f"searchsorted needs a vector to search in, got shape {a.shape}")
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', got {side!r}")
    order = None if sorter is None else storage(sorter, "searchsorted (sorter)", "integer").astype(np.int64)
    return wrap(np.searchsorted(a, b, side="left" if side == "left" else "right", sorter=order))


def where(condition: Array, x1: Array | complex, x2: Array | complex, /) -> Array:
    """Elements of `x1` where a boolean array says so, and of `x2` elsewhere; one of them may be a Python scalar."""
    chosen = storage(condition, "where (condition)", "boolean")
    return wrap(np.where(chosen, *pair(x1, x2, "where")))
