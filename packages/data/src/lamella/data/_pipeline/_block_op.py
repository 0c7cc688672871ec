"""Ops that turn a block into a block of as many rows: the same for datasets with positions and for streams."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from lamella.data._blocks import Block, count_rows
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray


class BlockOp(Node):
    """An op that is `apply`."""

    @abstractmethod
    def apply(self, block: Block, ids: IndexArray, epoch: int) -> Block:
        """The result for a block that holds the source's records `ids`."""


class RandomBlockOp(BlockOp, RandomNode):
    """A block op over a dataset with positions."""

    def __len__(self) -> int:
        return len(self.sources[0])

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return self.apply(self.sources[0].read(indices, epoch), indices, epoch)


class StreamBlockOp(BlockOp, StreamNode):
    """A block op over a stream; records are numbered from the start of the stream."""

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, position = (None, 0) if state is None else read_state(self.op, state, "source", "position")
        return _Applied(self, self.sources[0].open(epoch, inner), epoch, position)


class _Applied(StreamIterator):
    def __init__(self, node: StreamBlockOp, source: StreamIterator, epoch: int, position: int) -> None:
        self._node, self._source, self._epoch, self._position = node, source, epoch, position

    def __next__(self) -> Block:
        block = next(self._source)
        start, self._position = self._position, self._position + count_rows(block)
        return self._node.apply(block, np.arange(start, self._position, dtype=np.int64), self._epoch)

    def state(self) -> State:
        return {"source": self._source.state(), "position": self._position}

    def skip(self, rows: int) -> int:
        passed = self._source.skip(rows)
        self._position += passed
        return passed
