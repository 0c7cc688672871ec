"""pad: ragged columns filled up to rows of one length, so that a Tensor can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_flag, check_int
from lamella.data._blocks import Block, as_ragged, block_of, is_ragged, objects
from lamella.data._pipeline._block_op import BlockOp, RandomBlockOp, StreamBlockOp
from lamella.data._protocols import IndexArray
from lamella.data._ragged import Ragged, Side


class Padding:
    """How columns are padded: to `length`, or to the longest row rounded up to a multiple."""

    def __init__(
        self,
        length: SupportsIndex | None = None,
        *,
        value: complex = 0,
        columns: Sequence[str] | None = None,
        side: Side = "right",
        multiple_of: SupportsIndex = 1,
        mask: bool = False,
    ) -> None:
        self.length = None if length is None else check_int("pad", "length", length, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float, complex, np.number)):
            raise TypeError(f"pad: value must be a number, got {value!r}")
        self.value = value
        if isinstance(columns, str):
            raise TypeError(f"pad: columns must be a list of names, got the single string {columns!r}")
        self.columns = None if columns is None else tuple(columns)
        if side not in ("right", "left"):
            raise ValueError(f"pad: side must be 'right' or 'left', got {side!r}")
        self.side: Side = side
        self.multiple_of = check_int("pad", "multiple_of", multiple_of, 1)
        if self.length is not None and self.multiple_of != 1:
            raise ValueError("pad: multiple_of rounds up the longest row; with a length, leave it out")
        self.mask = check_flag("pad", "mask", mask)

    def parameters(self) -> dict[str, Any]:
        """What a fingerprint holds."""
        return dict(vars(self))

    def __call__(self, block: Block) -> Block:
        """The block with its ragged columns padded, each followed by NAME_mask (True: a value) where asked for."""
        if not isinstance(block, dict):
            if self.columns is not None or self.mask or isinstance(block, tuple):
                raise TypeError(f"pad: records need named columns for that, got {type(block).__name__}")
            return self._pad("records", block)
        if missing := [name for name in self.columns or () if name not in block]:
            raise KeyError(f"pad: unknown column {missing[0]!r}; known columns are {list(block)}")
        padded: dict[str, Any] = {}
        for name, column in block.items():
            chosen = name in self.columns if self.columns is not None else is_ragged(column)
            padded[name] = self._pad(f"column {name!r}", column) if chosen else column
            if chosen and self.mask:
                if f"{name}_mask" in block:
                    raise ValueError(f"pad: the mask would be called {name + '_mask'!r}, which is a column already")
                padded[f"{name}_mask"] = _as_ragged(f"column {name!r}", column).mask(self._width(column), self.side)
        return padded

    def _width(self, column: Any) -> int | None:
        if self.length is not None:
            return self.length
        longest = int(_as_ragged("column", column).lengths.max(initial=0))
        return -(-longest // self.multiple_of) * self.multiple_of

    def _pad(self, place: str, column: Any) -> Any:
        rows = _as_ragged(place, column)
        if rows.dtype.kind in "biu" and not _holds(rows.dtype, self.value):
            raise ValueError(f"pad: {place} of dtype {rows.dtype} cannot hold the value {self.value!r}")
        return rows.pad(self.value, self._width(rows), self.side)


class _Pad(BlockOp):
    op = "pad"

    def __init__(self, source: Any, length: SupportsIndex | None = None, **given: Any) -> None:
        self.sources = (self.check_source(source),)
        self.padding = Padding(length, **given)
        if self.padding.length is None and not self.batches:
            raise ValueError(
                "pad: give a length, or batch first: without a length rows are padded to the longest of their batch"
            )

    def parameters(self) -> dict[str, Any]:
        return self.padding.parameters()

    def apply(self, block: Block, ids: IndexArray, epoch: int) -> Block:
        return objects([self.padding(batch) for batch in block]) if self.batches else self.padding(block)


@final
class RandomPad(_Pad, RandomBlockOp):
    """pad over a dataset with positions."""


@final
class StreamPad(_Pad, StreamBlockOp):
    """pad over a stream."""


class PadCollate:
    """A `collate_fn` that pads columns of a batch's records: to `length`, or to the longest of the batch.

    Arguments as in `pad`; records with names need `columns`. Use it as DataLoader(..., collate_fn=PadCollate(
    columns=["tokens"])).
    """

    def __init__(self, length: SupportsIndex | None = None, **given: Any) -> None:
        self._padding = Padding(length, **given)

    def __call__(self, records: Sequence[Any]) -> Any:
        from lamella.data._collate import to_tensors

        if not records:
            raise ValueError("PadCollate: an empty list of records has no structure to build a batch from")
        if isinstance(records[0], dict) and self._padding.columns is None:
            raise ValueError(
                f"PadCollate: say which columns to pad with columns=[...]; records have {list(records[0])}"
            )
        ragged = True if self._padding.columns is None else self._padding.columns
        return to_tensors(self._padding(block_of(records, ragged=ragged)))


def _as_ragged(place: str, column: Any) -> Ragged:
    if isinstance(column, Ragged) and column.kind != "list":
        raise TypeError(f"pad: {place} must hold sequences of numbers, got {column.kind}")
    try:
        return as_ragged(column)
    except TypeError as error:
        raise TypeError(f"pad: {place}: {error}") from None


def _holds(dtype: np.dtype[Any], value: complex) -> bool:
    if dtype.kind == "b":
        return value in (0, 1)
    limits = np.iinfo(dtype)
    return not isinstance(value, complex) and limits.min <= value <= limits.max and int(value) == value
