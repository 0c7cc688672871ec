"""Streams in a loader: batches, ranks and workers, and states that go on with other ranks and workers."""

import gc
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lamella.data import DataLoader, IterableDataset, Stream, TableDataset, get_worker_info
from lamella.data._blocks import records_of
from lamella.tensor import Tensor

SECONDS = 30.0
ROWS = 97


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    yield
    if not (threads := [thread for thread in threading.enumerate() if thread.name.startswith("lamella")]):
        return
    gc.collect()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)


def table(rows: int = ROWS) -> TableDataset:
    return TableDataset({"id": np.arange(rows), "x": np.arange(2.0 * rows).reshape(rows, 2)})


def drawn(record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return record | {"id": record["id"] * 1000 + rng.integers(1000)}


class Counted(IterableDataset):
    """A user's own, with states of its own kind: not only iterated."""

    def __iter__(self) -> Iterator[dict[str, int]]:
        assert get_worker_info() is None  # the order of a stream is nobody's business
        return ({"id": number * 3} for number in range(ROWS))

    def open(self, epoch: int, state: dict[str, Any] | None = None) -> Any:
        return super().open(epoch, state)


STREAMS: dict[str, Callable[[], Stream]] = {
    "table": lambda: table().stream(),
    "shuffled windows": lambda: table().stream().shuffle(seed=4, window=20),
    "mapped with draws": lambda: table().stream().map(drawn, rng=True, seed=2),
    "filtered": lambda: table().stream().filter(lambda record: record["id"] % 3 != 1),
    "mixed": lambda: table().stream().mix(table(40).stream(), weights=[2, 1], seed=1, stop="all"),
    "repeated": lambda: table(30).stream().repeat(3).skip(4).take(80),
    "shuffled table": lambda: table().shuffle(seed=3).stream().prefetch(2),
    "own": lambda: Counted(),
    "empty": lambda: table().stream().take(0),
}


def ids(batch: Any) -> list[int]:
    assert isinstance(batch["id"], Tensor)
    return [int(number) for number in batch["id"].numpy()]


def flat(lists: Any) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


def order(stream: Stream, epoch: int) -> list[int]:
    """What the stream gives in an epoch, by itself."""
    return [int(record["id"]) for block in stream.open(epoch) for record in records_of(block)]


def in_step(loaders: list[DataLoader]) -> list[int]:
    return flat(flat(ids(batch) for batch in batches) for batches in zip(*loaders, strict=True))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_comes_whole_whoever_reads_it_and_goes_on_with_others(name: str) -> None:
    rng = np.random.default_rng(list(STREAMS).index(name))
    epochs = [order(STREAMS[name](), epoch) for epoch in range(2)]

    def make(workers: int, world: int) -> list[DataLoader]:
        return [
            DataLoader(STREAMS[name](), 4, num_workers=workers, rank=rank, world=world, timeout=SECONDS * bool(workers))
            for rank in range(world)
        ]

    for workers, world in ((0, 1), (1, 1), (3, 1), (0, 2), (3, 2), (0, 5)):
        loaders = make(workers, world)
        for epoch in range(2):
            taken = in_step(loaders)
            assert taken[: len(epochs[epoch])] == epochs[epoch]
            assert len(taken) < len(epochs[epoch]) + world
    for _ in range(5):
        workers, world, workers_after, world_after = (int(rng.choice(of)) for of in ([0, 1, 3], [1, 2, 5]) * 2)
        before = make(workers, world)
        passes = [iter(loader) for loader in before]
        most = -(-len(epochs[0]) // (4 * world))
        stop = int(rng.integers(most + 1))
        taken = flat(flat(ids(next(batches)) for batches in passes) for _ in range(stop))
        states = [json.loads(json.dumps(loader.state_dict())) for loader in before]
        assert {(state["step"], state["position"]) for state in states} == {
            (stop, min(len(epochs[0]), 4 * world * stop))
        }
        for batches in passes:
            batches.close()
        after = make(workers_after, world_after)
        for loader in after:
            loader.load_state_dict(states[int(rng.integers(world))])  # of any rank
        taken += in_step(after)
        assert taken[: len(epochs[0])] == epochs[0]
        assert len(taken) < len(epochs[0]) + max(world, world_after)
        assert in_step(after)[: len(epochs[1])] == epochs[1]


def test_only_whole_steps_with_drop_last() -> None:
    loaders = [DataLoader(table(30).stream(), 4, drop_last=True, rank=rank, world=2) for rank in range(2)]
    assert in_step(loaders) == list(range(24))


def test_batches_that_the_stream_made_come_as_they_are() -> None:
    stream = table(10).stream().batch(4)
    for workers in (0, 2):
        assert [ids(batch) for batch in DataLoader(stream, None, num_workers=workers)] == [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
            [8, 9],
        ]
    parts = [[ids(batch) for batch in DataLoader(stream, None, rank=rank, world=2)] for rank in range(2)]
    assert parts == [[[0, 1, 2, 3], [8, 9]], [[4, 5, 6, 7], [8, 9]]]


def test_collate_fn_gets_records() -> None:
    def collate(records: list[dict[str, Any]]) -> list[int]:
        return [int(record["id"]) for record in records]

    assert list(DataLoader(table(5).stream(), 2, collate_fn=collate, num_workers=1)) == [[0, 1], [2, 3], [4]]
    single = DataLoader(table(2).stream(), None, collate_fn=lambda record: int(record["id"]))
    assert list(single) == [0, 1]


def test_persistent_readers_begin_every_pass_anew() -> None:
    loader = DataLoader(STREAMS["shuffled windows"](), 4, num_workers=2, persistent_workers=True)
    epochs = [order(STREAMS["shuffled windows"](), epoch) for epoch in range(3)]
    assert flat(ids(batch) for batch in loader) == epochs[0]
    batches = iter(loader)
    taken = ids(next(batches))
    state = loader.state_dict()
    del batches
    assert flat(ids(batch) for batch in loader) == epochs[2]
    loader.load_state_dict(state)
    assert taken + flat(ids(batch) for batch in loader) == epochs[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_behind_an_error_nothing_is_given(workers: int) -> None:
    def fail(record: dict[str, Any]) -> dict[str, Any]:
        if record["id"] == 9:
            raise OSError("torn")
        return record

    loader = DataLoader(table(30).stream().map(fail), 4, num_workers=workers)
    batches = iter(loader)
    with pytest.raises(OSError, match="torn") as caught:  # of the whole block that record 9 is in
        next(batches)
    assert loader.state_dict()["position"] == 0
    notes = "\n".join(caught.value.__notes__)
    assert "fail raised this for record 9 of its source" in notes
    assert "while loading batch 0 of epoch 0 of " in notes
    assert ("in worker 0 of 2" in notes) == (workers == 2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="behind an error a stream gives nothing, and it raised OSError: torn"):
            next(batches)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("shuffle", {"shuffle": True}, r"shuffle=True needs records by position.*stream.shuffle\(seed\)"),
    ("sampler", {"sampler": [1]}, "a sampler needs records by position"),
    ("skip", {"on_error": "skip"}, "on_error='skip' needs records by position"),
    ("in_order", {"in_order": False, "num_workers": 2}, "in_order=False is not for streams"),
]


@pytest.mark.parametrize(("options", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(table().stream(), **options)
    with pytest.raises(TypeError, match="a stream has no length"):
        len(DataLoader(table().stream()))


def test_states_of_other_streams_are_refused() -> None:
    state = DataLoader(STREAMS["table"](), 4).state_dict()
    with pytest.raises(ValueError, match="dataset was"):
        DataLoader(STREAMS["filtered"](), 4).load_state_dict(state)
    with pytest.raises(ValueError, match="order was 'streamed'"):
        DataLoader(table(), 4).load_state_dict(state)


def test_an_iterable_dataset_as_pytorch_knows_it_is_iterated() -> None:
    class Padded(IterableDataset):
        """Records of no common layout, each worker its part."""

        def __iter__(self) -> Iterator[np.ndarray[Any, Any]]:
            info = get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return (np.ones(number) for number in range(first, 6, step))

    lengths: list[list[int]] = list(DataLoader(Padded(), 2, num_workers=2, collate_fn=lambda rows: [*map(len, rows)]))
    assert lengths == [[0, 2], [1, 3], [4], [5]]


class Unordered(Counted):
    """An engine that gives records as they are ready."""

    repeatable = False


@pytest.mark.parametrize("op", [lambda s: s, lambda s: s.map(dict), lambda s: s.filter(bool) + Counted()])
def test_a_stream_without_an_order_has_one_reader(op: Callable[[Stream], Stream]) -> None:
    stream = op(Unordered())
    assert not stream.repeatable
    assert op(Counted()).repeatable
    assert len(list(DataLoader(stream, 8, num_workers=1))) == -(-len(list(stream)) // 8)
    for options in ({"num_workers": 2}, {"world": 2}):
        with pytest.raises(ValueError, match="2 ranks and workers would each get another order of .*Unordered"):
            DataLoader(stream, 8, **options)
    with pytest.raises(ValueError, match="shard: every rank would get another order of"):
        stream.shard(1, 2)
    assert len(list(stream.shard(0, 1))) == len(list(stream))
