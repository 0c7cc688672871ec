"""Reading positions that lie in several sources (or epochs) together, in the order asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.data._blocks import Block, concat_blocks, take_rows
from lamella.data._protocols import IndexArray


def read_by_key(keys: IndexArray, positions: IndexArray, read: Callable[[IndexArray, int], Block]) -> Block:
    """`read(positions, key)` for each key, put together in the order of `keys`."""
    groups = _groups(keys)
    if len(groups) == 1:
        return read(positions, int(keys[0]) if len(keys) else 0)
    parts = [read(positions[rows], int(keys[rows[0]])) for rows in groups]
    back = np.empty(len(keys), np.int64)
    back[np.concatenate(groups)] = np.arange(len(keys))
    return take_rows(concat_blocks(parts), back)


def records_by_key(keys: IndexArray, positions: IndexArray, read: Callable[[IndexArray, int], list[Any]]) -> list[Any]:
    """The same for records."""
    found: list[Any] = [None] * len(keys)
    for rows in _groups(keys) if len(keys) else []:
        for row, record in zip(rows.tolist(), read(positions[rows], int(keys[rows[0]])), strict=True):
            found[row] = record
    return found


def _groups(keys: IndexArray) -> list[IndexArray]:
    """The rows of each key."""
    if not len(keys) or (keys == keys[0]).all():
        return [np.arange(len(keys))]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return np.split(order, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)
