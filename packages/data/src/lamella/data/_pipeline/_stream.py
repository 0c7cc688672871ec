"""Streams: sequences that are only read forwards, an epoch at a time, and can be left and taken up anywhere.

What a stream gives in an epoch is a function of the epoch (and of seeds among its parameters). Streams move blocks of
rows; a state of an iterator is where its next block begins, and the stream opened there gives the same blocks on. Ops
with a buffer work in windows, one block each, so their state is where a window begins and resuming replays at most one.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

from lamella.data._blocks import Block, records_of
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._state import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from lamella.data._pipeline._packing import Long
    from lamella.data._pipeline._pattern import Stop
    from lamella.data._ragged import Side


class StreamIterator(ABC):
    """An open stream. `next` gives a block of at least one row."""

    def __iter__(self) -> Self:
        return self

    @abstractmethod
    def __next__(self) -> Block: ...

    @abstractmethod
    def state(self) -> State:
        """Where the next block begins: what `open` takes."""

    def skip(self, rows: int) -> int:
        """Pass over up to `rows` rows without reading them; how many could be (0: none, read on)."""
        return 0


class Stream(ABC):
    """A sequence of records of unknown length that is read forwards.

    To add a kind of stream, define `open` and `fingerprint`, `varies` (whether epochs differ) where True, and
    `repeatable` where False.
    """

    @property
    def varies(self) -> bool:
        """Whether epochs differ."""
        return False

    @property
    def repeatable(self) -> bool:
        """Whether all who open an epoch get one sequence: only then can several share it, and a place be kept."""
        return True

    @property
    def batches(self) -> bool:
        """Whether records are batches: they stay whole, in columns of objects."""
        return False

    @abstractmethod
    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The blocks of an epoch, from its start or from where a state was taken."""

    @abstractmethod
    def fingerprint(self) -> str:
        """What a checkpoint compares."""

    def cursor(self, epoch: int = 0, state: State | None = None) -> Cursor:
        """A place in an epoch, from which any number of rows can be read."""
        return Cursor(self, epoch, state)

    def __iter__(self) -> Iterator[Any]:
        """The records of epoch 0."""
        for block in self.open(0):
            yield from records_of(block)

    def __add__(self, other: Stream) -> Stream:
        """This stream, then the other."""
        from lamella.data._pipeline._chain import ChainDataset

        return ChainDataset([self, other])

    def map(
        self,
        function: Callable[..., Any],
        *,
        batched: bool = False,
        rng: bool = False,
        seed: SupportsIndex = 0,
        ragged: bool | Sequence[str] | None = None,
    ) -> Stream:
        """`function(record)` for every record; batched: `function(block)` for many rows at once.

        With `rng`, functions take a numpy Generator that is a function of (seed, epoch, record) as a second argument,
        good for that call; batched, a sequence of one per row. `ragged` names the columns of the result whose rows
        differ in length: by default those that were ragged before.
        """
        from lamella.data._pipeline._map import StreamMap

        return StreamMap(self, function, batched=batched, rng=rng, seed=seed, ragged=ragged)

    def filter(self, predicate: Any, *, batched: bool = False) -> Stream:
        """The records for which `predicate(record)` is true; batched: `predicate(block)` gives a boolean per row.

        An Arrow expression over the columns (pyarrow.compute.field) is taken too.
        """
        from lamella.data._pipeline._filter import StreamFilter

        return StreamFilter(self, predicate, batched=batched)

    def batch(self, batch_size: SupportsIndex, *, drop_last: bool = False) -> Stream:
        """Records joined `batch_size` at a time: the records of the result are batches, arrays with rows first."""
        from lamella.data._pipeline._batch import StreamBatch

        return StreamBatch(self, batch_size, drop_last=drop_last)

    def shuffle(self, seed: SupportsIndex = 0, *, window: SupportsIndex = 4096) -> Stream:
        """Each window of `window` records in an order that is a function of (seed, epoch, window)."""
        from lamella.data._pipeline._shuffle import StreamShuffle

        return StreamShuffle(self, seed, window=window)

    def mix(
        self,
        *others: Stream,
        weights: Sequence[float] | None = None,
        seed: SupportsIndex = 0,
        stop: Stop = "first",
    ) -> Stream:
        """This stream and others, in shares of `weights` (equal ones by default); see `lamella.data.mix`."""
        from lamella.data._pipeline._mix import StreamMix

        return StreamMix([self, *others], weights, seed=seed, stop=stop)

    def interleave(self, *others: Stream, block: SupportsIndex = 1, stop: Stop = "first") -> Stream:
        """`block` records of each in turn; see `lamella.data.interleave`."""
        from lamella.data._pipeline._mix import StreamMix

        return StreamMix.in_turn([self, *others], block=block, stop=stop)

    def pack(
        self,
        length: SupportsIndex,
        column: str | None = None,
        *,
        whole: bool = False,
        window: SupportsIndex | None = None,
        long: Long | None = None,
        overlap: SupportsIndex = 0,
        separator: SupportsIndex | None = None,
        dtype: npt.DTypeLike | None = None,
        documents: bool = False,
        positions: bool = False,
        loss_mask: bool = False,
        pad_value: SupportsIndex = 0,
        drop_last: bool | None = None,
    ) -> Stream:
        """Token sequences of any lengths as records of `length` tokens, cast to `dtype`.

        Joined and cut wherever a row ends; rows share `overlap` tokens, and the last one is filled up with `pad_value`
        if not `drop_last`. Or `whole` sequences, each laid where it first fits among the rows of its `window` of
        sequences; `long` ones are an "error", or are "cut" or "drop"ped. `separator` follows every sequence. Beside the
        tokens on demand: `documents`, the number of the sequence (-1: padding); `positions` in it, from 0 where the row
        begins; `loss_mask`, True where the token goes on a sequence within the row. Other columns are left out.
        """
        from lamella.data._pipeline._pack import StreamPack
        from lamella.data._pipeline._pack_whole import StreamPackWhole
        from lamella.data._pipeline._packing import Packing

        packing = Packing.of(
            length, column, overlap=overlap, separator=separator, dtype=dtype, documents=documents,
            positions=positions, loss_mask=loss_mask, pad_value=pad_value, drop_last=drop_last, whole=whole, long=long,
            window=window,
        )  # fmt: skip
        return StreamPackWhole(self, packing) if whole else StreamPack(self, packing)

    def pad(
        self,
        length: SupportsIndex | None = None,
        *,
        value: complex = 0,
        columns: Sequence[str] | None = None,
        side: Side = "right",
        multiple_of: SupportsIndex = 1,
        mask: bool = False,
    ) -> Stream:
        """Ragged columns (or `columns`) filled up with `value` to `length`, or, of batches, to the longest row of each,
        rounded up to a multiple of `multiple_of`. With `mask` a column NAME_mask follows (True: a value).
        """
        from lamella.data._pipeline._pad import StreamPad

        return StreamPad(self, length, value=value, columns=columns, side=side, multiple_of=multiple_of, mask=mask)

    def bucket(
        self,
        batch_size: SupportsIndex | None = None,
        *,
        by: str | Callable[[Any], int] | None = None,
        max_values: SupportsIndex | None = None,
        window: SupportsIndex = 4096,
        drop_last: bool = False,
        seed: SupportsIndex = 0,
    ) -> Stream:
        """Batches of records of similar length: each window of records is sorted by length and cut, and its batches
        come in an order that is a function of (seed, epoch, window).

        `by` is the column whose length counts, or a function of a record. A batch has `batch_size` records, or as many
        as stay within `max_values` when padded to the longest. Follow it by `pad()`.
        """
        from lamella.data._pipeline._bucket import StreamBucket

        return StreamBucket(
            self, batch_size, by=by, max_values=max_values, window=window, drop_last=drop_last, seed=seed
        )

    def repeat(self, times: SupportsIndex | None = None) -> Stream:
        """The stream `times` times over (None: without end), each time as another epoch."""
        from lamella.data._pipeline._repeat import StreamRepeat

        return StreamRepeat(self, times)

    def take(self, count: SupportsIndex) -> Stream:
        """The first `count` records."""
        from lamella.data._pipeline._slice import StreamTake

        return StreamTake(self, count)

    def skip(self, count: SupportsIndex) -> Stream:
        """All but the first `count` records."""
        from lamella.data._pipeline._slice import StreamSkip

        return StreamSkip(self, count)

    def shard(self, rank: SupportsIndex, world: SupportsIndex) -> Stream:
        """Every `world`-th record, from the `rank`-th on. Shard last: then draws and windows are those of the whole."""
        from lamella.data._pipeline._slice import StreamShard

        return StreamShard(self, rank, world)

    def prefetch(self, depth: SupportsIndex = 2) -> Stream:
        """The same, read up to `depth` blocks ahead by a thread."""
        from lamella.data._pipeline._prefetch import StreamPrefetch

        return StreamPrefetch(self, depth)

    def cache(self, folder: str | os.PathLike[str] | None = None, *, key: str | None = None) -> Stream:
        """The same, read once, at first use, and kept: in memory, or in a file in `folder`.

        The file is named by the fingerprint and by what functions do, or by a `key` of the caller's where that cannot
        be told; it is read through a memory map.
        """
        from lamella.data._pipeline._cache import RandomCache

        return RandomCache(self, folder, key=key).stream()
