"""Loaders of the same tensors with torch's DataLoader, as its users write them, and over Hugging Face datasets.

`whole_...` reads a whole batch by its positions (`batch_size=None`), which torch allows and few write.
"""

from __future__ import annotations

import io
import math
import random
from pathlib import Path
from typing import Any

from benchmarks.loaders.made import Arrays, Names

__all__ = [
    "CachedGroups", "Images", "Slices", "huggingface_parquet", "huggingface_table", "images", "loader",
    "names", "parquet", "table", "tokens", "whole_parquet", "whole_table",
]  # fmt: skip


def loader(dataset: Any, workers: int, batch: int | None, **options: Any) -> Any:
    """A DataLoader whose worker processes stay from pass to pass."""
    import torch.utils.data as data

    return data.DataLoader(dataset, batch, num_workers=workers, persistent_workers=workers > 0, **options)


def _whole(dataset: Any, workers: int, batch: int, *, shuffle: bool) -> Any:
    from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    return loader(dataset, workers, None, sampler=BatchSampler(order, batch, False))


# -- a table in memory -------------------------------------------------------------------------------------------------


def _tensors(data: Arrays) -> Any:
    import torch
    from torch.utils.data import TensorDataset

    return TensorDataset(*[torch.from_numpy(values) for values in data.values()])


def table(data: Arrays, workers: int = 0, *, batch: int = 256, shuffle: bool = True) -> Any:
    """Batches of a table in memory."""
    return loader(_tensors(data), workers, batch, shuffle=shuffle)


def whole_table(data: Arrays, workers: int = 0, *, batch: int = 256, shuffle: bool = True) -> Any:
    """The same, read by whole batches."""
    return _whole(_tensors(data), workers, batch, shuffle=shuffle)


def huggingface_table(data: Arrays, workers: int = 0, *, batch: int = 256, shuffle: bool = True) -> Any:
    """The same from Hugging Face datasets in torch format."""
    import datasets
    import pyarrow as pa

    columns = {
        name: pa.array(values)
        if values.ndim == 1
        else pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        for name, values in data.items()
    }
    dataset = datasets.Dataset(datasets.table.InMemoryTable(pa.table(columns))).with_format("torch")
    return loader(dataset, workers, batch, shuffle=shuffle)


# -- a table on disk ---------------------------------------------------------------------------------------------------


class CachedGroups:
    """A map-style data set that keeps the row group of the last record; a list of positions gives a whole batch."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self.path, self.group = str(path), -1
        self.rows = pq.read_metadata(path).row_group(0).num_rows
        self.records = pq.read_metadata(path).num_rows

    def __len__(self) -> int:
        return int(self.records)

    def _keep(self, group: int) -> None:
        if group != self.group:
            import numpy as np
            import pyarrow.parquet as pq
            import torch

            table = pq.ParquetFile(self.path).read_row_group(group)
            self.matrix = torch.from_numpy(np.stack([column.to_numpy() for column in table.columns], 1))
            self.group = group

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self._whole(index)
        self._keep(index // self.rows)
        return self.matrix[index % self.rows]

    def _whole(self, index: list[int]) -> Any:
        import torch

        parts = []
        while index:
            group = index[0] // self.rows
            end = next((place for place, at in enumerate(index) if at // self.rows != group), len(index))
            self._keep(group)
            parts.append(self.matrix[[at % self.rows for at in index[:end]]])
            index = index[end:]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def parquet(path: Path, workers: int = 0, *, batch: int = 1024) -> Any:
    """Batches of a table on disk in stored order, its columns side by side in one matrix."""
    return loader(CachedGroups(path), workers, batch)


def whole_parquet(path: Path, workers: int = 0, *, batch: int = 1024) -> Any:
    """The same, read by whole batches."""
    return _whole(CachedGroups(path), workers, batch, shuffle=False)


def huggingface_parquet(path: Path, workers: int = 0, *, batch: int = 1024) -> Any:
    """The same columns, each by itself, from Hugging Face datasets in torch format, which keep an Arrow file."""
    import datasets

    dataset = datasets.Dataset.from_parquet(str(path), cache_dir=str(path.parent / "huggingface"))
    return loader(dataset.with_format("torch"), workers, batch)


# -- images ------------------------------------------------------------------------------------------------------------


class Images:
    """Images decoded by Pillow, record by record; `augment` crops, resizes and flips as is usual in training."""

    def __init__(self, path: Path, side: int, *, augment: bool) -> None:
        import pyarrow.parquet as pq

        self.table = pq.read_table(path)
        self.side, self.augment = side, augment

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Any:
        import numpy as np
        import torch
        from PIL import Image

        image = Image.open(io.BytesIO(self.table["image"][index].as_py())).convert("RGB")
        box = _random_box(*image.size) if self.augment else None
        image = image.resize((self.side, self.side), Image.Resampling.BILINEAR, box=box)
        if self.augment and random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        return {"image": pixels, "label": self.table["label"][index].as_py()}


def _random_box(width: int, height: int) -> tuple[int, int, int, int]:
    """A box of 8 to 100 % of the area and of a ratio from 3:4 to 4:3."""
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if w <= width and h <= height:
            left, upper = random.randint(0, width - w), random.randint(0, height - h)
            return left, upper, left + w, upper + h
    return 0, 0, width, height


def images(path: Path, workers: int = 0, *, batch: int = 64, side: int = 224, augment: bool = True) -> Any:
    """Batches of decoded images (batch, 3, side, side) uint8 and labels."""
    return loader(Images(path, side, augment=augment), workers, batch)


# -- tokens ------------------------------------------------------------------------------------------------------------


class Slices:
    """A memory map of tokens cut into pieces of one length."""

    def __init__(self, path: Path, length: int) -> None:
        import numpy as np

        self.values, self.length = np.memmap(path, np.uint16, "r"), length

    def __len__(self) -> int:
        return len(self.values) // self.length

    def __getitem__(self, index: int) -> Any:
        import numpy as np
        import torch

        return torch.from_numpy(self.values[index * self.length : (index + 1) * self.length].astype(np.int64))


def tokens(values: Path, workers: int = 0, *, sequences: int = 8, length: int = 1024, shuffle: bool = True) -> Any:
    """Batches (sequences, length) int64."""
    return loader(Slices(values, length), workers, sequences, shuffle=shuffle)


# -- Python objects in worker processes --------------------------------------------------------------------------------


def names(records: list[tuple[str, int]], *, batch: int = 256) -> Any:
    """Batches of two worker processes that stay from pass to pass, forked as torch does by default on Linux."""
    return loader(Names(records), 2, batch, shuffle=True)
