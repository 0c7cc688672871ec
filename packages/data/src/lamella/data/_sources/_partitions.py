"""Columns that stand in folder names: `year=2024/part.parquet` gives every row of the file the year 2024.

The types of hive folders are found as Arrow finds them: int32 or int64 where every value is a whole number, else text;
`__HIVE_DEFAULT_PARTITION__` is a null. Text columns are dictionaries over the values found, in sorted order, so every
file has the same codes. A pyarrow `Partitioning` with types of its own (directory or file name schemes) is taken as it
is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lamella.data._sources._places import Place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as pads

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NULL = "__HIVE_DEFAULT_PARTITION__"


class Partitions:
    """The columns that folder names give, and each file's values of them.

    Text is a dictionary over the values found, in `schema`; conditions see it as text.
    """

    def __init__(self, schema: pa.Schema, values: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow as pa

        self.plain = schema
        self._values = list(values)
        self._found = {
            field.name: sorted({value for row in values if (value := row[field.name]) is not None})
            for field in schema
            if pa.types.is_string(field.type)
        }
        code = pa.int32()
        self.schema = pa.schema(
            [
                field.with_type(pa.dictionary(code, field.type)) if field.name in self._found else field
                for field in schema
            ]
        )

    def of(self, file: int) -> list[tuple[str, Any]]:
        """A file's values."""
        return list(self._values[file].items())

    def check_names(self, owner: str, name: str, stored: pa.Schema) -> None:
        """ValueError if a file has a column that its folder's name gives too."""
        for column in self.schema.names:
            if column in stored.names:
                raise ValueError(
                    f"{owner}: {column!r} is a column of {name} and of its folder's name; pass partitioning=None to "
                    "read the file's own"
                )

    def columns(self, file: int, names: Iterable[str], rows: int) -> dict[str, pa.Array]:
        """Those of the columns `names` that folders give, `rows` long."""
        return {name: self._column(name, self._values[file][name], rows) for name in names if name in self.schema.names}

    def _column(self, name: str, value: object, rows: int) -> pa.Array:
        import pyarrow as pa

        kind = self.plain.field(name).type
        if name not in self._found:
            return pa.repeat(pa.scalar(value, kind), rows)
        code = pa.scalar(None if value is None else self._found[name].index(value), pa.int32())
        return pa.DictionaryArray.from_arrays(pa.repeat(code, rows), pa.array(self._found[name], kind))

    def categories(self, name: str) -> list[Any] | None:
        """What a text column's codes stand for; None for other columns."""
        return list(self._found[name]) if name in self._found else None

    def guarantee(self, file: int) -> pc.Expression:
        """What a file's folder says about all its rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        guarantee = pc.scalar(True)
        for name, value in self._values[file].items():
            field = pc.field(name)
            known = field.is_null() if value is None else field == pa.scalar(value, self.plain.field(name).type)
            guarantee = guarantee & known
        return guarantee


def find_partitions(owner: str, places: Sequence[Place], partitioning: str | pads.Partitioning | None) -> Partitions:
    """The columns that the folders of these files give."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    folders = [_folders(place) for place in places]
    if partitioning is None:
        return Partitions(pa.schema([]), [{} for _ in places])
    if partitioning == "hive":
        schema = _hive_schema(folders)
        if not schema.names:
            return Partitions(schema, [{} for _ in places])
        scheme: Any = pads.partitioning(schema, flavor="hive")
    elif isinstance(partitioning, pads.Partitioning):
        scheme = partitioning
    else:
        raise TypeError(
            f"{owner}: partitioning must be 'hive', None or a pyarrow.dataset.Partitioning with a schema "
            f"(pyarrow.dataset.partitioning(pyarrow.schema(...))), got {partitioning!r}"
        )
    values = []
    for place, folder in zip(places, folders, strict=True):
        try:
            found = pads.get_partition_keys(scheme.parse("/".join((*folder, place.path.rpartition("/")[2]))))
        except pa.ArrowException as error:
            raise ValueError(f"{owner}: the folders of {place.name} do not fit {scheme.schema}: {error}") from error
        values.append({name: found.get(name) for name in scheme.schema.names})
    return Partitions(scheme.schema, values)


def _folders(place: Place) -> list[str]:
    root = place.root.rstrip("/")
    below = place.path[len(root) :].lstrip("/") if root and place.path.startswith(root) else place.path
    return below.split("/")[:-1]


def _hive_schema(folders: Sequence[Sequence[str]]) -> pa.Schema:
    import pyarrow as pa

    found: dict[str, list[str]] = {}
    for parts in folders:
        for part in parts:
            name, equals, value = part.partition("=")
            if equals and name:
                found.setdefault(unquote(name), []).append(unquote(value))
    return pa.schema([(name, _kind([value for value in values if value != _NULL])) for name, values in found.items()])


def _kind(values: Sequence[str]) -> pa.DataType:
    import pyarrow as pa

    if not values or not all(_WHOLE.fullmatch(value) for value in values):
        return pa.string()
    return pa.int32() if all(abs(int(value)) < 1 << 31 for value in values) else pa.int64()
