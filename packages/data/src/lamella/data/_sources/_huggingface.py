"""Hugging Face `datasets`: the Arrow table of a Dataset with its indices, and an IterableDataset as a stream.

The package is not imported: an object that has it is handed over. A Dataset is a table (often over a memory map) and,
after select, shuffle or filter, the positions that are left; both are used as they are. Images and sounds are their
encoded bytes, which `lamella.data.media` decodes. Formats (`with_format`) choose columns; a transform of theirs
(`set_transform`) is refused, as `map` here does the same.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex, final

from lamella.data._arguments import check_int
from lamella.data._arrow import Fill, null_policy, one_chunk
from lamella.data._arrow_read import check_type, from_arrow
from lamella.data._blocks import Block
from lamella.data._columns import select_columns
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._sources._chunked_table import ChunkedTable
from lamella.data._sources._read_ahead import own
from lamella.data._sources._tensors import plain_tensors

if TYPE_CHECKING:
    import pyarrow as pa

_OWNER = "from_huggingface"


def from_huggingface(
    dataset: Any,
    *,
    columns: Iterable[str] | None = None,
    fill: Mapping[str, Fill] | None = None,
    mask: Collection[str] = (),
    block_rows: SupportsIndex = 1 << 10,
) -> RandomAccess | Stream:
    """A `datasets.Dataset` as a dataset with positions, without a copy; a `datasets.IterableDataset` as a stream.

    `columns`, `fill`, `mask`: see TableDataset. `block_rows` rows of a stream are read at a time. TypeError for other
    objects and for columns that no tensor can hold.
    """
    if hasattr(dataset, "keys") and all(hasattr(part, "features") for part in dataset.values()):
        raise TypeError(f"{_OWNER}: got a {type(dataset).__name__}; choose one of its splits: {list(dataset.keys())}")
    if hasattr(dataset, "_ex_iterable"):
        return _HuggingFaceStream(dataset, columns, fill, mask, check_int(_OWNER, "block_rows", block_rows, 1))
    table = getattr(getattr(dataset, "data", None), "table", None)
    if table is None or not hasattr(dataset, "_indices"):
        raise TypeError(
            f"{_OWNER}: expected a datasets.Dataset or datasets.IterableDataset, got {type(dataset).__name__}"
        )
    chosen = dataset.format
    if chosen["type"] == "custom":
        raise ValueError(f"{_OWNER}: the dataset has a transform (set_transform); use .map() of the result instead")
    positions = None
    if dataset._indices is not None:
        positions = one_chunk(dataset._indices.table.column(0)).to_numpy().view("int64")
    names = select_columns(_OWNER, chosen["columns"], columns)
    return ChunkedTable(_OWNER, _plain(table.select(names)), positions=positions, fill=fill, mask=mask)


@final
class _HuggingFaceStream(Stream):
    """An IterableDataset's rows; its own state says where it stands (what is in its shuffle buffer is lost by that)."""

    def __init__(
        self,
        dataset: Any,
        columns: Iterable[str] | None,
        fill: Mapping[str, Fill] | None,
        mask: Collection[str],
        block_rows: int,
    ) -> None:
        self._dataset = dataset.with_format("arrow")
        self._columns = None if columns is None else list(columns)
        self._fill, self._mask = fill, mask
        self._block_rows = block_rows

    @property
    def varies(self) -> bool:
        """Epochs differ where the dataset was shuffled, and it does not say."""
        return True

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The blocks of an epoch, from its start or from where a state was taken."""
        dataset = copy.deepcopy(self._dataset)
        dataset.set_epoch(epoch)
        if state is not None:
            (inner,) = read_state(_OWNER, state, "source")
            dataset.load_state_dict(inner)
        return _Blocks(self, dataset, dataset.iter(batch_size=self._block_rows))

    def block_of(self, table: pa.Table) -> Block:
        """The rows of a table that was read."""
        names = select_columns(_OWNER, table.column_names, self._columns)
        table = _plain(table.select(names))
        for field in table.schema:
            check_type(_OWNER, field.name, field.type)
        return own(from_arrow(_OWNER, table, null_policy(_OWNER, names, self._fill, self._mask)))

    def fingerprint(self) -> str:
        """The dataset's name, features and shards, and the columns: it has no identity of its own."""
        info = self._dataset
        return f"{_OWNER}({info.info.dataset_name}; {info.split}; {info.features}; {info.num_shards}; {self._columns})"

    def __repr__(self) -> str:
        return f"{_OWNER}({type(self._dataset).__name__})"


class _Blocks(StreamIterator):
    def __init__(self, stream: _HuggingFaceStream, dataset: Any, tables: Iterable[pa.Table]) -> None:
        self._stream, self._dataset, self._tables = stream, dataset, iter(tables)

    def __next__(self) -> Block:
        return self._stream.block_of(next(self._tables))

    def state(self) -> State:
        return {"source": copy.deepcopy(self._dataset.state_dict())}


def _plain(table: pa.Table) -> pa.Table:
    """Their own kinds of columns as Arrow's: arrays of fixed shape as tensors, images and sounds as their bytes."""
    import pyarrow as pa

    table = plain_tensors(_OWNER, table)
    for place, field in enumerate(table.schema):
        if pa.types.is_struct(field.type) and {part.name for part in field.type} == {"bytes", "path"}:
            table = table.set_column(place, field.name, _encoded(field.name, table.column(place)))
    return table


def _encoded(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    content = pa.chunked_array([pc.struct_field(chunk, "bytes") for chunk in column.chunks], pa.binary())
    paths = pa.chunked_array([pc.struct_field(chunk, "path") for chunk in column.chunks], pa.string())
    elsewhere = pc.and_(pc.is_null(content), pc.is_valid(paths))
    if pc.any(elsewhere).as_py():
        raise ValueError(
            f"{_OWNER}: column {name!r} has {pc.sum(elsewhere).as_py()} rows that are paths to files and not their "
            "content; embed them with datasets' own map first, or leave it out with columns=[...]"
        )
    return content
