"""Distinct elements in four forms; each NaN is distinct."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._array import Array, storage, wrap

__all__ = ["unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """Result of `unique_all`."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCounts(NamedTuple):
    """Result of `unique_counts`."""

    values: Array
    counts: Array


class UniqueInverse(NamedTuple):
    """Result of `unique_inverse`."""

    values: Array
    inverse_indices: Array


def unique_all(x: Array, /) -> UniqueAll:
    """Distinct values with their first places in the flattened `x`, the place of each element in them, and counts."""
    data = storage(x, "unique_all")
    values, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return UniqueAll(wrap(values), wrap(first), wrap(inverse.reshape(data.shape)), wrap(counts))


def unique_counts(x: Array, /) -> UniqueCounts:
    """Distinct values with counts."""
    values, counts = np.unique(storage(x, "unique_counts"), return_counts=True, equal_nan=False)
    return UniqueCounts(wrap(values), wrap(counts))


def unique_inverse(x: Array, /) -> UniqueInverse:
    """Distinct values with the place of each element of `x` in them."""
    data = storage(x, "unique_inverse")
    values, inverse = np.unique(data, return_inverse=True, equal_nan=False)
    return UniqueInverse(wrap(values), wrap(inverse.reshape(data.shape)))


def unique_values(x: Array, /) -> Array:
    """Distinct values."""
    return wrap(np.unique(storage(x, "unique_values"), equal_nan=False))
