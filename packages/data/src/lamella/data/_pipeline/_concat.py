"""Datasets one after another, and side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import numpy as np

from lamella.data._blocks import Block
from lamella.data._pipeline._node import RandomNode, as_random_access
from lamella.data._pipeline._routing import read_by_key, records_by_key
from lamella.data._protocols import Dataset, IndexArray


@final
class ConcatDataset(RandomNode):
    """The records of several datasets, one dataset after another. `cumulative_sizes` are where each ends."""

    op = "concat"

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: no datasets given")
        self.sources = tuple(self.check_source(source) for source in self.datasets)
        self._ends = np.cumsum([len(source) for source in self.sources], dtype=np.int64)

    @property
    def cumulative_sizes(self) -> list[int]:
        """Records up to the end of each dataset."""
        sizes: list[int] = self._ends.tolist()
        return sizes

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _place(self, indices: IndexArray) -> tuple[IndexArray, IndexArray]:
        owners = np.searchsorted(self._ends, indices, side="right").astype(np.int64)
        starts = np.concatenate([[0], self._ends[:-1]])
        # Only an empty dataset is asked for no records: of the first, for the structure.
        return owners, indices - starts[owners]

    def _record(self, position: int) -> Any:
        (owner,), (place,) = self._place(np.array([position], np.int64))
        return self.sources[owner][int(place)]

    def read(self, indices: IndexArray, epoch: int) -> Block:
        owners, places = self._place(indices)
        return read_by_key(owners, places, lambda part, owner: self.sources[owner].read(part, epoch))

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        owners, places = self._place(indices)
        return records_by_key(owners, places, lambda part, owner: self.sources[owner].records(part, epoch))


@final
class StackDataset(RandomNode):
    """Datasets of equal length side by side: records are tuples, or dicts where the datasets are given by name."""

    op = "stack"

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: give datasets either by position (tuples) or by name (dicts)")
        self.datasets: tuple[Dataset, ...] | dict[str, Dataset] = kwargs or args
        self._names = tuple(kwargs)
        self.sources = tuple(as_random_access(self.op, source) for source in (*args, *kwargs.values()))
        lengths = [len(source) for source in self.sources]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: datasets must be equally long, got {lengths}")

    def parameters(self) -> dict[str, Any]:
        return {"names": self._names} if self._names else {}

    @property
    def batches(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.sources[0])

    def _join(self, parts: list[Any]) -> Any:
        return dict(zip(self._names, parts, strict=True)) if self._names else tuple(parts)

    def _record(self, position: int) -> Any:
        return self._join([source[position] for source in self.sources])

    def read(self, indices: IndexArray, epoch: int) -> Block:
        return self._join([source.read(indices, epoch) for source in self.sources])

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        parts = [source.records(indices, epoch) for source in self.sources]
        return [self._join(list(part)) for part in zip(*parts, strict=True)]
