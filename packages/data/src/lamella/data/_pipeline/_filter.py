"""filter: the records for which a predicate holds."""

from __future__ import annotations

import sys
import threading
from typing import Any, final

import numpy as np

from lamella.data._arguments import check_flag
from lamella.data._blocks import Block, count_rows, records_of, take_rows
from lamella.data._pipeline._calls import UserFunction, describe_ids
from lamella.data._pipeline._node import Node, RandomNode, StreamNode
from lamella.data._pipeline._scan import refuse_varying, scan
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import StreamIterator
from lamella.data._protocols import IndexArray
from lamella.data._workers._clock import stage


class _Filter(Node):
    op = "filter"

    def __init__(self, source: Any, predicate: Any, *, batched: bool = False) -> None:
        self.sources = (self.check_source(source),)
        self.batched = check_flag(self.op, "batched", batched)
        if is_expression(predicate):
            predicate, self.batched = _Expression(predicate), True
        elif self.batched and self.sources[0].batches:
            raise ValueError("filter: records are batches already after batch() or bucket(); leave out batched=True")
        self.function = UserFunction(self.op, predicate)
        self.functions = (self.function,)

    def parameters(self) -> dict[str, Any]:
        expression = self.function.function
        return {"expression": str(expression)} if isinstance(expression, _Expression) else {"batched": self.batched}

    def kept(self, rows: Any, ids: IndexArray) -> IndexArray:
        """Which to keep of a block (batched) or of a list of records."""
        numbers = ids.tolist()
        with stage("transform"):
            if not self.batched:
                return np.flatnonzero([bool(answer) for answer in self.function.each(numbers, rows)])
            mask = np.asarray(self.function(numbers, rows))
        if mask.dtype != np.bool_ or mask.shape != ids.shape:
            raise TypeError(
                f"filter: {self.function.name} must give a boolean for each of {len(ids)} rows "
                f"({describe_ids(numbers)}), got dtype {mask.dtype}, shape {mask.shape}"
            )
        return np.flatnonzero(mask)


@final
class RandomFilter(_Filter, RandomNode):
    """filter over a dataset with positions: all records are read once, at first use, and 8 bytes per kept one stay."""

    def __init__(self, source: Any, predicate: Any, *, batched: bool = False) -> None:
        super().__init__(source, predicate, batched=batched)
        refuse_varying(self.op, self.sources[0])
        self._found: IndexArray | None = None
        self._lock = threading.Lock()

    @property
    def _positions(self) -> IndexArray:
        with self._lock:
            if self._found is None:
                source = self.sources[0]
                read = source.read if self.batched else source.records
                kept = [ids[self.kept(rows, ids)] for ids, rows in scan(source, read)]
                self._found = np.concatenate(kept) if kept else np.empty(0, np.int64)
        return self._found

    def __len__(self) -> int:
        return len(self._positions)

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return self.sources[0].read(self._positions[indices], epoch)

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        found: list[Any] = self.sources[0].records(self._positions[indices], epoch)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


@final
class StreamFilter(_Filter, StreamNode):
    """filter over a stream."""

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        inner, position = (None, 0) if state is None else read_state(self.op, state, "source", "position")
        return _Filtered(self, self.sources[0].open(epoch, inner), position)


class _Filtered(StreamIterator):
    def __init__(self, node: StreamFilter, source: StreamIterator, position: int) -> None:
        self._node, self._source, self._position = node, source, position

    def __next__(self) -> Block:
        while True:
            block = next(self._source)
            rows = count_rows(block)
            ids = np.arange(self._position, self._position + rows, dtype=np.int64)
            kept = self._node.kept(block if self._node.batched else records_of(block), ids)
            self._position += rows
            if len(kept) == rows:
                return block
            if len(kept):
                return take_rows(block, kept)

    def state(self) -> State:
        return {"source": self._source.state(), "position": self._position}


def is_expression(predicate: object) -> bool:
    """Whether it is an Arrow expression; without importing pyarrow, which then cannot have made one."""
    arrow = sys.modules.get("pyarrow.compute")
    return arrow is not None and isinstance(predicate, arrow.Expression)


class _Expression:
    """An Arrow expression as a predicate on blocks whose columns have names."""

    def __init__(self, expression: Any) -> None:
        self._expression = expression

    def __call__(self, block: Block) -> Any:
        import pyarrow as pa

        from lamella.data._arrow import to_arrow

        if not isinstance(block, dict):
            raise TypeError(f"filter: an Arrow expression needs records with named columns, got {type(block).__name__}")
        rows = count_rows(block)
        table = to_arrow("filter", {name: _as_text(column) for name, column in block.items()})
        table = table.append_column("__row__", pa.array(np.arange(rows)))
        mask = np.zeros(rows, np.bool_)
        mask[table.filter(self._expression).column("__row__").to_numpy()] = True
        return mask

    def __str__(self) -> str:
        return str(self._expression)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Expression, (self._expression,)


def _as_text(column: Any) -> Any:
    """Columns of str objects in Arrow's layout; others as they are."""
    from lamella.data._ragged import Ragged

    return Ragged.from_rows(column) if isinstance(column, np.ndarray) and column.dtype == np.object_ else column
