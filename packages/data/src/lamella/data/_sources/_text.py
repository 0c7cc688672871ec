"""CSV and JSON lines: files that are read from the front, a block of rows at a time, parsed by Arrow's threads.

All files are read as one schema: `schema`, or what Arrow finds in the first block of the first file. A value that does
not fit it is an error that names the file and the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lamella.data._columns import select_columns
from lamella.data._sources._filter import may_hold, names_in, plain_schema
from lamella.data._sources._formats import probe_digest
from lamella.data._sources._partitions import Partitions
from lamella.data._sources._places import Place, check_answers
from lamella.data._sources._schema import check_names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as pads


class TextTable:
    """Files of one schema, read block by block. `columns` are the only ones parsed, in that order."""

    def __init__(
        self,
        owner: str,
        kind: pads.FileFormat,
        places: Sequence[Place],
        *,
        columns: Iterable[str] | None,
        partitions: Partitions,
        schema: pa.Schema | None,
    ) -> None:
        import pyarrow as pa

        self.owner = owner
        self.places = places
        self.partitions = partitions
        self._kind = kind
        stored = self._physical(0) if schema is None else schema
        check_names(owner, places[0].name, stored)
        partitions.check_names(owner, places[0].name, stored)
        for field in stored:
            if pa.types.is_dictionary(field.type):
                raise TypeError(
                    f"{owner}: column {field.name!r} is a dictionary in schema=, and text files have none; read text "
                    "and encode it"
                )
        self.whole_schema = pa.schema([*stored, *partitions.schema])
        self.names = select_columns(owner, self.whole_schema.names, columns)
        self.schema = pa.schema([self.whole_schema.field(name) for name in self.names])

    def possible_files(self, condition: pc.Expression | None) -> list[int]:
        """The files that may keep rows, by what folder names say."""
        schema = plain_schema(self.whole_schema)
        numbers = range(len(self.places))
        if condition is None:
            return list(numbers)
        return [number for number in numbers if may_hold(condition, self.partitions.guarantee(number), schema)]

    def categories(self) -> dict[str, list[Any]]:
        """What codes stand for, of folder names."""
        found = {name: self.partitions.categories(name) for name in self.names}
        return {name: values for name, values in found.items() if values is not None}

    def blocks(self, number: int, condition: pc.Expression | None, block_rows: int) -> Iterator[pa.Table]:
        """The rows of one file that the condition keeps, in the table's columns."""
        import pyarrow as pa

        place = self.places[number]
        self._check_file(number, condition)
        stored = [name for name in self.names if name not in self.partitions.schema.names]
        with self._naming(place):
            scanner = self._fragment(number).scanner(
                schema=plain_schema(self.whole_schema), columns=stored, filter=condition, batch_size=block_rows
            )
            batches = iter(scanner.to_batches())
        while True:
            with self._naming(place):
                batch = next(batches, None)
            if batch is None:
                return
            if batch.num_rows:
                columns = dict(zip(stored, batch.columns, strict=True))
                columns |= self.partitions.columns(number, self.names, batch.num_rows)
                yield pa.table([columns[name] for name in self.names], names=self.names)

    def digest(self) -> str:
        """A digest of sizes and evenly spaced pieces of all files; not of paths or times."""
        import hashlib

        digests = []
        for number, place in enumerate(self.places):
            with self._naming(place), place.filesystem.open_input_file(place.path) as stream:
                digests.append(f"{probe_digest(stream)}{self.partitions.of(number)}")
        return hashlib.blake2b("".join(digests).encode(), digest_size=8).hexdigest()

    def _check_file(self, number: int, condition: pc.Expression | None) -> None:
        """Every file has the columns that are read; Arrow would take those that are missing as null."""
        given = self._physical(number)
        wanted = [*self.names, *([] if condition is None else names_in(self.owner, condition, self.whole_schema))]
        for name in wanted:
            if name not in given.names and name not in self.partitions.schema.names:
                raise ValueError(
                    f"{self.owner}: {self.places[number].name} has no column {name!r}, it has {given.names}"
                )

    def _physical(self, number: int) -> pa.Schema:
        place = self.places[number]
        with self._naming(place):
            schema = self._fragment(number).physical_schema
            check_names(self.owner, place.name, schema)  # here, for a damaged name is no text
            return schema

    def _fragment(self, number: int) -> pads.Fragment:
        place = self.places[number]
        return self._kind.make_fragment(place.path, place.filesystem, self.partitions.guarantee(number))

    @contextmanager
    def _naming(self, place: Place) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            check_answers(self.owner, place, error)
            kind = self._kind.default_extname
            raise ValueError(
                f"{self.owner}: {place.name} cannot be read as {kind} with the columns of the first file: {error}; "
                "schema=pyarrow.schema(...) says their types"
            ) from error


def text_format(kind: str) -> Any:
    """Arrow's reader of CSV or JSON lines, with its defaults."""
    import pyarrow.dataset as pads

    return pads.CsvFileFormat() if kind == "csv" else pads.JsonFileFormat()
