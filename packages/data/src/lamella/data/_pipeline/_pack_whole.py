"""pack without cutting: whole sequences laid into rows by first fit, a window of sequences at a time.

Each sequence goes into the first row of its window that still has room for it, in the order of the source, and a row is
filled up with padding. Windows end together, so the rows of one are a function of its sequences alone.
"""

from __future__ import annotations

from typing import final

import numpy as np

from lamella.data._blocks import Block
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._node import StreamNode
from lamella.data._pipeline._pack import Documents, PackBase, RandomPackBase
from lamella.data._pipeline._packing import Packing, fill_rows
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray
from lamella.data._ragged import Ragged, offsets_of


def first_fit(packing: Packing, lengths: IndexArray, first: int) -> list[list[int]]:
    """Which sequences of a window go into which row; `first` is the number of the first, for errors."""
    sizes = lengths + (packing.separator is not None)
    if packing.long == "error" and len(sizes) and sizes.max() > packing.length:
        number = int(sizes.argmax())
        raise ValueError(
            f"pack: record {first + number} has {lengths[number]} tokens, which do not fit rows of {packing.length}; "
            "give a larger length, or long='cut' or 'drop'"
        )
    bins: list[list[int]] = []
    room = np.zeros(len(sizes), np.int64)
    for sequence, size in enumerate(np.minimum(sizes, packing.length).tolist()):
        if packing.long == "drop" and int(sizes[sequence]) > packing.length:
            continue
        fitting = room[: len(bins)] >= size
        row = int(fitting.argmax()) if len(bins) else 0
        if not len(bins) or not fitting[row]:
            row = len(bins)
            bins.append([])
            room[row] = packing.length
        bins[row].append(sequence)
        room[row] -= size
    return bins


@final
class RandomPackWhole(RandomPackBase):
    """Rows of whole sequences of a dataset with positions; which go where is found once, from their lengths."""

    def prepare(self, documents: Documents) -> tuple[Documents, Ragged]:
        members: list[IndexArray] = []
        for start in range(0, len(documents.lengths), self.packing.window):
            rows = first_fit(self.packing, documents.lengths[start : start + self.packing.window], start)
            members += [np.array(row, np.int64) + start for row in rows]
        joined = np.concatenate([np.empty(0, np.int64), *members])
        return documents, Ragged(joined, offsets_of([len(row) for row in members]))

    def __len__(self) -> int:
        return len(self.found[1])

    def read(self, indices: IndexArray, epoch: int) -> Block:
        (name, _, tokens), rows = self.found
        chosen = rows.take(indices)
        if tokens is not None:
            return fill_rows(self.packing, name, tokens, list(chosen), None)
        needed = np.unique(chosen.values)
        _, read = self.packing.tokens_of(self.sources[0].read(needed, epoch))
        return fill_rows(self.packing, name, read, [np.searchsorted(needed, row) for row in chosen], needed)


@final
class StreamPackWhole(PackBase, StreamNode):
    """Rows of whole sequences of a stream."""

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, number = (None, 0) if state is None else read_state(self.op, state, "source", "document")
        return _Windows(self.packing, self.sources[0].cursor(epoch, inner), number)


class _Windows(StreamIterator):
    def __init__(self, packing: Packing, cursor: Cursor, number: int) -> None:
        self._packing, self._cursor, self._number = packing, cursor, number

    def __next__(self) -> Block:
        while True:
            block = self._cursor.take(self._packing.window)
            if block is None:
                raise StopIteration
            name, tokens = self._packing.tokens_of(block)
            rows = [np.array(row, np.int64) for row in first_fit(self._packing, tokens.lengths, self._number)]
            numbers = np.arange(self._number, self._number + len(tokens))
            self._number += len(tokens)
            if rows:
                return fill_rows(self._packing, name, tokens, rows, numbers)

    def state(self) -> State:
        return {"source": self._cursor.state(), "document": self._number}
