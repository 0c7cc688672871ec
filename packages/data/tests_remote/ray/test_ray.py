"""Ray Data through `from_ray`, on a Ray of one processor that starts and ends with this file."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import ray.data

from lamella.data import DataLoader, RandomAccess, Stream, from_ray

# Its own options warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")

BLOCKS, BLOCK_ROWS = 6, 10
ROWS = BLOCKS * BLOCK_ROWS


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20, configure_logging=False
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    started = psutil.Process().children(recursive=True)
    assert started
    yield
    ray.shutdown()
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive, f"Ray left {alive}"


@pytest.fixture
def preserve_order() -> Iterator[None]:
    options = ray.data.DataContext.get_current().execution_options
    options.preserve_order = True
    yield
    options.preserve_order = False


def tables() -> list[pa.Table]:
    return [
        pa.table({"n": rows, "x": rows / 4, "text": [f"row {row}" for row in rows]})
        for rows in np.arange(ROWS).reshape(BLOCKS, -1)
    ]


def source() -> Any:
    return ray.data.from_arrow(tables())


def doubled() -> Any:
    """A dataset that Ray has to compute: columns n, double, and an array in each row."""
    return source().map_batches(
        lambda batch: {"n": batch["n"], "double": batch["n"] * 2, "pair": np.stack([batch["n"], batch["x"]], 1)}
    )


def numbers(loader: Any) -> list[int]:
    return [n for batch in loader for n in batch["n"].numpy().tolist()]


def test_what_is_materialized_has_positions() -> None:
    data = from_ray(doubled().materialize())
    assert isinstance(data, RandomAccess)
    assert len(data) == ROWS
    batch = data.read(np.array([59, 0, 17]), 0)
    assert sorted(batch["n"].tolist()) == sorted(data[row]["n"] for row in (59, 0, 17))
    assert batch["double"].tolist() == (2 * batch["n"]).tolist()
    assert batch["pair"].tolist() == [[n, n / 4] for n in batch["n"].tolist()]
    text = from_ray(source().materialize(), columns=["text", "n"])
    assert isinstance(text, RandomAccess)
    assert text.column_names == ("text", "n")
    assert text[13] == {"text": "row 13", "n": 13}
    assert text.read(np.empty(0, np.int64), 0)["n"].shape == (0,)


def test_blocks_are_not_copied_out_of_rays_memory() -> None:
    kept = source().materialize()
    data = from_ray(kept)
    stored = ray.get(kept.to_arrow_refs()[2]).column("n").chunk(0)
    assert data._cache.get(2, False)["n"].ctypes.data == stored.buffers()[1].address + 8 * stored.offset


def test_ranks_workers_and_resuming_of_what_is_materialized() -> None:
    data = from_ray(source().materialize(), cache_bytes=0)
    whole = numbers(DataLoader(data, 4, shuffle=True, seed=1))
    assert sorted(whole) == list(range(ROWS))
    ranks = [DataLoader(data, 2, shuffle=True, seed=1, rank=rank, world=2, num_workers=2) for rank in range(2)]
    seen = [[batch["n"].numpy().tolist() for batch in loader] for loader in ranks]
    assert [n for step in zip(*seen, strict=True) for part in step for n in part] == whole
    first = DataLoader(data, 4, shuffle=True, seed=1)
    passing = iter(first)
    begun = [next(passing) for _ in range(3)]
    again = DataLoader(from_ray(source().materialize()), 4, shuffle=True, seed=1)
    again.load_state_dict(first.state_dict())
    assert [*numbers(begun), *numbers(again)] == whole


def test_splits_for_ranks_are_disjoint() -> None:
    parts = [from_ray(part) for part in source().split(3, equal=True)]
    assert [len(part) for part in parts] == [ROWS // 3] * 3
    assert sorted(n for part in parts for n in numbers(DataLoader(part, 7))) == list(range(ROWS))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_is_computed_as_it_is_read(workers: int) -> None:
    stream = from_ray(doubled(), columns=["double", "n"], block_rows=4)
    assert isinstance(stream, Stream)
    loader = DataLoader(stream, 7, num_workers=workers)
    for _ in range(2):
        batches = list(loader)
        assert {tuple(batch) for batch in batches} == {("double", "n")}
        assert sorted(numbers(batches)) == list(range(ROWS))
        assert all((batch["double"].numpy() == 2 * batch["n"].numpy()).all() for batch in batches)
    batches[0]["n"].numpy()[:] = 0  # memory of its own


def test_a_pass_that_is_left_ends_rays_work() -> None:
    stream = from_ray(doubled())
    for _ in DataLoader(stream, 7):
        break
    assert sorted(numbers(DataLoader(stream.map(lambda record: {"n": record["n"]}), 7))) == list(range(ROWS))


def test_columns_reach_rays_reader(tmp_path: Path) -> None:
    pq.write_table(tables()[0].append_column("nested", pa.array([{"a": 1}] * BLOCK_ROWS)), tmp_path / "t.parquet")
    stream = from_ray(ray.data.read_parquet(str(tmp_path)), columns=["n"])
    assert numbers(DataLoader(stream, 3)) == list(range(BLOCK_ROWS))


def test_parts_that_ray_deals_out() -> None:
    def rank(part: Any) -> list[list[int]]:
        loader = DataLoader(from_ray(part), 5)
        return [numbers(loader) for _ in range(2)]

    actor = ray.remote(num_cpus=0)(rank)
    seen = ray.get([actor.remote(part) for part in doubled().streaming_split(2, equal=True)])
    for epoch in range(2):
        assert [len(of_rank[epoch]) for of_rank in seen] == [ROWS // 2] * 2
        assert sorted(n for of_rank in seen for n in of_rank[epoch]) == list(range(ROWS))


def test_an_order_that_ray_keeps_is_resumed(preserve_order: None) -> None:
    for block_rows in (4, 100):
        stream = from_ray(doubled(), block_rows=block_rows)
        whole = numbers(DataLoader(stream, 7))
        assert whole == list(range(ROWS))
        for steps in (1, 4, 8):
            first = DataLoader(stream, 7)
            passing = iter(first)
            begun = [next(passing) for _ in range(steps)]
            again = DataLoader(from_ray(doubled(), block_rows=block_rows), 7)
            again.load_state_dict(first.state_dict())
            assert [*numbers(begun), *numbers(again)] == whole
        assert [*stream.shard(1, 3).map(lambda record: int(record["n"]))] == whole[1::3]


def test_another_order_is_noticed(preserve_order: None) -> None:
    iterator = from_ray(doubled()).open(0)
    next(iterator)
    next(iterator)
    other = from_ray(source().random_shuffle(seed=1))
    with pytest.raises(ValueError, match="Ray gave other rows than those before the saved place"):
        next(other.open(0, iterator.state()))


def failing() -> Any:
    def fail(batch: Any) -> Any:
        raise ZeroDivisionError("in the user's function")

    return source().map_batches(fail)


BAD: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    ("type", lambda: from_ray([1, 2]), TypeError, "expected a ray.data.Dataset or a ray.data.DataIterator, got list"),
    ("block", lambda: from_ray(doubled(), block_rows=0), ValueError, "block_rows must be an int >= 1"),
    ("prefetch", lambda: from_ray(doubled(), prefetch=-1), ValueError, "prefetch must be an int >= 0"),
    ("column", lambda: from_ray(source().materialize(), columns=["z"]), KeyError, "'z'"),
    ("stream column", lambda: list(from_ray(doubled(), columns=["z"])), Exception, "z"),
    ("empty", lambda: from_ray(source().limit(0).materialize()), ValueError, "the dataset has no rows"),
    (
        "nested",
        lambda: from_ray(ray.data.from_arrow(pa.table({"a": [{"b": 1}]})).materialize()),
        TypeError,
        "column 'a'",
    ),
    (
        "ragged arrays",
        lambda: from_ray(source().map_batches(lambda b: {"a": [np.ones(i % 3) for i in range(10)]}).materialize()),
        TypeError,
        "column 'a' holds arrays of shape",
    ),
    (
        "dictionary",
        lambda: from_ray(ray.data.from_arrow(pa.table({"a": pa.array(["b"]).dictionary_encode()})).materialize()),
        TypeError,
        "column 'a' is a dictionary",
    ),
    (
        "schemas",
        lambda: from_ray(ray.data.from_arrow([pa.table({"a": [1]}), pa.table({"a": [1.5]})]).materialize()),
        ValueError,
        "block 1 has columns a: double where block 0 has a: int64",
    ),
    (
        "null",
        lambda: list(from_ray(ray.data.from_arrow(pa.table({"a": pa.array([1, None])})).limit(2))),
        ValueError,
        "column 'a'",
    ),
    (
        "ranks",
        lambda: DataLoader(from_ray(doubled()).map(dict), 5, rank=0, world=2),
        ValueError,
        "2 ranks and workers would each get another order",
    ),
    ("workers", lambda: DataLoader(from_ray(doubled()), 5, num_workers=2), ValueError, "2 ranks and workers"),
    ("shard", lambda: from_ray(doubled()).shard(0, 2), ValueError, "every rank would get another order"),
    ("cache", lambda: list(from_ray(doubled()).cache()), ValueError, "cache"),
    ("pickle", lambda: pickle.dumps(from_ray(doubled())), TypeError, "not copied to worker processes"),
    ("pickle rows", lambda: pickle.dumps(from_ray(source().materialize())), TypeError, "not copied to worker process"),
    (
        "resume",
        lambda: from_ray(doubled()).open(0, {"rows": 5, "seen": ""}),
        ValueError,
        "comes in the order in which Ray's tasks end",
    ),
    ("function", lambda: list(from_ray(failing())), Exception, "in the user's function"),
]


@pytest.mark.parametrize(("case", "act", "error", "says"), BAD, ids=[case for case, *_ in BAD])
def test_bad_input(case: str, act: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        act()


def test_frames_and_masks() -> None:
    frame = ray.data.from_pandas([pd.DataFrame({"a": [1.0, 2.0]}), pd.DataFrame({"a": [3.0]})])
    assert from_ray(frame.materialize()).read(np.arange(3), 0)["a"].tolist() == [1, 2, 3]
    nulls = ray.data.from_arrow(pa.table({"a": pa.array([1, None, 3])}))
    for data in (from_ray(nulls.materialize(), mask=["a"]), from_ray(nulls.limit(3), mask=["a"])):
        (batch,) = DataLoader(data, 3)
        assert batch["a_mask"].numpy().tolist() == [True, False, True]
