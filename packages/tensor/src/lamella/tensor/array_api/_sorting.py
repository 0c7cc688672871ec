"""Sorting of real numbers, stable also in descending order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import Array, storage, wrap

__all__ = ["argsort", "sort"]


def _kind(stable: bool) -> Any:
    return "stable" if stable else "quicksort"


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The places of the elements in sorted order along `axis`."""
    data = storage(x, "argsort", "real numeric")
    if not descending:
        return wrap(np.argsort(data, axis=axis, kind=_kind(stable)))
    # Sorting the reversed array and reversing the result keeps equal elements in their order.
    places = np.flip(np.argsort(np.flip(data, axis=axis), axis=axis, kind=_kind(stable)), axis=axis)
    return wrap(data.shape[axis] - 1 - places)


def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The elements in sorted order along `axis`."""
    found = np.sort(storage(x, "sort", "real numeric"), axis=axis, kind=_kind(stable))
    return wrap(np.flip(found, axis=axis) if descending else found)
