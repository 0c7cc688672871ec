"""bucket: batches of records of similar length, so that little padding is needed; within windows of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_flag, check_int, check_seed
from lamella.data._blocks import Block, as_ragged, count_rows, is_ragged, objects, records_of, take_rows
from lamella.data._permutation import KeyedPermutation
from lamella.data._pipeline._calls import UserFunction
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._node import StreamNode
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray


@final
class StreamBucket(StreamNode):
    """Windows sorted by length and cut into batches, whose order is drawn."""

    op = "bucket"

    def __init__(
        self,
        source: Any,
        batch_size: SupportsIndex | None = None,
        *,
        by: str | Callable[[Any], int] | None = None,
        max_values: SupportsIndex | None = None,
        window: SupportsIndex = 4096,
        drop_last: bool = False,
        seed: SupportsIndex = 0,
    ) -> None:
        self.sources = (self.check_source(source),)
        if self.sources[0].batches:
            raise ValueError("bucket: records are batches already after batch() or bucket()")
        if (batch_size is None) == (max_values is None):
            raise ValueError("bucket: give batch_size (records) or max_values (padded values per batch), one of them")
        self.batch_size = None if batch_size is None else check_int(self.op, "batch_size", batch_size, 1)
        self.max_values = None if max_values is None else check_int(self.op, "max_values", max_values, 1)
        self.window = check_int(self.op, "window", window, self.batch_size or 1)
        self.drop_last = check_flag(self.op, "drop_last", drop_last)
        if self.drop_last and self.batch_size is None:
            raise ValueError("bucket: drop_last is about batches shorter than batch_size; without one leave it out")
        self.seed = check_seed(self.op, seed)
        self.column = by if isinstance(by, str) or by is None else None
        self._length = None if isinstance(by, str) or by is None else UserFunction(self.op, by)
        self.functions = () if self._length is None else (self._length,)

    def parameters(self) -> dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "max_values": self.max_values,
            "column": self.column,
            "window": self.window,
            "drop_last": self.drop_last,
            "seed": self.seed,
        }

    @property
    def varies(self) -> bool:
        return True

    @property
    def batches(self) -> bool:
        return True

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, number = (None, 0) if state is None else read_state(self.op, state, "source", "window")
        return _Windows(self, self.sources[0].cursor(epoch, inner), epoch, number)

    def batches_of(self, block: Block, first: int, key: tuple[int, ...]) -> list[IndexArray]:
        """The rows of each batch of a window, whose first record has the number `first`."""
        lengths = self._lengths(block, first)
        # The order among equals is that of the source: the sort is stable.
        parts = self._cut(np.argsort(lengths, kind="stable"), lengths, first)
        order = KeyedPermutation(len(parts), key)[np.arange(len(parts))]
        return [parts[place] for place in order.tolist()]

    def _cut(self, order: IndexArray, lengths: IndexArray, first: int) -> list[IndexArray]:
        if self.batch_size is not None:
            parts = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
            return [part for part in parts if len(part) == self.batch_size] if self.drop_last else parts
        assert self.max_values is not None
        cuts = [0]
        for place, length in enumerate(lengths[order].tolist()):
            if length > self.max_values:
                raise ValueError(
                    f"bucket: record {first + int(order[place])} has {length} values, more than max_values="
                    f"{self.max_values} allows a batch"
                )
            if (place - cuts[-1] + 1) * length > self.max_values:  # sorted: this one is the batch's longest
                cuts.append(place)
        return np.split(order, cuts[1:])

    def _lengths(self, block: Block, first: int) -> IndexArray:
        if self._length is not None:
            numbers = range(first, first + count_rows(block))
            lengths = self._length.each(numbers, records_of(block))
            return np.array([check_int(self.op, "the length that by gives", length, 0) for length in lengths], np.int64)
        column = self._column(block)
        try:
            return as_ragged(column).lengths
        except TypeError as error:
            raise TypeError(f"bucket: by={self.column!r}: {error}; pass by=function of a record") from None

    def _column(self, block: Block) -> Any:
        if not isinstance(block, dict):
            if self.column is not None:
                raise TypeError(f"bucket: by={self.column!r} names a column, and records have no names")
            return block
        if self.column is not None:
            if self.column not in block:
                raise KeyError(f"bucket: unknown column {self.column!r}; known columns are {list(block)}")
            return block[self.column]
        ragged = [name for name, column in block.items() if is_ragged(column)]
        if len(ragged) != 1:
            raise ValueError(f"bucket: say whose length counts with by=...; columns are {list(block)}")
        return block[ragged[0]]


class _Windows(StreamIterator):
    def __init__(self, node: StreamBucket, cursor: Cursor, epoch: int, number: int) -> None:
        self._node, self._cursor, self._epoch, self._number = node, cursor, epoch, number

    def __next__(self) -> Block:
        while True:
            block = self._cursor.take(self._node.window)
            if block is None:
                raise StopIteration
            key = (self._node.seed, self._epoch, self._number)
            parts = self._node.batches_of(block, self._number * self._node.window, key)
            self._number += 1
            if parts:
                return objects([take_rows(block, rows) for rows in parts])

    def state(self) -> State:
        return {"source": self._cursor.state(), "window": self._number}
