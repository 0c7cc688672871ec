"""mix and interleave: records of several sources, in drawn order and given shares, or in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, SupportsIndex, final, overload

import numpy as np

from lamella.data._arguments import check_int, check_seed
from lamella.data._blocks import Block, concat_blocks, count_rows, cut_rows, take_rows
from lamella.data._permutation import mixed_key
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._pattern import Pattern, Stop, block_counts, mixed_totals, turn_totals
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._routing import read_by_key, records_by_key
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._protocols import Dataset, IndexArray

_CHUNK = 512  # positions of a mixed stream that are read together
_LONG_TURN = 64  # a turn of so many records is read by itself: whoever takes it reads no other source
_SKIPPED = 1 << 16  # positions that are passed over together


class _Mix(Node):
    op = "mix"
    seed: int | None = None
    block: int | None = None

    def __init__(
        self,
        sources: Sequence[Any],
        weights: Sequence[float] | None = None,
        *,
        seed: SupportsIndex = 0,
        stop: Stop = "first",
    ) -> None:
        self._set_sources(sources, stop)
        self.seed = check_seed(self.op, seed)
        self.counts = block_counts(self.op, weights, len(self.sources))
        self._prepare()

    @classmethod
    def in_turn(cls, sources: Sequence[Any], *, block: SupportsIndex = 1, stop: Stop = "first") -> Self:
        """`block` records of each source in turn."""
        made = cls.__new__(cls)
        made.op = "interleave"
        made._set_sources(sources, stop)
        made.block = check_int("interleave", "block", block, 1)
        made.counts = [made.block] * len(made.sources)
        made._prepare()
        return made

    def _set_sources(self, sources: Sequence[Any], stop: Stop) -> None:
        if isinstance(sources, (RandomAccess, Stream)) or not isinstance(sources, (list, tuple)) or not sources:
            raise TypeError(f"{self.op}: expected a list of one or more datasets or streams, got {sources!r}")
        if stop not in ("first", "all"):
            raise ValueError(f"{self.op}: stop must be 'first' or 'all' (of the sources at their end), got {stop!r}")
        self.sources = tuple(self.check_source(source) for source in sources)
        self.stop: Stop = stop

    def _prepare(self) -> None:
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        if self.block is not None:
            return {"block": self.block, "stop": self.stop}
        return {"counts": self.counts, "seed": self.seed, "stop": self.stop}

    @property
    def varies(self) -> bool:
        return self.seed is not None or self.stop == "all" or super().varies


@final
class RandomMix(_Mix, RandomNode):
    """Datasets with positions, mixed by formula."""

    def _prepare(self) -> None:
        lengths = [len(source) for source in self.sources]
        if self.stop == "all" and min(lengths) == 0:
            raise ValueError(f"{self.op}: stop='all' repeats the shorter datasets, and one has no records: {lengths}")
        if self.block is None:
            totals = mixed_totals(self.counts, lengths, self.stop)
        else:
            totals = turn_totals(self.block, lengths, self.stop)
        self.pattern = Pattern(self.counts, self.seed, totals)
        self._length = sum(totals)
        self._lengths = np.maximum(np.array(lengths, np.int64), 1)
        # How often a dataset is gone through in an epoch: each time is another epoch of its own.
        self._rounds = [-(-total // max(length, 1)) for total, length in zip(totals, lengths, strict=True)]

    def __len__(self) -> int:
        return self._length

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return read_by_key(*self._behind(indices, epoch), self._of_source(epoch, "read"))

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        return records_by_key(*self._behind(indices, epoch), self._of_source(epoch, "records"))

    def _behind(self, indices: IndexArray, epoch: int) -> tuple[IndexArray, IndexArray]:
        """For each record its key, a source and how often that was gone through before, and its position there."""
        sources, places = self.pattern.locate(indices, epoch)
        lengths = self._lengths[sources]
        return places // lengths * len(self.sources) + sources, places % lengths

    def _of_source(self, epoch: int, how: Literal["read", "records"]) -> Callable[[IndexArray, int], Any]:
        def read(part: IndexArray, key: int) -> Any:
            number, source = divmod(key, len(self.sources))
            return getattr(self.sources[source], how)(part, epoch * self._rounds[source] + number)

        return read


@final
class StreamMix(_Mix, StreamNode):
    """Streams, mixed as they come. The shares and orders are those of datasets with positions."""

    def _prepare(self) -> None:
        self.pattern = Pattern(self.counts, self.seed)

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        return _Mixed(self, epoch, state)


class _Mixed(StreamIterator):
    """Reads a chunk of positions at a time. A stream that ends is found out when a record of it is due: then the
    mixture ends, or (stop="all") the stream starts again, until every one has ended once.
    """

    def __init__(self, node: StreamMix, epoch: int, state: State | None) -> None:
        self._node, self._epoch = node, epoch
        names = ("position", "rounds", "done", "sources")
        kinds = len(node.sources)
        fresh: list[Any] = [0, [0] * kinds, False, [None] * kinds]
        position, rounds, done, inner = fresh if state is None else read_state(node.op, state, *names)
        self._position: int = position
        self._rounds: list[int] = list(rounds)
        self._done: bool = done
        self._cursors = [self._open(source, inner[source]) for source in range(kinds)]

    def _open(self, source: int, inner: State | None) -> Cursor:
        number = self._rounds[source]
        epoch = self._epoch if number == 0 else mixed_key((self._epoch, number)) >> 1
        stream: Stream = self._node.sources[source]
        return stream.cursor(epoch, inner)

    def state(self) -> State:
        sources = [cursor.state() for cursor in self._cursors]
        return {"position": self._position, "rounds": list(self._rounds), "done": self._done, "sources": sources}

    def __next__(self) -> Block:
        if self._done:
            raise StopIteration
        chunk, turn = _CHUNK, self._node.block
        if turn is not None and turn >= _LONG_TURN:
            chunk = min(chunk, turn - self._position % turn)
        sources = self._sources(chunk)
        parts: list[Block | None] = []
        ends = []
        for source in range(len(self._cursors)):
            due = np.flatnonzero(sources == source)
            part, end = self._read(source, due)
            parts.append(part)
            ends.append(end)
        found = [end for end in ends if end is not None]
        stop = chunk
        if found and self._node.stop == "first":
            stop, self._done = min(found), True
        elif found and all(self._rounds):
            stop, self._done = max(found), True
        self._position += stop
        if stop == 0:
            raise StopIteration
        return _join(parts, sources[:stop])

    def skip(self, rows: int) -> int:
        if self._done or self._node.stop == "all":  # which may have to start a stream again
            return 0
        rows = min(rows, _SKIPPED)
        sources = self._sources(rows)
        for source, cursor in enumerate(self._cursors):
            due = np.flatnonzero(sources == source)
            passed = cursor.skip(len(due))
            if passed < len(due):
                rows, self._done = min(rows, int(due[passed])), True
        self._position += rows
        return rows

    def _sources(self, count: int) -> IndexArray:
        """Which source each of the next `count` records comes from."""
        positions = np.arange(self._position, self._position + count, dtype=np.int64)
        return self._node.pattern.locate(positions, self._epoch).sources

    def _read(self, source: int, due: IndexArray) -> tuple[Block | None, int | None]:
        """Records for the places `due`, and the place at which the source was first found to have ended."""
        part = self._cursors[source].take(len(due))
        given = 0 if part is None else count_rows(part)
        if given == len(due):
            return part, None
        end = int(due[given])
        if self._node.stop == "first":
            return part, end
        first = self._rounds[source] == 0
        parts = [part]
        while given < len(due):
            self._rounds[source] += 1
            self._cursors[source] = self._open(source, None)
            part = self._cursors[source].take(len(due) - given)
            if part is None:
                raise ValueError(f"{self._node.op}: stop='all' repeats shorter streams, and this one has no records: "
                                 f"{self._node.sources[source]!r}")  # fmt: skip
            given += count_rows(part)
            parts.append(part)
        return concat_blocks([part for part in parts if part is not None]), end if first else None


def _join(parts: Sequence[Block | None], sources: IndexArray) -> Block:
    order = np.argsort(sources, kind="stable")
    counts = np.bincount(sources, minlength=len(parts)).tolist()
    taken = [cut_rows(part, 0, count) for part, count in zip(parts, counts, strict=True) if part is not None and count]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return take_rows(concat_blocks(taken), back)


@overload
def mix(
    datasets: Sequence[Stream],
    weights: Sequence[float] | None = None,
    *,
    seed: SupportsIndex = 0,
    stop: Stop = "first",
) -> Stream: ...
@overload
def mix(
    datasets: Sequence[Dataset],
    weights: Sequence[float] | None = None,
    *,
    seed: SupportsIndex = 0,
    stop: Stop = "first",
) -> RandomAccess: ...
def mix(
    datasets: Sequence[Any],
    weights: Sequence[float] | None = None,
    *,
    seed: SupportsIndex = 0,
    stop: Stop = "first",
) -> RandomAccess | Stream:
    """Records of several datasets (or streams) in shares of `weights`, in an order that (seed, epoch) determines.

    Each one's records keep their order. stop="first" ends when the first is at its end, "all" when every one has been:
    shorter ones are then repeated, each time as another epoch.
    """
    if isinstance(datasets, (list, tuple)) and any(isinstance(source, Stream) for source in datasets):
        return StreamMix(datasets, weights, seed=seed, stop=stop)
    return RandomMix(datasets, weights, seed=seed, stop=stop)


@overload
def interleave(datasets: Sequence[Stream], *, block: SupportsIndex = 1, stop: Stop = "first") -> Stream: ...
@overload
def interleave(datasets: Sequence[Dataset], *, block: SupportsIndex = 1, stop: Stop = "first") -> RandomAccess: ...
def interleave(datasets: Sequence[Any], *, block: SupportsIndex = 1, stop: Stop = "first") -> RandomAccess | Stream:
    """`block` records of each dataset (or stream) in turn. `stop` as in mix."""
    if isinstance(datasets, (list, tuple)) and any(isinstance(source, Stream) for source in datasets):
        return StreamMix.in_turn(datasets, block=block, stop=stop)
    return RandomMix.in_turn(datasets, block=block, stop=stop)
