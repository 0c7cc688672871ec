"""take, skip, shard and slices: some of the records, in their order."""

from __future__ import annotations

from typing import Any, SupportsIndex, final

from lamella.data._arguments import check_int
from lamella.data._blocks import Block, count_rows, cut_rows, map_columns
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._node import RandomNode, StreamNode
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray


@final
class RandomSlice(RandomNode):
    """Every `step`-th record of a dataset with positions: take, skip, shard and `dataset[a:b:c]`."""

    def __init__(self, source: Any, op: str, given: dict[str, Any], places: range) -> None:
        self.op = op
        self.sources = (self.check_source(source),)
        self.places = places
        self._given = given

    def parameters(self) -> dict[str, Any]:
        return self._given

    def __len__(self) -> int:
        return len(self.places)

    def _record(self, position: int) -> Any:
        return self.sources[0][self.places[position]]

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return self.sources[0].read(self._behind(indices), epoch)

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        found: list[Any] = self.sources[0].records(self._behind(indices), epoch)
        return found

    def _behind(self, indices: IndexArray) -> IndexArray:
        return indices * self.places.step + self.places.start


def sliced(source: RandomAccess, index: slice) -> RandomSlice:
    """`source[index]`."""
    given = {"start": index.start, "stop": index.stop, "step": index.step}
    return RandomSlice(source, "slice", given, range(len(source))[index])


def first(source: RandomAccess, count: SupportsIndex) -> RandomSlice:
    """The first `count` records."""
    number = check_int("take", "count", count, 0)
    return RandomSlice(source, "take", {"count": number}, range(len(source))[:number])


def all_but_first(source: RandomAccess, count: SupportsIndex) -> RandomSlice:
    """What `first` leaves."""
    number = check_int("skip", "count", count, 0)
    return RandomSlice(source, "skip", {"count": number}, range(len(source))[number:])


def every(source: RandomAccess, rank: SupportsIndex, world: SupportsIndex) -> RandomSlice:
    """Every `world`-th record from `rank` on."""
    part, parts = check_shard(rank, world)
    return RandomSlice(source, "shard", {"rank": part, "world": parts}, range(len(source))[part::parts])


@final
class StreamTake(StreamNode):
    """The first records of a stream."""

    op = "take"

    def __init__(self, source: Any, count: SupportsIndex) -> None:
        self.sources = (self.check_source(source),)
        self.count = check_int(self.op, "count", count, 0)

    def parameters(self) -> dict[str, Any]:
        return {"count": self.count}

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, position = (None, 0) if state is None else read_state(self.op, state, "source", "position")
        return _Taken(self.sources[0].open(epoch, inner), self.count, position)


class _Taken(StreamIterator):
    def __init__(self, source: StreamIterator, count: int, position: int) -> None:
        self._source, self._count, self._position = source, count, position

    def __next__(self) -> Block:
        if self._position >= self._count:
            raise StopIteration
        block = next(self._source)
        start, self._position = self._position, self._position + count_rows(block)
        return block if self._position <= self._count else cut_rows(block, 0, self._count - start)

    def state(self) -> State:
        return {"source": self._source.state(), "position": self._position}

    def skip(self, rows: int) -> int:
        passed = self._source.skip(min(rows, max(self._count - self._position, 0)))
        self._position += passed
        return passed


@final
class StreamSkip(StreamNode):
    """A stream without its first records."""

    op = "skip"

    def __init__(self, source: Any, count: SupportsIndex) -> None:
        self.sources = (self.check_source(source),)
        self.count = check_int(self.op, "count", count, 0)

    def parameters(self) -> dict[str, Any]:
        return {"count": self.count}

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        cursor = self.sources[0].cursor(epoch, state)
        if state is None:
            cursor.skip(self.count)
        return _Rest(cursor)


class _Rest(StreamIterator):
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def __next__(self) -> Block:
        block = self._cursor.rest()
        if block is None:
            raise StopIteration
        return block

    def state(self) -> State:
        return self._cursor.state()

    def skip(self, rows: int) -> int:
        return self._cursor.skip(rows)


@final
class StreamShard(StreamNode):
    """Every `world`-th record of a stream; what lies between is passed over unread where the stream can."""

    op = "shard"

    def __init__(self, source: Any, rank: SupportsIndex, world: SupportsIndex) -> None:
        self.sources = (self.check_source(source),)
        self.rank, self.world = check_shard(rank, world)
        if self.world > 1 and not self.repeatable:
            raise ValueError(
                f"{self.op}: every rank would get another order of {self.sources[0]!r}, and records be lost and "
                "repeated; give each rank a part of its own"
            )

    def parameters(self) -> dict[str, Any]:
        return {"rank": self.rank, "world": self.world}

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, position = (None, 0) if state is None else read_state(self.op, state, "source", "position")
        return _Sharded(self, self.sources[0].open(epoch, inner), position)


class _Sharded(StreamIterator):
    def __init__(self, node: StreamShard, source: StreamIterator, position: int) -> None:
        self._node, self._source, self._position = node, source, position

    def __next__(self) -> Block:
        world = self._node.world
        while True:
            before = (self._node.rank - self._position) % world
            while before:
                passed = self._source.skip(before)
                self._position += passed
                before -= passed
                if not passed:
                    break
            block = next(self._source)
            self._position += count_rows(block)
            if before < count_rows(block):
                return _strided(block, before, world)

    def state(self) -> State:
        return {"source": self._source.state(), "position": self._position}


def _strided(block: Block, start: int, step: int) -> Block:
    return map_columns(lambda column: column[start::step], block)


def check_shard(rank: SupportsIndex, world: SupportsIndex) -> tuple[int, int]:
    """Rank and world as ints, the rank below the world."""
    parts = check_int("shard", "world", world, 1)
    return check_int("shard", "rank", rank, 0, parts - 1), parts
