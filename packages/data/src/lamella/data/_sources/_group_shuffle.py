"""Shuffles by groups for loaders and pipelines: a sampler, and a dataset in that order."""

from __future__ import annotations

from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._blocks import Block
from lamella.data._pipeline._node import RandomNode
from lamella.data._protocols import IndexArray
from lamella.data._sources._group_order import GroupShuffle
from lamella.data._sources._group_stream import Grouped


@final
class GroupSampler:
    """Each record once per epoch, groups of records at a time: `window` groups of `data_source` are mixed with each
    other.

    `data_source` is an ArrowDataset, or anything else with `group_rows`. Its cache should hold two windows.
    """

    def __init__(self, data_source: Grouped, *, seed: SupportsIndex = 0, window: SupportsIndex = 4) -> None:
        self.data_source = data_source
        self._order = _order_of("GroupSampler", data_source, seed, window)

    def __len__(self) -> int:
        return int(self.data_source.group_rows.sum())

    def indices(self, epoch: int, start: int, stop: int) -> IndexArray:
        """Positions [start, stop) of the order of `epoch`, as int64."""
        return self._order.epoch(epoch).records(start, min(stop, len(self)))

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        return f"random({self._order})"


@final
class GroupShuffled(RandomNode):
    """A dataset in the order of a GroupSampler."""

    op = "shuffle"

    def __init__(self, source: Any, seed: SupportsIndex, window: SupportsIndex) -> None:
        self.sources = (self.check_source(source),)
        self._order = _order_of(self.op, source, seed, window)

    @property
    def varies(self) -> bool:
        return True

    def parameters(self) -> dict[str, Any]:
        return {"seed": self._order.seed, "window": self._order.window}

    def __len__(self) -> int:
        return len(self.sources[0])

    def read(self, indices: IndexArray, epoch: int) -> Block:
        order = self._order.epoch(epoch)
        if indices.size and indices[-1] - indices[0] == len(indices) - 1 and (np.diff(indices) == 1).all():
            return self.sources[0].read(order.records(int(indices[0]), int(indices[-1]) + 1), epoch)
        records = [order.records(index, index + 1) for index in indices.tolist()]
        return self.sources[0].read(np.concatenate([np.empty(0, np.int64), *records]), epoch)


def _order_of(owner: str, source: Any, seed: SupportsIndex, window: SupportsIndex) -> GroupShuffle:
    rows = getattr(source, "group_rows", None)
    if not isinstance(rows, np.ndarray):
        raise TypeError(f"{owner}: {type(source).__name__} is not read in groups of rows (it has no group_rows)")
    return GroupShuffle(owner, rows, seed, window)
