"""Datasets held in memory: named columns (TableDataset) and plain tuples of arrays (TensorDataset).

Both keep the caller's arrays or Arrow buffers without a copy where the layout allows, and gather whole batches at once.
They do not copy on the caller's behalf: writing into an array that was passed in changes the dataset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, final

from lamella.data._arrow import Fill, null_policy, to_arrow, user_metadata
from lamella.data._arrow_read import dictionary_values, from_arrow
from lamella.data._columns import (
    Column,
    as_array,
    as_column,
    check_equal_lengths,
    check_indices,
    describe,
    full_digest,
    gather,
    sampled_digest,
    select_columns,
)
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._protocols import Array, ArrowStream, IndexArray


@final
class TableDataset(RandomAccess):
    """Named columns in memory; a record is `{name: scalar or array}`, a batch `{name: array or Ragged}`.

    `data` is a mapping of arrays (rows first) and Ragged columns, or anything with the Arrow stream interface (pyarrow,
    polars, pandas). `columns` selects; `fill={column: value}` and `mask=[column]` (adds a boolean `column_mask`, True:
    present) say what Arrow nulls become; without either a null raises ValueError. `metadata` is text about the table,
    by default the Arrow schema's own; `categories` says what the codes of a dictionary column stand for.
    """

    __slots__ = ("_columns", "_length", "categories", "metadata")

    def __init__(
        self,
        data: Mapping[str, object] | ArrowStream,
        *,
        columns: Iterable[str] | None = None,
        fill: Mapping[str, Fill] | None = None,
        mask: Collection[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        found: dict[str, str] = {}
        self.categories: dict[str, list[Any]] = {}
        if isinstance(data, Mapping):
            if not data:
                raise ValueError("TableDataset: no columns given")
            if fill or mask:
                raise ValueError(
                    "TableDataset: fill and mask are about Arrow nulls; numpy arrays have none, so leave them out"
                )
            names = select_columns("TableDataset", (str(name) for name in data), columns)
            by_name = {str(name): values for name, values in data.items()}
            self._columns: dict[str, Column] = {name: as_column("TableDataset", name, by_name[name]) for name in names}
        elif isinstance(data, ArrowStream):
            table = to_arrow("TableDataset", data)
            table = table.select(select_columns("TableDataset", table.column_names, columns))
            policy = null_policy("TableDataset", table.column_names, fill, mask)
            found = user_metadata(table.schema.metadata)
            self._columns = from_arrow("TableDataset", table, policy)
            self.categories = dictionary_values(table)
        else:
            raise TypeError(
                f"TableDataset: expected a mapping of arrays or an Arrow table, got {type(data).__name__}; "
                "for arrays without names use TensorDataset"
            )
        self._length = check_equal_lengths("TableDataset", self._columns)
        self.metadata: dict[str, str] = found if metadata is None else dict(metadata)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in record order."""
        return tuple(self._columns)

    def column(self, name: str) -> Any:
        """The whole column, an array (rows, ...) or a Ragged, without a copy; over Arrow memory it is read-only."""
        if name not in self._columns:
            raise KeyError(f"TableDataset: unknown column {name!r}; known columns are {list(self._columns)}")
        return self._columns[name]

    def __len__(self) -> int:
        return self._length

    def _record(self, position: int) -> dict[str, Any]:
        return {name: column[position] for name, column in self._columns.items()}

    def whole_column(self, name: str) -> Column | None:
        return self._columns.get(name)

    def read(self, indices: IndexArray, epoch: int) -> dict[str, Any]:
        return self.gather(indices)

    def gather(self, indices: IndexArray) -> dict[str, Any]:
        """Rows `indices` (integers, one dim) of every column, in fresh memory; IndexError if one is out of range."""
        check_indices("TableDataset", indices)
        return dict(zip(self._columns, gather("TableDataset", self._columns.values(), indices), strict=True))

    def content_digest(self) -> str:
        """A digest of every value."""
        return full_digest(self._columns.values())

    def fingerprint(self) -> str:
        """Layout, length and a digest of evenly spaced rows."""
        return f"table(rows={self._length}; {describe(self._columns)}; {sampled_digest(self._columns.values())})"

    def __repr__(self) -> str:
        return f"TableDataset({self._length} rows; {describe(self._columns)})"


@final
class TensorDataset(RandomAccess):
    """Arrays (or Tensors) of equal length side by side; a record is a tuple of rows, a batch a tuple of arrays."""

    __slots__ = ("_length", "arrays")

    def __init__(self, *tensors: object) -> None:
        if not tensors:
            raise ValueError("TensorDataset: no arrays given")
        columns = {str(place): as_array("TensorDataset", str(place), values) for place, values in enumerate(tensors)}
        self._length = check_equal_lengths("TensorDataset", columns)
        self.arrays: tuple[Array, ...] = tuple(columns.values())

    def __len__(self) -> int:
        return self._length

    def _record(self, position: int) -> tuple[Any, ...]:
        return tuple(array[position] for array in self.arrays)

    def read(self, indices: IndexArray, epoch: int) -> tuple[Array, ...]:
        return self.gather(indices)

    def gather(self, indices: IndexArray) -> tuple[Array, ...]:
        """Rows `indices` (integers, one dim) of every array, in fresh memory; IndexError if one is out of range."""
        check_indices("TensorDataset", indices)
        return tuple(gather("TensorDataset", self.arrays, indices))

    def content_digest(self) -> str:
        """A digest of every value."""
        return full_digest(self.arrays)

    def fingerprint(self) -> str:
        """Layout, length and a digest of evenly spaced rows."""
        layout = describe({str(place): array for place, array in enumerate(self.arrays)})
        return f"tensors(rows={self._length}; {layout}; {sampled_digest(self.arrays)})"

    def __repr__(self) -> str:
        layout = describe({str(place): array for place, array in enumerate(self.arrays)})
        return f"TensorDataset({self._length} rows; {layout})"
