"""A shuffle that reads each group of rows once an epoch: groups in a drawn order, the rows of every few groups mixed.

A global shuffle touches nearly every group for every batch, so a table that does not fit in memory is decoded again and
again. Here the groups are permuted, cut into windows of `window` groups, and the rows of each window permuted: any
order position is computed alone from (seed, epoch), like in a global shuffle, but two rows end up near each other only
if their groups do. With a window of all groups it is a global shuffle.
"""

from __future__ import annotations

from typing import NamedTuple, SupportsIndex

import numpy as np

from lamella.data._arguments import check_int, check_seed
from lamella.data._permutation import KeyedPermutation
from lamella.data._protocols import IndexArray


class Window(NamedTuple):
    """A window of an epoch's order: its groups as drawn, the order position at which it starts, and its rows."""

    number: int
    groups: IndexArray
    start: int
    rows: int


class EpochOrder:
    """The order of one epoch over groups of `rows` rows each."""

    def __init__(self, rows: IndexArray, seed: int, epoch: int, window: int) -> None:
        self._rows = rows
        self._starts = np.cumsum(rows) - rows
        self._key = (seed, epoch)
        self._window = window
        self._groups = KeyedPermutation(len(rows), self._key)[np.arange(len(rows), dtype=np.int64)]
        # Where each window begins in the order, and the end.
        ends = np.cumsum(rows[self._groups])[window - 1 :: window].tolist()
        total = int(rows.sum())
        self._bounds = np.array([0, *ends, *([total] if len(rows) % window else [])], np.int64)

    @property
    def windows(self) -> int:
        """How many there are."""
        return len(self._bounds) - 1

    def window_at(self, position: int) -> int:
        """The window that holds an order position."""
        return int(np.searchsorted(self._bounds, position, side="right")) - 1

    def window(self, number: int) -> Window:
        """Window `number`."""
        start, stop = self._bounds[number : number + 2].tolist()
        return Window(number, self._groups[number * self._window : (number + 1) * self._window], start, stop - start)

    def rows_of(self, window: Window, places: IndexArray) -> IndexArray:
        """Rows of the window's groups, joined as drawn, at `places` of its order."""
        return KeyedPermutation(window.rows, (*self._key, window.number))[places]

    def records(self, start: int, stop: int) -> IndexArray:
        """The records at order positions [start, stop)."""
        parts = [np.empty(0, np.int64)]
        while start < stop:
            window = self.window(self.window_at(start))
            end = min(stop, window.start + window.rows)
            rows = self.rows_of(window, np.arange(start - window.start, end - window.start, dtype=np.int64))
            joined = np.cumsum(self._rows[window.groups])
            owners = np.searchsorted(joined, rows, side="right")
            within = rows - (joined - self._rows[window.groups])[owners]
            parts.append(self._starts[window.groups[owners]] + within)
            start = end
        return np.concatenate(parts)


class GroupShuffle:
    """The orders of all epochs over groups of `rows` rows each, `window` groups at a time."""

    def __init__(self, owner: str, rows: IndexArray, seed: SupportsIndex, window: SupportsIndex) -> None:
        self._rows = rows
        self.seed = check_seed(owner, seed)
        self.window = check_int(owner, "window", window, 1)
        self._last: tuple[int, EpochOrder] | None = None

    def epoch(self, epoch: int) -> EpochOrder:
        """The order of an epoch; the last one asked for is kept."""
        last = self._last
        if last is None or last[0] != epoch:
            last = self._last = (epoch, EpochOrder(self._rows, self.seed, epoch, self.window))
        return last[1]

    def __repr__(self) -> str:
        return f"groups, seed={self.seed}, window={self.window}"
