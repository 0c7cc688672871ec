"""Batches from many small groups that are views of memory which stays: a table, or a memory map.

Taking rows group by group costs a microsecond for each group and column, and a random batch touches as many groups as
it has rows. Here a column of all groups is one array over all the memory that holds them (much of which is no part of
the column, and never looked at); where each group begins is kept as a number, and a batch is one gather.

Only columns that lie in memory that is known to stay are read so: `held(group)` names it. Others (unpacked booleans,
filled nulls, decoded text) are left to the groups.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamella.data._columns import Column
from lamella.data._protocols import Array, IndexArray
from lamella.data._ragged import Kind, Ragged, ragged_of

Columns: TypeAlias = Mapping[str, Column]
Memory: TypeAlias = Sequence[tuple[int, int]]  # first address and the one behind the last


class MappedRows:
    """Gathers rows of `count` groups; the first use of a group looks where it lies, by `get(group)`."""

    def __init__(self, count: int, get: Callable[[int, bool], Columns], held: Callable[[int], Memory]) -> None:
        self._count = count
        self._get = get
        self._held = held
        self._known = np.zeros(count, np.bool_)
        self._columns: dict[str, _Rows | _RaggedRows | None] = {}
        self._lock = threading.Lock()

    def gather(self, owners: IndexArray, rows: IndexArray) -> dict[str, Any]:
        """Rows `rows` of groups `owners`, which must be there; None for columns that have to be read by group."""
        fresh = owners[~self._known[owners]]
        if fresh.size:
            for group in np.unique(fresh).tolist():
                self._learn(group)
        return {name: None if column is None else column.gather(owners, rows) for name, column in self._columns.items()}

    def _learn(self, group: int) -> None:
        columns, held = self._get(group, False), self._held(group)
        with self._lock:
            for name, column in columns.items():
                place = self._columns.get(name) if name in self._columns else self._begin(column)
                fits = place is not None and place.add(group, column, held)
                self._columns[name] = place if fits else None
            self._known[group] = True

    def _begin(self, column: Column) -> _Rows | _RaggedRows:
        if isinstance(column, Ragged):
            return _RaggedRows(self._count, column)
        return _Rows(self._count, column.dtype, column.shape[1:])


class _Rows:
    """A column of rows of one shape."""

    def __init__(self, count: int, dtype: np.dtype[Any], inner: tuple[int, ...]) -> None:
        self._dtype, self._inner = dtype, inner
        self._size = int(np.prod(inner, dtype=np.int64))
        self._begins: IndexArray = np.zeros(count, np.int64)
        self._low = self._high = 0
        self._all: Array | None = None

    def add(self, group: int, column: Any, held: Memory) -> bool:
        """Note where a group lies; False if it cannot be read so."""
        begin = column.ctypes.data
        end = begin + column.nbytes
        alike = column.dtype == self._dtype and column.shape[1:] == self._inner and column.flags.c_contiguous
        if not alike or begin % self._dtype.itemsize or not self._size:
            return False
        if column.nbytes and not any(low <= begin and end <= high for low, high in held):
            return False
        self._begins[group] = begin
        if column.nbytes:
            low = min(self._low or begin, begin)
            high = max(self._high, end)
            if (low, high) != (self._low, self._high):
                self._low, self._high, self._all = low, high, None
        return True

    def gather(self, owners: IndexArray, rows: IndexArray) -> Array:
        """Rows of groups in fresh memory."""
        return self.at(owners, rows).reshape(len(rows), *self._inner)

    def at(self, owners: IndexArray, rows: IndexArray) -> Array:
        """Rows of groups, flat, by one gather."""
        low, memory = self._low, self.memory()
        index = (self._begins[owners] - low) // self._dtype.itemsize + rows * self._size
        if self._size == 1:
            return memory.take(index)
        width, step = self._size, self._dtype.itemsize
        windows = np.lib.stride_tricks.as_strided(memory, (len(memory) - width + 1, width), (step, step))
        found: Array = windows[index]
        return found

    def memory(self) -> Array:
        """All memory from the first row to the last one of all known groups."""
        if self._all is None:
            self._all = _over(self._low, (self._high - self._low) // self._dtype.itemsize, self._dtype)
        return self._all

    def starts(self, owners: IndexArray) -> IndexArray:
        """Where groups begin in `memory`."""
        return (self._begins[owners] - self._low) // self._dtype.itemsize


class _RaggedRows:
    """A column of rows of different lengths: where its offsets lie, and where its values do."""

    def __init__(self, count: int, column: Ragged) -> None:
        self._kind: Kind = column.kind
        self._offsets = _Rows(count, column.offsets.dtype, ())
        self._values = _Rows(count, column.dtype, column.values.shape[1:])
        self._plain = column.values.ndim == 1

    def add(self, group: int, column: Any, held: Memory) -> bool:
        """Note where a group lies; False if it cannot be read so."""
        return (
            self._plain
            and self._offsets.add(group, column.offsets, held)
            and self._values.add(group, column.values, held)
        )

    def gather(self, owners: IndexArray, rows: IndexArray) -> Ragged:
        """Rows of groups in fresh memory."""
        begins = self._offsets.at(owners, rows).astype(np.int64)
        lengths = self._offsets.at(owners, rows + 1) - begins
        return ragged_of(self._values.memory(), self._values.starts(owners) + begins, lengths, self._kind)


def _over(address: int, length: int, dtype: np.dtype[Any]) -> Array:
    """An array over memory that its user keeps alive."""

    memory = _Memory()
    memory.__array_interface__ = {"data": (address, True), "shape": (length,), "typestr": dtype.str, "version": 3}
    return np.asarray(memory) if length else np.empty(0, dtype)


class _Memory:
    """What numpy asks where an array lies."""

    __array_interface__: dict[str, Any]
