"""Columns that stand in folder names: `year=2024/part.parquet` gives every row of the file the year 2024.

The types of hive folders are found as Arrow finds them: int32 or int64 where every value is a whole number, else text;
`__HIVE_DEFAULT_PARTITION__` is a null. Text columns are dictionaries over the values found, in sorted order, so every
file has the same codes. A pyarrow `Partitioning` with types of its own (directory or file name schemes) is taken as it
is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lamella.data._sources._places import Place

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_columns(
    owner: str, places: Sequence[Place], partitioning: str | pads.Partitioning | None
) -> tuple[pa.Schema, list[dict[str, Any]]]:
    """The columns that the folders give, and each file's values of them."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    folders = [_folders(place) for place in places]
    if partitioning is None:
        return pa.schema([]), [{} for _ in places]
    if partitioning == "hive":
        schema = _hive_schema(folders)
        if not schema.names:
            return schema, [{} for _ in places]
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
    return _with_dictionaries(scheme.schema), values


def constant_column(value: object, kind: pa.DataType, values: Sequence[object], rows: int) -> pa.Array:
    """`value` in every one of `rows`; a dictionary type is given codes over `values`."""
    import pyarrow as pa

    if not pa.types.is_dictionary(kind):
        return pa.repeat(pa.scalar(value, kind), rows)
    code = pa.scalar(None if value is None else values.index(value), kind.index_type)
    return pa.DictionaryArray.from_arrays(pa.repeat(code, rows), pa.array(values, kind.value_type))


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


def _with_dictionaries(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            (field.name, pa.dictionary(pa.int32(), field.type) if pa.types.is_string(field.type) else field.type)
            for field in schema
        ]
    )
