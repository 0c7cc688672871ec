"""Loaders over the same datasets in both libraries: which batches come, in which order, how many are promised."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch.utils.data

import lamella.data

pytestmark = pytest.mark.oracle

THEIRS: Any = torch.utils.data
OURS: Any = SimpleNamespace(**vars(lamella.data))


def plain(value: Any) -> Any:
    """A batch as Python numbers and text."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value.tolist() if hasattr(value, "tolist") else value


def run(n: Any, dataset: Any, *args: Any, passes: int = 2, **options: Any) -> Any:
    loader = n.DataLoader(dataset, *args, **options)
    try:
        length: Any = len(loader)
    except TypeError:
        length = "no length"
    return length, [[plain(batch) for batch in loader] for _ in range(passes)]


class Rows:
    """Records of a few structures by position, or lists of them."""

    def __init__(self, rows: int, record: Callable[[int], Any] = lambda index: index) -> None:
        self.rows, self.record = rows, record

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: Any) -> Any:
        return [self.record(place) for place in index] if isinstance(index, list) else self.record(index)


class Many(Rows):
    """Reads lists of positions by PyTorch's own protocol."""

    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [self.record(index) for index in indices]


def counting(n: Any, stop: int, *, uneven: bool = False) -> Any:
    class Count(n.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator[int]:
            info = n.get_worker_info()
            if info is None:
                return iter(range(stop))
            if uneven:
                return iter(range(100 * info.id, 100 * info.id + stop * (info.id + 1)))
            return iter(range(info.id, stop, info.num_workers))

    return Count()


def split(n: Any) -> Callable[[int], None]:
    def init(worker: int) -> None:
        info = n.get_worker_info()
        info.dataset.first = 10 * info.id

    return init


def splitting(n: Any) -> Any:
    class Range(n.IterableDataset):  # type: ignore[misc]
        first = 0

        def __iter__(self) -> Iterator[int]:
            return iter(range(self.first, self.first + 3))

    return Range()


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "structures": lambda n: run(n, Rows(5, lambda i: {"a": (i, [float(i)]), "b": f"r{i}", "c": True}), 2),
    "__getitems__": lambda n: run(n, Many(5), 2),
    "no batches": lambda n: run(n, Rows(3, lambda i: (i, str(i))), None),
    "lists as keys": lambda n: run(n, Rows(5), None, sampler=n.BatchSampler(n.SequentialSampler(range(5)), 2, False)),
    "keys of any kind": lambda n: run(n, Rows(0, {"a": 1, "b": 2}.__getitem__), 2, sampler=["b", "a", "b"]),
    "batch_sampler": lambda n: run(n, Rows(5), batch_sampler=[[0], [3, 3], [4, 1, 2]], num_workers=2),
    "own sampler": lambda n: run(n, Rows(5), 2, sampler=range(4, -1, -1), num_workers=2, drop_last=True),
    "collate_fn": lambda n: run(n, Rows(5), 2, collate_fn=lambda records: [str(record) for record in records]),
    "collate_fn of one": lambda n: run(n, Rows(3), None, collate_fn=str),
    "own copies": lambda n: run(n, splitting(n), 2, num_workers=2, worker_init_fn=split(n)),
}


def program(make: Callable[..., Any], *args: Any, **options: Any) -> Callable[[Any], Any]:
    """A loader over `make(library)`."""
    return lambda n: run(n, make(n), *args, **options)


def distributed(rank: int, world: int, drop_last: bool) -> Callable[[Any], Any]:
    return lambda n: run(
        n, Rows(10), 2, sampler=n.DistributedSampler(Rows(10), world, rank, shuffle=False, drop_last=drop_last)
    )


PROGRAMS |= {
    f"rows {rows}, drop_last={drop}": program(functools.partial(lambda rows, n: Rows(rows), rows), 3, drop_last=drop)
    for rows in (0, 1, 7, 9)
    for drop in (False, True)
}
PROGRAMS |= {
    f"iterable {stop}, {workers} workers, drop_last={drop}": program(
        functools.partial(counting, stop=stop), 4, num_workers=workers, drop_last=drop, passes=1
    )
    for stop in (0, 1, 24, 61)
    for workers in (0, 1, 3)
    for drop in (False, True)
}
PROGRAMS |= {
    f"uneven iterables, {workers} workers, {factor} ahead": program(
        functools.partial(counting, stop=3, uneven=True),
        2,
        num_workers=workers,
        prefetch_factor=factor,
        persistent_workers=True,
    )
    for workers in (1, 2, 4)
    for factor in (1, 3)
}
PROGRAMS |= {
    f"rank {rank} of {world}, drop_last={drop}": distributed(rank, world, drop)
    for world in (1, 3, 4)
    for rank in range(world)
    for drop in (False, True)
}


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_batches_come(name: str) -> None:
    assert PROGRAMS[name](OURS) == PROGRAMS[name](THEIRS)


COUNTS: dict[str, Callable[[Any], Any]] = {
    "random": lambda n: n.RandomSampler(range(7)),
    "fewer": lambda n: n.RandomSampler(range(7), num_samples=3),
    "more": lambda n: n.RandomSampler(range(7), num_samples=17),
    "replacement": lambda n: n.RandomSampler(range(7), True, 30),
    "subset": lambda n: n.SubsetRandomSampler([4, 4, 9]),
    "weighted": lambda n: n.WeightedRandomSampler([0.0, 1.0, 2.0], 20),
    "weighted once": lambda n: n.WeightedRandomSampler([0.0, 1.0, 2.0], 2, False),
    "batches": lambda n: n.BatchSampler(n.SequentialSampler(range(7)), 3, True),
}


@pytest.mark.parametrize("name", COUNTS)
def test_samplers_draw_as_many_of_the_same(name: str) -> None:
    ours, theirs = COUNTS[name](OURS), COUNTS[name](THEIRS)
    assert len(ours) == len(theirs)
    drawn = [list(ours), list(theirs)]
    assert len(drawn[0]) == len(drawn[1]) == len(ours)
    if name not in ("fewer", "more", "replacement", "weighted"):  # which ones come is drawn
        assert sorted(drawn[0]) == sorted(drawn[1])
    if name == "more":
        assert [sorted(order[at : at + 7]) for order in drawn for at in (0, 7)] == [list(range(7))] * 4


WRONG: dict[str, Callable[[Any], Any]] = {
    "two orders": lambda n: n.DataLoader(Rows(3), 2, True, sampler=[0]),
    "batch_sampler and size": lambda n: n.DataLoader(Rows(3), 2, batch_sampler=[[0]]),
    "no batches to drop": lambda n: n.DataLoader(Rows(3), None, drop_last=True),
    "workers": lambda n: n.DataLoader(Rows(3), num_workers=-1),
    "timeout": lambda n: n.DataLoader(Rows(3), num_workers=1, timeout=-1),
    "prefetch": lambda n: n.DataLoader(Rows(3), prefetch_factor=2),
    "persistent": lambda n: n.DataLoader(Rows(3), persistent_workers=True),
    "shuffled stream": lambda n: n.DataLoader(counting(n, 3), shuffle=True),
    "sampled stream": lambda n: n.DataLoader(counting(n, 3), sampler=[0]),
    "fixed": lambda n: setattr(n.DataLoader(Rows(3)), "batch_size", 2),
    "rank": lambda n: n.DistributedSampler(Rows(3), 2, 2),
    "draws": lambda n: n.WeightedRandomSampler([1.0], 0),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_same_is_refused(name: str) -> None:
    for n in (THEIRS, OURS):
        with pytest.raises(ValueError, match=r"."):
            WRONG[name](n)
