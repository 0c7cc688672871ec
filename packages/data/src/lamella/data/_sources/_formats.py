"""The file formats: by which suffixes a folder is searched, and which of them give rows a position.

Parquet and Arrow IPC files say how many rows each of their groups (row groups, record batches) holds, so any row can be
found; CSV and JSON lines are read from the front only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lamella.data._sources._places import Place, check_answers

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "parquet": (".parquet",),
    "ipc": (".arrow", ".feather", ".ipc"),
    "csv": (".csv", ".csv.gz", ".csv.bz2", ".csv.zst"),
    "json": (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".json.gz"),
}
_PROBES = 16  # pieces of 256 bytes, evenly spaced, by which a file's content is recognised
_PROBE_BYTES = 256
_SAME = {"arrow": "ipc", "feather": "ipc", "jsonl": "json"}


class Layout(NamedTuple):
    """What a file says about itself: its schema, the rows of each group, and a digest of what describes its content.

    `handle` is whatever its format reads groups with.
    """

    schema: pa.Schema
    group_rows: tuple[int, ...]
    digest: str
    handle: Any


class Statistics(Protocol):
    """What is known of the values in each group of a file."""

    def guarantee(self, group: int, names: Collection[str], target: pa.Schema, /) -> pc.Expression:
        """What holds for the columns `names` in every row of a group, in the types of `target`."""


class GroupFormat(Protocol):
    """A format whose groups can be read alone."""

    label: str

    def open(self, place: Place, /) -> Layout:
        """What the file says about itself."""

    def read(self, place: Place, layout: Layout, groups: Sequence[int], columns: Sequence[str], /) -> pa.Table:
        """Whole groups, with those columns in that order."""

    def memory(self, layout: Layout, /) -> tuple[int, int] | None:
        """Where what is read lies, if that is a memory map which stays while the layout does."""

    def statistics(self, place: Place, layout: Layout, /) -> Statistics | None:
        """What the file says about the values in its groups."""


def known_format(owner: str, given: object) -> str | None:
    """The format called `given`, or of which it is one with options, by its one name."""
    if given is None:
        return None
    kind = _SAME.get(given, given) if isinstance(given, str) else _kind_of(given)
    if kind not in SUFFIXES:
        raise ValueError(
            f"{owner}: format must be one of {sorted({*SUFFIXES, *_SAME})} or a pyarrow.dataset.FileFormat of them, "
            f"got {given!r}"
        )
    return kind


def _kind_of(given: object) -> str | None:
    import pyarrow.dataset as pads

    kinds = {
        pads.ParquetFileFormat: "parquet",
        pads.IpcFileFormat: "ipc",
        pads.CsvFileFormat: "csv",
        pads.JsonFileFormat: "json",
    }
    return kinds.get(type(given))


def find_format(owner: str, names: Sequence[str]) -> str:
    """The one format that all file names end in."""
    found = {name: _format_of(name) for name in names}
    for name, kind in found.items():
        if kind is None:
            listed = ", ".join(suffixes_of(None))
            raise ValueError(f"{owner}: {name} ends in none of {listed}; say which format it has: format='parquet'")
    kinds = sorted({kind for kind in found.values() if kind})
    if len(kinds) > 1:
        raise ValueError(f"{owner}: the files are of several formats, {' and '.join(kinds)}; choose with format=...")
    return kinds[0]


def suffixes_of(kind: str | None) -> tuple[str, ...]:
    """What a folder is searched for; everything known where no format was given."""
    if kind is None:
        return tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    return SUFFIXES[kind]


def group_format(owner: str, kind: str) -> GroupFormat:
    """The format's reader; ValueError where its rows have no positions."""
    if kind == "parquet":
        from lamella.data._sources._parquet import ParquetFormat

        return ParquetFormat(owner)
    if kind == "ipc":
        from lamella.data._sources._ipc import IpcFormat

        return IpcFormat(owner)
    raise ValueError(
        f"{owner}: rows of {kind} files have no positions; read them as a stream with FileStream(...), or into memory "
        "with FileStream(...).load()"
    )


@contextmanager
def naming(owner: str, label: str, place: Place) -> Iterator[None]:
    """Errors of Arrow's readers under the file's name: ValueError for its content, OSError where it was not had."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, MemoryError, OverflowError, UnicodeDecodeError) as error:
        check_answers(owner, place, error)
        raise ValueError(f"{owner}: {place.name} is corrupt, truncated or not {label} file: {error}") from error


def probe_digest(stream: pa.NativeFile) -> str:
    """A digest of a file's size and of evenly spaced pieces of it: constant cost; sees most changes of content."""
    import hashlib

    size = stream.size()
    digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=16)
    for probe in range(_PROBES):
        start = max(size - _PROBE_BYTES, 0) * probe // (_PROBES - 1)
        digest.update(stream.read_at(min(_PROBE_BYTES, size), start))
    return digest.hexdigest()


def _format_of(name: str) -> str | None:
    for kind, suffixes in SUFFIXES.items():
        if name.endswith(suffixes):
            return kind
    return None
