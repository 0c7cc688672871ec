"""Blocks: many rows at once, in the structure of one record. What moves through pipelines instead of records.

A block is a column or a dict or tuple of blocks with equal rows. A column is an array with the row as its first dim, a
Ragged, or an array of objects (text, batches, whatever has no layout). Records are taken out of blocks and put together
into blocks only where a user's function asks for records. Which of the three a column is never depends on which rows
happen to be in a block: arrays have one shape unless they are said to be ragged, and lists stay lists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamella.data._collate import rebuild_tuple
from lamella.data._columns import is_numeric
from lamella.data._protocols import Array, IndexArray
from lamella.data._ragged import Ragged, concat_ragged

Block: TypeAlias = Any
RaggedParts: TypeAlias = bool | Collection[Any]

_ADVICE = "pad them, or if rows may differ in length, say so with ragged=[names] (in map, or by RecordDataset)"


def count_rows(block: Block) -> int:
    """Rows of a block; of a dict or tuple the first column's."""
    while isinstance(block, (dict, tuple)):
        block = next(iter(block.values())) if isinstance(block, dict) else block[0]
    return len(block)


def map_columns(change: Callable[[Any], Any], block: Block) -> Block:
    """The block with every column changed."""
    if isinstance(block, dict):
        return {name: map_columns(change, part) for name, part in block.items()}
    if isinstance(block, tuple):
        return rebuild_tuple(block, [map_columns(change, part) for part in block])
    return change(block)


def take_rows(block: Block, indices: IndexArray) -> Block:
    """Rows `indices` in fresh memory."""
    return map_columns(lambda column: column.take(indices) if isinstance(column, Ragged) else column[indices], block)


def cut_rows(block: Block, start: int, stop: int) -> Block:
    """Rows [start, stop), without a copy."""
    return map_columns(lambda column: column[start:stop], block)


def record_at(block: Block, row: int) -> Any:
    """One row as a record."""
    return map_columns(lambda column: column[row], block)


def records_of(block: Block) -> list[Any]:
    """Every row as a record."""
    if isinstance(block, dict):
        rows = zip(*map(records_of, block.values()), strict=True)
        return [dict(zip(block, row, strict=True)) for row in rows]
    if isinstance(block, tuple):
        return [rebuild_tuple(block, list(row)) for row in zip(*map(records_of, block), strict=True)]
    return list(block)


def concat_blocks(blocks: Sequence[Block]) -> Block:
    """The rows of all blocks (at least one, of one structure); a single block comes back as it is."""
    first = blocks[0]
    if len(blocks) == 1:
        return first
    if any(type(block) is not type(first) for block in blocks) and (
        isinstance(first, (dict, tuple)) or any(isinstance(block, (dict, tuple)) for block in blocks)
    ):
        names = sorted({type(block).__name__ for block in blocks})
        raise TypeError(f"records of one dataset need one structure, got {' and '.join(names)}")
    if isinstance(first, dict):
        for block in blocks:
            if block.keys() != first.keys():
                raise ValueError(f"records of one dataset need the same keys, got {list(first)} and {list(block)}")
        return {name: concat_blocks([block[name] for block in blocks]) for name in first}
    if isinstance(first, tuple):
        if any(len(block) != len(first) for block in blocks):
            raise ValueError(f"records of one dataset need {len(first)} parts, got {sorted({len(b) for b in blocks})}")
        return rebuild_tuple(first, [concat_blocks(parts) for parts in zip(*blocks, strict=True)])
    return _concat_columns(blocks)


def _concat_columns(columns: Sequence[Any]) -> Any:
    kinds = {column.kind if isinstance(column, Ragged) else column.dtype == np.object_ for column in columns}
    if kinds == {False}:
        if len({column.shape[1:] for column in columns}) > 1:
            shapes = " and ".join(str(shape) for shape in sorted({column.shape[1:] for column in columns}))
            raise ValueError(f"records of one dataset need one shape, got {shapes}; {_ADVICE}")
        return np.concatenate(columns)
    if "list" in kinds and all(is_ragged(column) or column.dtype != np.object_ for column in columns):
        return concat_ragged([as_ragged(column) for column in columns])
    if len(kinds) == 1 and True not in kinds:
        return concat_ragged(columns)
    return objects([row for column in columns for row in column])


def is_ragged(column: Any) -> bool:
    """Whether rows have lengths of their own: a Ragged of numbers, or lists of numbers."""
    if isinstance(column, Ragged):
        return column.kind == "list"
    return isinstance(column, np.ndarray) and column.dtype == np.object_ and all(type(row) is list for row in column)


def as_ragged(column: Any) -> Ragged:
    """A column of sequences as a Ragged: of lists, or of an array whose rows happen to have one length."""
    if isinstance(column, Ragged):
        return column
    if column.dtype == np.object_:
        rows = [_as_numbers(row, True) for row in column]
        if len(column) and all(row is not None and row.ndim for row in rows):
            return Ragged.from_rows([row for row in rows if row is not None])
    elif column.ndim > 1:
        return Ragged(column.reshape(-1, *column.shape[2:]), np.arange(len(column) + 1) * column.shape[1])
    raise TypeError(f"expected a sequence of numbers in each row, got {column.dtype} rows of shape {column.shape[1:]}")


def ragged_parts(block: Block) -> RaggedParts:
    """Which columns of a block are ragged: names, places, or whether the block itself is."""
    if isinstance(block, dict):
        return [name for name, part in block.items() if ragged_parts(part)]
    if isinstance(block, tuple):
        return [place for place, part in enumerate(block) if ragged_parts(part)]
    return isinstance(block, Ragged) and block.kind == "list"


def block_of(records: Sequence[Any], place: str = "record", ragged: RaggedParts = False) -> Block:
    """One block from a non-empty list of records; TypeError or ValueError if their structures or shapes differ.

    `ragged` are the names (or places in a tuple) of what may differ in length; True: everything.
    """
    first = records[0]
    if isinstance(first, (Mapping, tuple)) and not first:
        raise ValueError(f"{place} 0 is an empty {type(first).__name__}, and a record holds something")
    if isinstance(first, Mapping):
        for number, record in enumerate(records):
            if not isinstance(record, Mapping) or record.keys() != first.keys():
                given = f"keys {list(record)}" if isinstance(record, Mapping) else f"type {type(record).__name__}"
                raise ValueError(f"{place} {number} has {given} where {place} 0 has keys {list(first)}")
        return {
            name: block_of([record[name] for record in records], f"{place}[{name!r}]", _within(ragged, name))
            for name in first
        }
    if isinstance(first, tuple):
        for number, record in enumerate(records):
            if type(record) is not type(first) or len(record) != len(first):
                raise ValueError(f"{place} {number} is {type(record).__name__} where {place} 0 is a {len(first)}-tuple")
        parts = [
            block_of([record[at] for record in records], f"{place}[{at}]", _within(ragged, at))
            for at in range(len(first))
        ]
        return rebuild_tuple(first, parts)
    return column_of(records, place, ragged is True)


def _within(ragged: RaggedParts, part: Any) -> bool:
    return ragged if isinstance(ragged, bool) else part in ragged


def column_of(values: Sequence[Any], place: str = "record", ragged: bool = False) -> Array | Ragged:
    """One column of values: numbers and arrays as an array or (`ragged`, lists too) a Ragged; all else as objects."""
    if (column := _alike(values, ragged)) is not None:
        return column
    found = [_as_numbers(value, ragged) for value in values]
    arrays = [array for array in found if array is not None]
    if len(arrays) < len(values):
        if arrays and not all(isinstance(value, (str, bytes)) for value in values):
            other = next(number for number, array in enumerate(found) if array is None)
            raise TypeError(
                f"{place} {other} is {type(values[other]).__name__} where another is a number or an array of numbers"
            )
        return objects(values)
    if not arrays:
        return objects(values)
    if ragged and all(array.ndim for array in arrays):
        return Ragged.from_rows(arrays)
    for number, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"{place} {number} has shape {array.shape} where {place} 0 has {arrays[0].shape}; {_ADVICE}"
            )
    return np.stack(arrays)


def _alike(values: Sequence[Any], ragged: bool) -> Array | Ragged | None:
    """The column of values of one type and layout, which is the usual case, four times faster; None for others."""
    kinds = set(map(type, values))
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if kind in (int, float, bool) or issubclass(kind, (np.number, np.bool_)):
        column: Array = np.array(values)
        return column if is_numeric(column.dtype) else None
    if kind is not np.ndarray or len({value.dtype for value in values}) > 1 or not is_numeric(values[0].dtype):
        return None
    shapes = {value.shape for value in values}
    if () in shapes or (len(shapes) > 1 and not ragged):
        return None
    return Ragged.from_rows(values) if ragged else np.concatenate(values).reshape(len(values), *shapes.pop())


def objects(values: Sequence[Any]) -> Array:
    """A column of Python objects; numpy must not look into them."""
    column = np.empty(len(values), np.object_)
    for row, value in enumerate(values):
        column[row] = value
    return column


def _as_numbers(value: Any, lists: bool) -> Array | None:
    """An array of numbers, or None for what is none. A list counts only where asked and if it holds numbers alone."""
    if isinstance(value, list):
        if not lists or not all(isinstance(entry, (bool, int, float, complex, np.number, np.bool_)) for entry in value):
            return None
    elif isinstance(value, (str, bytes, Ragged)) or value is None:
        return None
    # An empty list would be float64: of the lists that may be empty, most hold tokens.
    array = np.empty(0, np.int64) if isinstance(value, list) and not value else np.asarray(value)
    return array if is_numeric(array.dtype) else None


def as_block(value: Any, place: str = "batch") -> Block:
    """What a user's batched function or dataset gave, as a block; lists are columns of values."""
    if isinstance(value, Mapping):
        block: Block = {name: as_block(part, f"{place}[{name!r}]") for name, part in value.items()}
    elif isinstance(value, tuple):
        block = rebuild_tuple(value, [as_block(part, f"{place}[{at}]") for at, part in enumerate(value)])
    elif isinstance(value, Ragged):
        return value
    elif isinstance(value, list):
        return column_of(value, f"{place}: row")
    else:
        column = np.asarray(value)
        if column.ndim == 0:
            raise TypeError(
                f"{place} must be arrays of one entry per row, got {value!r} of type {type(value).__name__}"
            )
        return column
    if not value:
        raise ValueError(f"{place} holds no column")
    parts = block.values() if isinstance(block, dict) else block
    if len({count_rows(part) for part in parts}) > 1:
        raise ValueError(f"{place} has columns of different lengths: {[count_rows(part) for part in parts]}")
    return block
