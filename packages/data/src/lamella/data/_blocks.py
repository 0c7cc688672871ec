"""Blocks: many rows at once, in the structure of one record. What moves through pipelines instead of records.

A block is a column or a dict or tuple of blocks with equal rows. A column is an array with the row as its first dim, a
Ragged, or an array of objects (text, batches, whatever has no layout). Records are taken out of blocks and put together
into blocks only where a user's function asks for records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamella.data._collate import rebuild_tuple
from lamella.data._columns import is_numeric
from lamella.data._protocols import Array, IndexArray
from lamella.data._ragged import Ragged, concat_ragged

Block: TypeAlias = Any


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
    return [record_at(block, row) for row in range(count_rows(block))]


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
    """Rows of one length in one part and of another in the next are a ragged column; what fits nowhere, objects."""
    if all(isinstance(column, np.ndarray) for column in columns):
        if len({column.shape[1:] for column in columns}) == 1:
            return np.concatenate(columns)
    elif all(isinstance(column, Ragged) for column in columns) and len({column.kind for column in columns}) == 1:
        if len({column.values.shape[1:] for column in columns}) == 1:
            return concat_ragged(columns)
    return column_of([row for column in columns for row in column])


def block_of(records: Sequence[Any], place: str = "record") -> Block:
    """One block from a non-empty list of records; TypeError or ValueError if their structures differ."""
    first = records[0]
    if isinstance(first, Mapping):
        for number, record in enumerate(records):
            if not isinstance(record, Mapping) or record.keys() != first.keys():
                given = f"keys {list(record)}" if isinstance(record, Mapping) else f"type {type(record).__name__}"
                raise ValueError(f"{place} {number} has {given} where {place} 0 has keys {list(first)}")
        return {name: block_of([record[name] for record in records], f"{place}[{name!r}]") for name in first}
    if isinstance(first, tuple):
        for number, record in enumerate(records):
            if type(record) is not type(first) or len(record) != len(first):
                raise ValueError(f"{place} {number} is {type(record).__name__} where {place} 0 is a {len(first)}-tuple")
        parts = [block_of([record[at] for record in records], f"{place}[{at}]") for at in range(len(first))]
        return rebuild_tuple(first, parts)
    return column_of(records)


def column_of(values: Sequence[Any]) -> Array | Ragged:
    """One column of values: an array where all have one shape, a Ragged where only their first dims differ, and else an
    array of objects.
    """
    arrays = [_as_numbers(value) for value in values]
    if not arrays or any(array is None for array in arrays):
        return objects(values)
    shapes = {array.shape for array in arrays if array is not None}
    if len(shapes) == 1:
        return np.stack(arrays)  # type: ignore[arg-type] # none is None
    if len({shape[1:] for shape in shapes}) == 1 and all(shapes):
        return Ragged.from_rows(arrays)  # type: ignore[arg-type]
    return objects(values)


def objects(values: Sequence[Any]) -> Array:
    """A column of Python objects; numpy must not look into them."""
    column = np.empty(len(values), np.object_)
    for row, value in enumerate(values):
        column[row] = value
    return column


def _as_numbers(value: Any) -> Array | None:
    """An array of numbers, or None for what is none. A list counts only if it holds numbers alone."""
    if isinstance(value, list):
        if not all(isinstance(entry, (bool, int, float, complex, np.number, np.bool_)) for entry in value):
            return None
    elif isinstance(value, (str, bytes, Ragged)) or value is None:
        return None
    array = np.asarray(value)
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
        return column_of(value)
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
