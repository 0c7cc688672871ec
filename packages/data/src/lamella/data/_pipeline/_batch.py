"""batch: records joined a fixed number at a time; each batch is one record of the result, kept whole."""

from __future__ import annotations

from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_flag, check_int
from lamella.data._blocks import Block, count_rows, objects
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._state import State
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray


class _Batch(Node):
    op = "batch"

    def __init__(self, source: Any, batch_size: SupportsIndex, *, drop_last: bool = False) -> None:
        self.sources = (self.check_source(source),)
        self.batch_size = check_int(self.op, "batch_size", batch_size, 1)
        self.drop_last = check_flag(self.op, "drop_last", drop_last)

    def parameters(self) -> dict[str, Any]:
        return {"batch_size": self.batch_size, "drop_last": self.drop_last}

    @property
    def batches(self) -> bool:
        return True


@final
class RandomBatch(_Batch, RandomNode):
    """batch over a dataset with positions."""

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sources[0]), self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def read(self, indices: IndexArray, epoch: int) -> Block:
        read, records = self.sources[0].read, len(self.sources[0])
        size = self.batch_size
        spans = [(start, min(start + size, records)) for start in (indices * size).tolist()]
        return objects([read(np.arange(*span, dtype=np.int64), epoch) for span in spans])


@final
class StreamBatch(_Batch, StreamNode):
    """batch over a stream."""

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        return _Batches(self, self.sources[0].cursor(epoch, state))


class _Batches(StreamIterator):
    def __init__(self, node: StreamBatch, cursor: Cursor) -> None:
        self._node, self._cursor = node, cursor

    def __next__(self) -> Block:
        batch = self._cursor.take(self._node.batch_size)
        if batch is None or (self._node.drop_last and count_rows(batch) < self._node.batch_size):
            raise StopIteration
        return objects([batch])

    def state(self) -> State:
        return self._cursor.state()

    def skip(self, rows: int) -> int:
        size = self._node.batch_size
        whole, rest = divmod(self._cursor.skip(rows * size), size)
        return whole if self._node.drop_last or rest == 0 else whole + 1
