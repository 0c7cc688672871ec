"""Parquet files as one random-access table.

Row groups are the unit of reading: a batch decodes the groups it touches, and decoded groups are kept, newest use last,
up to `cache_bytes` (at least one group). A shuffled pass over more than fits decodes groups again and again; `load`
reads everything once instead. Files are opened at each read and may not change under the dataset. What can be known
from the footers (schema drift, nulls, wrong types, truncation) is raised at construction, and names the file; page
checksums are verified where the writer left them.
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
from lamella.data._arrow import NullPolicy, check_type, from_arrow, null_error, null_policy, user_metadata
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
    schema: pa.Schema
    footer: pq.FileMetaData
    footer_digest: str
    stamp: _Stamp


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
        for file in files:
            _check_nulls(file, self._names, self._policy)
        self._files = files
        self._groups = [_RowGroup(file, number) for file in files for number in range(file.footer.num_row_groups)]
        rows = [group.file.footer.row_group(group.number).num_rows for group in self._groups]
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

    def take(self, indices: IndexArray) -> dict[str, Array]:
        """Rows `indices` (integers in [0, len), one dim) of every column, in fresh memory; IndexError if one is out of
        range.
        """
        check_indices("ParquetDataset", indices)
        if indices.size == 0:
            return {name: column[:0].copy() for name, column in self._empty_or_first().items()}
        if not (indices.min() >= 0 and indices.max() < len(self)):
            raise IndexError(
                f"ParquetDataset: take wants records in [0, {len(self)}), got [{indices.min()}, {indices.max()}]"
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
                tables.append(reader.read(columns=self._names).select(self._names).replace_schema_metadata(None))
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
        return f"ParquetDataset({len(self)} rows in {len(self._files)} files; {', '.join(self.column_names)})"

    def _empty_or_first(self) -> dict[str, Array]:
        if self._groups:
            return self._read_group(0)
        table = self._files[0].schema.empty_table().select(self._names)
        return from_arrow("ParquetDataset", table, self._policy)

    def _read_group(self, index: int) -> dict[str, Array]:
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
        group = self._groups[index]
        with _reading(group.file) as reader:
            table = reader.read_row_group(group.number, columns=self._names).select(self._names)
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
        return _File(path, reader.schema_arrow, reader.metadata, _digest_footer(path), stamp)


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


def _check_nulls(file: _File, names: Sequence[str], policy: NullPolicy) -> None:
    """Raise now for nulls the footer tells of; what it does not tell is found at decoding."""
    wanted = [name for name in names if name not in policy.fill and name not in policy.mask]
    counts = dict.fromkeys(wanted, 0)
    for group in range(file.footer.num_row_groups):
        chunks = file.footer.row_group(group)
        for leaf in range(chunks.num_columns):
            chunk = chunks.column(leaf)
            name = chunk.path_in_schema
            if name not in counts:  # a list column's only leaf is NAME.list.element
                name = name.split(".")[0]
            statistics = chunk.statistics
            if name in counts and statistics is not None and statistics.has_null_count:
                counts[name] += statistics.null_count
    for name, count in counts.items():
        if count:
            raise null_error(f"ParquetDataset: {file.path}", name, count)
