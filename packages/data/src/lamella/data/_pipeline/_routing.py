"""Reading positions that lie in several sources (or epochs) as one block, in the order asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamella.data._blocks import Block, concat_blocks, take_rows
from lamella.data._protocols import IndexArray


def read_by_key(keys: IndexArray, positions: IndexArray, read: Callable[[IndexArray, int], Block]) -> Block:
    """`read(positions, key)` for each key, put together in the order of `keys`."""
    first = int(keys[0]) if len(keys) else 0
    if (keys == first).all():
        return read(positions, first)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    bounds = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    parts = [read(positions[rows], int(keys[rows[0]])) for rows in np.split(order, bounds)]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return take_rows(concat_blocks(parts), back)
