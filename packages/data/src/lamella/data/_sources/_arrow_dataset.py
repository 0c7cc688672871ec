"""Parquet and Arrow IPC files as one random-access table.

Groups (row groups, record batches) are the unit of reading: a batch decodes the groups it touches, and decoded groups
are kept, newest use last, up to `cache_bytes` (at least one). Groups that are views of a memory map count for nothing.
A shuffled pass over more than fits decodes groups again and again; `load` reads everything once instead, and a shuffle
by groups decodes each once. Reading in stored order decodes the next group ahead.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, SupportsIndex, TypedDict, Unpack

import numpy as np

from lamella.data._arguments import check_flag, check_int
from lamella.data._arrow import Fill, NullPolicy, null_policy, user_metadata
from lamella.data._arrow_read import check_type, from_arrow
from lamella.data._columns import check_indices, gather
from lamella.data._pipeline._filter import is_expression
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._stream import Stream
from lamella.data._protocols import IndexArray
from lamella.data._sources._files import FileTable
from lamella.data._sources._filter import both, kept_rows
from lamella.data._sources._formats import group_format
from lamella.data._sources._given import find_files
from lamella.data._sources._group_cache import GroupCache, held_bytes
from lamella.data._sources._group_order import GroupShuffle
from lamella.data._sources._group_shuffle import GroupShuffled
from lamella.data._sources._group_stream import GroupStream
from lamella.data._sources._groups import GroupedRows
from lamella.data._sources._mapped_rows import Columns, Memory
from lamella.data._sources._places import Path
from lamella.data._table import TableDataset

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as pads


class ArrowOptions(TypedDict, total=False):
    """The options of an ArrowDataset beside its format."""

    columns: Iterable[str] | None
    filter: pc.Expression | None
    fill: Mapping[str, Fill] | None
    mask: Collection[str]
    partitioning: str | pads.Partitioning | None
    schema: pa.Schema | None
    cast: bool
    filesystem: object | None
    cache_bytes: SupportsIndex


class ArrowDataset(RandomAccess):
    """Random access over parquet or Arrow IPC (feather) files: one, a folder, a glob, a URI, a list of them, or a
    pyarrow.dataset.Dataset of files.

    A record is `{name: scalar or array}`, a batch `{name: array}`. `columns` are the only ones read; `filter` (a
    pyarrow.compute.Expression) leaves the rows it keeps, numbered from 0. Folder names `key=value` are columns
    (`partitioning="hive"`). Files must have one schema, the first one's or `schema`; `cast=True` casts where no value
    changes. `fill`, `mask`: see TableDataset. ValueError for files that are corrupt, truncated or differ in schema, and
    for nulls not provided for; FileNotFoundError.
    """

    def __init__(
        self,
        source: Path | Sequence[Path] | pads.Dataset,
        *,
        format: str | pads.FileFormat | None = None,
        columns: Iterable[str] | None = None,
        filter: pc.Expression | None = None,
        fill: Mapping[str, Fill] | None = None,
        mask: Collection[str] = (),
        partitioning: str | pads.Partitioning | None = "hive",
        schema: pa.Schema | None = None,
        cast: bool = False,
        filesystem: object | None = None,
        cache_bytes: SupportsIndex = 1 << 28,
    ) -> None:
        owner = self._owner = type(self).__name__
        given = find_files(owner, source, format=format, partitioning=partitioning, filesystem=filesystem)
        self._table = FileTable(
            owner,
            group_format(owner, given.kind),
            given.places,
            columns=columns,
            partitions=given.partitions,
            schema=schema,
            cast=cast,
        )
        self._policy: NullPolicy = null_policy(owner, self._table.names, fill, mask)
        for name in self._table.names:
            check_type(owner, name, self._table.schema.field(name).type)
        self._filter = filter
        if self._filter is None:
            self._groups: list[tuple[int, int, IndexArray | None]] = [
                (group.file, group.number, None) for group in self._table.groups()
            ]
        else:
            self._groups = kept_rows(self._table, self._filter)
        self._cache_bytes = check_int(owner, "cache_bytes", cache_bytes, 0)
        self._open()
        self.metadata: dict[str, str] = user_metadata(self._table.whole_schema.metadata)

    def _open(self) -> None:
        """What holds locks and threads, and is no part of a copy for another process."""
        self._cache = GroupCache(self._decode, len(self._groups), self._cache_bytes)
        held = self._held if all(self._table.reader.memory(file.layout) for file in self._table.files) else None
        self._rows = GroupedRows(self._owner, map(self._rows_of, range(len(self._groups))), self._cache.get, held)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_cache", "_rows")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in record order, masks last."""
        return (*self._table.names, *self._policy.mask_names(self._table.names))

    @property
    def files(self) -> tuple[str, ...]:
        """The files, in row order."""
        return tuple(file.place.path for file in self._table.files)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow types of the columns, which say the units of times."""
        return self._table.schema

    @property
    def categories(self) -> dict[str, list[Any]]:
        """What the codes of each dictionary column stand for; such columns are read through once to find it."""
        return self._table.categories()

    @property
    def group_rows(self) -> IndexArray:
        """Rows of each group (row group, record batch) that is read at once."""
        return self._rows.rows

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: IndexArray, epoch: int) -> dict[str, Any]:
        return self.gather(indices)

    def _record(self, position: int) -> dict[str, Any]:
        return self._rows.record(position)

    def gather(self, indices: IndexArray) -> dict[str, Any]:
        """Rows `indices` (integers in [0, len), one dim) of every column, in fresh memory; IndexError if one is out of
        range.
        """
        if isinstance(indices, np.ndarray) and indices.size == 0:
            check_indices(self._owner, indices)
            columns = self._empty_or_first()
            return dict(zip(columns, gather(self._owner, columns.values(), indices.astype(np.int64)), strict=True))
        return self._rows.gather(indices)

    def read_group(self, group: int) -> Columns:
        """A group's columns, decoded for the caller; the cache is not used."""
        return self._decode(group)[0]

    def stream(
        self,
        *,
        block_rows: SupportsIndex = 1 << 13,
        shuffle: bool = False,
        seed: SupportsIndex = 0,
        window: SupportsIndex = 4,
        read_ahead: SupportsIndex = 1,
    ) -> Stream:
        """The rows as a stream that decodes each group once, `read_ahead` groups before their turn.

        `shuffle` gives them in the order of a GroupSampler with this `seed` and `window`, in which windows are read
        ahead instead.
        """
        order = (
            GroupShuffle("stream", self.group_rows, seed, window) if check_flag("stream", "shuffle", shuffle) else None
        )
        return GroupStream(self, order, block_rows, read_ahead)

    def shuffle(self, seed: SupportsIndex = 0, *, window: SupportsIndex | None = None) -> RandomAccess:
        """Every record once per epoch, in an order that is a function of (seed, epoch).

        A DataLoader's own order, or with a `window` that of a GroupSampler, which reads each group once.
        """
        return super().shuffle(seed) if window is None else GroupShuffled(self, seed, window)

    def filter(self, predicate: Any, *, batched: bool = False) -> RandomAccess:
        """The records for which `predicate(record)` is true; batched: `predicate(block)` gives a boolean per row.

        A pyarrow.compute.Expression is what `filter=` takes, and may name columns that are not read.
        """
        if not is_expression(predicate):
            return super().filter(predicate, batched=batched)
        chosen = copy.copy(self)
        condition = chosen._filter = both(self._filter, predicate)
        chosen._groups = kept_rows(self._table, condition)
        chosen._open()
        return chosen

    def load(self) -> TableDataset:
        """All rows as a table in memory, read once; the cache is not used."""
        import pyarrow as pa

        tables = []
        for file, groups in groupby(range(len(self._groups)), lambda group: self._groups[group][0]):
            chosen = list(groups)
            if all(self._groups[group][2] is None for group in chosen):
                tables.append(self._table.read(file, [self._groups[group][1] for group in chosen]))
            else:
                tables.extend(self._read(group) for group in chosen)
        if not tables:
            tables = [self._table.schema.empty_table()]
        loaded = TableDataset(from_arrow(self._owner, pa.concat_tables(tables), self._policy), metadata=self.metadata)
        loaded.categories = self.categories
        return loaded

    def fingerprint(self) -> str:
        """Columns, length, filter and a digest of all footers, which hold sizes and statistics; not of paths or
        times.
        """
        kept = "" if self._filter is None else f"; where {self._filter}"
        label = self._table.reader.label.rpartition(" ")[2]
        return f"{label}(rows={len(self)}; {', '.join(self.column_names)}; {self._table.digest()}{kept})"

    def __repr__(self) -> str:
        return f"{self._owner}({len(self)} rows, files: {len(self.files)}; {', '.join(self.column_names)})"

    def _empty_or_first(self) -> Columns:
        if self._groups:
            return self._cache.get(0, False)
        table = self.load()
        return {name: table.column(name) for name in self.column_names}

    def _rows_of(self, group: int) -> int:
        file, number, kept = self._groups[group]
        return self._table.files[file].layout.group_rows[number] if kept is None else len(kept)

    def _decode(self, group: int) -> tuple[Columns, int]:
        file = self._table.files[self._groups[group][0]]
        columns = from_arrow(f"{self._owner}: {file.place.name}", self._read(group), self._policy)
        views = self._groups[group][2] is None and self._table.reader.memory(file.layout) is not None
        return columns, held_bytes(columns, views=views)

    def _held(self, group: int) -> Memory:
        memory = self._table.reader.memory(self._table.files[self._groups[group][0]].layout)
        return [] if memory is None else [memory]

    def _read(self, group: int) -> pa.Table:
        file, number, kept = self._groups[group]
        table = self._table.read(file, [number])
        return table if kept is None else table.take(kept)


class ParquetDataset(ArrowDataset):
    """Random access over parquet files: an ArrowDataset that looks for nothing else."""

    def __init__(self, source: Path | Sequence[Path] | pads.Dataset, **options: Unpack[ArrowOptions]) -> None:
        super().__init__(source, format="parquet", **options)
