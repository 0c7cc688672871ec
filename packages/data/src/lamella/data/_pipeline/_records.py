"""Datasets that were not made for pipelines (a length and a record per position are enough), as sources of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from lamella.data._blocks import Block, as_block, block_of, objects
from lamella.data._collate import batch_reader, read_records
from lamella.data._pipeline._map import check_ragged
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._protocols import BatchedDataset, Dataset, EpochDataset, IndexArray, fingerprint


@final
class RecordDataset(RandomAccess):
    """Any dataset with a length and a record per position, with the methods of RandomAccess.

    `ragged` names the parts of a record (True: all) whose arrays or lists of numbers differ in length.
    """

    __slots__ = ("_batched", "_varies", "dataset", "ragged")

    def __init__(self, dataset: Dataset, *, ragged: bool | Sequence[Any] = False) -> None:
        if not isinstance(dataset, Dataset) or isinstance(dataset, (dict, str, bytes)):
            raise TypeError(
                f"RecordDataset: expected a dataset (a length and a record per position), got "
                f"{type(dataset).__name__}; wrap a mapping of columns in TableDataset"
            )
        self.dataset = dataset
        self.ragged = check_ragged("RecordDataset", ragged) or False
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
        owner = type(self.dataset).__name__
        if self._batched:
            return as_block(batch_reader(self.dataset)(indices, epoch), f"{owner}: batch")
        records = self.records(indices, epoch)
        return block_of(records, f"{owner}: record", self.ragged) if records else objects([])

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        if self._batched:
            return super().records(indices, epoch)
        return list(read_records(self.dataset, indices.tolist())) if indices.size else []

    def fingerprint(self) -> str:
        """The dataset's own."""
        return fingerprint(self.dataset)

    def __repr__(self) -> str:
        return f"RecordDataset({type(self.dataset).__name__}, {len(self)} records)"
