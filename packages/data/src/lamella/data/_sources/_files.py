"""A list of files as one table: which rows of which groups of which file, what columns they have, and how to read them.

Files are opened at each read and may not change under the dataset. Truncation, schema drift and types that are no
columns are raised when the table is made; damage (where there are checksums) and nulls when their group is first read.
All name the file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from lamella.data._columns import select_columns
from lamella.data._sources._categories import common_values, recode
from lamella.data._sources._formats import GroupFormat, Layout, naming
from lamella.data._sources._partitions import Partitions
from lamella.data._sources._places import Place, changed
from lamella.data._sources._schema import cast_table, check_names, check_same_schema, without_views

if TYPE_CHECKING:
    import pyarrow as pa


_OPENED_AT_ONCE = 16


class File(NamedTuple):
    """One file: where it is and what it says about itself."""

    place: Place
    layout: Layout


class Group(NamedTuple):
    """One group of rows of a file."""

    file: int
    number: int
    rows: int


class FileTable:
    """Files of one schema, read group by group. `columns` are the only ones read, in that order."""

    def __init__(
        self,
        owner: str,
        reader: GroupFormat,
        places: Sequence[Place],
        *,
        columns: Iterable[str] | None,
        partitions: Partitions,
        schema: pa.Schema | None,
        cast: bool,
    ) -> None:
        import pyarrow as pa

        self.owner = owner
        self.reader = reader
        self.partitions = partitions
        self.files = [File(*opened) for opened in zip(places, _open_all(reader, places), strict=True)]
        for file in self.files:
            with naming(owner, reader.label, file.place):  # a damaged name is no text
                check_names(owner, file.place.name, file.layout.schema)
            partitions.check_names(owner, file.place.name, file.layout.schema)
        stored = self.files[0].layout.schema if schema is None else schema
        partition_names = partitions.schema.names
        self.whole_schema = pa.schema(
            [*(without_views(field) for field in stored if field.name not in partition_names), *partitions.schema],
            stored.metadata,
        )
        self.names = select_columns(owner, self.whole_schema.names, columns)
        self.schema = pa.schema([self.whole_schema.field(name) for name in self.names])
        stored_names = [name for name in self.names if name not in partition_names]
        first = ("schema=" if schema is not None else self.files[0].place.name, stored)
        for file in self.files if schema is not None else self.files[1:]:
            other = (file.place.name, file.layout.schema)
            whole = columns is None and schema is None
            check_same_schema(owner, first, other, stored_names, whole=whole, cast=cast)
        self._values: dict[str, pa.Array] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @property
    def places(self) -> list[Place]:
        """Where the files are."""
        return [file.place for file in self.files]

    def groups(self) -> list[Group]:
        """All groups, in row order."""
        return [
            Group(file, number, rows)
            for file, entry in enumerate(self.files)
            for number, rows in enumerate(entry.layout.group_rows)
        ]

    def read(self, file: int, groups: Sequence[int], names: Sequence[str] | None = None) -> pa.Table:
        """Whole groups of one file, in the table's types: the table's own columns, or those called `names`."""
        import pyarrow as pa

        entry = self.files[file]
        wanted = self.names if names is None else names
        stored = [name for name in wanted if name not in self.partitions.schema.names]
        columns: dict[str, Any] = {}
        if stored:
            columns = dict(zip(stored, self._stored(entry, groups, stored).columns, strict=True))
            for name in stored:
                if pa.types.is_dictionary(columns[name].type):
                    columns[name] = recode(columns[name], self.values(name))
        rows = sum(entry.layout.group_rows[group] for group in groups)
        columns |= self.partitions.columns(file, wanted, rows)
        return pa.table([columns[name] for name in wanted], names=list(wanted))

    def values(self, name: str) -> pa.Array:
        """What the codes of a dictionary column stand for in all files, found by reading that column once."""
        with self._lock:
            if name not in self._values:
                self._values[name] = common_values(
                    (self._stored(file, range(len(file.layout.group_rows)), [name]).column(0) for file in self.files),
                    self.whole_schema.field(name).type,
                )
            return self._values[name]

    def categories(self) -> dict[str, list[Any]]:
        """What codes stand for, of every dictionary column that is read."""
        import pyarrow as pa

        return {
            field.name: self.partitions.categories(field.name) or self.values(field.name).to_pylist()
            for field in self.schema
            if pa.types.is_dictionary(field.type)
        }

    def _stored(self, file: File, groups: Sequence[int], names: Sequence[str]) -> pa.Table:
        """Columns that the file itself holds, in the table's types."""
        self.check_unchanged(file.place)
        table = self.reader.read(file.place, file.layout, groups, names)
        return cast_table(self.owner, file.place, table, _subschema(self.whole_schema, names))

    def check_unchanged(self, place: Place) -> None:
        """ValueError if a file is gone, or another one has taken its place."""
        # Far away each question is a round trip, and opening the file asks for its size anyway.
        if place.is_local and place.now() != place:
            raise changed(self.owner, place)

    def digest(self) -> str:
        """A digest of what describes all files' content; not of paths or times."""
        import hashlib

        text = "".join(f"{file.layout.digest}{self.partitions.of(number)}" for number, file in enumerate(self.files))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _subschema(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in names])


def _open_all(reader: GroupFormat, places: Sequence[Place]) -> list[Layout]:
    """What each file says about itself; far away many are asked at once, for each answer takes round trips."""
    if len(places) == 1 or all(place.is_local for place in places):
        return [reader.open(place) for place in places]
    with ThreadPoolExecutor(min(len(places), _OPENED_AT_ONCE)) as pool:
        return list(pool.map(reader.open, places))
