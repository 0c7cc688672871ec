"""Columns of an Arrow table as arrays and Ragged columns.

Numbers, booleans, fixed-size lists and fixed-shape tensors become arrays (rows, ...); text, binary and lists of those
become Ragged; dictionaries become their codes; times become the integers that they are stored as (the schema says the
unit and the zone); fixed-size binary becomes uint8 (rows, bytes). Without nulls and in one chunk this copies nothing,
except for booleans, which are bits in Arrow, and views of text, which have another layout.

Nulls never turn into values silently: they are an error unless the caller gave a fill value or asked for a mask.
Structs, decimals and lists of lists are refused by name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lamella.data._arrow import NullPolicy, decode, one_chunk, unreadable
from lamella.data._columns import Column
from lamella.data._protocols import Array
from lamella.data._ragged import Kind, Ragged

if TYPE_CHECKING:
    import pyarrow as pa

Present = npt.NDArray[np.bool_]


def from_arrow(owner: str, table: pa.Table, policy: NullPolicy) -> dict[str, Column]:
    """All columns of `table`, followed by the masks asked for."""
    columns: dict[str, Column] = {}
    masks: dict[str, Column] = {}
    for name in table.column_names:
        check_type(owner, name, table.schema.field(name).type)
        array = one_chunk(_unified(table.column(name)))
        column: Column
        if _ragged_kind(array.type):
            column, present = _ragged(owner, name, array, policy)
            shape: tuple[int, ...] = (len(array),)
        else:
            column, present = _fixed(owner, name, array, policy)
            shape = column.shape
        columns[name] = column
        if name in policy.mask:
            masks[f"{name}_mask"] = np.ones(shape, np.bool_) if present is None else present
    return columns | masks


def dictionary_values(table: pa.Table) -> dict[str, list[Any]]:
    """What the codes of each dictionary column stand for."""
    import pyarrow as pa

    return {
        field.name: one_chunk(_unified(table.column(field.name))).dictionary.to_pylist()
        for field in table.schema
        if pa.types.is_dictionary(field.type)
    }


def null_error(owner: str, name: str, count: int) -> ValueError:
    """The error for nulls that nobody provided for."""
    return ValueError(
        f"{owner}: column {name!r} has {count} null{'s' if count != 1 else ''}; pass fill={{{name!r}: value}} to "
        f"replace them, mask=[{name!r}] to get a column {name + '_mask'!r} beside it, or leave the column out"
    )


def check_type(owner: str, name: str, kind: pa.DataType) -> None:
    """Refuse, by name, an Arrow type that no column can hold."""
    if why := _no_column(kind):
        raise TypeError(
            f"{owner}: column {name!r} {why}. Leave it out with columns=[...], or cast it with pyarrow first."
        )


def _no_column(kind: pa.DataType) -> str:
    """Why no column can hold a type; empty where one can."""
    import pyarrow as pa

    if _ragged_kind(kind) == "list":
        return f"has Arrow type {kind}, and an element {why}" if (why := unreadable(kind.value_type)) else ""
    if _ragged_kind(kind) or _stored_as(kind) is not None or pa.types.is_dictionary(kind):
        return ""
    if pa.types.is_fixed_size_binary(kind):
        return "" if kind.byte_width else f"has Arrow type {kind}, whose values hold nothing"
    if pa.types.is_struct(kind):
        return f"has Arrow type {kind}; pyarrow's table.flatten() makes a column of each field"
    if pa.types.is_decimal(kind):
        return f"has Arrow type {kind}, which no tensor holds: cast it to float64, or scale it to whole numbers"
    return unreadable(kind)


def _ragged_kind(kind: pa.DataType) -> Kind | None:
    import pyarrow as pa

    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return "bytes"
    return "list" if types.is_list(kind) or types.is_large_list(kind) else None


def _stored_as(kind: pa.DataType) -> pa.DataType | None:
    """The integers that a type of times is stored as."""
    import pyarrow as pa

    if not pa.types.is_temporal(kind) or pa.types.is_interval(kind):
        return None
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _unified(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of dictionaries with one dictionary for all chunks."""
    import pyarrow as pa

    return column.unify_dictionaries() if pa.types.is_dictionary(column.type) and column.num_chunks > 1 else column


def _fixed(owner: str, name: str, array: pa.Array, policy: NullPolicy) -> tuple[Array, Present | None]:
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        _check_codes(owner, name, array)
        array = array.indices
    elif (stored := _stored_as(array.type)) is not None:
        array = array.view(stored)
    elif pa.types.is_fixed_size_binary(array.type):
        return _without_nulls(owner, name, *_fixed_bytes(array), policy)
    values, present = decode(array)
    return _without_nulls(owner, name, values, present, policy)


def _fixed_bytes(array: pa.Array) -> tuple[Array, Present | None]:
    width, data = array.type.byte_width, array.buffers()[1]
    shape = (len(array), width)
    present = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
    if not len(array) or data is None:
        return np.zeros(shape, np.uint8), present
    values = np.frombuffer(data, np.uint8, count=math.prod(shape), offset=array.offset * width).reshape(shape)
    values.flags.writeable = False
    return values, None if present is None else np.broadcast_to(present[:, None], shape)


def _without_nulls(
    owner: str, name: str, values: Array, present: Present | None, policy: NullPolicy
) -> tuple[Array, Present | None]:
    if present is not None and not present.all():
        if name not in policy.fill and name not in policy.mask:
            raise null_error(owner, name, int(present.size - np.count_nonzero(present)))
        values = _fill(owner, name, values, present, policy.fill.get(name, 0))
    return values, present


def _check_codes(owner: str, name: str, array: pa.Array) -> None:
    """Codes come from files that may be damaged, and a null in a dictionary would hide behind a code."""
    if array.dictionary.null_count:
        raise ValueError(f"{owner}: the dictionary of column {name!r} holds a null; decode it with pyarrow first")
    import pyarrow.compute as pc

    ends = pc.min_max(array.indices).as_py()
    if ends["min"] is not None and not 0 <= ends["min"] <= ends["max"] < len(array.dictionary):
        raise ValueError(
            f"{owner}: column {name!r} has codes {ends['min']} to {ends['max']} for {len(array.dictionary)} values; "
            "the data is damaged"
        )


def _ragged(owner: str, name: str, array: pa.Array, policy: NullPolicy) -> tuple[Ragged, Present | None]:
    kind = _ragged_kind(array.type)
    assert kind is not None
    present: Present | None = None
    if array.null_count:
        present = array.is_valid().to_numpy(zero_copy_only=False)
        if name not in policy.mask and (kind == "list" or name not in policy.fill):
            raise null_error(owner, name, array.null_count)
    if kind == "list":
        return _lists(owner, name, array, present, policy), present
    return _strings(owner, name, array, kind, policy), present


def _strings(owner: str, name: str, array: pa.Array, kind: Kind, policy: NullPolicy) -> Ragged:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string_view(array.type) or pa.types.is_binary_view(array.type):
        array = array.cast(pa.large_string() if kind == "text" else pa.large_binary())
    if array.null_count:
        empty: str | bytes = "" if kind == "text" else b""
        fill = policy.fill.get(name, empty)
        if type(fill) is not type(empty):
            raise TypeError(f"{owner}: fill for column {name!r} must be {type(empty).__name__}, got {fill!r}")
        array = pc.fill_null(array, fill)
    _, places, content = array.buffers()
    width = np.dtype(
        np.int64 if pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type) else np.int32
    )
    if len(array) == 0 or places is None:
        return _checked(owner, name, np.empty(0, np.uint8), np.zeros(1, width), kind)
    offsets = np.frombuffer(places, width, count=len(array) + 1, offset=array.offset * width.itemsize)
    values = np.empty(0, np.uint8) if content is None else np.frombuffer(content, np.uint8)
    return _checked(owner, name, values, offsets, kind)


def _lists(owner: str, name: str, array: pa.Array, present: Present | None, policy: NullPolicy) -> Ragged:
    offsets = array.offsets.to_numpy()
    content = array.values
    if present is not None and not present.all():  # a null row may have values under it
        lengths = np.where(present, np.diff(offsets), 0)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        content = array.flatten()
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    # From the start on, so that offsets are used as they are; nulls before the first row belong to others.
    values, inside = decode(content.slice(0, last))
    if inside is not None and not inside[first:].all():
        if name not in policy.fill:
            count = int(inside[first:].size - np.count_nonzero(inside[first:]))
            raise ValueError(
                f"{owner}: the lists of column {name!r} hold {count} null{'s' if count != 1 else ''}; pass "
                f"fill={{{name!r}: value}} to replace them (mask is about whole rows), or leave the column out"
            )
        values = _fill(owner, name, values, inside, policy.fill[name])
    return _checked(owner, name, values, offsets, "list")


def _checked(owner: str, name: str, values: Array, offsets: Array, kind: Kind) -> Ragged:
    for part in (values, offsets):
        part.flags.writeable = False  # Arrow memory is immutable and shared
    try:
        return Ragged(values, offsets, kind=kind)
    except ValueError as error:
        raise ValueError(f"{owner}: column {name!r} is damaged: {error}") from error


def _fill(owner: str, name: str, values: Array, present: npt.NDArray[np.bool_], fill: object) -> Array:
    if not isinstance(fill, (bool, int, float)):
        raise TypeError(f"{owner}: fill for column {name!r} must be a bool, int or float, got {fill!r}")
    with np.errstate(all="ignore"):
        try:
            value = np.asarray(fill).astype(values.dtype)
        except OverflowError:
            held = False
        else:
            finite = math.isfinite(fill)
            held = bool(np.isfinite(value)) == finite if values.dtype.kind == "f" else finite and value.item() == fill
    if not held:
        raise ValueError(f"{owner}: fill value {fill!r} cannot be held by column {name!r} of dtype {values.dtype}")
    return np.where(present, values, value)
