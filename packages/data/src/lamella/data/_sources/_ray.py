"""Ray Data: a materialized dataset as rows with positions, any other as a stream that Ray computes as it is read.

What Ray computed and keeps (`materialize()`, `split`) has a fixed order: blocks are read where they lie in Ray's memory
of this machine, and everything holds that holds for files. What Ray computes while it is read comes in the order in
which its tasks end; it cannot be resumed, nor shared by ranks and workers. With `preserve_order` it has an order, and
resuming computes again what is gone, and compares it. A part that Ray deals out (`streaming_split`, Ray Train) is a
stream of its rank alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int
from lamella.data._arrow import Fill, null_policy
from lamella.data._arrow_read import check_type, from_arrow
from lamella.data._blocks import Block, count_rows, cut_rows
from lamella.data._columns import sampled_digest, select_columns
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._protocols import IndexArray
from lamella.data._sources._group_cache import GroupCache, held_bytes
from lamella.data._sources._groups import GroupedRows
from lamella.data._sources._mapped_rows import Columns
from lamella.data._sources._read_ahead import own
from lamella.data._sources._tensors import plain_tensors

if TYPE_CHECKING:
    import pyarrow as pa

_OWNER = "from_ray"
_SAMPLED_ROWS = 16


def from_ray(
    dataset: Any,
    *,
    columns: Iterable[str] | None = None,
    fill: Mapping[str, Fill] | None = None,
    mask: Collection[str] = (),
    block_rows: SupportsIndex = 1 << 13,
    prefetch: SupportsIndex = 1,
    cache_bytes: SupportsIndex = 1 << 28,
) -> RandomAccess | Stream:
    """A materialized `ray.data` dataset as one with positions; another, or a `ray.data.DataIterator`, as a stream.

    `columns`, `fill`, `mask`: see TableDataset. Of a stream, `block_rows` rows move at a time and Ray fetches
    `prefetch` of its own blocks ahead; of a dataset with positions up to `cache_bytes` of blocks stay in use.
    ImportError without Ray, TypeError for other objects and for columns that no tensor can hold.
    """
    try:
        import ray.data
        from ray.data.dataset import MaterializedDataset
    except ImportError as error:
        raise ImportError(f"{_OWNER}: Ray is not installed: pip install 'lamella-data[ray]'") from error
    columns = None if columns is None else list(columns)
    block_rows = check_int(_OWNER, "block_rows", block_rows, 1)
    prefetch = check_int(_OWNER, "prefetch", prefetch, 0)
    cache_bytes = check_int(_OWNER, "cache_bytes", cache_bytes, 0)
    if isinstance(dataset, MaterializedDataset):
        return _RayTable(dataset, _Reading(columns, fill, mask), cache_bytes)
    if not isinstance(dataset, (ray.data.Dataset, ray.data.DataIterator)):
        raise TypeError(
            f"{_OWNER}: expected a ray.data.Dataset or a ray.data.DataIterator, got {type(dataset).__name__}"
        )
    return _RayStream(dataset, _Reading(columns, fill, mask), block_rows, prefetch)


class _Reading:
    """How Ray's blocks become columns."""

    def __init__(self, columns: list[str] | None, fill: Mapping[str, Fill] | None, mask: Collection[str]) -> None:
        self.columns, self._fill, self._mask = columns, fill, mask

    def __call__(self, table: pa.Table) -> Columns:
        import pyarrow as pa

        names = select_columns(_OWNER, table.column_names, self.columns)
        table = plain_tensors(_OWNER, table.select(names))
        for field in table.schema:
            check_type(_OWNER, field.name, field.type)
            if pa.types.is_dictionary(field.type):
                raise TypeError(
                    f"{_OWNER}: column {field.name!r} is a dictionary, of which every block has its own; cast it to "
                    "its values in Ray, or encode it there"
                )
        return from_arrow(_OWNER, table, null_policy(_OWNER, names, self._fill, self._mask))


def _stay_here() -> NoReturn:
    raise TypeError(
        f"{_OWNER}: what a Ray cluster keeps is not copied to worker processes; use workers='thread' (the work is done "
        "by Ray's own), and in a Ray actor call from_ray there"
    )


@final
class _RayTable(RandomAccess):
    """The blocks of a materialized dataset, fetched when touched."""

    def __init__(self, dataset: Any, reading: _Reading, cache_bytes: int) -> None:
        import ray

        references = dataset.to_arrow_refs()
        # By value, so that Ray's workers need not have this package.
        describe = ray.remote(num_cpus=0)(lambda table: (table.num_rows, table.schema.remove_metadata()))
        described = ray.get([describe.remote(reference) for reference in references])
        blocks = [(reference, *told) for reference, told in zip(references, described, strict=True) if told[0]]
        if not blocks:
            raise ValueError(f"{_OWNER}: the dataset has no rows, so its columns are not known")
        for number, (_, _, schema) in enumerate(blocks):
            if schema != blocks[0][2]:
                raise ValueError(
                    f"{_OWNER}: block {number} has columns {_columns(schema)} where block 0 has "
                    f"{_columns(blocks[0][2])}; cast them in Ray"
                )
        self._references = [reference for reference, *_ in blocks]
        self._reading = reading
        self._names = list(reading(blocks[0][2].empty_table()))
        self._cache = GroupCache(self._decode, len(blocks), cache_bytes)
        self._rows = GroupedRows(_OWNER, (rows for _, rows, _ in blocks), self._cache.get)
        self._fingerprint = ""

    def __reduce__(self) -> NoReturn:
        _stay_here()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in record order, masks last."""
        return tuple(self._names)

    def __len__(self) -> int:
        return len(self._rows)

    def _record(self, position: int) -> dict[str, Any]:
        return self._rows.record(position)

    def read(self, indices: IndexArray, epoch: int) -> dict[str, Any]:
        """Rows `indices` (int64, one dim) in fresh memory; IndexError if one is out of range."""
        if indices.size == 0:
            none: dict[str, Any] = cut_rows(self._cache.get(0, False), 0, 0)
            return none
        return self._rows.gather(indices)

    def fingerprint(self) -> str:
        """Columns, rows of each block, and a digest of evenly spaced rows."""
        import hashlib

        if not self._fingerprint:
            rows = np.unique(np.linspace(0, len(self) - 1, _SAMPLED_ROWS).astype(np.int64))
            digest = sampled_digest(self.read(rows, 0).values())
            blocks = hashlib.blake2b(self._rows.rows.tobytes(), digest_size=8).hexdigest()
            self._fingerprint = f"{_OWNER}(rows={len(self)}; {', '.join(self._names)}; {blocks}; {digest})"
        return self._fingerprint

    def __repr__(self) -> str:
        return f"{_OWNER}({len(self)} rows, blocks: {len(self._references)}; {', '.join(self._names)})"

    def _decode(self, number: int) -> tuple[Columns, int]:
        import ray

        columns = self._reading(ray.get(self._references[number]))
        return columns, held_bytes(columns, views=False)


@final
class _RayStream(Stream):
    """Rows as Ray computes them; each epoch computes them again."""

    def __init__(self, dataset: Any, reading: _Reading, block_rows: int, prefetch: int) -> None:
        self._dataset = dataset
        self.reading = reading
        self.block_rows = block_rows
        self._prefetch = prefetch

    def __reduce__(self) -> NoReturn:
        _stay_here()

    @property
    def varies(self) -> bool:
        """Epochs may differ, and Ray does not say."""
        return True

    @property
    def repeatable(self) -> bool:
        """Whether Ray keeps an order; what it calls must then give the same each time."""
        context = getattr(self._dataset, "context", None)
        return context is not None and bool(context.execution_options.preserve_order)

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The blocks of an epoch; from where a state was taken only if Ray keeps an order."""
        if state is None:
            return _Blocks(self, 0, "")
        rows, seen = read_state(_OWNER, state, "rows", "seen")
        if not self.repeatable:
            raise ValueError(
                f"{_OWNER}: this dataset comes in the order in which Ray's tasks end, so no place in it can be found "
                "again; materialize() it, or set ray.data.DataContext.get_current().execution_options.preserve_order"
            )
        return _Blocks(self, check_int(_OWNER, "rows of a state", rows, 0), seen)

    def tables(self) -> Iterator[pa.Table]:
        """Ray's blocks, computed from now on."""
        dataset = self._dataset
        if self.reading.columns is not None and hasattr(dataset, "select_columns"):
            dataset = dataset.select_columns(self.reading.columns)
        batches = dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=self._prefetch)
        return iter(batches)

    def fingerprint(self) -> str:
        """The kind of dataset and the columns chosen: Ray's have no identity of their own."""
        return f"{_OWNER}({type(self._dataset).__name__}; {self.reading.columns})"

    def __repr__(self) -> str:
        return f"{_OWNER}({type(self._dataset).__name__})"


class _Blocks(StreamIterator):
    """Ray begins to compute at the first block that is asked for, and ends with the iterator."""

    def __init__(self, stream: _RayStream, rows: int, seen: str) -> None:
        self._stream = stream
        self._rows, self._seen = rows, seen  # given so far, and a digest of Ray's blocks up to there
        self._tables: Iterator[pa.Table] | None = None
        self._block: Columns | None = None
        self._gone = 0

    def __next__(self) -> Block:
        if self._tables is None:
            self._begin()
        while self._block is None or self._gone == count_rows(self._block):
            self._seen = self._load(self._seen)
            self._gone = 0
        stop = min(self._gone + self._stream.block_rows, count_rows(self._block))
        block = cut_rows(self._block, self._gone, stop)
        self._rows += stop - self._gone
        self._gone = stop
        return block

    def _begin(self) -> None:
        """Start Ray, and pass over what a saved state had."""
        self._tables = self._stream.tables()
        total, seen = 0, ""
        while total < self._rows:
            try:
                seen = self._load(seen)
            except StopIteration:
                break
            total += count_rows(self._block)
        if total < self._rows or seen != self._seen:
            raise ValueError(
                f"{_OWNER}: Ray gave other rows than those before the saved place ({self._rows} rows); resuming needs "
                "the same data, and functions and shuffles that give the same each time"
            )
        self._gone = 0 if self._block is None else count_rows(self._block) - (total - self._rows)

    def _load(self, seen: str) -> str:
        """Fetch the next of Ray's blocks; the digest of all up to it."""
        import hashlib

        assert self._tables is not None
        self._block = None
        self._block = own(self._stream.reading(next(self._tables)))
        text = f"{seen}{count_rows(self._block)} {sampled_digest(self._block.values())}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def state(self) -> State:
        return {"rows": self._rows, "seen": self._seen}


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
