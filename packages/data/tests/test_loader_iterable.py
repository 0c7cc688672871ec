"""Datasets that can only be iterated: PyTorch's rules for workers, and resuming by reading again."""

import gc
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lamella.data import DataLoader, get_worker_info
from lamella.tensor import Tensor

SECONDS = 30.0


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    yield
    if not (threads := [thread for thread in threading.enumerate() if thread.name.startswith("lamella-data")]):
        return
    gc.collect()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)


class Count:
    """Counts; every worker takes its part, as PyTorch's documentation does it."""

    def __init__(self, stop: int, sized: bool = False) -> None:
        self.start, self.stop = 0, stop

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        if info is None:
            return iter(range(self.start, self.stop))
        assert info.dataset is self
        return iter(range(self.start + info.id, self.stop, info.num_workers))


class Sized(Count):
    def __len__(self) -> int:
        return self.stop


def lists(loader: Any) -> list[list[int]]:
    return [batch.numpy().tolist() for batch in loader]


def in_turns(stop: int, workers: int, size: int, drop_last: bool = False) -> list[list[int]]:
    """What workers that take their part give, a batch each in turn."""
    parts = []
    for worker in range(workers):
        part = list(range(worker, stop, workers))
        cut = [part[at : at + size] for at in range(0, len(part), size)]
        parts.append([batch for batch in cut if len(batch) == size or not drop_last])
    longest = max(map(len, parts))
    return [part[turn] for turn in range(longest) for part in parts if turn < len(part)]


@pytest.mark.parametrize("stop", [0, 1, 5, 24, 61])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_are_cut_from_what_the_workers_give_in_turn(stop: int, drop_last: bool) -> None:
    alone = DataLoader(Count(stop), 4, drop_last=drop_last)
    assert lists(alone) == lists(alone) == in_turns(stop, 1, 4, drop_last)
    for workers in (1, 3):
        for options in ({}, {"prefetch_factor": 1}, {"persistent_workers": True}):
            loader = DataLoader(Count(stop), 4, drop_last=drop_last, num_workers=workers, **options)
            for _ in range(2):
                assert lists(loader) == in_turns(stop, workers, 4, drop_last)


def test_a_dataset_that_does_not_look_gives_everything_once_a_worker() -> None:
    class Plain:
        def __iter__(self) -> Iterator[int]:
            return iter(range(3))

    assert lists(DataLoader(Plain(), 3, num_workers=2)) == [[0, 1, 2], [0, 1, 2]]
    generators = DataLoader((number for number in range(5)), 2)
    assert lists(generators) == [[0, 1], [2, 3], [4]]
    with pytest.raises(RuntimeError, match="generator was iterated to its end and has nothing for epoch 1"):
        iter(generators)
    assert lists(DataLoader(iter(range(5)), 2, num_workers=1)) == [[0, 1], [2, 3], [4]]


def test_each_worker_sets_attributes_of_its_own_copy() -> None:
    def split(worker: int) -> None:
        info = get_worker_info()
        assert info is not None
        info.dataset.start, info.dataset.stop = 10 * worker, 10 * worker + 4

    class Range(Count):
        def __iter__(self) -> Iterator[int]:
            return iter(range(self.start, self.stop))

    data = Range(0)
    loader = DataLoader(data, 2, num_workers=2, worker_init_fn=split)
    assert lists(loader) == [[0, 1], [10, 11], [2, 3], [12, 13]]
    assert (data.start, data.stop) == (0, 0)


def test_out_of_order_everything_comes_and_no_state_is_believed() -> None:
    loader = DataLoader(Count(50), 4, num_workers=3, in_order=False)
    assert sorted(map(tuple, lists(loader))) == sorted(map(tuple, in_turns(50, 3, 4)))
    with pytest.raises(ValueError, match="depends on which worker was faster"):
        loader.load_state_dict(loader.state_dict())


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("stop", [0, 1, 3, 7, 8])
def test_a_resumed_pass_reads_again_what_was_given(workers: int, stop: int) -> None:
    def make() -> DataLoader:
        return DataLoader(Count(30), 4, num_workers=workers)

    whole = lists(make())
    first = make()
    batches = iter(first)
    taken = [next(batches).numpy().tolist() for _ in range(min(stop, len(whole)))]
    state = first.state_dict()
    resumed = make()
    resumed.load_state_dict(state)
    assert taken + lists(resumed) == whole
    assert resumed.epoch == 1
    other = DataLoader(Count(30), 4, num_workers=2)
    with pytest.raises(ValueError, match=r"order was 'iterated by \d' .* is 'iterated by 2'"):
        other.load_state_dict(state)
    if stop:
        shorter = DataLoader(Count(3), 4, num_workers=workers)
        shorter.load_state_dict(state | {"position": 20})
        with pytest.raises(ValueError, match=r"ended after \d+ batches, and the position to go on from is 20"):
            list(shorter)


def test_ranks_take_every_world_th_batch_and_end_together() -> None:
    def parts(**options: Any) -> list[list[list[int]]]:
        return [lists(DataLoader(Count(30), 4, rank=rank, world=3, **options)) for rank in range(3)]

    whole = in_turns(30, 1, 4)  # eight batches: two are left for three ranks, the first of them comes twice
    assert parts() == [[whole[0], whole[3], whole[6]], [whole[1], whole[4], whole[7]], [whole[2], whole[5], whole[6]]]
    assert parts(drop_last=True) == [[whole[rank], whole[rank + 3]] for rank in range(3)]
    whole = in_turns(30, 2, 4)
    assert parts(num_workers=2)[1] == [whole[1], whole[4], whole[7]]


def test_lengths() -> None:
    assert len(DataLoader(Sized(10), 4)) == 3
    assert len(DataLoader(Sized(10), 4, drop_last=True)) == 2
    assert len(DataLoader(Sized(10), None)) == 10
    with pytest.raises(TypeError, match="has no len"):
        len(DataLoader(Count(10), 4))


def test_without_batches_records_come_as_they_are() -> None:
    assert list(DataLoader(Count(4), None, num_workers=2)) == [0, 1, 2, 3]
    assert list(DataLoader(Count(3), None, collate_fn=str)) == ["0", "1", "2"]
    (array,) = DataLoader(iter([np.ones(3)]), None)
    assert isinstance(array, Tensor)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_says_where_and_the_rest_follows(workers: int) -> None:
    class Torn(Count):
        def __iter__(self) -> Iterator[int]:
            numbers = super().__iter__()

            class Numbers:
                def __iter__(self) -> Any:
                    return self

                def __next__(self) -> int:
                    number = next(numbers)
                    if number == 5:
                        raise OSError("torn")
                    return number

            return Numbers()

    loader = DataLoader(Torn(10), 1, num_workers=workers)
    batches = iter(loader)
    taken = [int(next(batches).numpy()[0]) for _ in range(5)]
    with pytest.raises(OSError, match="torn") as caught:
        next(batches)
    where = " in worker 1 of 2" if workers else ""
    assert caught.value.__notes__ == [f"while loading batch {2 if workers else 5}{where} of epoch 0 of Torn"]
    taken.append(int(next(batches).numpy()[0]))
    state = loader.state_dict()
    assert (state["step"], state["position"], state["ahead"]) == (7, 7, [])
    assert taken + [int(batch.numpy()[0]) for batch in batches] == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_a_timeout_is_raised_again() -> None:
    class Stuck:
        def __init__(self) -> None:
            self.released = threading.Event()

        def __iter__(self) -> Iterator[int]:
            assert self.released.wait(SECONDS)
            return iter(range(3))

    data = Stuck()
    batches = iter(DataLoader(data, 1, num_workers=1, timeout=0.05))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="timed out after 0.05 seconds"):
            next(batches)
    data.released.set()


BAD: list[tuple[str, Any, dict[str, Any], str]] = [
    ("shuffle", Count(3), {"shuffle": True}, "shuffle=True needs records by position"),
    ("sampler", Count(3), {"sampler": [1]}, "a sampler needs records by position"),
    ("batch_sampler", Count(3), {"batch_sampler": [[1]]}, "a batch_sampler needs records by position"),
    ("skip", Count(3), {"on_error": "skip"}, "on_error='skip' needs records by position"),
    ("iterator", iter([1]), {"num_workers": 2}, "can be iterated once, and 2 workers need an iterator each"),
    (
        "processes",
        Count(3),
        {"num_workers": 2, "workers": "process", "in_order": False},
        "in_order=False over an iterable needs workers='thread'",
    ),
]


@pytest.mark.parametrize(("dataset", "options", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_arguments(dataset: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(dataset, **options)
