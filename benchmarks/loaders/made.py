"""Made-up data that loaders read; `once` writes it into `runs/`, where the sides' processes find it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks._machine import ROOT

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Arrays", "Names", "arrays", "names", "once", "write_images", "write_offsets", "write_table", "write_tokens"]

Arrays: TypeAlias = "Mapping[str, np.ndarray[Any, Any]]"

_FOLDER = ROOT / "runs" / "benchmark-data"
_IMAGE_GROUP = 250
_MEAN_DOCUMENT = 700


def once(name: str, write: Callable[[Path], None]) -> Path:
    """The file of a name, written beside its place and then moved there."""
    path = _FOLDER / name
    if not path.exists():
        _FOLDER.mkdir(parents=True, exist_ok=True)
        beside = _FOLDER / f".{name}.{os.getpid()}"
        write(beside)
        beside.rename(path)
    return path


def arrays(rows: int = 200_000, width: int = 64) -> Arrays:
    """A table in memory: `x` of `width` float32, and `y` with the numbers of the rows."""
    import numpy as np

    return {"x": np.random.default_rng(0).random((rows, width), np.float32), "y": np.arange(rows)}


def names(rows: int = 100_000) -> list[tuple[str, int]]:
    """What a data set of files keeps in memory: their names and labels."""
    return [(f"images/{number:08}.jpg", number % 1000) for number in range(rows)]


class Names:
    """A map-style data set over a list of Python objects, as both sides read it."""

    def __init__(self, records: list[tuple[str, int]]) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[int, int]:
        name, label = self.records[index]
        return len(name), label


def write_table(path: Path, *, groups: int = 50, rows: int = 100_000, columns: int = 20) -> None:
    """A parquet file (5 M rows) of float32 columns in row groups of `rows`, with pyarrow's own settings."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    names = [f"c{number}" for number in range(columns)]
    with pq.ParquetWriter(path, pa.schema([(name, pa.float32()) for name in names])) as writer:
        for _ in range(groups):
            values = [pa.array(rng.random(rows, np.float32)) for _ in names]
            writer.write_table(pa.table(values, names=names), row_group_size=rows)


def write_images(path: Path, *, count: int = 5_000) -> None:
    """A parquet file of images, four JPEGs to one PNG, of 240 to 480 pixels a side, and their numbers as labels."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    rng = np.random.default_rng(0)
    schema = pa.schema([("image", pa.binary()), ("label", pa.int64())])
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, count, _IMAGE_GROUP):
            numbers = range(start, min(start + _IMAGE_GROUP, count))
            files = []
            for number in numbers:
                height, width = rng.integers(240, 481, 2)
                coarse = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
                image = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
                stream = io.BytesIO()
                if number % 5:
                    image.save(stream, "JPEG", quality=90)
                else:
                    image.save(stream, "PNG", compress_level=3)
                files.append(stream.getvalue())
            writer.write_table(pa.table({"image": files, "label": list(numbers)}, schema=schema))


def write_tokens(path: Path, *, count: int = 50_000_000) -> None:
    """Tokens, uint16."""
    import numpy as np

    np.random.default_rng(0).integers(0, 50_000, count, np.uint16).tofile(path)


def write_offsets(path: Path, *, count: int = 50_000_000) -> None:
    """Places, int64, where documents of mixed length begin among so many tokens, and where the last ends."""
    import numpy as np

    rng = np.random.default_rng(1)
    lengths = rng.exponential(_MEAN_DOCUMENT, 2 * count // _MEAN_DOCUMENT).astype(np.int64) + 1
    ends = np.cumsum(lengths)
    np.concatenate([[0], ends[ends < count], [count]]).astype(np.int64).tofile(path)
