"""map: a function of each record, or of many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_flag, check_seed
from lamella.data._blocks import Block, as_block, block_of, count_rows, objects, ragged_parts, records_of
from lamella.data._pipeline._block_op import BlockOp, RandomBlockOp, StreamBlockOp
from lamella.data._pipeline._calls import RecordDraws, UserFunction, describe_ids
from lamella.data._protocols import IndexArray
from lamella.data._workers._clock import stage


class _Map(BlockOp):
    op = "map"

    def __init__(
        self,
        source: Any,
        function: Callable[..., Any],
        *,
        batched: bool = False,
        rng: bool = False,
        seed: SupportsIndex = 0,
        ragged: bool | Sequence[str] | None = None,
    ) -> None:
        self.sources = (self.check_source(source),)
        self.function = UserFunction(self.op, function)
        self.functions = (self.function,)
        self.batched = check_flag(self.op, "batched", batched)
        self.rng = check_flag(self.op, "rng", rng)
        self.seed = check_seed(self.op, seed)
        self.ragged = check_ragged(self.op, ragged)
        if self.batched and self.ragged is not None:
            raise ValueError("map: a batched function says which columns are ragged by giving Ragged; leave out ragged")
        if self.batched and self.sources[0].batches:
            raise ValueError("map: records are batches already after batch() or bucket(); leave out batched=True")

    def parameters(self) -> dict[str, Any]:
        draws = {"rng": True, "seed": self.seed} if self.rng else {}
        return {"batched": self.batched, **draws, **({} if self.ragged is None else {"ragged": self.ragged})}

    @property
    def varies(self) -> bool:
        return self.rng or super().varies

    def apply(self, block: Block, ids: IndexArray, epoch: int) -> Block:
        with stage("transform"):
            draws = RecordDraws(self.seed, epoch, ids) if self.rng else None
            return self._batch(block, ids, draws) if self.batched else self._records(block, ids, draws)

    def _batch(self, block: Block, ids: IndexArray, draws: RecordDraws | None) -> Block:
        numbers = ids.tolist()
        given = self.function(numbers, block) if draws is None else self.function(numbers, block, draws)
        result = as_block(given, f"map: {self.function.name}")
        if count_rows(result) != len(numbers):
            raise ValueError(
                f"map: {self.function.name} gave {count_rows(result)} rows for {len(numbers)} "
                f"({describe_ids(numbers)}); a batched map gives as many as it gets, filter leaves rows out"
            )
        return result

    def _records(self, block: Block, ids: IndexArray, draws: RecordDraws | None) -> Block:
        numbers, records = ids.tolist(), records_of(block)
        results = self.function.each(numbers, records, *(() if draws is None else (draws.each(),)))
        if self.batches or not results:
            return objects(results)
        ragged = ragged_parts(block) if self.ragged is None else self.ragged
        return block_of(results, f"map: {self.function.name}: record", ragged)


def check_ragged(op: str, ragged: bool | Sequence[Any] | None) -> bool | tuple[Any, ...] | None:
    """The argument `ragged` as a flag or a tuple of names."""
    if ragged is None or isinstance(ragged, bool):
        return ragged
    if isinstance(ragged, str):
        raise TypeError(f"{op}: ragged must be a list of names, got the single string {ragged!r}; pass [{ragged!r}]")
    return tuple(ragged)


@final
class RandomMap(_Map, RandomBlockOp):
    """map over a dataset with positions."""

    def _record(self, position: int) -> Any:
        if self.batched:
            return super()._record(position)
        (record,) = self.records(np.array([position], np.int64), 0)
        return record

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        # As the function gives them: joining and parting them again could only change them.
        if self.batched:
            return super().records(indices, epoch)
        draws = (RecordDraws(self.seed, epoch, indices).each(),) if self.rng else ()
        return self.function.each(indices.tolist(), self.sources[0].records(indices, epoch), *draws)


@final
class StreamMap(_Map, StreamBlockOp):
    """map over a stream."""
