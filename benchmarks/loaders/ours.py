"""Loaders of this stack, written as its users write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.loaders.made import Arrays, Names

if TYPE_CHECKING:
    from lamella.data import DataLoader

__all__ = ["images", "names", "parquet", "parquet_columns", "table", "tokens"]


def table(data: Arrays, workers: int = 0, *, batch: int = 256, shuffle: bool = True) -> DataLoader:
    """Batches of a table in memory."""
    from lamella.data import DataLoader, TableDataset

    return DataLoader(TableDataset(data), batch, shuffle=shuffle, num_workers=workers)


def _as_matrix(columns: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    return {"x": np.stack(list(columns.values()), 1)}


def parquet(path: Path, workers: int = 0, *, batch: int = 1024) -> DataLoader:
    """Batches of a table on disk in stored order, which is decoded ahead, with its columns side by side in a matrix."""
    from lamella.data import DataLoader, ParquetDataset

    return DataLoader(ParquetDataset(path).map(_as_matrix, batched=True), batch, num_workers=workers)


def parquet_columns(path: Path, workers: int = 0, *, batch: int = 1024) -> DataLoader:
    """The same with each column by itself."""
    from lamella.data import DataLoader, ParquetDataset

    return DataLoader(ParquetDataset(path), batch, num_workers=workers)


def images(path: Path, workers: int = 1, *, batch: int = 64, side: int = 224, augment: bool = True) -> DataLoader:
    """Batches of decoded images (batch, 3, side, side) uint8 and labels; `augment` crops and flips."""
    from lamella.data import DataLoader, ParquetDataset
    from lamella.data.media import DecodeImages, RandomCrop

    if augment:
        decode = DecodeImages("image", side, crop=RandomCrop(), flip=0.5, draft=False)
    else:
        decode = DecodeImages("image", side, draft=False)
    dataset = ParquetDataset(path).map(decode, batched=True, rng=augment)
    return DataLoader(dataset, batch, num_workers=workers)


def tokens(
    values: Path, offsets: Path, workers: int = 0, *, sequences: int = 8, length: int = 1024, shuffle: bool = True
) -> DataLoader:
    """Batches (sequences, length) int64 of documents packed one behind the other."""
    import numpy as np

    from lamella.data import DataLoader, Ragged, TableDataset

    documents = Ragged(np.memmap(values, np.uint16, "r"), np.fromfile(offsets, np.int64))
    packed = TableDataset({"tokens": documents}).pack(length, "tokens", dtype=np.int64)
    return DataLoader(packed, sequences, shuffle=shuffle, num_workers=workers)


def names(records: list[tuple[str, int]], *, batch: int = 256) -> DataLoader:
    """Batches of two worker processes that stay from pass to pass, each of which holds the records."""
    from lamella.data import DataLoader

    return DataLoader(Names(records), batch, shuffle=True, num_workers=2, workers="process", persistent_workers=True)
