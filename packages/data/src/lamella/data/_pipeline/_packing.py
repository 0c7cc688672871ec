"""Token sequences laid into rows of one length: the parameters, and the copying that both ways of packing share.

A document is one row of a ragged column, followed by the separator where one is given. Tokens are cast on their way
into the row, so a packed batch is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from lamella.data._arguments import check_flag, check_int
from lamella.data._blocks import Block, as_ragged, is_ragged
from lamella.data._protocols import Array, IndexArray
from lamella.data._ragged import Ragged, offsets_of

Long: TypeAlias = Literal["error", "cut", "drop"]

_EXTRAS = ("documents", "positions", "loss_mask")


@dataclass(frozen=True, slots=True)
class Packing:
    """The arguments of `pack`, checked."""

    length: int
    column: str | None
    overlap: int
    separator: int | None
    dtype: np.dtype[Any] | None
    extras: tuple[str, ...]
    pad_value: int
    drop_last: bool
    long: Long
    window: int

    @classmethod
    def of(
        cls,
        length: SupportsIndex,
        column: str | None,
        *,
        whole: bool,
        window: SupportsIndex | None,
        long: Long | None,
        overlap: SupportsIndex,
        separator: SupportsIndex | None,
        dtype: npt.DTypeLike | None,
        documents: bool,
        positions: bool,
        loss_mask: bool,
        pad_value: SupportsIndex,
        drop_last: bool | None,
    ) -> Packing:
        """Arguments that belong to the other way of packing are an error."""
        size = check_int("pack", "length", length, 1)
        if check_flag("pack", "whole", whole):
            if drop_last is not None or overlap != 0:
                raise ValueError(
                    "pack: whole=True fills every row up and cuts nothing: leave out drop_last and overlap"
                )
        elif window is not None or long is not None:
            raise ValueError("pack: window and long belong to whole=True; without it sequences are cut where rows end")
        if long not in (None, "error", "cut", "drop"):
            raise ValueError(f"pack: long must be 'error', 'cut' or 'drop', got {long!r}")
        if column is not None and not isinstance(column, str):
            raise TypeError(f"pack: column must be the name of one, got {column!r}")
        kind = None if dtype is None else np.dtype(dtype)
        if kind is not None and kind.kind not in "iu":
            raise TypeError(f"pack: dtype must be an integer type, got {kind}")
        flags = {"documents": documents, "positions": positions, "loss_mask": loss_mask}
        return cls(
            length=size,
            column=column,
            overlap=check_int("pack", "overlap", overlap, 0, size - 1),
            separator=None if separator is None else check_int("pack", "separator", separator, 0),
            dtype=kind,
            extras=tuple(name for name in _EXTRAS if check_flag("pack", name, flags[name])),
            pad_value=check_int("pack", "pad_value", pad_value, -(1 << 63)),
            drop_last=True if drop_last is None else check_flag("pack", "drop_last", drop_last),
            long=long or "error",
            window=1024 if window is None else check_int("pack", "window", window, 1),
        )

    @property
    def stride(self) -> int:
        """Tokens from the start of a row to the start of the next."""
        return self.length - self.overlap

    def rows(self, tokens: int) -> int:
        """Rows that `tokens` tokens fill; a last one that is begun counts unless drop_last."""
        whole = max((tokens - self.overlap) // self.stride, 0)
        rest = tokens - whole * self.stride
        return whole if self.drop_last or rest <= (self.overlap if whole else 0) else whole + 1

    def ends(self, tokens: Ragged) -> IndexArray:
        """Where each document begins among all tokens and separators, and where the last ends."""
        ends = tokens.offsets.astype(np.int64) - int(tokens.offsets[0])
        if self.separator is not None:
            ends += np.arange(len(ends))
        return ends

    def tokens_of(self, block: Block) -> tuple[str | None, Ragged]:
        """The column of sequences in a block, and its name (None: the records are the sequences)."""
        name, column = self._find(block)
        if isinstance(column, np.ndarray) and (column.ndim == 2 or is_ragged(column)):
            column = as_ragged(column)
        if not isinstance(column, Ragged) or column.kind != "list" or column.values.ndim != 1:
            raise TypeError(f"pack: {_named(name)} must hold a sequence of tokens in each record, got {_kind(column)}")
        if column.dtype.kind not in "iu" and column.values.size:
            raise TypeError(f"pack: tokens must be integers, got {column.dtype} in {_named(name)}")
        kind = column.dtype if self.dtype is None else self.dtype
        for argument, value in (("pad_value", self.pad_value), ("separator", self.separator)):
            if value is not None and not _holds(kind, value):
                raise ValueError(f"pack: {argument}={value} cannot be held by tokens of {kind}; pass dtype")
        return name, column

    def _find(self, block: Block) -> tuple[str | None, Any]:
        if not isinstance(block, dict):
            if self.column is not None or isinstance(block, tuple):
                raise TypeError(
                    f"pack: records must be sequences of tokens or have them in a named column, got "
                    f"{'tuples' if isinstance(block, tuple) else f'records without names and column={self.column!r}'}"
                )
            return None, block
        if self.column is not None:
            if self.column not in block:
                raise KeyError(f"pack: unknown column {self.column!r}; known columns are {list(block)}")
            return self.column, block[self.column]
        fitting = [name for name, part in block.items() if is_ragged(part)]
        if not fitting and len(block) == 1:
            fitting = list(block)
        if len(fitting) != 1:
            raise ValueError(f"pack: say which column holds the tokens with column=...; columns are {list(block)}")
        return fitting[0], block[fitting[0]]


class Rows:
    """Rows under construction: the tokens and whatever was asked for beside them."""

    def __init__(self, packing: Packing, rows: int, dtype: np.dtype[Any]) -> None:
        self.packing = packing
        shape = (rows, packing.length)
        self.tokens: Array = np.empty(shape, dtype if packing.dtype is None else packing.dtype)
        self._beside: dict[str, Array] = {
            name: np.empty(shape, np.bool_ if name == "loss_mask" else np.int64) for name in packing.extras
        }

    def pad(self, row: int, start: int) -> None:
        """Fill a row from `start` on: no document there (-1), position 0, no part of the loss."""
        self.tokens[row, start:] = self.packing.pad_value
        for name, column in self._beside.items():
            column[row, start:] = -1 if name == "documents" else 0

    def put(self, row: int, start: int, source: Ragged, document: int, begin: int, end: int) -> int:
        """Tokens [begin, end) of a document, its separator as the last of all; returns where the row goes on."""
        first = int(source.offsets[document])
        size = int(source.offsets[document + 1]) - first
        copied = min(end, size)
        if copied > begin:  # a row may begin with the separator of a document
            self.tokens[row, start : start + copied - begin] = source.values[first + begin : first + copied]
        if end > size and self.packing.separator is not None:
            self.tokens[row, start + end - begin - 1] = self.packing.separator
        return start + end - begin

    def mark(self, row: int, bounds: IndexArray, documents: IndexArray) -> None:
        """What lies beside the tokens: documents begin in the row at `bounds`, which ends with where the last ends."""
        for name, column in self._beside.items():
            sizes, stop = np.diff(bounds), int(bounds[-1])
            if name == "documents":
                column[row, :stop] = np.repeat(documents, sizes)
            elif name == "positions":
                column[row, :stop] = np.arange(stop) - np.repeat(bounds[:-1], sizes)
            else:
                column[row, :stop] = True
                column[row, bounds[:-1][sizes > 0]] = False

    @property
    def marked(self) -> bool:
        """Whether anything lies beside the tokens."""
        return bool(self._beside)

    def block(self, name: str | None) -> Block:
        """The rows as a block: under the column's name, or as they are where the records had none."""
        if name is None and not self._beside:
            return self.tokens
        return {"tokens" if name is None else name: self.tokens, **self._beside}


def cut_windows(
    packing: Packing, name: str | None, tokens: Ragged, ends: IndexArray, starts: IndexArray, numbers: IndexArray | int
) -> Block:
    """Rows that begin at places `starts` among all tokens and separators of the documents `tokens`, whose bounds are
    `ends`; `numbers` are the documents' (or the first one's) numbers.
    """
    rows = Rows(packing, len(starts), tokens.dtype)
    flat, total, length = tokens.flat(), int(ends[-1]), packing.length
    plain = packing.separator is None
    for row, start in enumerate(starts.tolist()):
        stop = min(start + length, total)
        if plain:
            rows.tokens[row, : stop - start] = flat[start:stop]
        if not plain or rows.marked:
            first = int(np.searchsorted(ends, start, side="right")) - 1
            last = int(np.searchsorted(ends, stop, side="left"))
            if not plain:
                _put_all(rows, row, tokens, ends, first, last, start, stop)
            bounds = np.clip(ends[first : last + 1] - start, 0, stop - start)
            documents = np.arange(first, last)
            rows.mark(row, bounds, documents + numbers if isinstance(numbers, int) else numbers[documents])
        if stop - start < length:
            rows.pad(row, stop - start)
    return rows.block(name)


def _put_all(
    rows: Rows, row: int, tokens: Ragged, ends: IndexArray, first: int, last: int, start: int, stop: int
) -> None:
    place = 0
    bounds = ends[first : last + 1].tolist()
    for document, (begin, end) in enumerate(pairwise(bounds)):
        place = rows.put(row, place, tokens, first + document, max(start - begin, 0), min(stop, end) - begin)


def fill_rows(
    packing: Packing, name: str | None, tokens: Ragged, bins: Sequence[IndexArray], numbers: IndexArray | None
) -> Block:
    """Rows that each hold the whole documents of a bin, cut at the row's end where one is longer. `numbers` are the
    documents' (None: their places).
    """
    rows = Rows(packing, len(bins), tokens.dtype)
    for row, members in enumerate(bins):
        sizes = tokens.offsets[members + 1] - tokens.offsets[members] + (packing.separator is not None)
        bounds = offsets_of(np.minimum(sizes, packing.length))
        for document, place, size in zip(members.tolist(), bounds.tolist(), np.diff(bounds).tolist(), strict=False):
            rows.put(row, place, tokens, document, 0, size)
        if rows.marked:
            rows.mark(row, bounds, members if numbers is None else numbers[members])
        rows.pad(row, int(bounds[-1]))
    return rows.block(name)


def _holds(dtype: np.dtype[Any], value: int) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max


def _named(name: str | None) -> str:
    return "records" if name is None else f"column {name!r}"


def _kind(column: Any) -> str:
    if isinstance(column, Ragged):
        return column.kind if column.kind != "list" else f"sequences of shape {column.values.shape[1:]} rows"
    return f"{column.dtype} of {column.ndim} dims" if isinstance(column, np.ndarray) else type(column).__name__
