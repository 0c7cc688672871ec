"""repeat: a source several times over, each time as another epoch of it.

Epoch e of the result holds the source's epochs e * times, e * times + 1, ...; without end there is one epoch only, and
it starts at the source's epoch e.
"""

from __future__ import annotations

from typing import Any, SupportsIndex, final

from lamella.data._arguments import check_int
from lamella.data._blocks import Block
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._routing import read_by_key, records_by_key
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._protocols import IndexArray


class _Repeat(Node):
    op = "repeat"
    times: int | None

    def parameters(self) -> dict[str, Any]:
        return {"times": self.times}


@final
class RandomRepeat(_Repeat, RandomNode):
    """repeat of a dataset with positions."""

    def __init__(self, source: Any, times: SupportsIndex) -> None:
        self.sources = (self.check_source(source),)
        if times is None:
            raise TypeError("repeat: a dataset with positions has a length; without end use .stream().repeat()")
        self.times: int = check_int(self.op, "times", times, 0)

    def __len__(self) -> int:
        return len(self.sources[0]) * self.times

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return read_by_key(*self._behind(indices, epoch), self.sources[0].read)

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        return records_by_key(*self._behind(indices, epoch), self.sources[0].records)

    def _behind(self, indices: IndexArray, epoch: int) -> tuple[IndexArray, IndexArray]:
        """The source's epochs and positions."""
        length = max(len(self.sources[0]), 1)
        return indices // length + epoch * self.times, indices % length


@final
class StreamRepeat(_Repeat, StreamNode):
    """repeat of a stream."""

    def __init__(self, source: Any, times: SupportsIndex | None = None) -> None:
        self.sources = (self.check_source(source),)
        self.times = None if times is None else check_int(self.op, "times", times, 0)

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, done = (None, 0) if state is None else read_state(self.op, state, "source", "round")
        return _Rounds(self.sources[0], self.times, epoch, inner, done)


class _Rounds(StreamIterator):
    def __init__(self, source: Stream, times: int | None, epoch: int, inner: State | None, done: int) -> None:
        self._source, self._times, self._round = source, times, done
        self._first = epoch if times is None else epoch * times
        self._iterator = source.open(self._first + done, inner)
        # Whether this round has given anything: a source without records must not be opened for ever.
        self._given = inner is not None

    def __next__(self) -> Block:
        while self._times is None or self._round < self._times:
            block = next(self._iterator, None)
            if block is not None:
                self._given = True
                return block
            if not self._given and self._times is None:
                break
            self._round += 1
            self._given = False
            self._iterator = self._source.open(self._first + self._round)
        raise StopIteration

    def state(self) -> State:
        return {"source": self._iterator.state(), "round": self._round}

    def skip(self, rows: int) -> int:
        if self._times is not None and self._round >= self._times:
            return 0
        passed = self._iterator.skip(rows)
        self._given = self._given or passed > 0
        return passed
