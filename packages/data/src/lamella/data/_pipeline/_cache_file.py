"""Blocks in an Arrow IPC file: written once, whole, and read through a memory map.

The file holds one column per leaf of a record; how they make up a record is in the schema's metadata. Its name is a
digest of everything that its content depends on, so a file that is there is never out of date.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella.data._arrow import null_policy, to_arrow
from lamella.data._arrow_read import from_arrow
from lamella.data._atomic import written_whole
from lamella.data._blocks import Block, concat_blocks
from lamella.data._ragged import Ragged

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION = 1
_STRUCTURE = b"lamella.structure"
_CHUNK_BYTES = 64 << 20  # of a record batch: reading one batch's rows touches few of them


def write_blocks(path: str, blocks: Iterable[Block]) -> None:
    """Write blocks of one structure; TypeError or ValueError for what Arrow cannot hold, and then no file."""
    import pyarrow as pa

    with written_whole("cache", path) as stream:
        writer, structure = None, None
        for block in _chunks(blocks):
            leaves: list[Any] = []
            found = _take_apart(block, leaves)
            table = to_arrow("cache", {str(number): leaf for number, leaf in enumerate(leaves)})
            if writer is None:
                structure = found
                metadata = {_STRUCTURE: json.dumps([_VERSION, structure]).encode()}
                schema = table.schema.with_metadata(metadata)
                writer = pa.ipc.new_file(stream, schema)
            elif found != structure or not table.schema.equals(schema):
                raise _changed(schema, table.schema)
            writer.write_table(table.replace_schema_metadata(metadata))
        if writer is None:
            writer = pa.ipc.new_file(stream, pa.schema([], {_STRUCTURE: json.dumps([_VERSION, None]).encode()}))
        writer.close()


def _changed(first: pa.Schema, other: pa.Schema) -> ValueError:
    kinds = [" and ".join(str(field.type) for field in schema) for schema in (first, other)]
    return ValueError(
        f"cache: the columns of the first records are {kinds[0]} and those of later ones {kinds[1]}, and a file has "
        "one layout; make records alike, or cache in memory"
    )


def read_blocks(path: str) -> list[Block]:
    """The blocks of a file, over its memory map; ValueError if it is damaged."""
    import pyarrow as pa

    try:
        reader = pa.ipc.open_file(pa.memory_map(path))
        version, structure = json.loads(reader.schema.metadata[_STRUCTURE])
        if version != _VERSION:
            raise ValueError(f"version {version} where {_VERSION} is expected")
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"cache: {path} is damaged ({error}); delete it to have it made again") from error
    names = reader.schema.names
    policy = null_policy("cache", names, None, ())
    columns = [from_arrow("cache", pa.Table.from_batches([batch]), policy) for batch in batches]
    return [_put_together(structure, by_name) for by_name in columns]


def _chunks(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same rows in blocks of about _CHUNK_BYTES."""
    held: list[Block] = []
    size = 0
    for block in blocks:
        leaves: list[Any] = []
        _take_apart(block, leaves)
        held.append(block)
        size += sum(leaf.nbytes for leaf in leaves)
        if size >= _CHUNK_BYTES:
            yield concat_blocks(held)
            held, size = [], 0
    if held:
        yield concat_blocks(held)


def _take_apart(block: Block, leaves: list[Any]) -> Any:
    """The structure as JSON: a leaf is its number."""
    if isinstance(block, dict):
        if not all(isinstance(name, str) for name in block):
            raise TypeError(f"cache: a file needs names that are text, got {list(block)}; cache in memory")
        return {"dict": {name: _take_apart(part, leaves) for name, part in block.items()}}
    if isinstance(block, tuple):
        if type(block) is not tuple:
            raise TypeError(f"cache: a file cannot hold {type(block).__name__} records; give plain tuples or dicts")
        return {"tuple": [_take_apart(part, leaves) for part in block]}
    leaves.append(_leaf(block))
    return len(leaves) - 1


def _leaf(column: Any) -> Any:
    if isinstance(column, Ragged):
        return Ragged(column.values, column.offsets.astype(np.int64, copy=False), kind=column.kind)
    if column.dtype != np.object_:
        return column
    for kind in (str, bytes):
        if all(isinstance(value, kind) for value in column):
            return Ragged.from_rows(column)
    given = sorted({type(value).__name__ for value in column})
    raise TypeError(
        f"cache: a file cannot hold records with {' and '.join(given)} in them; cache before batch() or bucket(), say "
        "which lists are ragged with ragged=[...], or cache in memory"
    )


def _put_together(structure: Any, leaves: dict[str, Any]) -> Block:
    if isinstance(structure, int):
        return leaves[str(structure)]
    if "dict" in structure:
        return {name: _put_together(part, leaves) for name, part in structure["dict"].items()}
    return tuple(_put_together(part, leaves) for part in structure["tuple"])


def cache_path(folder: str | os.PathLike[str], content: str) -> str:
    """The file for a text that says everything the content depends on."""
    import hashlib

    digest = hashlib.blake2b(f"{_VERSION}; {content}".encode(), digest_size=16).hexdigest()
    return os.path.join(os.path.abspath(folder), f"{digest}.arrow")
