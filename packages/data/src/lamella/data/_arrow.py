"""Arrays of numbers as Arrow arrays and back, and tables of them as Arrow tables.

Fixed-width values, fixed-size lists and fixed-shape tensors are arrays of shape (rows, ...); without nulls and in one
chunk nothing is copied (booleans are bits in Arrow and always copied). `_arrow_read` makes columns of all that a table
may hold. pyarrow is imported here only when a function runs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lamella.data._columns import Column, as_column, check_equal_lengths
from lamella.data._protocols import Array, ArrowStream
from lamella.data._ragged import Ragged

if TYPE_CHECKING:
    import pyarrow as pa

# Arrow's own bookkeeping in schema metadata, which is not the user's.
_RESERVED_METADATA = frozenset({"ARROW:schema"})


Fill: TypeAlias = bool | int | float | str | bytes


class NullPolicy(NamedTuple):
    """What nulls become: `fill` maps column to value; `mask` names columns that get a companion NAME_mask (True:
    present).
    """

    fill: Mapping[str, Fill]
    mask: frozenset[str]

    def mask_names(self, columns: Collection[str]) -> list[str]:
        """The companion columns, in the order of their columns."""
        return [f"{name}_mask" for name in columns if name in self.mask]


def null_policy(
    owner: str, columns: Collection[str], fill: Mapping[str, Fill] | None, mask: Collection[str]
) -> NullPolicy:
    """A policy whose names are all columns."""
    if isinstance(mask, str):
        raise TypeError(f"{owner}: mask must be a collection of column names, got the single string {mask!r}")
    policy = NullPolicy(dict(fill or {}), frozenset(mask))
    for argument, names in (("fill", policy.fill), ("mask", policy.mask)):
        for name in names:
            if name not in columns:
                raise KeyError(f"{owner}: {argument} names unknown column {name!r}; known columns are {list(columns)}")
    for name in policy.mask_names(columns):
        if name in columns:
            raise ValueError(f"{owner}: the mask of a column would be called {name!r}, which is a column already")
    return policy


def to_arrow(owner: str, data: object) -> pa.Table:
    """A pyarrow Table over an Arrow stream or a mapping of arrays; arrays of numbers are wrapped, not copied."""
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if isinstance(data, ArrowStream):
        return pa.table(data)
    if not isinstance(data, Mapping):
        raise TypeError(f"{owner}: expected a mapping of arrays or an Arrow table, got {type(data).__name__}")
    if not data:
        raise ValueError(f"{owner}: no columns given")
    columns = {str(name): as_column(owner, str(name), values) for name, values in data.items()}
    check_equal_lengths(owner, columns)
    return pa.table({name: _to_arrow_column(owner, name, column) for name, column in columns.items()})


def _to_arrow_column(owner: str, name: str, column: Column) -> pa.Array:
    if isinstance(column, Ragged):
        return _ragged_to_arrow(column, _to_arrow_column(owner, name, column.values))
    if not has_type(column.dtype):
        raise TypeError(f"{owner}: Arrow has no type for column {name!r} of dtype {column.dtype}; convert it first")
    if math.prod(column.shape[1:]) == 0:
        raise ValueError(f"{owner}: column {name!r} has rows of shape {column.shape[1:]}, which hold no value to store")
    return array_to_arrow(column)


def _ragged_to_arrow(column: Ragged, values: pa.Array) -> pa.Array:
    """A list, string or binary array over the same buffers (their large forms where offsets have 64 bits)."""
    import pyarrow as pa

    wide = column.offsets.dtype.itemsize > 4
    offsets = np.ascontiguousarray(column.offsets, np.int64 if wide else np.int32)
    if column.kind == "list":
        return (pa.LargeListArray if wide else pa.ListArray).from_arrays(pa.array(offsets), values)
    kinds = (pa.large_string(), pa.large_binary()) if wide else (pa.string(), pa.binary())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(column.values))]
    return pa.Array.from_buffers(kinds[column.kind == "bytes"], len(column), buffers)


def has_type(dtype: np.dtype[np.generic]) -> bool:
    """Whether Arrow has an element type for numpy's."""
    # 2: a dtype of another package, and ml_dtypes' float8_e5m2 is of kind f too; a pickled array's own is 0, not 1.
    return dtype.isbuiltin != 2 and dtype.kind in "biuf"


def array_to_arrow(column: Array) -> pa.Array:
    """Numbers in rows that hold at least one as an Arrow array; without a copy where they lie row by row."""
    import pyarrow as pa

    if column.ndim == 1:
        return pa.array(np.ascontiguousarray(column))
    values = pa.array(np.ascontiguousarray(column).reshape(-1))
    rows = pa.FixedSizeListArray.from_arrays(values, math.prod(column.shape[1:]))
    if column.ndim == 2:
        return rows
    tensor_type = pa.fixed_shape_tensor(values.type, column.shape[1:])
    return pa.ExtensionArray.from_storage(tensor_type, rows)


def unreadable(kind: pa.DataType) -> str:
    """Why an Arrow type has no fixed-width numeric layout; empty where it has one."""
    import pyarrow as pa

    element = kind
    while True:
        if isinstance(element, pa.FixedShapeTensorType):
            if element.permutation is not None and list(element.permutation) != sorted(element.permutation):
                return f"stores its tensors permuted {element.permutation}, expected row-major"
            element = element.value_type
        elif pa.types.is_fixed_size_list(element):
            element = element.value_type
        else:
            break
    if pa.types.is_boolean(element) or pa.types.is_integer(element) or pa.types.is_floating(element):
        return ""
    return f"has Arrow type {kind}; numbers, booleans and fixed-size lists of them can be read"


def user_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Schema metadata as text, without Arrow's own entries."""
    decoded = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (metadata or {}).items()}
    return {key: value for key, value in decoded.items() if key not in _RESERVED_METADATA}


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """The chunks of a column as one array; without a copy where there is one."""
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    # pyarrow neither joins nor creates extension arrays: do it on what they are stored as.
    if not isinstance(column.type, pa.FixedShapeTensorType):
        return pa.concat_arrays(column.chunks) if column.chunks else pa.array([], column.type)
    chunks = [chunk.storage for chunk in column.chunks] or [pa.array([], column.type.storage_type)]
    return pa.ExtensionArray.from_storage(column.type, pa.concat_arrays(chunks))


def decode(array: pa.Array) -> tuple[Array, npt.NDArray[np.bool_] | None]:
    """Values of shape (rows, ...) and which of them are present (None: all); values under nulls are unspecified.

    The type must be a readable one.
    """
    import pyarrow as pa

    shape: tuple[int, ...] = (len(array),)
    present: npt.NDArray[np.bool_] | None = None
    while pa.types.is_fixed_size_list(array.type) or isinstance(array.type, pa.FixedShapeTensorType):
        if isinstance(array.type, pa.FixedShapeTensorType):
            inner: tuple[int, ...] = tuple(array.type.shape)
            array = array.storage
        else:
            inner = (array.type.list_size,)
        present = _both(present, _validity(array), shape)
        size = array.type.list_size
        shape = (*shape, *inner)
        # `values` ignores the slice that `array` is, and `flatten` drops null rows: slice by hand.
        array = array.values.slice(array.offset * size, len(array) * size)
        if present is not None:
            present = np.broadcast_to(present.reshape(present.shape + (1,) * len(inner)), shape)
    present = _both(present, _validity(array), shape)
    return _primitive(array).reshape(shape), present


def _validity(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    return None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)


def _both(
    outer: npt.NDArray[np.bool_] | None, inner: npt.NDArray[np.bool_] | None, shape: tuple[int, ...]
) -> npt.NDArray[np.bool_] | None:
    if inner is None:
        return outer
    inner = inner.reshape(shape)
    return inner if outer is None else outer & inner


def _primitive(array: pa.Array) -> Array:
    """The data buffer as it lies, null slots included; booleans are unpacked."""
    import pyarrow as pa

    if pa.types.is_boolean(array.type):
        present = array if array.null_count == 0 else array.fill_null(False)
        unpacked: Array = present.to_numpy(zero_copy_only=False)
        return unpacked
    dtype = np.dtype(array.type.to_pandas_dtype())
    data = array.buffers()[1]
    if len(array) == 0 or data is None:
        return np.zeros(len(array), dtype)
    values = np.frombuffer(data, dtype, count=len(array), offset=array.offset * dtype.itemsize)
    values.flags.writeable = False  # Arrow memory is immutable and shared, even where the buffer would allow writing
    return values
