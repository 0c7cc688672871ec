"""Datasets that were not made for pipelines (a length and a record per position are enough), as sources of them."""

from __future__ import annotations

from typing import Any, final

from lamella.data._blocks import Block, as_block, block_of, objects
from lamella.data._collate import batch_reader
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._protocols import BatchedDataset, Dataset, EpochDataset, IndexArray, fingerprint


@final
class AdaptedDataset(RandomAccess):
    """A dataset's records, or batches where it reads them itself, as blocks."""

    __slots__ = ("_batched", "_varies", "dataset")

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._varies = isinstance(dataset, EpochDataset)
        self._batched = self._varies or isinstance(dataset, BatchedDataset)

    @property
    def varies(self) -> bool:
        return self._varies

    def __len__(self) -> int:
        return len(self.dataset)

    def _record(self, position: int) -> Any:
        return self.dataset[position]

    def read(self, indices: IndexArray, epoch: int) -> Block:
        if self._batched:
            return as_block(batch_reader(self.dataset)(indices, epoch), f"{type(self.dataset).__name__}: batch")
        records = [self.dataset[index] for index in indices.tolist()]
        return block_of(records, f"{type(self.dataset).__name__}: record") if records else objects([])

    def fingerprint(self) -> str:
        """The dataset's own."""
        return fingerprint(self.dataset)

    def __repr__(self) -> str:
        return repr(self.dataset) if type(self.dataset).__repr__ is not list.__repr__ else f"list({len(self)} records)"
