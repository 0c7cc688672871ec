"""Damages a file again and again and reads each in every way: `python damaged_files.py SEED COUNT FOLDER`.

A process of its own, for what is asked first is that the reader does not end it. Prints how often each way read and
refused the file; an error of another kind, or one that does not name its reader, ends it with a traceback.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lamella.data import ArrowDataset, FileStream

KINDS = ("parquet", "parquet-checksums", "ipc", "ipc-compressed", "ipc-stream")
ROWS = 60
TABLE = pa.table(
    {
        "n": np.arange(ROWS),
        "x": np.arange(ROWS) / 4,
        "text": [f"row {row}" for row in range(ROWS)],
        "lists": pa.array([[1, 2][: row % 3] for row in range(ROWS)], pa.list_(pa.int16())),
        "code": pa.array(["a", "b", "c"] * 20).dictionary_encode(),
        "pair": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2 * ROWS, dtype=np.int8)), 2),
        "holes": pa.array([None if row % 7 == 0 else row for row in range(ROWS)]),
        "flag": pa.array([row % 2 == 0 for row in range(ROWS)]),
        "bytes": pa.array([b"abc"] * ROWS, pa.binary(3)),
    }
)
CONDITION = (pc.field("x") > 3) & (pc.field("text") != "row 9") & (pc.field("code") == "a")


def write(kind: str, path: Path) -> None:
    if kind.startswith("parquet"):
        pq.write_table(TABLE, path, row_group_size=9, write_page_checksum=kind == "parquet-checksums")
    elif kind == "ipc-stream":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=9)
    else:
        options = pa.ipc.IpcWriteOptions(compression="zstd" if kind == "ipc-compressed" else None)
        with pa.ipc.new_file(path, TABLE.schema, options=options) as writer:
            writer.write_table(TABLE, max_chunksize=9)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One to three flipped bits, near the ends more often than elsewhere; sometimes cut short."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.choice([rng.randrange(len(changed)), -1 - rng.randrange(2000), rng.randrange(1500)])
        changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed[: rng.randrange(len(changed))] if rng.random() < 0.1 else changed)


def gather(path: Path) -> None:
    data = ArrowDataset(path, mask=["holes"])
    assert set(data.categories) <= {"code"}
    batch = data.gather(np.arange(len(data))[::-1].copy())
    for column in ("text", "lists"):
        if column in batch:
            assert len(batch[column].tolist()) == len(data)


def stream(path: Path) -> None:
    for block in FileStream(path, filter=pc.field("n") > 3, mask=["holes"]).open(0):
        assert block["n"].min() > 3


WAYS: dict[str, Callable[[Path], object]] = {
    "gather": gather,
    "load": lambda path: ArrowDataset(path, mask=["holes"]).load(),
    "filter": lambda path: ArrowDataset(path, filter=CONDITION, mask=["holes"]).load(),
    "stream": stream,
}


def main(kind: str, seed: int, count: int, folder: Path) -> None:
    path = folder / f"t.{'parquet' if kind.startswith('parquet') else 'arrow'}"
    write(kind, path)
    content = path.read_bytes()
    rng = random.Random(seed)
    seen: Counter[str] = Counter()
    for _ in range(count):
        path.unlink()  # a file that is mapped may not shrink
        path.write_bytes(damaged(content, rng))
        for name, read in WAYS.items():
            try:
                read(path)
            except (ValueError, TypeError, KeyError) as error:
                if not any(owner in str(error) for owner in ("ArrowDataset", "FileStream")):
                    raise
                seen[f"{name} refused"] += 1
            else:
                seen[f"{name} read"] += 1
    sys.stdout.write(f"{kind}: {', '.join(f'{name} {number}' for name, number in sorted(seen.items()))}\n")


if __name__ == "__main__":
    for one in KINDS:
        main(one, int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
