"""Several ranks: every key once, equally many steps for all, and a pass that goes on with other ranks and workers."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    TableDataset,
)
from lamella.tensor import Generator

ROWS = 211


def table(rows: int) -> TableDataset:
    return TableDataset({"id": np.arange(rows)})


def ids(batch: Any) -> list[int]:
    return [int(number) for number in batch["id"].numpy()]


def in_step(loaders: list[DataLoader]) -> Iterator[list[int]]:
    """One epoch of all ranks: what each step takes from the order."""
    for batches in zip(*loaders, strict=True):  # strict: no rank may have a step more than another
        yield [number for batch in batches for number in ids(batch)]


def flat(lists: Any) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


@given(
    rows=st.integers(0, 70),
    batch_size=st.integers(1, 9),
    world=st.integers(1, 7),
    drop_last=st.booleans(),
    formula=st.booleans(),
)
def test_ranks_share_every_step_and_end_together(
    rows: int, batch_size: int, world: int, drop_last: bool, formula: bool
) -> None:
    order = np.arange(rows)[::-1].tolist()
    options: dict[str, Any] = {"shuffle": True} if formula else {"sampler": order}
    if formula:
        order = flat(ids(batch) for batch in DataLoader(table(rows), 8, shuffle=True))
    loaders = [
        DataLoader(table(rows), batch_size, rank=rank, world=world, drop_last=drop_last, **options)
        for rank in range(world)
    ]
    steps = list(in_step(loaders))
    assert {len(loader) for loader in loaders} == {len(steps)}
    whole, rest = divmod(rows, batch_size * world)
    assert [len(step) for step in steps[:whole]] == [batch_size * world] * whole
    taken = flat(steps)
    if drop_last or not rest:
        assert taken == order[: whole * batch_size * world]
        return
    assert taken[:rows] == order
    repeated = taken[rows:]
    assert len(repeated) == max(0, world - rest)
    assert repeated == list(itertools.islice(itertools.cycle(order[rows - rest :]), len(repeated)))


def test_the_last_step_is_shared_evenly() -> None:
    sizes = []
    for rank in range(4):
        *_, last = DataLoader(table(26), 4, rank=rank, world=4)
        sizes.append(len(ids(last)))
    assert sizes == [2, 3, 2, 3]


class Backwards(Sampler[int]):
    """An order of a user's own: iterated, with a length."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.rows - 1, -1, -1))


class Draws(Sampler[int]):
    """Draws anew in every pass, and can say from what."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)

    def __len__(self) -> int:
        return ROWS

    def __iter__(self) -> Iterator[int]:
        return iter(self.rng.permutation(ROWS).tolist())

    def state_dict(self) -> dict[str, Any]:
        return dict(self.rng.bit_generator.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = state


class Formula:
    """A formula of a user's own."""

    def __len__(self) -> int:
        return ROWS

    def indices(self, epoch: int, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return (np.arange(start, stop) * 7 + epoch) % ROWS


ORDERS: dict[str, Any] = {
    "shuffled": lambda: {"shuffle": True, "seed": 3},
    "stored": dict,
    "generator": lambda: {"shuffle": True, "generator": Generator(3)},
    "sampler": lambda: {"sampler": RandomSampler(range(ROWS), True, 150, seed=4)},
    "sampler's generator": lambda: {"sampler": RandomSampler(range(ROWS), generator=Generator(3))},
    "own formula": lambda: {"sampler": Formula()},
    "own": lambda: {"sampler": Backwards(ROWS)},
    "own that draws": lambda: {"sampler": Draws()},
}


@pytest.mark.parametrize("name", ORDERS)
def test_a_pass_goes_on_with_other_ranks_and_workers(name: str) -> None:
    """From any of {0, 1, 3} workers and {1, 2, 5} ranks to any other, in any epoch."""
    rng = np.random.default_rng(list(ORDERS).index(name))
    size = 4

    def make(workers: int, world: int) -> list[DataLoader]:
        return [
            DataLoader(table(ROWS), size, num_workers=workers, rank=rank, world=world, **ORDERS[name]())
            for rank in range(world)
        ]

    (alone,) = make(0, 1)
    epochs = [flat(ids(batch) for batch in alone) for _ in range(3)]
    assert (epochs[0] != epochs[1]) == (name not in ("stored", "own"))
    for _ in range(7):
        workers, world, workers_after, world_after = (int(rng.choice(of)) for of in ([0, 1, 3], [1, 2, 5]) * 2)
        before = make(workers, world)
        epoch = int(rng.integers(2))
        for _ in range(epoch):
            list(in_step(before))
        stop = int(rng.integers(len(before[0]) + 1))
        passes = [iter(loader) for loader in before]
        taken = flat(flat(ids(next(batches)) for batches in passes) for _ in range(stop))
        states = [json.dumps(loader.state_dict()) for loader in before]
        assert len(set(states)) == 1
        for batches in passes:
            batches.close()
        after = make(workers_after, world_after)
        for loader in after:
            loader.load_state_dict(json.loads(states[0]))
            assert (loader.epoch, loader.step) == (epoch, stop)
        taken += flat(in_step(after))
        assert taken[: len(epochs[epoch])] == epochs[epoch]
        assert len(taken) < len(epochs[epoch]) + max(world, world_after)
        following = flat(in_step(after))
        assert following[: len(epochs[epoch + 1])] == epochs[epoch + 1]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("world", [1, 2, 5])
def test_fifty_stops(workers: int, world: int) -> None:
    rows, size = 67, 3
    rng = np.random.default_rng([workers, world])
    order = flat(ids(batch) for batch in DataLoader(table(rows), size, shuffle=True, seed=8))

    def make(workers: int, world: int) -> list[DataLoader]:
        options: dict[str, Any] = {"num_workers": workers, "world": world, "shuffle": True, "seed": 8}
        return [DataLoader(table(rows), size, rank=rank, **options) for rank in range(world)]

    for _ in range(50):
        before = make(workers, world)
        passes = [iter(loader) for loader in before]
        stop = int(rng.integers(len(before[0]) + 1))
        taken = flat(flat(ids(next(batches)) for batches in passes) for _ in range(stop))
        after = make(int(rng.choice([0, 1, 3])), int(rng.choice([1, 2, 5])))
        for loader in after:
            loader.load_state_dict(before[0].state_dict())
        taken += flat(in_step(after))
        assert taken[:rows] == order
        assert len(taken) < rows + 5


@settings(max_examples=50)
@given(
    rows=st.integers(1, 120),
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=5),
)
def test_ranks_may_change_again_and_again(rows: int, sizes: list[tuple[int, int]]) -> None:
    order = flat(ids(batch) for batch in DataLoader(table(rows), 8, shuffle=True))
    state = DataLoader(table(rows), 3, shuffle=True).state_dict()
    taken: list[int] = []
    for world, steps in [*sizes, (1, rows)]:
        loaders = [DataLoader(table(rows), 3, shuffle=True, rank=rank, world=world) for rank in range(world)]
        for loader in loaders:
            loader.load_state_dict(state)
        passes = [iter(loader) for loader in loaders]
        for step in itertools.islice(zip(*passes, strict=True), steps):
            taken += flat(ids(batch) for batch in step)
        state = loaders[0].state_dict()
        if state["epoch"] == 1:  # the pass came to its end
            break
    assert taken[:rows] == order
    assert len(taken) < rows + 6


def test_the_batch_size_may_change_if_all_ranks_together_take_as_many() -> None:
    loader = DataLoader(table(48), 4, shuffle=True, rank=0, world=2)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    order = flat(ids(batch) for batch in DataLoader(table(48), 8, shuffle=True))
    for batch_size, world in ((8, 1), (2, 4), (4, 2), (1, 8)):
        loaders = [DataLoader(table(48), batch_size, shuffle=True, rank=rank, world=world) for rank in range(world)]
        for other in loaders:
            other.load_state_dict(state)
        assert flat(in_step(loaders)) == order[8:]
    with pytest.raises(ValueError, match="batch_size was 4 when the state was saved and is 8 now"):
        DataLoader(table(48), 8, shuffle=True, world=2).load_state_dict(state)


def test_batches_of_a_batch_sampler_are_dealt_and_resumed() -> None:
    batches = [[0, 1, 2], [3], [4, 5], [6, 7, 8, 9], [1, 1]]
    assert [ids(batch) for batch in DataLoader(table(10), batch_sampler=batches)] == batches
    loaders = [DataLoader(table(10), batch_sampler=batches, rank=rank, world=2) for rank in range(2)]
    assert [len(loader) for loader in loaders] == [3, 3]
    assert [[ids(batch) for batch in loader] for loader in loaders] == [
        [batches[0], batches[2], batches[4]],
        [batches[1], batches[3], batches[4]],
    ]
    loader = DataLoader(table(10), batch_sampler=batches, num_workers=2)
    first = iter(loader)
    next(first)
    assert loader.state_dict()["position"] == 1
    loaders[1].load_state_dict(loader.state_dict() | {"dataset": loaders[1].state_dict()["dataset"]})
    assert [ids(batch) for batch in loaders[1]] == [batches[2], batches[4]]


def test_the_batch_sampler_of_this_package_is_an_order_cut_in_slices() -> None:
    data = table(50)
    own = DataLoader(data, 4, shuffle=True, seed=2, drop_last=True)
    given = DataLoader(data, batch_sampler=BatchSampler(RandomSampler(data, seed=2), 4, True))
    assert (len(given), given.batch_size) == (12, None)
    assert [ids(batch) for batch in given] == [ids(batch) for batch in own]
    assert given.state_dict()["batch_size"] == 4
    assert own.batch_sampler is not None
    assert own.batch_size == 4


def test_a_distributed_sampler_says_which_epoch_comes_next() -> None:
    data = table(20)
    sampler = DistributedSampler(data, 2, 1, seed=6)
    loader = DataLoader(data, 4, sampler=sampler)

    def expected(epoch: int) -> list[int]:
        return [int(number) for number in sampler.at(epoch, np.arange(10))]

    for epoch in (0, 1, 5, 5):
        sampler.set_epoch(epoch)
        assert flat(ids(batch) for batch in loader) == expected(epoch)
    assert flat(ids(batch) for batch in loader) == expected(6)  # not told: the epoch after
    batches = iter(loader)
    taken = ids(next(batches))
    state = loader.state_dict()
    resumed = DataLoader(data, 4, sampler=DistributedSampler(data, 2, 1, seed=6))
    resumed.load_state_dict(state)
    resumed.sampler.set_epoch(7)  # as a training script does before every pass
    assert taken + flat(ids(batch) for batch in resumed) == expected(7)
    with pytest.raises(ValueError, match="deals to 2 ranks already; leave out rank and world"):
        DataLoader(data, 4, sampler=sampler, world=2)


def test_a_generator_is_put_where_the_state_found_it() -> None:
    generator = Generator(9)
    loader = DataLoader(table(30), 4, shuffle=True, generator=generator)
    assert flat(ids(batch) for batch in loader) == flat(
        ids(batch) for batch in DataLoader(table(30), 4, shuffle=True, seed=9)
    )
    generator.reserve(17)  # dropout, say
    batches = iter(loader)
    taken = ids(next(batches))
    state = json.loads(json.dumps(loader.state_dict()))
    rest = flat(ids(batch) for batch in batches)
    following = flat(ids(batch) for batch in loader)
    fresh = Generator(0)
    resumed = DataLoader(table(30), 4, shuffle=True, generator=fresh)
    resumed.load_state_dict(state)
    assert fresh.position() == (9, 19)
    assert flat(ids(batch) for batch in resumed) == rest
    assert flat(ids(batch) for batch in resumed) == following
    assert len({*taken, *rest}) == 30
    with pytest.raises(ValueError, match="order was 'shuffled by a generator'"):
        DataLoader(table(30), 4, shuffle=True).load_state_dict(state)


def test_keys_of_any_kind() -> None:
    class Keyed:
        def __getitem__(self, key: Any) -> Any:
            return {"id": len(key)}

    order = ["a", "bb", ("x", 3, 4), "dddd"]
    assert [ids(batch) for batch in DataLoader(Keyed(), 3, sampler=order)] == [[1, 2, 3], [4]]
    sizes = [(1, 2), (2, 2), (3, 2)]
    assert [ids(batch) for batch in DataLoader(Keyed(), 2, sampler=sizes, num_workers=1)] == [[2, 2], [2]]


def test_without_batches_records_come_as_they_are() -> None:
    data = TableDataset({"id": np.arange(5), "x": np.arange(10.0).reshape(5, 2)})
    records = list(DataLoader(data, None, shuffle=True, seed=1))
    order = list(RandomSampler(data, seed=1))
    assert [int(record["id"].numpy()) for record in records] == order
    assert all(record["x"].shape == (2,) for record in records)
    assert list(DataLoader([3, "a", (1.5,)], None)) == [3, "a", (1.5,)]
    batched = DataLoader(data, None, sampler=BatchSampler(SequentialSampler(data), 2, False), num_workers=2)
    assert [ids(batch) for batch in batched] == [[0, 1], [2, 3], [4]]
    assert list(DataLoader(range(3), None, collate_fn=str)) == ["0", "1", "2"]


def test_an_order_that_is_shorter_than_its_state_is_refused() -> None:
    loader = DataLoader(table(40), 4, sampler=list(range(40)))
    batches = iter(loader)
    for _ in range(5):
        next(batches)
    state = loader.state_dict()
    other = DataLoader(table(40), 4, sampler=Backwards(40))
    with pytest.raises(ValueError, match="order was"):
        other.load_state_dict(state)

    class Shrinks(list[int]):
        def __iter__(self) -> Iterator[int]:
            return iter(range(10))

    short = DataLoader(table(40), 4, sampler=Shrinks(range(40)))
    short.load_state_dict(state | {"order": short.state_dict()["order"]})
    with pytest.raises(ValueError, match="Shrinks gave 10 keys, and the position to go on from is 20"):
        list(short)


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("world", {"world": 0}, ValueError, "world must be an int >= 1, got 0"),
    ("rank", {"rank": 2, "world": 2}, ValueError, r"rank must be an int in \[0, 1\], got 2"),
    ("rank float", {"rank": 0.0, "world": 2}, TypeError, "rank must be an int"),
    ("batch_sampler size", {"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_size does not go with it"),
    ("batch_sampler shuffle", {"batch_sampler": [[0]], "shuffle": True}, ValueError, "shuffle does not go with it"),
    ("batch_sampler sampler", {"batch_sampler": [[0]], "sampler": [0]}, ValueError, "sampler does not go with it"),
    ("batch_sampler last", {"batch_sampler": [[0]], "drop_last": True}, ValueError, "drop_last does not go with it"),
    ("batch_sampler int", {"batch_sampler": 3}, TypeError, "a batch_sampler needs __iter__"),
    ("generator", {"generator": np.random.default_rng(0)}, TypeError, "must be a lamella.tensor.Generator"),
    ("two seeds", {"generator": Generator(), "seed": 1}, ValueError, "pass one of them"),
    (
        "two generators",
        {"generator": Generator(), "sampler": RandomSampler([1], generator=Generator())},
        ValueError,
        "the RandomSampler draws from another generator",
    ),
]


@pytest.mark.parametrize(("options", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DataLoader(table(3), **options)


@pytest.mark.parametrize("name", ["batch_size", "dataset", "sampler", "rank", "collate_fn", "seed", "worker_init_fn"])
def test_what_a_loader_was_made_with_is_fixed(name: str) -> None:
    loader = DataLoader(table(3))
    with pytest.raises(ValueError, match=f"{name} is fixed when the loader is made"):
        setattr(loader, name, None)
    loader.timeout = 0.0
    state = DataLoader(table(3), shuffle=True, seed=5).state_dict()
    shuffled = DataLoader(table(3), shuffle=True)
    shuffled.load_state_dict(state)
    assert (shuffled.seed, shuffled.sampler.seed, shuffled.batch_sampler.sampler.seed) == (5, 5, 5)


def test_an_iterator_as_a_sampler_serves_one_pass() -> None:
    loader = DataLoader(table(5), 2, sampler=iter([4, 2, 0]))
    assert [ids(batch) for batch in loader] == [[4, 2], [0]]
    with pytest.raises(RuntimeError, match="can be iterated once, and this is another pass"):
        next(iter(loader))


def test_datasets_of_batches_are_loaded_batch_by_batch() -> None:
    data = table(10).batch(4)
    assert [ids(batch) for batch in DataLoader(data, None)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert sorted(map(len, (ids(batch) for batch in DataLoader(data, None, shuffle=True, num_workers=2)))) == [2, 4, 4]
