"""Columns whose rows differ in length: one array of values and the places where rows begin.

Row i is `values[offsets[i] : offsets[i + 1]]`, which is how Arrow lays out lists and strings, so a column over Arrow
memory or over a memory map copies nothing. The first offset may be above 0 and values may go on after the last: a slice
of a column is the same values with fewer offsets. Text is bytes of UTF-8 in the same layout; its rows are str.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, SupportsIndex, TypeAlias, final, overload

import numpy as np
import numpy.typing as npt

from lamella.data._protocols import Array, IndexArray

Kind: TypeAlias = Literal["list", "text", "bytes"]
Side: TypeAlias = Literal["right", "left"]

_KINDS = ("list", "text", "bytes")
# Mean row length from which copying row by row beats one gather by index: a slice costs 0.3 us, an index 3 ns.
_LONG_ROW = 64


@final
class Ragged:
    """Rows of different lengths: `values` (n, ...) of any dtype, `offsets` (rows + 1) integers that never decrease.

    `kind="text"` (UTF-8) and `"bytes"` take uint8 values and give rows as str and bytes; otherwise rows are views.
    ValueError or TypeError for offsets that do not fit the values.
    """

    __slots__ = ("kind", "offsets", "values")

    def __init__(self, values: Array, offsets: npt.ArrayLike, *, kind: Kind = "list") -> None:
        places = np.asarray(offsets)
        if places.ndim != 1 or places.dtype.kind not in "iu" or places.size == 0:
            raise TypeError(
                "Ragged: offsets must be integers in one dim, one more than there are rows, got dtype "
                f"{places.dtype}, shape {places.shape}"
            )
        if not isinstance(values, np.ndarray) or values.ndim == 0:
            raise TypeError(f"Ragged: values must be an array of at least one dim, got {values!r}")
        if kind not in _KINDS:
            raise ValueError(f"Ragged: kind must be one of {_KINDS}, got {kind!r}")
        if kind != "list" and (values.dtype != np.uint8 or values.ndim != 1):
            raise TypeError(f"Ragged: {kind} needs uint8 values of one dim, got {values.dtype} of {values.ndim}")
        if places.dtype.kind == "u":
            places = places.astype(np.int64)
        if places[0] < 0 or places[-1] > len(values) or (places[1:] < places[:-1]).any():
            raise ValueError(
                f"Ragged: offsets must begin at 0 or above, never decrease and end at {len(values)} values or below, "
                f"got {_shorten(places)}"
            )
        # A memory map's own class costs a microsecond per slice; the plain view keeps the map alive.
        self.values: Array = values.view(np.ndarray) if type(values) is not np.ndarray else values
        self.offsets: npt.NDArray[np.signedinteger[Any]] = places
        self.kind: Kind = kind

    @classmethod
    def from_rows(cls, rows: Iterable[npt.ArrayLike], dtype: npt.DTypeLike | None = None) -> Ragged:
        """Rows (arrays, str or bytes, all of one type) joined; ValueError if inner shapes or types differ."""
        listed = list(rows)
        if listed and all(isinstance(row, str) for row in listed):
            return cls._from_bytes([str(row).encode() for row in listed], "text")
        if listed and all(isinstance(row, bytes) for row in listed):
            return cls._from_bytes([row for row in listed if isinstance(row, bytes)], "bytes")
        arrays = [np.asarray(row, dtype) for row in listed]
        layouts = {(array.shape[1:], array.ndim) for array in arrays}
        if len(layouts) > 1 or any(array.ndim == 0 for array in arrays):
            raise ValueError(
                "Ragged: rows must be arrays that differ in their first dim only, got shapes "
                f"{sorted({array.shape for array in arrays})[:4]}"
            )
        # Rows without values have no say in the dtype: that of an empty list is float64.
        values = np.concatenate([array for array in arrays if len(array)] or arrays[:1] or [np.empty(0, dtype)])
        return cls(values, offsets_of([len(array) for array in arrays]))

    @classmethod
    def _from_bytes(cls, rows: list[bytes], kind: Kind) -> Ragged:
        return cls(np.frombuffer(b"".join(rows), np.uint8), offsets_of([len(row) for row in rows]), kind=kind)

    @classmethod
    def _trusted(cls, values: Array, offsets: npt.NDArray[np.signedinteger[Any]], kind: Kind) -> Ragged:
        """Without the checks, which read every offset."""
        made = cls.__new__(cls)
        made.values, made.offsets, made.kind = values, offsets, kind
        return made

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.values.dtype

    @property
    def lengths(self) -> IndexArray:
        """Values in each row, int64[rows]."""
        lengths: IndexArray = np.subtract(self.offsets[1:], self.offsets[:-1], dtype=np.int64)
        return lengths

    @property
    def nbytes(self) -> int:
        """Bytes of the values in these rows and of the offsets."""
        return self.flat().nbytes + self.offsets.nbytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Ragged: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """Row `index` as a view (text: str), or the rows of a slice, over the same values where its step is 1."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            return Ragged._trusted(self.values, self.offsets[start : max(start, stop) + 1], self.kind)
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"Ragged: row {place} is out of range for {len(self)} rows")
        place %= len(self)
        row = self.values[self.offsets[place] : self.offsets[place + 1]]
        if self.kind == "list":
            return row
        return row.tobytes().decode() if self.kind == "text" else row.tobytes()

    def __iter__(self) -> Iterator[Any]:
        rows = (self.values[start:stop] for start, stop in pairwise(self.offsets.tolist()))
        if self.kind == "list":
            return rows
        contents = (row.tobytes() for row in rows)
        return contents if self.kind == "bytes" else (content.decode() for content in contents)

    def tolist(self) -> list[Any]:
        """Rows as lists of Python numbers, as str or as bytes."""
        return [row.tolist() if isinstance(row, np.ndarray) else row for row in self]

    def flat(self) -> Array:
        """The values of all rows, one after another, without a copy."""
        return self.values[self.offsets[0] : self.offsets[-1]]

    def take(self, indices: npt.NDArray[np.integer[Any]]) -> Ragged:
        """Rows `indices` in fresh memory, with int64 offsets from 0; IndexError if one is out of range."""
        starts = self.offsets[:-1].take(indices).astype(np.int64, copy=False)
        return ragged_of(self.values, starts, self.offsets[1:].take(indices) - starts, self.kind)

    def pad(
        self,
        value: complex = 0,
        length: SupportsIndex | None = None,
        side: Side = "right",
        *,
        dtype: npt.DTypeLike | None = None,
    ) -> Array:
        """All rows in one array (rows, length, ...), filled up with `value` behind (or before: side="left").

        `length` is by default the longest row's; ValueError for a longer row.
        """
        width = self._width(length)
        padded = np.full((len(self), width, *self.values.shape[1:]), value, self.dtype if dtype is None else dtype)
        if len(self.flat()) < _LONG_ROW * len(self):
            padded[self.mask(width, side)] = self.flat()
            return padded
        for row, (begin, end) in enumerate(zip(self.offsets.tolist(), self.offsets[1:].tolist(), strict=False)):
            first = width - (end - begin) if side == "left" else 0
            padded[row, first : first + end - begin] = self.values[begin:end]
        return padded

    def mask(self, length: SupportsIndex | None = None, side: Side = "right") -> npt.NDArray[np.bool_]:
        """Where `pad` puts values and not filling, bool[rows, length]."""
        if side not in ("right", "left"):
            raise ValueError(f"Ragged: side must be 'right' or 'left', got {side!r}")
        width, lengths = self._width(length), self.lengths[:, None]
        places = np.arange(width)
        return places < lengths if side == "right" else places >= width - lengths

    def _width(self, length: SupportsIndex | None) -> int:
        longest = int(self.lengths.max(initial=0))
        if length is None:
            return longest
        width = operator.index(length)
        if width < longest:
            row = int(self.lengths.argmax())
            raise ValueError(
                f"Ragged: row {row} has {longest} values, which do not fit length={width}; cut the rows first, or give "
                "a larger length"
            )
        return width

    def __repr__(self) -> str:
        return f"Ragged({len(self)} rows; {describe_ragged(self)})"


def ragged_of(values: Array, starts: IndexArray, lengths: IndexArray, kind: Kind) -> Ragged:
    """The rows `values[start : start + length]` in fresh memory; they must be there."""
    offsets = offsets_of(lengths)
    total = int(offsets[-1])
    if total < _LONG_ROW * len(lengths):
        source = np.arange(total, dtype=np.int64)
        source += np.repeat(starts - offsets[:-1], lengths)
        return Ragged._trusted(values.take(source, axis=0), offsets, kind)
    joined = np.empty((total, *values.shape[1:]), values.dtype)
    for begin, end, start in zip(offsets.tolist(), offsets[1:].tolist(), starts.tolist(), strict=False):
        joined[begin:end] = values[start : start + end - begin]
    return Ragged._trusted(joined, offsets, kind)


def concat_ragged(parts: Sequence[Ragged]) -> Ragged:
    """The rows of all parts (at least one, of one kind) in fresh memory."""
    kinds = {part.kind for part in parts}
    if len(kinds) != 1:
        raise TypeError(f"Ragged: columns of kinds {sorted(kinds)} cannot be joined")
    lengths = np.concatenate([part.lengths for part in parts])
    # Parts without values have no say in the dtype: that of an empty list is float64.
    values = [part.flat() for part in parts if len(part.flat())] or [parts[0].flat()]
    return Ragged._trusted(np.concatenate(values), offsets_of(lengths), parts[0].kind)


def describe_ragged(column: Ragged) -> str:
    """Its layout as text."""
    if column.kind != "list":
        return column.kind
    inner = column.values.shape[1:]
    return f"ragged {column.dtype}{list(inner) if inner else ''}"


def offsets_of(lengths: npt.ArrayLike) -> IndexArray:
    """Where rows of these lengths begin, one after another, and where the last ends."""
    counts = np.asarray(lengths, np.int64)
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _shorten(places: npt.NDArray[Any]) -> str:
    return np.array2string(places, threshold=8, edgeitems=3, separator=", ")
