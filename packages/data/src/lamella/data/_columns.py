"""Columns as numpy arrays: which arrays may be one, and how a batch of rows is gathered from them.

Invariant: a column is a native-endian array of numbers or booleans with the row as its first dim, or a Ragged of such
values; columns of one table are equally long. Columns are kept as they came (no copy); a gathered batch always owns its
memory, so writing into it cannot reach the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from lamella.data._protocols import Array, IndexArray
from lamella.data._ragged import Ragged, describe_ragged

Column: TypeAlias = Array | Ragged

_SAMPLED_ROWS = 64
_DIGEST_ROWS = 1 << 16  # digested at once


def as_column(owner: str, name: str, values: object) -> Column:
    """`values` as a column, without a copy where it is an array or a Ragged already."""
    if isinstance(values, Ragged):
        _check_dtype(owner, name, values.dtype)
        return values
    return as_array(owner, name, values)


def as_array(owner: str, name: str, values: object) -> Array:
    """`values` as a column of rows of one shape, without a copy where it is an array already."""
    if isinstance(values, Ragged):
        raise TypeError(f"{owner}: column {name!r} is Ragged, expected rows of one shape; pad it, or use TableDataset")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{owner}: column {name!r} is ragged: its rows differ in shape ({error})") from error
    if array.ndim == 0:
        raise ValueError(f"{owner}: column {name!r} must have one entry per row, got the single value {array[()]!r}")
    _check_dtype(owner, name, array.dtype)
    return array


def _check_dtype(owner: str, name: str, dtype: np.dtype[np.generic]) -> None:
    if not is_numeric(dtype):
        raise TypeError(
            f"{owner}: column {name!r} has dtype {dtype}; a column holds numbers or booleans. "
            "Encode it as integers, or leave it out."
        )
    if not dtype.isnative:
        raise TypeError(
            f"{owner}: column {name!r} has dtype {dtype.str!r}, which is not in this machine's byte order; "
            "pass column.astype(column.dtype.newbyteorder('='))"
        )


def is_numeric(dtype: np.dtype[np.generic]) -> bool:
    """Whether a Tensor can hold it: ml_dtypes' bfloat16 and float8 count as kind 'V' without being void."""
    return dtype.kind in "biufc" or (dtype.kind == "V" and not issubclass(dtype.type, np.void))


def check_equal_lengths(owner: str, columns: Mapping[str, Column]) -> int:
    """The common length of all columns."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise ValueError(f"{owner}: columns must be equally long, got lengths {{{listed}}}")
    return next(iter(lengths.values()))


def select_columns(owner: str, known: Iterable[str], wanted: Iterable[str] | None) -> list[str]:
    """The names to read, in the order wanted (None: all known ones)."""
    names = list(known)
    if wanted is None:
        return names
    if isinstance(wanted, str):
        raise TypeError(
            f"{owner}: columns must be a list of names, got the single string {wanted!r}; pass [{wanted!r}]"
        )
    selected = list(wanted)
    for name in selected:
        if name not in names:
            raise KeyError(f"{owner}: unknown column {name!r}; known columns are {names}")
    if len(set(selected)) != len(selected):
        raise ValueError(f"{owner}: columns names a column twice: {selected}")
    if not selected:
        raise ValueError(f"{owner}: columns is empty; name at least one of {names}")
    return selected


def check_indices(owner: str, indices: object) -> None:
    """One dim of integers; range errors are the gather's own."""
    if not isinstance(indices, np.ndarray) or indices.dtype.kind not in "iu" or indices.ndim != 1:
        given = f"{indices.dtype} array of {indices.ndim} dims" if isinstance(indices, np.ndarray) else repr(indices)
        raise TypeError(f"{owner}: gather wants a one-dimensional integer array, got {given}")


def gather(owner: str, columns: Iterable[Column], indices: IndexArray) -> list[Any]:
    """Rows `indices` of every column, in fresh memory."""
    try:
        return [
            column.take(indices, axis=0) if isinstance(column, np.ndarray) else column.take(indices)
            for column in columns
        ]
    except IndexError as error:
        raise IndexError(f"{owner}: gather was given a record out of range: {error}") from error


def describe(columns: Mapping[str, Column]) -> str:
    """The row's layout as text: names, dtypes, shapes."""
    return ", ".join(f"{name} {_describe_column(column)}" for name, column in columns.items())


def _describe_column(column: Column) -> str:
    if isinstance(column, Ragged):
        return describe_ragged(column)
    return f"{column.dtype}{list(column.shape[1:]) if column.ndim > 1 else ''}"


def full_digest(columns: Iterable[Column]) -> str:
    """A digest of every value: what a cache on disk asks for. Costs a reading of it all."""
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    for column in columns:
        if isinstance(column, Ragged):
            digest.update((column.offsets - column.offsets[0]).astype(np.int64).tobytes())
            column = column.flat()
        for start in range(0, len(column), _DIGEST_ROWS):
            digest.update(np.ascontiguousarray(column[start : start + _DIGEST_ROWS]).tobytes())
    return digest.hexdigest()


def sampled_digest(columns: Iterable[Column]) -> str:
    """A digest of evenly spaced rows: constant cost; sees changes of length and layout and most of content."""
    import hashlib  # not at the top: most programs never ask for a fingerprint, and loading OpenSSL takes 2 ms

    digest = hashlib.blake2b(digest_size=8)
    for column in columns:
        rows = np.unique(np.linspace(0, max(len(column) - 1, 0), _SAMPLED_ROWS).astype(np.int64))[: len(column)]
        if isinstance(column, Ragged):
            sample = column.take(rows)
            digest.update(sample.offsets.tobytes() + len(column.flat()).to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(sample.values).tobytes())
        else:
            digest.update(np.ascontiguousarray(column[rows]).tobytes())
    return digest.hexdigest()
