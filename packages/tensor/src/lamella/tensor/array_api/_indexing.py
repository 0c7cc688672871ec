"""Elements by arrays of places: `take` and `take_along_axis`; a place out of bounds is an IndexError."""

from __future__ import annotations

import numpy as np

from ._array import Array, storage, wrap

__all__ = ["take", "take_along_axis"]


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Slices of `x` along `axis` at the places of a vector; `axis` may be left out for vectors."""
    data, places = storage(x, "take"), storage(indices, "take (indices)", "integer")
    if places.ndim != 1:
        raise ValueError(f"take needs a vector of indices, got shape {places.shape}; use take_along_axis")
    if axis is None and data.ndim != 1:
        raise ValueError(f"take needs an axis for shape {data.shape}")
    return wrap(np.take(data, places, axis=0 if axis is None else axis))


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Elements of `x` at places along `axis`; the other dims of `indices` broadcast with those of `x`."""
    data, places = storage(x, "take_along_axis"), storage(indices, "take_along_axis (indices)", "integer")
    if data.ndim != places.ndim:
        raise ValueError(f"take_along_axis needs as many dims twice, got shapes {data.shape} and {places.shape}")
    return wrap(np.take_along_axis(data, places, axis=axis))
