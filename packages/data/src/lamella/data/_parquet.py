"""Parquet files as one random-access table.

Row groups are the unit of reading: a batch decodes the groups it touches, and decoded groups are kept, newest use last,
up to `cache_bytes` (at least one group). A shuffled pass over more than fits decodes groups again and again; `load`
reads everything once instead. Files are opened at each read and may not change under the dataset. Truncation, schema
drift and types that are no columns are raised at construction; damaged pages (where the writer left checksums) and
nulls when their row group is first decoded. All name the file.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int, check_record_index
from lamella.data._arrow import NullPolicy, check_type, from_arrow, null_policy, user_metadata
from lamella.data._columns import check_indices, gather, select_columns
from lamella.data._protocols import Array, IndexArray
from lamella.data._table import TableDataset

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_FOOTER_TAIL_BYTES = 8  # footer length (uint32, little-endian), then the magic "PAR1"
_Stamp = tuple[int, int]


class _File(NamedTuple):
    path: str
    stamp: _Stamp
    schema: pa.Schema
    footer: pq.FileMetaData
    footer_digest: str
    group_rows: tuple[int, ...]


class _RowGroup(NamedTuple):
    file: _File
    number: int


@final
class ParquetDataset:
    """Random access over one parquet file, a folder of `*.parquet`, or a list of files with one schema.

    A record is `{name: scalar or array}`, a batch `{name: array}`. `columns` are the only ones read. `fill`, `mask`:
    see TableDataset. ValueError for files that are corrupt, truncated or differ in schema, and for nulls not provided
    for; FileNotFoundError.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        columns: Iterable[str] | None = None,
        fill: Mapping[str, bool | int | float] | None = None,
        mask: Collection[str] = (),
        cache_bytes: SupportsIndex = 1 << 28,
    ) -> None:
        files = [_open(path) for path in _list_files(source)]
        schema = files[0].schema
        self._names = select_columns("ParquetDataset", schema.names, columns)
        self._policy: NullPolicy = null_policy("ParquetDataset", self._names, fill, mask)
        for name in self._names:
            check_type("ParquetDataset", name, schema.field(name).type)
        for file in files[1:]:
            _check_same_schema(files[0], file, self._names, whole=columns is None)
        self._files = files
        self._groups = [_RowGroup(file, number) for file in files for number in range(len(file.group_rows))]
        rows = [count for file in files for count in file.group_rows]
        self._starts = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)]).astype(np.int64)
        self._cache_bytes = check_int("ParquetDataset", "cache_bytes", cache_bytes, 0)
        self._cache: OrderedDict[int, dict[str, Array]] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()
        self.metadata: dict[str, str] = user_metadata(schema.metadata)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in record order, masks last."""
        return (*self._names, *self._policy.mask_names(self._names))

    @property
    def files(self) -> tuple[str, ...]:
        """The files, in row order."""
        return tuple(file.path for file in self._files)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        row = check_record_index("ParquetDataset", index, len(self))
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        return {name: column[row - self._starts[group]] for name, column in self._read_group(group).items()}

    def gather(self, indices: IndexArray) -> dict[str, Array]:
        """Rows `indices` (integers in [0, len), one dim) of every column, in fresh memory; IndexError if one is out of
        range.
        """
        check_indices("ParquetDataset", indices)
        if indices.size == 0:
            return {name: column[:0].copy() for name, column in self._empty_or_first().items()}
        if not (indices.min() >= 0 and indices.max() < len(self)):
            raise IndexError(
                f"ParquetDataset: gather wants records in [0, {len(self)}), got [{indices.min()}, {indices.max()}]"
            )
        owners = np.searchsorted(self._starts, indices, side="right") - 1
        if owners[0] == owners[-1] and (owners == owners[0]).all():
            columns = self._read_group(int(owners[0]))
            return dict(
                zip(columns, gather("ParquetDataset", columns.values(), indices - self._starts[owners[0]]), strict=True)
            )
        return self._take_from_groups(indices, owners)

    def _take_from_groups(self, indices: IndexArray, owners: IndexArray) -> dict[str, Array]:
        batch: dict[str, Array] = {}
        by_group = np.argsort(owners, kind="stable")
        bounds = np.flatnonzero(np.diff(owners[by_group])) + 1
        for places in np.split(by_group, bounds):
            group = int(owners[places[0]])
            rows = indices[places] - self._starts[group]
            for name, column in self._read_group(group).items():
                if name not in batch:
                    batch[name] = np.empty((len(indices), *column.shape[1:]), column.dtype)
                batch[name][places] = column[rows]
        return batch

    def load(self) -> TableDataset:
        """All rows as a table in memory, read once; the cache is not used."""
        import pyarrow as pa

        tables = []
        for file in self._files:
            with _reading(file) as reader:
                # Without a pandas index or dictionaries left over: every file contributes exactly the columns asked
                # for.
                table = reader.read(columns=self._names).select(self._names).replace_schema_metadata(None)
                _check_rows(table, sum(file.group_rows))
            tables.append(table)
        return TableDataset(
            from_arrow("ParquetDataset", pa.concat_tables(tables), self._policy), metadata=self.metadata
        )

    def fingerprint(self) -> str:
        """Columns, length and a digest of all footers, which hold sizes and statistics; not of paths or times."""
        import hashlib

        digest = hashlib.blake2b(
            "".join(file.footer_digest for file in self._files).encode(), digest_size=8
        ).hexdigest()
        return f"parquet(rows={len(self)}; {', '.join(self.column_names)}; {digest})"

    def __repr__(self) -> str:
        return f"ParquetDataset({len(self)} rows, files: {len(self._files)}; {', '.join(self.column_names)})"

    def _empty_or_first(self) -> dict[str, Array]:
        if self._groups:
            return self._read_group(0)
        table = self.load()
        return {name: table.column(name) for name in self.column_names}

    def _read_group(self, index: int) -> dict[str, Array]:
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
        group = self._groups[index]
        with _reading(group.file) as reader:
            table = reader.read_row_group(group.number, columns=self._names).select(self._names)
            _check_rows(table, group.file.group_rows[group.number])
        columns = from_arrow(f"ParquetDataset: {group.file.path}", table, self._policy)
        with self._lock:
            if index not in self._cache:
                self._cache[index] = columns
                self._cached_bytes += _size(columns)
            while self._cached_bytes > self._cache_bytes and len(self._cache) > 1:
                _, dropped = self._cache.popitem(last=False)
                self._cached_bytes -= _size(dropped)
        return columns


def _size(columns: Mapping[str, Array]) -> int:
    return sum(column.nbytes for column in columns.values())


def _list_files(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    if not isinstance(source, (str, os.PathLike)):
        paths = [os.fspath(path) for path in source]
        if not paths:
            raise ValueError("ParquetDataset: the list of files is empty")
        return paths
    path = os.fspath(source)
    if not os.path.isdir(path):
        return [path]
    paths = [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(".parquet")]
    if not paths:
        raise FileNotFoundError(f"ParquetDataset: no *.parquet files in folder {path}")
    return paths


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _open(path: str) -> _File:
    import pyarrow.parquet as pq

    if not os.path.isfile(path):
        raise FileNotFoundError(f"ParquetDataset: no such file: {path}")
    stamp = _stamp(path)
    with _naming(path), pq.ParquetFile(path, memory_map=True) as reader:
        footer, schema = reader.metadata, reader.schema_arrow
        # Only row counts are asked of the footer: describing a column of a damaged one makes pyarrow abort the process.
        rows = tuple(footer.row_group(number).num_rows for number in range(footer.num_row_groups))
        if min(rows, default=0) < 0 or sum(rows) != footer.num_rows:
            raise OSError(f"row groups of {rows} rows do not add up to {footer.num_rows}")
        return _File(path, stamp, schema, footer, _digest_footer(path), rows)


def _digest_footer(path: str) -> str:
    import hashlib

    with open(path, "rb") as stream:
        stream.seek(-_FOOTER_TAIL_BYTES, os.SEEK_END)
        size = int.from_bytes(stream.read(4), "little")
        stream.seek(-_FOOTER_TAIL_BYTES - size, os.SEEK_END)
        return hashlib.blake2b(stream.read(size), digest_size=16).hexdigest()


@contextmanager
def _reading(file: _File) -> Iterator[pq.ParquetFile]:
    """The file opened with the footer read before, if it is still the same file."""
    import pyarrow.parquet as pq

    if not os.path.isfile(file.path) or _stamp(file.path) != file.stamp:
        raise ValueError(f"ParquetDataset: {file.path} was changed or removed while in use; make a new ParquetDataset")
    with (
        _naming(file.path),
        pq.ParquetFile(file.path, metadata=file.footer, memory_map=True, page_checksum_verification=True) as reader,
    ):
        yield reader


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Errors of the parquet reader under the file's name."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, MemoryError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"ParquetDataset: {path} is corrupt, truncated or not a parquet file: {error}") from error


def _check_same_schema(first: _File, other: _File, names: Sequence[str], *, whole: bool) -> None:
    if whole and set(first.schema.names) != set(other.schema.names):
        raise ValueError(
            f"ParquetDataset: {other.path} has columns {other.schema.names} where {first.path} has "
            f"{first.schema.names}; select the common ones with columns=[...]"
        )
    for name in names:
        expected = first.schema.field(name).type
        if name not in other.schema.names:
            raise ValueError(f"ParquetDataset: {other.path} has no column {name!r}, which {first.path} has")
        given = other.schema.field(name).type
        if given != expected:
            raise ValueError(
                f"ParquetDataset: column {name!r} is {given} in {other.path} and {expected} in {first.path}"
            )


def _check_rows(table: pa.Table, expected: int) -> None:
    if table.num_rows != expected:
        raise OSError(f"{table.num_rows} rows were read where the footer promises {expected}")
