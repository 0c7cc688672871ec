"""An Arrow table as it lies, chunk by chunk: nothing is joined or decoded, so a table over a memory map stays there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lamella.data._arrow import Fill, null_policy, user_metadata
from lamella.data._arrow_read import check_type, dictionary_values, from_arrow
from lamella.data._columns import check_indices, gather, sampled_digest, select_columns
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._protocols import IndexArray
from lamella.data._sources._group_cache import GroupCache, held_bytes
from lamella.data._sources._groups import GroupedRows
from lamella.data._sources._mapped_rows import Columns, Memory

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLED_ROWS = 64
_CACHE_BYTES = 1 << 28  # of columns that had to be copied: booleans, filled nulls


@final
class ChunkedTable(RandomAccess):
    """The rows of an Arrow table, all or those at `positions` in that order; `fill`, `mask`: see TableDataset."""

    def __init__(
        self,
        owner: str,
        table: pa.Table,
        *,
        positions: IndexArray | None = None,
        columns: Iterable[str] | None = None,
        fill: Mapping[str, Fill] | None = None,
        mask: Collection[str] = (),
    ) -> None:
        self._owner = owner
        table = table.select(select_columns(owner, table.column_names, columns))
        self._policy = null_policy(owner, table.column_names, fill, mask)
        for field in table.schema:
            check_type(owner, field.name, field.type)
        self._table = table.unify_dictionaries()
        self._positions = positions
        if positions is not None and len(positions) and not 0 <= positions.min() <= positions.max() < len(table):
            raise ValueError(
                f"{owner}: indices must lie in [0, {len(table)}), got {positions.min()}..{positions.max()}"
            )
        self.metadata = user_metadata(table.schema.metadata)
        self._open()

    def _open(self) -> None:
        """What holds locks, and is no part of a copy for another process."""
        self._batches = self._table.to_batches()
        self._cache = GroupCache(self._decode, len(self._batches), _CACHE_BYTES)
        self._rows = GroupedRows(self._owner, (batch.num_rows for batch in self._batches), self._cache.get, self._held)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_batches", "_cache", "_rows")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in record order, masks last."""
        return (*self._table.column_names, *self._policy.mask_names(self._table.column_names))

    @property
    def schema(self) -> pa.Schema:
        """The Arrow types of the columns, which say the units of times."""
        return self._table.schema

    @property
    def categories(self) -> dict[str, list[Any]]:
        """What the codes of each dictionary column stand for."""
        return dictionary_values(self._table)

    def __len__(self) -> int:
        return len(self._table) if self._positions is None else len(self._positions)

    def _record(self, position: int) -> dict[str, Any]:
        return self._rows.record(position if self._positions is None else int(self._positions[position]))

    def read(self, indices: IndexArray, epoch: int) -> dict[str, Any]:
        """Rows `indices` (int64, one dim) in fresh memory; IndexError if one is out of range."""
        check_indices(self._owner, indices)
        if indices.size == 0:
            columns = from_arrow(self._owner, self._table[:0], self._policy)
            return dict(zip(columns, gather(self._owner, columns.values(), indices), strict=True))
        if self._positions is not None:
            (indices,) = gather(self._owner, [self._positions], indices)
        return self._rows.gather(indices)

    def fingerprint(self) -> str:
        """Columns, length, and a digest of evenly spaced rows."""
        rows = np.unique(np.linspace(0, max(len(self) - 1, 0), _SAMPLED_ROWS).astype(np.int64))[: len(self)]
        digest = sampled_digest(self.read(rows, 0).values())
        return f"{self._owner}(rows={len(self)}; {', '.join(self.column_names)}; {digest})"

    def __repr__(self) -> str:
        return f"{self._owner}({len(self)} rows; {', '.join(self.column_names)})"

    def _decode(self, number: int) -> tuple[Columns, int]:
        import pyarrow as pa

        columns = from_arrow(self._owner, pa.Table.from_batches([self._batches[number]]), self._policy)
        return columns, held_bytes(columns, views=True)

    def _held(self, number: int) -> Memory:
        return [
            (buffer.address, buffer.address + buffer.size)
            for column in self._batches[number].columns
            for buffer in column.buffers()
            if buffer is not None
        ]
