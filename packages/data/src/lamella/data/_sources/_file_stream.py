"""Files read from the front: every format that Arrow reads, one row group, record batch or text file after another.

Unlike an ArrowDataset nothing is known of a file before its turn but its schema and group sizes, so `filter` costs no
pass of its own: groups are ruled out by statistics and folder names, the rest is filtered as it is read. A saved place
is a part (group or file) and the rows of it that are gone.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_flag, check_int, check_seed
from lamella.data._arrow import Fill, null_policy, user_metadata
from lamella.data._arrow_read import check_type, from_arrow
from lamella.data._blocks import count_rows, cut_rows
from lamella.data._permutation import KeyedPermutation
from lamella.data._pipeline._filter import is_expression
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._sources._files import FileTable
from lamella.data._sources._filter import both, evaluate, names_in, possible_groups
from lamella.data._sources._formats import group_format
from lamella.data._sources._given import find_files
from lamella.data._sources._mapped_rows import Columns
from lamella.data._sources._places import Path
from lamella.data._sources._read_ahead import own, read_ahead
from lamella.data._sources._text import TextTable, text_format
from lamella.data._table import TableDataset

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as pads


class _Part(NamedTuple):
    """What is read in one go: a group of a file, or (None) a text file."""

    file: int
    group: int | None


@final
class FileStream(Stream):
    """The rows of files (parquet, Arrow IPC, CSV, JSON lines) as a stream; arguments as of ArrowDataset.

    `shuffle` takes the parts (row groups, record batches, text files) in an order that is a function of (seed, epoch);
    follow it by `.shuffle(seed, window=...)` to mix rows. A format with options is a pyarrow.dataset.FileFormat, as
    CsvFileFormat(parse_options=...). `block_rows` rows move at a time; `read_ahead` parts are decoded before their
    turn.
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
        shuffle: bool = False,
        seed: SupportsIndex = 0,
        block_rows: SupportsIndex = 1 << 13,
        read_ahead: SupportsIndex = 1,
    ) -> None:
        owner = "FileStream"
        given = find_files(owner, source, format=format, partitioning=partitioning, filesystem=filesystem)
        self._table: FileTable | TextTable
        if given.kind in ("csv", "json"):
            if cast:
                raise ValueError(
                    f"{owner}: cast is about parquet and Arrow IPC files, which have types of their own; text is "
                    "read as schema= says"
                )
            self._table = TextTable(
                owner,
                text_format(given.kind) if given.options is None else given.options,
                given.places,
                columns=columns,
                partitions=given.partitions,
                schema=given.schema if schema is None else schema,
            )
        else:
            self._table = FileTable(
                owner,
                group_format(owner, given.kind),
                given.places,
                columns=columns,
                partitions=given.partitions,
                schema=schema,
                cast=cast,
            )
        self._policy = null_policy(owner, self._table.names, fill, mask)
        for name in self._table.names:
            check_type(owner, name, self._table.schema.field(name).type)
        condition = self._filter = filter
        self._filter_names = [] if condition is None else names_in(owner, condition, self._table.whole_schema)
        self.shuffled = check_flag(owner, "shuffle", shuffle)
        self.seed = check_seed(owner, seed)
        self.block_rows = check_int(owner, "block_rows", block_rows, 1)
        self._depth = check_int(owner, "read_ahead", read_ahead, 0)
        self._found: list[_Part] | None = None
        self.metadata: dict[str, str] = user_metadata(self._table.whole_schema.metadata)

    @property
    def varies(self) -> bool:
        """Whether epochs differ."""
        return self.shuffled

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in record order, masks last."""
        return (*self._table.names, *self._policy.mask_names(self._table.names))

    @property
    def schema(self) -> pa.Schema:
        """The Arrow types of the columns, which say the units of times."""
        return self._table.schema

    @property
    def categories(self) -> dict[str, list[Any]]:
        """What the codes of each dictionary column stand for; such columns are read through once to find it."""
        return self._table.categories()

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The blocks of an epoch, from its start or from where a state was taken."""
        part, rows = (0, 0) if state is None else read_state("FileStream", state, "part", "rows")
        parts = self._parts()
        check_int("FileStream", "part", part, 0, len(parts))
        if self.shuffled:
            order = KeyedPermutation(len(parts), (self.seed, epoch))[np.arange(len(parts))]
            parts = [parts[number] for number in order.tolist()]
        known = self.rows_of(parts[part]) if part < len(parts) else 0
        return _PartIterator(self, parts, part, check_int("FileStream", "rows of a state", rows, 0, known))

    def filter(self, predicate: Any, *, batched: bool = False) -> Stream:
        """The records for which `predicate(record)` is true; batched: `predicate(block)` gives a boolean per row.

        A pyarrow.compute.Expression is what `filter=` takes, and may name columns that are not read.
        """
        if not is_expression(predicate):
            return super().filter(predicate, batched=batched)
        chosen = copy.copy(self)
        condition = chosen._filter = both(self._filter, predicate)
        chosen._filter_names = names_in("filter", condition, self._table.whole_schema)
        chosen._found = None
        return chosen

    def load(self) -> TableDataset:
        """All rows as a table in memory, in stored order."""
        import pyarrow as pa

        tables = [table for part in self._parts() for table in self._tables(part)]
        columns = from_arrow("FileStream", pa.concat_tables(tables or [self._table.schema.empty_table()]), self._policy)
        loaded = TableDataset(columns, metadata=self.metadata)
        loaded.categories = self.categories
        return loaded

    def fingerprint(self) -> str:
        """Columns, filter, order and a digest of all files' content; not of paths or times."""
        kept = "" if self._filter is None else f"; where {self._filter}"
        order = f"; shuffled, seed={self.seed}" if self.shuffled else ""
        return f"files({', '.join(self.column_names)}; {self._table.digest()}{kept}{order})"

    def __repr__(self) -> str:
        return f"FileStream({len(self._table.places)} files; {', '.join(self.column_names)})"

    def _parts(self) -> list[_Part]:
        """The parts that may hold rows, in stored order."""
        if self._found is None:
            table = self._table
            if isinstance(table, TextTable):
                self._found = [_Part(file, None) for file in table.possible_files(self._filter)]
            elif self._filter is None:
                self._found = [_Part(group.file, group.number) for group in table.groups() if group.rows]
            else:
                self._found = [
                    _Part(file, group)
                    for file in range(len(table.files))
                    for group in possible_groups(table, file, self._filter, self._filter_names)
                ]
        return self._found

    def rows_of(self, part: _Part) -> int | None:
        """The rows of a part, where they are known without reading it."""
        if isinstance(self._table, TextTable) or self._filter is not None or part.group is None:
            return None
        return self._table.files[part.file].layout.group_rows[part.group]

    def blocks(self, parts: Iterable[tuple[int, _Part]]) -> Iterator[tuple[int, Columns]]:
        """The blocks of numbered parts, read ahead; text is read ahead by Arrow itself."""
        if isinstance(self._table, TextTable):
            for number, part in parts:
                for table in self._tables(part):
                    yield number, self._columns(part, table)
            return
        for number, found in read_ahead(parts, self._read, self._depth):
            for columns in found:
                yield number, columns

    def _read(self, numbered: tuple[int, _Part]) -> tuple[int, list[Columns]]:
        number, part = numbered
        return number, [self._columns(part, table) for table in self._tables(part) if table.num_rows]

    def _tables(self, part: _Part) -> Iterator[pa.Table]:
        table = self._table
        if isinstance(table, TextTable):
            yield from table.blocks(part.file, self._filter, self.block_rows)
            return
        assert part.group is not None
        if self._filter is None:
            yield table.read(part.file, [part.group])
            return
        names = [*table.names, *(name for name in self._filter_names if name not in table.names)]
        rows = table.read(part.file, [part.group], names)
        yield rows.filter(evaluate(rows.select(self._filter_names), self._filter)).select(table.names)

    def _columns(self, part: _Part, table: pa.Table) -> Columns:
        return own(from_arrow(f"FileStream: {self._table.places[part.file].name}", table, self._policy))


class _PartIterator(StreamIterator):
    def __init__(self, stream: FileStream, parts: list[_Part], part: int, gone: int) -> None:
        self._stream, self._parts = stream, parts
        self._part, self._gone = part, gone  # where the next block begins
        self._blocks: Iterator[tuple[int, Columns]] | None = None
        self._number, self._before = part, 0  # the part under way, and its rows before `_block`
        self._block: Columns | None = None

    def __next__(self) -> Any:
        while True:
            if self._block is not None:
                first, rows = self._gone - self._before, count_rows(self._block)
                if self._number == self._part and first < rows:
                    last = min(first + self._stream.block_rows, rows)
                    self._gone += last - first
                    return cut_rows(self._block, first, last)
                self._before, self._block = self._before + rows, None
            self._next_block()

    def _next_block(self) -> None:
        if self._blocks is None:
            self._blocks = self._stream.blocks(enumerate(self._parts[self._part :], self._part))
        number, block = next(self._blocks, (len(self._parts), None))
        if number > self._number:
            if self._number == self._part:
                if self._gone > self._before:
                    raise ValueError(
                        f"FileStream: part {self._part} has {self._before} rows where a saved state has passed "
                        f"{self._gone}; was its file changed?"
                    )
                self._part, self._gone = self._number + 1, 0
            self._number, self._before = number, 0
            if number > self._part:
                self._part, self._gone = number, 0
        if block is None:
            raise StopIteration
        self._block = block

    def state(self) -> State:
        if self._part < len(self._parts) and self._stream.rows_of(self._parts[self._part]) == self._gone:
            return {"part": self._part + 1, "rows": 0}
        return {"part": self._part, "rows": self._gone}

    def skip(self, rows: int) -> int:
        left = rows
        while left and self._part < len(self._parts):
            known = self._stream.rows_of(self._parts[self._part])
            if known is None:
                break
            step = min(left, known - self._gone)
            left -= step
            self._gone += step
            if self._gone == known:
                self._part, self._gone = self._part + 1, 0
        if self._part > self._number + 1:  # what was read ahead is behind
            self._blocks, self._block, self._number, self._before = None, None, self._part, 0
        return rows - left
