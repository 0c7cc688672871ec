"""One schema for many files: the first file's (or the caller's), which every other file has or is cast to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamella.data._sources._places import Place

if TYPE_CHECKING:
    import pyarrow as pa


def check_names(owner: str, name: str, schema: pa.Schema) -> None:
    """ValueError unless a file names each column once, and has at least one."""
    if not schema.names:
        raise ValueError(f"{owner}: {name} has no columns")
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise ValueError(f"{owner}: {name} has more than one column called {twice[0]!r}; rename one")


def check_same_schema(
    owner: str,
    first: tuple[str, pa.Schema],
    other: tuple[str, pa.Schema],
    names: Sequence[str],
    *,
    whole: bool,
    cast: bool,
) -> None:
    """ValueError where `other` (a file and its schema) lacks a column that `first` has, or has it with another type."""
    expected_name, expected = first
    given_name, given = other
    if whole and set(expected.names) != set(given.names):
        raise ValueError(
            f"{owner}: {given_name} has columns {given.names} where {expected_name} has {expected.names}; select the "
            "common ones with columns=[...]"
        )
    for name in names:
        if name not in given.names:
            raise ValueError(f"{owner}: {given_name} has no column {name!r}, which {expected_name} has")
        kinds = given.field(name).type, expected.field(name).type
        if kinds[0] != kinds[1] and not cast:
            raise ValueError(
                f"{owner}: column {name!r} is {kinds[0]} in {given_name} and {kinds[1]} in {expected_name}; cast=True "
                "casts it where no value changes"
            )


def without_views(field: pa.Field) -> pa.Field:
    """Views of text as text: Arrow computes little with them, and a column has one buffer of values."""
    import pyarrow as pa

    if pa.types.is_string_view(field.type):
        return field.with_type(pa.large_string())
    return field.with_type(pa.large_binary()) if pa.types.is_binary_view(field.type) else field


def cast_table(owner: str, place: Place, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with the types of `schema`; ValueError where a value would change."""
    import pyarrow as pa

    for number, field in enumerate(schema):
        given = table.schema.field(number).type
        if given == field.type:
            continue
        try:
            column = table.column(number).cast(field.type, safe=True)
        except pa.ArrowException as error:
            raise ValueError(
                f"{owner}: column {field.name!r} of {place.name} is {given} and cannot be cast to {field.type} without "
                f"changing values: {error}"
            ) from error
        table = table.set_column(number, field.name, column)
    return table
