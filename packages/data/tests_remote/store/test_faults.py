"""Stores that are not there, do not know the reader, lose files, cut answers or die: an error within seconds that says
where, or what Arrow's own retries give; never a hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from object_store import Relay, Store

from lamella.data import ArrowDataset, DataLoader, FileStream

WITHIN_S = 20  # Arrow tries an address (which cannot say how often) for about six seconds
ROWS, GROUP_ROWS = 40_000, 4000
TABLE = pa.table({"n": np.arange(ROWS), "x": np.random.default_rng(0).random(ROWS)})
CLOSED_PORT = 1


def fill(store: Store, path: str, table: pa.Table = TABLE) -> None:
    with store.filesystem().open_output_stream(path) as sink:
        if path.endswith(".csv"):
            pyarrow.csv.write_csv(table, sink)
        else:
            pq.write_table(table, sink, row_group_size=GROUP_ROWS, compression="none", use_dictionary=False)


@contextmanager
def soon() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < WITHIN_S


Open = Callable[[Store], object]
OPENED: list[tuple[str, Open, type[Exception], str]] = [
    (
        "no key",
        lambda s: ArrowDataset("bucket/no/key.parquet", filesystem=s.filesystem()),
        FileNotFoundError,
        "no such file: bucket/no/key.parquet",
    ),
    (
        "no bucket",
        lambda s: FileStream("nobody/key.parquet", filesystem=s.filesystem()),
        FileNotFoundError,
        "no such file: nobody/key.parquet",
    ),
    (
        "no match",
        lambda s: ArrowDataset("bucket/faults/*.feather", filesystem=s.filesystem()),
        FileNotFoundError,
        "no file matches bucket/faults/\\*.feather",
    ),
    (
        "unknown key",
        lambda s: ArrowDataset("bucket/faults", filesystem=s.filesystem(access_key="another")),
        OSError,
        r"ArrowDataset: cannot look for bucket/faults \(s3\): .*ACCESS_DENIED",
    ),
    (
        "wrong secret",
        lambda s: FileStream("bucket/faults/t.csv", filesystem=s.filesystem(secret_key="wrong")),
        OSError,
        r"FileStream: cannot look for bucket/faults/t\.csv \(s3\): .*ACCESS_DENIED",
    ),
    (
        "wrong secret in an address",
        lambda s: ArrowDataset(s.uri("bucket/faults", secret="wr/ong")),
        OSError,
        r"cannot look for s3://\*\*\*@bucket/faults\?endpoint_override=.*ACCESS_DENIED",
    ),
    (
        "refused",
        lambda s: ArrowDataset("bucket/faults", filesystem=s.filesystem(CLOSED_PORT)),
        OSError,
        r"cannot look for bucket/faults \(s3\): .*Failed to connect to 127\.0\.0\.1:1 ",
    ),
    (
        "refused address",
        lambda s: FileStream(s.uri("bucket/faults/*.csv", port=CLOSED_PORT)),
        OSError,
        r"cannot look for s3://\*\*\*@bucket/faults/\*\.csv.*Failed to connect to 127\.0\.0\.1:1 ",
    ),
    (
        "bad address",
        lambda s: ArrowDataset(s.uri("bucket/faults") + "&acces_key=typo"),
        ValueError,
        r"cannot open the filesystem of 's3://\*\*\*@bucket/faults.*acces_key",
    ),
]


@pytest.mark.parametrize(("case", "act", "error", "says"), OPENED, ids=[case for case, *_ in OPENED])
def test_a_place_that_cannot_be_opened(store: Store, case: str, act: Open, error: type[Exception], says: str) -> None:
    fill(store, "bucket/faults/t.csv")
    with soon(), pytest.raises(error, match=says) as raised:
        act(store)
    told = f"{raised.value} {raised.value.__cause__}"
    assert store.secret_key not in told
    assert "wr/ong" not in told
    assert "wr%2Fong" not in told


Reader = Callable[[str, pafs.FileSystem], Any]
READERS: dict[str, tuple[str, Reader]] = {
    "positions": ("t.parquet", lambda path, where: DataLoader(ArrowDataset(path, filesystem=where), 500)),
    "threads": (
        "t.parquet",
        lambda path, where: DataLoader(
            ArrowDataset(path, filesystem=where, cache_bytes=0), 500, shuffle=True, num_workers=2
        ),
    ),
    "stream": ("t.parquet", lambda path, where: DataLoader(FileStream(path, filesystem=where), 500, num_workers=1)),
    "text": ("t.csv", lambda path, where: DataLoader(FileStream(path, filesystem=where, block_rows=500), 500)),
}


@pytest.fixture(scope="module")
def begun() -> dict[str, tuple[Any, Any]]:
    """A pass of every reader that has given one batch when its server dies."""
    with Store() as mortal:
        passes = {}
        for name, (file, reader) in READERS.items():
            # More than Arrow reads ahead of text.
            fill(mortal, f"bucket/{file}", pa.concat_tables([TABLE] * 40) if file.endswith("csv") else TABLE)
            data = reader(f"bucket/{file}", mortal.filesystem())
            batches = iter(data)
            passes[name] = (next(batches), batches)
    return passes


@pytest.mark.parametrize("name", READERS)
def test_a_server_that_dies_in_the_middle(begun: dict[str, tuple[Any, Any]], name: str) -> None:
    first, batches = begun[name]
    assert len(first["n"]) == 500
    with soon(), pytest.raises(OSError, match=r"s3:bucket/t\.\w+ cannot be read from its store: .*connect") as raised:
        for _ in batches:
            pass
    assert not isinstance(raised.value, ValueError)


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_file_that_is_another_one_by_now(store: Store, change: str) -> None:
    path = f"bucket/{change}/t.parquet"
    fill(store, path)
    data = ArrowDataset(path, filesystem=store.filesystem(), cache_bytes=0)
    assert data[5]["n"] == 5
    if change == "removed":
        store.filesystem().delete_file(path)
    else:
        fill(store, path, TABLE[:100])
    with soon(), pytest.raises(ValueError, match=f"s3:{path} was changed or removed while in use"):
        data[ROWS - 1]


def test_answers_that_are_cut_are_asked_for_again(store: Store) -> None:
    fill(store, "bucket/cut/t.parquet")
    with Relay(store.port) as relay:
        data = ArrowDataset("bucket/cut", columns=["x"], filesystem=store.filesystem(relay.port), cache_bytes=0)
        relay.cut, relay.cut_bytes = 2, 4000
        assert np.array_equal(data.gather(np.arange(100))["x"], TABLE["x"].to_numpy()[:100])
        assert relay.cut == 0
        relay.cut = 1 << 20
        with soon(), pytest.raises(OSError, match=r"s3:bucket/cut/t\.parquet cannot be read from its store"):
            data[ROWS - 1]


def test_a_server_that_says_nothing(store: Store) -> None:
    fill(store, "bucket/mute/t.parquet")
    with Relay(store.port) as relay:
        patience = {"request_timeout": 1, "retry_strategy": pafs.AwsStandardS3RetryStrategy(max_attempts=2)}
        where = store.filesystem(relay.port, **patience)
        data = ArrowDataset("bucket/mute", filesystem=where, cache_bytes=0)
        relay.mute = True
        with soon(), pytest.raises(OSError, match=r"s3:bucket/mute/t\.parquet cannot be read from its store"):
            data[0]
        with soon(), pytest.raises(OSError, match=r"cannot look for bucket/mute \(s3\)"):
            ArrowDataset("bucket/mute", filesystem=where)
