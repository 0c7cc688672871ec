"""A dataset with positions, read forwards."""

from __future__ import annotations

from typing import SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int
from lamella.data._blocks import Block
from lamella.data._pipeline._node import StreamNode, as_random_access
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator


@final
class RandomStream(StreamNode):
    """The records of a dataset in order; its state is a position, and skipping costs nothing."""

    op = "stream"

    def __init__(self, source: object, block_rows: SupportsIndex = 1024) -> None:
        self.sources = (as_random_access(self.op, source),)
        self.block_rows = check_int(self.op, "block_rows", block_rows, 1)

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        (position,) = (0,) if state is None else read_state(self.op, state, "position")
        return _Positions(self.sources[0], self.block_rows, epoch, position)


class _Positions(StreamIterator):
    def __init__(self, source: RandomAccess, block_rows: int, epoch: int, position: int) -> None:
        self._read = source.read
        self._length = len(source)
        self._block_rows = block_rows
        self._epoch = epoch
        self._position = check_int("stream", "position", position, 0, self._length)

    def __next__(self) -> Block:
        stop = min(self._position + self._block_rows, self._length)
        if stop == self._position:
            raise StopIteration
        try:
            block = self._read(np.arange(self._position, stop, dtype=np.int64), self._epoch)
        except StopIteration as error:
            # Passed on, it would end the stream in silence.
            raise RuntimeError(f"stream: records {self._position} to {stop - 1} raised StopIteration") from error
        self._position = stop
        return block

    def state(self) -> State:
        return {"position": self._position}

    def skip(self, rows: int) -> int:
        passed = min(rows, self._length - self._position)
        self._position += passed
        return passed
