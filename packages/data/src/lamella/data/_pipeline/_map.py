"""map: a function of each record, or of many rows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_flag, check_seed
from lamella.data._blocks import Block, as_block, block_of, count_rows, objects, records_of
from lamella.data._pipeline._block_op import BlockOp, RandomBlockOp, StreamBlockOp
from lamella.data._pipeline._calls import RecordDraws, UserFunction, describe_ids
from lamella.data._protocols import IndexArray


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
    ) -> None:
        self.sources = (self.check_source(source),)
        self.function = UserFunction(self.op, function)
        self.functions = (self.function,)
        self.batched = check_flag(self.op, "batched", batched)
        self.rng = check_flag(self.op, "rng", rng)
        self.seed = check_seed(self.op, seed)
        if self.batched and self.sources[0].batches:
            raise ValueError("map: records are batches already after batch() or bucket(); leave out batched=True")

    def parameters(self) -> dict[str, Any]:
        return {"batched": self.batched, **({"rng": True, "seed": self.seed} if self.rng else {})}

    @property
    def varies(self) -> bool:
        return self.rng or super().varies

    def apply(self, block: Block, ids: IndexArray, epoch: int) -> Block:
        draws = RecordDraws(self.seed, epoch, ids) if self.rng else None
        numbers = ids.tolist()
        if self.batched:
            more = () if draws is None else (draws,)
            return self._check(as_block(self.function(numbers, block, *more), f"map: {self.function.name}"), numbers)
        records = records_of(block)
        if draws is None:
            results = [self.function((number,), record) for number, record in zip(numbers, records, strict=True)]
        else:
            triples = zip(numbers, records, draws.each(), strict=True)
            results = [self.function((number,), record, draw) for number, record, draw in triples]
        return objects(results) if self.batches or not results else block_of(results, f"map: {self.function.name}")

    def _check(self, block: Block, numbers: list[int]) -> Block:
        if count_rows(block) != len(numbers):
            raise ValueError(
                f"map: {self.function.name} gave {count_rows(block)} rows for {len(numbers)} "
                f"({describe_ids(numbers)}); a batched map gives as many as it gets, filter leaves rows out"
            )
        return block


@final
class RandomMap(_Map, RandomBlockOp):
    """map over a dataset with positions."""

    def _record(self, position: int) -> Any:
        if self.batched:
            return super()._record(position)
        # As the function gave it: joining it to a block of one row would only turn numbers into numpy's.
        ids = np.array([position], np.int64)
        (record,) = records_of(self.sources[0].read(ids, 0))
        more = (RecordDraws(self.seed, 0, ids)[0],) if self.rng else ()
        return self.function((position,), record, *more)


@final
class StreamMap(_Map, StreamBlockOp):
    """map over a stream."""
