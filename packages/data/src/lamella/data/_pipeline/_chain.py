"""One stream after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from lamella.data._blocks import Block
from lamella.data._pipeline._node import StreamNode
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator


@final
class ChainDataset(StreamNode):
    """The records of several streams, one stream after another."""

    op = "chain"

    def __init__(self, datasets: Iterable[Stream]) -> None:
        self.sources = tuple(self.check_source(source) for source in datasets)
        if not self.sources:
            raise ValueError("ChainDataset: no streams given")
        self.datasets: tuple[Any, ...] = self.sources

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, number = (None, 0) if state is None else read_state(self.op, state, "source", "number")
        return _Chained(self.sources, epoch, inner, number)


class _Chained(StreamIterator):
    def __init__(self, sources: tuple[Stream, ...], epoch: int, inner: State | None, number: int) -> None:
        self._sources, self._epoch, self._number = sources, epoch, number
        self._iterator = sources[number].open(epoch, inner)

    def __next__(self) -> Block:
        while True:
            block = next(self._iterator, None)
            if block is not None:
                return block
            if self._number == len(self._sources) - 1:
                raise StopIteration
            self._number += 1
            self._iterator = self._sources[self._number].open(self._epoch)

    def state(self) -> State:
        return {"source": self._iterator.state(), "number": self._number}

    def skip(self, rows: int) -> int:
        return self._iterator.skip(rows)
