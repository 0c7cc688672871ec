"""Rows by position of a table that is read in groups: which group a row is in, and batches put together from groups."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lamella.data._blocks import concat_blocks, cut_rows
from lamella.data._columns import check_indices, gather
from lamella.data._protocols import IndexArray
from lamella.data._ragged import Ragged, concat_ragged
from lamella.data._sources._mapped_rows import Columns, MappedRows, Memory


class GroupedRows:
    """Positions over groups of `rows` rows each, whose columns `get(group, in_order)` gives.

    `in_order` says that the rows asked for follow each other; `held` is for groups that are views: see MappedRows.
    """

    def __init__(
        self,
        owner: str,
        rows: Iterable[int],
        get: Callable[[int, bool], Columns],
        held: Callable[[int], Memory] | None = None,
    ) -> None:
        self.owner = owner
        self.rows = np.fromiter(rows, np.int64)
        self.starts: IndexArray = np.concatenate([[0], np.cumsum(self.rows)]).astype(np.int64)
        self._bounds: list[int] = self.starts.tolist()
        self._get = get
        self._mapped = None if held is None else MappedRows(len(self.rows), get, held)

    def __len__(self) -> int:
        return self._bounds[-1]

    def record(self, position: int) -> dict[str, Any]:
        """One row."""
        group = self.group_of(position)
        row = position - self._bounds[group]
        return {name: column[row] for name, column in self._get(group, True).items()}

    def group_of(self, position: int) -> int:
        """The group that holds a row; of empty groups before it, none."""
        return bisect_right(self._bounds, position) - 1

    def gather(self, indices: IndexArray) -> dict[str, Any]:
        """Rows `indices` (at least one) in fresh memory; IndexError if one is out of range."""
        check_indices(self.owner, indices)
        first, last = int(indices[0]), int(indices[-1])
        if last - first == len(indices) - 1 and first >= 0 and last < len(self) and (indices[1:] > indices[:-1]).all():
            return self._span(first, last + 1)
        return self._gather_anywhere(indices)

    def _span(self, start: int, stop: int) -> dict[str, Any]:
        """Rows [start, stop)."""
        group = self.group_of(start)
        first = self._bounds[group]
        if stop <= self._bounds[group + 1]:
            begin, end = start - first, stop - first
            return {
                name: column[begin:end].copy() if isinstance(column, np.ndarray) else concat_ragged([column[begin:end]])
                for name, column in self._get(group, True).items()
            }
        parts = []
        while start < stop:
            end = min(stop, self._bounds[group + 1])
            if start < end:
                parts.append(cut_rows(self._get(group, True), start - self._bounds[group], end - self._bounds[group]))
            start, group = end, group + 1
        joined: dict[str, Any] = concat_blocks(parts)
        return joined

    def _gather_anywhere(self, indices: IndexArray) -> dict[str, Any]:
        if not (indices.min() >= 0 and indices.max() < len(self)):
            raise IndexError(
                f"{self.owner}: gather wants records in [0, {len(self)}), got [{indices.min()}, {indices.max()}]"
            )
        owners = np.searchsorted(self.starts, indices, side="right") - 1
        if owners[0] == owners[-1] and (owners == owners[0]).all():
            columns = self._get(int(owners[0]), False)
            return dict(
                zip(columns, gather(self.owner, columns.values(), indices - self.starts[owners[0]]), strict=True)
            )
        if self._mapped is None:
            return self._gather_by_group(indices, owners)
        batch = self._mapped.gather(owners, indices - self.starts[owners])
        if any(column is None for column in batch.values()):
            by_group = self._gather_by_group(
                indices, owners, [name for name, column in batch.items() if column is None]
            )
            batch |= by_group
        return batch

    def _gather_by_group(
        self, indices: IndexArray, owners: IndexArray, names: Sequence[str] | None = None
    ) -> dict[str, Any]:
        by_group = np.argsort(owners, kind="stable")
        places = np.empty_like(by_group)
        places[by_group] = np.arange(len(by_group))
        starts = [0, *(np.flatnonzero(np.diff(owners[by_group])) + 1).tolist(), len(by_group)]
        parts = []
        for first, last in pairwise(starts):
            group = int(owners[by_group[first]])
            parts.append((indices[by_group[first:last]] - self.starts[group], self._get(group, False)))
        return {
            name: _join([(rows, columns[name]) for rows, columns in parts], places) for name in names or parts[0][1]
        }


def _join(parts: Sequence[tuple[IndexArray, Any]], places: IndexArray) -> Any:
    """Rows of a column from (rows, the column of their group), joined and then put at `places` of the joined rows."""
    first = parts[0][1]
    if isinstance(first, Ragged):
        return concat_ragged([column.take(rows) for rows, column in parts]).take(places)
    joined = np.empty((len(places), *first.shape[1:]), first.dtype)
    start = 0
    for rows, column in parts:
        # The rows are known to be there; told so, numpy writes to `out` directly.
        column.take(rows, axis=0, out=joined[start : start + len(rows)], mode="clip")
        start += len(rows)
    return joined.take(places, axis=0)
