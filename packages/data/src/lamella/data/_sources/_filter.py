"""A condition on rows, evaluated by Arrow before anything is made of them.

Groups whose folder or statistics (parquet) rule out every row are never read; of the others only the columns that the
condition names are read to find its rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lamella.data._protocols import IndexArray
from lamella.data._sources._files import File, FileTable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

_ROWS_AT_ONCE = 1 << 20


def names_in(owner: str, condition: object, schema: pa.Schema) -> list[str]:
    """The columns that a condition names.

    TypeError or ValueError unless it is a pyarrow Expression that gives booleans over the columns of `schema`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(condition, pc.Expression):
        raise TypeError(
            f"{owner}: filter must be a pyarrow.compute.Expression such as pyarrow.compute.field('x') > 0, got "
            f"{type(condition).__name__}"
        )
    plain = plain_schema(schema)
    try:
        kind = _select(plain.empty_table(), condition).type
    except (pa.ArrowException, TypeError) as error:
        raise ValueError(f"{owner}: filter {condition} does not fit the columns {schema.names}: {error}") from error
    if not pa.types.is_boolean(kind):
        raise ValueError(f"{owner}: filter {condition} gives {kind}, expected booleans")
    return [name for name in plain.names if _needs(condition, plain, name)] or plain.names[:1]


def both(first: pc.Expression | None, second: pc.Expression | None) -> pc.Expression | None:
    """The condition that two conditions make, either of which may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


def kept_rows(table: FileTable, condition: pc.Expression) -> list[tuple[int, int, IndexArray | None]]:
    """Of each group that keeps rows: its file, its number and those rows, ascending (None: all)."""
    names = names_in(table.owner, condition, table.whole_schema)
    kept: list[tuple[int, int, IndexArray | None]] = []
    for number, file in enumerate(table.files):
        for groups in _portions(file, possible_groups(table, number, condition, names)):
            found = evaluate(table.read(number, groups, names), condition)
            start = 0
            for group in groups:
                rows = file.layout.group_rows[group]
                part = found[start : start + rows]
                start += rows
                if part.any():
                    kept.append((number, group, None if part.all() else np.flatnonzero(part)))
    return kept


def evaluate(rows: pa.Table, condition: pc.Expression) -> npt.NDArray[np.bool_]:
    """Whether the condition keeps each row; where it is null it does not."""
    for place, field in enumerate(rows.schema):
        if _plain(field.type) != field.type:
            rows = rows.set_column(place, field.name, rows.column(place).cast(_plain(field.type)))
    kept: npt.NDArray[np.bool_] = _select(rows, condition).fill_null(False).to_numpy()
    return kept


def possible_groups(table: FileTable, number: int, condition: pc.Expression, names: Collection[str]) -> list[int]:
    """The groups of a file that may keep rows, by what folder names and statistics say of the columns `names`."""
    file = table.files[number]
    schema = plain_schema(table.whole_schema)
    folder = table.partitions.guarantee(number)
    if not may_hold(condition, folder, schema):
        return []
    table.check_unchanged(file.place)
    statistics = table.reader.statistics(file.place, file.layout)
    groups = range(len(file.layout.group_rows))
    if statistics is None:
        return list(groups)
    stored = set(names) - set(table.partitions.schema.names)
    return [
        group for group in groups if may_hold(condition, folder & statistics.guarantee(group, stored, schema), schema)
    ]


def may_hold(condition: pc.Expression, guarantee: pc.Expression, schema: pa.Schema) -> bool:
    """Whether the condition can keep a row of which `guarantee` is true."""
    import pyarrow.dataset as pads
    import pyarrow.fs as pafs

    # Arrow simplifies a condition by what it is told of a file; nothing is opened for it.
    nowhere = pafs.LocalFileSystem()
    told = pads.IpcFileFormat().make_fragment("/", nowhere, guarantee)
    return bool(list(pads.FileSystemDataset([told], schema, told.format, nowhere).get_fragments(filter=condition)))


def _select(rows: pa.Table, condition: pc.Expression) -> pa.ChunkedArray:
    import pyarrow.dataset as pads

    return pads.dataset(rows).to_table(columns={"kept": condition}).column("kept")


def _needs(condition: pc.Expression, schema: pa.Schema, name: str) -> bool:
    import pyarrow as pa

    try:
        _select(schema.remove(schema.get_field_index(name)).empty_table(), condition)
    except pa.ArrowException:
        return True
    return False


def _portions(file: File, groups: Sequence[int]) -> Iterator[list[int]]:
    """The groups in runs of about a million rows, so that a condition on a huge file is not read at once."""
    portion: list[int] = []
    rows = 0
    for group in groups:
        portion.append(group)
        rows += file.layout.group_rows[group]
        if rows >= _ROWS_AT_ONCE:
            yield portion
            portion, rows = [], 0
    if portion:
        yield portion


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The types that conditions are written on: dictionaries are their values."""
    import pyarrow as pa

    return pa.schema([(field.name, _plain(field.type)) for field in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind
