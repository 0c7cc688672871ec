"""Random access: datasets with a length and positions. The base class of all of them here.

An op is a pure function of (epoch, position), so that any batch of any epoch can be read alone and nothing has to be
replayed. Ops whose result has no known length, or that only make sense forwards, give a Stream.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from lamella.data._arguments import check_record_index
from lamella.data._blocks import Block, block_of, objects, record_at, records_of
from lamella.data._collate import read_records
from lamella.data._protocols import Dataset, IndexArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from lamella.data._columns import Column
    from lamella.data._pipeline._concat import ConcatDataset
    from lamella.data._pipeline._packing import Long
    from lamella.data._pipeline._pattern import Stop
    from lamella.data._pipeline._stream import Stream
    from lamella.data._ragged import Side


class RandomAccess(ABC):
    """A dataset with positions. To make one, define `__len__` and `__getitem__(int)`, or `read` for whole batches."""

    __slots__ = ()

    @property
    def varies(self) -> bool:
        """Whether epochs differ."""
        return False

    @property
    def batches(self) -> bool:
        """Whether records are batches: they stay whole, in columns of objects."""
        return False

    @abstractmethod
    def __len__(self) -> int: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """Record `index` of epoch 0 (negative: from the end); a slice is a dataset."""
        if isinstance(index, slice):
            from lamella.data._pipeline._slice import sliced

            return sliced(self, index)
        return self._record(check_record_index(type(self).__name__, index, len(self)))

    def _record(self, position: int) -> Any:
        return record_at(self.read(np.array([position], np.int64), 0), 0)

    def read(self, indices: IndexArray, epoch: int) -> Block:
        """Records `indices` (int64, one dim) of an epoch as one batch of fresh arrays."""
        records = self.records(indices, epoch)
        return block_of(records, f"{type(self).__name__}: record") if records else objects([])

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        """The same records one by one, as they are before they are put together: they may have no common layout."""
        kind = type(self)
        if kind.read is not RandomAccess.read:
            return records_of(self.read(indices, epoch))
        if kind.__getitem__ is RandomAccess.__getitem__ and kind._record is RandomAccess._record:
            raise TypeError(f"{kind.__name__} gives no records: define __getitem__ or read")
        return list(read_records(self, indices.tolist())) if indices.size else []

    def gather(self, indices: IndexArray) -> Block:
        """What `read` gives of epoch 0."""
        return self.read(indices, 0)

    def __iter__(self) -> Iterator[Any]:
        """The records of epoch 0."""
        return (self[index] for index in range(len(self)))

    def whole_column(self, name: str) -> Column | None:
        """A column that lies in memory (or in a memory map) as one piece, in every epoch; None where it does not."""
        return None

    def __add__(self, other: Dataset) -> ConcatDataset:
        """This dataset, then the other."""
        from lamella.data._pipeline._concat import ConcatDataset

        return ConcatDataset([self, other])

    def stream(self, *, block_rows: SupportsIndex = 1024) -> Stream:
        """The records in order, as a stream that reads `block_rows` at a time."""
        from lamella.data._pipeline._from_random import RandomStream

        return RandomStream(self, block_rows)

    def map(
        self,
        function: Callable[..., Any],
        *,
        batched: bool = False,
        rng: bool = False,
        seed: SupportsIndex = 0,
        ragged: bool | Sequence[str] | None = None,
    ) -> RandomAccess:
        """`function(record)` for every record; batched: `function(block)` for many rows at once, row for row.

        With `rng`, functions take a numpy Generator that is a function of (seed, epoch, record) as a second argument,
        good for that call; batched, a sequence of one per row. `ragged` names the columns of the result whose rows
        differ in length: by default those that were ragged before.
        """
        from lamella.data._pipeline._map import RandomMap

        return RandomMap(self, function, batched=batched, rng=rng, seed=seed, ragged=ragged)

    def filter(self, predicate: Any, *, batched: bool = False) -> RandomAccess:
        """The records for which `predicate(record)` is true; batched: `predicate(block)` gives a boolean per row.

        All records are read once, when the result is first used. An Arrow expression over the columns
        (pyarrow.compute.field) is taken too.
        """
        from lamella.data._pipeline._filter import RandomFilter

        return RandomFilter(self, predicate, batched=batched)

    def batch(self, batch_size: SupportsIndex, *, drop_last: bool = False) -> RandomAccess:
        """Records joined `batch_size` at a time: the records of the result are batches, arrays with rows first."""
        from lamella.data._pipeline._batch import RandomBatch

        return RandomBatch(self, batch_size, drop_last=drop_last)

    def shuffle(self, seed: SupportsIndex = 0) -> RandomAccess:
        """Every record once per epoch, in an order that is a function of (seed, epoch): a DataLoader's own."""
        from lamella.data._pipeline._shuffle import RandomShuffle

        return RandomShuffle(self, seed)

    def mix(
        self,
        *others: Dataset,
        weights: Sequence[float] | None = None,
        seed: SupportsIndex = 0,
        stop: Stop = "first",
    ) -> RandomAccess:
        """This dataset and others, in shares of `weights` (equal ones by default); see `lamella.data.mix`."""
        from lamella.data._pipeline._mix import RandomMix

        return RandomMix([self, *others], weights, seed=seed, stop=stop)

    def interleave(self, *others: Dataset, block: SupportsIndex = 1, stop: Stop = "first") -> RandomAccess:
        """`block` records of each in turn; see `lamella.data.interleave`."""
        from lamella.data._pipeline._mix import RandomMix

        return RandomMix.in_turn([self, *others], block=block, stop=stop)

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
    ) -> RandomAccess:
        """Token sequences of any lengths as records of `length` tokens, cast to `dtype`.

        Joined and cut wherever a row ends; rows share `overlap` tokens, and the last one is filled up with `pad_value`
        if not `drop_last`. Or `whole` sequences, each laid where it first fits among the rows of its `window` of
        sequences; `long` ones are an "error", or are "cut" or "drop"ped. `separator` follows every sequence. Beside the
        tokens on demand: `documents`, the number of the sequence (-1: padding); `positions` in it, from 0 where the row
        begins; `loss_mask`, True where the token goes on a sequence within the row. Other columns are left out.
        """
        from lamella.data._pipeline._pack import RandomPack
        from lamella.data._pipeline._pack_whole import RandomPackWhole
        from lamella.data._pipeline._packing import Packing

        packing = Packing.of(
            length, column, overlap=overlap, separator=separator, dtype=dtype, documents=documents,
            positions=positions, loss_mask=loss_mask, pad_value=pad_value, drop_last=drop_last, whole=whole, long=long,
            window=window,
        )  # fmt: skip
        return RandomPackWhole(self, packing) if whole else RandomPack(self, packing)

    def pad(
        self,
        length: SupportsIndex | None = None,
        *,
        value: complex = 0,
        columns: Sequence[str] | None = None,
        side: Side = "right",
        multiple_of: SupportsIndex = 1,
        mask: bool = False,
    ) -> RandomAccess:
        """Ragged columns (or `columns`) filled up with `value` to `length`, or, of batches, to the longest row of each,
        rounded up to a multiple of `multiple_of`. With `mask` a column NAME_mask follows (True: a value).
        """
        from lamella.data._pipeline._pad import RandomPad

        return RandomPad(self, length, value=value, columns=columns, side=side, multiple_of=multiple_of, mask=mask)

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
        """A stream of batches of records of similar length; see `Stream.bucket`."""
        return self.stream().bucket(
            batch_size, by=by, max_values=max_values, window=window, drop_last=drop_last, seed=seed
        )

    def repeat(self, times: SupportsIndex) -> RandomAccess:
        """The dataset `times` times over, each time as another epoch. Without end: `stream().repeat()`."""
        from lamella.data._pipeline._repeat import RandomRepeat

        return RandomRepeat(self, times)

    def take(self, count: SupportsIndex) -> RandomAccess:
        """The first `count` records."""
        from lamella.data._pipeline._slice import first

        return first(self, count)

    def skip(self, count: SupportsIndex) -> RandomAccess:
        """All but the first `count` records."""
        from lamella.data._pipeline._slice import all_but_first

        return all_but_first(self, count)

    def shard(self, rank: SupportsIndex, world: SupportsIndex) -> RandomAccess:
        """Every `world`-th record, from the `rank`-th on."""
        from lamella.data._pipeline._slice import every

        return every(self, rank, world)

    def prefetch(self, depth: SupportsIndex = 2) -> Stream:
        """The records in order, as a stream that a thread reads up to `depth` blocks ahead."""
        return self.stream().prefetch(depth)

    def cache(self, folder: str | os.PathLike[str] | None = None, *, key: str | None = None) -> RandomAccess:
        """The same, read once, at first use, and kept: in memory, or in a file in `folder`.

        The file is named by the fingerprint and by what functions do, or by a `key` of the caller's where that cannot
        be told; it is read through a memory map.
        """
        from lamella.data._pipeline._cache import RandomCache

        return RandomCache(self, folder, key=key)
