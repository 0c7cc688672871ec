"""The loader: order is a function of (seed, epoch, step), and stopping anywhere changes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import (
    ConcatDataset,
    DataLoader,
    KeyedPermutation,
    ParquetDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    TableDataset,
    TensorDataset,
    random_split,
    write_parquet,
)
from lamella.tensor import Tensor, from_numpy


def table(rows: int) -> TableDataset:
    return TableDataset({"id": np.arange(rows)})


def ids(batch: dict[str, Tensor]) -> list[int]:
    return [int(number) for number in batch["id"].numpy()]


def flat(batches: list[list[int]]) -> list[int]:
    return [number for batch in batches for number in batch]


def epoch_ids(loader: DataLoader) -> list[list[int]]:
    return [ids(batch) for batch in loader]


class Records:
    """A map dataset as users write them: no batched read, no fingerprint."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index >= self.rows:
            raise IndexError(index)
        return {"id": index, "square": np.float32(index**2), "name": f"r{index}"}


@given(rows=st.integers(0, 60), batch_size=st.integers(1, 70), drop_last=st.booleans(), shuffle=st.booleans())
def test_every_record_once_per_epoch(rows: int, batch_size: int, drop_last: bool, shuffle: bool) -> None:
    loader = DataLoader(table(rows), batch_size, shuffle, drop_last=drop_last, seed=5)
    for _ in range(2):
        batches = epoch_ids(loader)
        assert len(batches) == len(loader)
        assert all(len(batch) == batch_size for batch in batches[:-1])
        seen = flat(batches)
        assert len(set(seen)) == len(seen)
        if drop_last:
            assert len(seen) == rows - rows % batch_size
        else:
            assert sorted(seen) == list(range(rows))
        if not shuffle:
            assert seen == list(range(len(seen)))


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("drop_last", [True, False])
def test_empty_and_single(rows: int, drop_last: bool) -> None:
    loader = DataLoader(table(rows), 4, shuffle=True, drop_last=drop_last)
    expected = [[0]] if rows and not drop_last else []
    assert epoch_ids(loader) == expected
    assert len(loader) == len(expected)
    assert loader.epoch == 1


@settings(max_examples=150)
@given(
    rows=st.integers(1, 40),
    batch_size=st.integers(1, 9),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
    stops=st.lists(st.integers(0, 12), min_size=1, max_size=4),
)
def test_resumed_equals_uninterrupted(
    rows: int, batch_size: int, drop_last: bool, shuffle: bool, seed: int, stops: list[int]
) -> None:
    def make(with_seed: int) -> DataLoader:
        return DataLoader(table(rows), batch_size, shuffle, drop_last=drop_last, seed=with_seed)

    def forever(loader: DataLoader) -> Iterator[tuple[int, int, list[int]]]:
        while True:
            for batch in loader:
                yield loader.epoch, loader.step, ids(batch)

    if len(make(seed)) == 0:
        return
    whole = forever(make(seed))
    uninterrupted = [next(whole) for _ in range(sum(stops) + 5)]

    resumed = []
    state = make(seed).state_dict()
    for stop in [*stops, 5]:
        loader = make(0)  # the state carries the seed
        loader.load_state_dict(json.loads(json.dumps(state)))
        batches = forever(loader)
        resumed += [next(batches) for _ in range(stop)]
        state = loader.state_dict()
    assert resumed == uninterrupted


def test_order_depends_on_seed_and_epoch_only() -> None:
    first, second = (DataLoader(table(50), 8, shuffle=True, seed=3) for _ in range(2))
    epochs = [epoch_ids(first) for _ in range(3)]
    assert epochs == [epoch_ids(second) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert epoch_ids(DataLoader(table(50), 8, shuffle=True, seed=4)) != epochs[0]
    assert flat(epochs[2]) == KeyedPermutation(50, (3, 2))[np.arange(50)].tolist()
    assert flat(epoch_ids(DataLoader(table(50), 50, shuffle=True, seed=3))) == flat(epochs[0])


def test_the_global_random_state_is_neither_read_nor_moved() -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    first = epoch_ids(DataLoader(table(50), 8, shuffle=True))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]
    np.random.seed(1)
    assert epoch_ids(DataLoader(table(50), 8, shuffle=True)) == first


def test_order_is_the_same_across_internal_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = epoch_ids(DataLoader(table(100), 7, shuffle=True))
    for positions in (1, 20, 99):
        monkeypatch.setattr("lamella.data._loader._plan._BLOCK_POSITIONS", positions)
        assert epoch_ids(DataLoader(table(100), 7, shuffle=True)) == expected


def test_set_epoch() -> None:
    reference = DataLoader(table(20), 4, shuffle=True)
    epochs = [epoch_ids(reference) for _ in range(4)]
    loader = DataLoader(table(20), 4, shuffle=True)
    for epoch in (2, 0, 3, 3):
        loader.set_epoch(epoch)
        assert epoch_ids(loader) == epochs[epoch]
    loader.set_epoch(1)
    assert ids(next(iter(loader))) == epochs[1][0]
    loader.set_epoch(1)  # begun: starts over
    assert epoch_ids(loader) == epochs[1]


def test_set_epoch_to_the_restored_epoch_keeps_the_position() -> None:
    loader = DataLoader(table(20), 4, shuffle=True)
    loader.set_epoch(2)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = [ids(batch) for batch in batches]
    resumed = DataLoader(table(20), 4, shuffle=True)
    resumed.load_state_dict(state)
    assert (resumed.epoch, resumed.step) == (2, 1)
    resumed.set_epoch(2)
    assert epoch_ids(resumed) == rest
    resumed.load_state_dict(state)
    resumed.set_epoch(3)
    assert resumed.step == 0


def test_an_abandoned_pass_counts_as_an_epoch() -> None:
    loader = DataLoader(table(20), 4, shuffle=True)
    for _ in loader:
        break
    assert (loader.epoch, loader.step) == (0, 1)
    second = epoch_ids(loader)
    reference = DataLoader(table(20), 4, shuffle=True)
    reference.set_epoch(1)
    assert second == epoch_ids(reference)
    assert loader.epoch == 2


def test_two_passes_at_once_have_their_own_epochs() -> None:
    loader = DataLoader(table(12), 4, shuffle=True)
    pairs = [(ids(a), ids(b)) for a, b in zip(loader, loader, strict=True)]
    reference = DataLoader(table(12), 4, shuffle=True)
    assert [a for a, _ in pairs] == epoch_ids(reference)
    assert [b for _, b in pairs] == epoch_ids(reference)


def test_a_state_taken_at_the_last_batch_leaves_an_empty_rest() -> None:
    loader = DataLoader(table(8), 4, shuffle=True)
    states = [loader.state_dict() for _ in loader]
    resumed = DataLoader(table(8), 4, shuffle=True)
    resumed.load_state_dict(states[-1])
    assert epoch_ids(resumed) == []
    assert resumed.epoch == 1
    after = DataLoader(table(8), 4, shuffle=True)
    after.load_state_dict(loader.state_dict())
    assert epoch_ids(resumed) == epoch_ids(after)


def test_batches_are_tensors_over_fresh_memory() -> None:
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    read: list[np.ndarray[Any, Any]] = []

    class Spy:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            raise AssertionError("one batched read is enough")

        def gather(self, indices: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
            read.append(x[indices])
            return {"x": read[-1]}

    for batch in DataLoader(Spy(), 2):
        assert isinstance(batch["x"], Tensor)
        assert np.shares_memory(batch["x"].numpy(), read[-1])
    (batch,) = DataLoader(TableDataset({"x": x}), 4)
    batch["x"].numpy()[:] = -1
    assert x[0, 1] == 1


def test_tuples_and_named_parts_keep_their_structure() -> None:
    x, y = np.arange(12, dtype=np.float32).reshape(6, 2), np.arange(6)
    for batch in DataLoader(TensorDataset(x, y), 3):
        assert type(batch) is tuple
        inputs, labels = batch
        assert isinstance(inputs, Tensor)
        assert tuple(inputs.shape) == (3, 2)
        assert np.array_equal(inputs.numpy()[:, 0], labels.numpy() * 2)


def test_map_datasets_are_collated() -> None:
    batches = list(DataLoader(Records(5), 2))
    assert ids(batches[2]) == [4]
    assert batches[1]["id"].numpy().dtype == np.int64
    assert batches[1]["square"].numpy().tolist() == [4, 9]
    assert batches[1]["name"] == ["r2", "r3"]
    assert [batch.numpy().tolist() for batch in DataLoader([10, 11, 12], 2)] == [[10, 11], [12]]
    assert [batch.numpy().tolist() for batch in DataLoader(np.arange(3.0), 2)] == [[0, 1], [2]]
    tensors = [from_numpy(np.full(2, value)) for value in range(3)]
    assert [batch.numpy().tolist() for batch in DataLoader(tensors, 3)] == [[[0, 0], [1, 1], [2, 2]]]


def test_collate_fn_gets_the_list_of_records_and_has_the_last_word() -> None:
    loader = DataLoader(table(3), 2, collate_fn=lambda records: [int(record["id"]) for record in records])
    assert list(loader) == [[0, 1], [2]]


def test_records_of_no_common_layout_reach_collate_fn_through_parts_of_datasets() -> None:
    rows = [np.arange(number) for number in range(1, 9)]
    first, second = random_split(rows, [6, 2])
    joined = ConcatDataset([first, Subset(second, [1, 0])])[1:]
    loader = DataLoader(joined, 4, collate_fn=lambda records: [len(record) for record in records])
    expected = [len(joined[place]) for place in range(7)]
    assert list(loader) == [expected[:4], expected[4:]]
    assert sorted(expected + [len(first[0])]) == list(range(1, 9))
    paired = StackDataset(rows, rows)
    assert list(DataLoader(paired, 8, collate_fn=lambda pairs: [len(a) + len(b) for a, b in pairs])) == [
        [2 * number for number in range(1, 9)]
    ]


def test_samplers_of_ones_own() -> None:
    class Backwards:
        def __len__(self) -> int:
            return 6

        def indices(self, epoch: int, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.int64]]:
            return (5 - np.arange(start, stop) + epoch) % 6

    loader = DataLoader(table(6), 4, sampler=Backwards())
    assert epoch_ids(loader) == [[5, 4, 3, 2], [1, 0]]
    assert epoch_ids(loader) == [[0, 5, 4, 3], [2, 1]]
    assert str(loader.state_dict()["order"]).endswith("Backwards(len=6)")
    data = table(6)
    assert epoch_ids(DataLoader(data, 4, sampler=SequentialSampler(data))) == epoch_ids(DataLoader(data, 4))
    random = DataLoader(data, 4, sampler=RandomSampler(data, seed=9))
    assert epoch_ids(random) == epoch_ids(DataLoader(data, 4, shuffle=True, seed=9))
    other = DataLoader(data, 4, sampler=RandomSampler(data, seed=8))
    with pytest.raises(ValueError, match=r"order was 'random\(seed=9\)'"):
        other.load_state_dict(random.state_dict())


def test_parquet_feeds_the_loader_as_the_table_does(tmp_path: Path) -> None:
    columns = {"id": np.arange(50), "x": np.arange(100, dtype=np.float32).reshape(50, 2)}
    write_parquet(columns, tmp_path / "t.parquet", row_group_rows=7)
    stored = DataLoader(ParquetDataset(tmp_path / "t.parquet", cache_bytes=200), 8, shuffle=True)
    memory = DataLoader(TableDataset(columns), 8, shuffle=True)
    for a, b in zip(stored, memory, strict=True):
        assert ids(a) == ids(b)
        assert np.array_equal(a["x"].numpy(), b["x"].numpy())


CHANGES: list[tuple[str, DataLoader, str]] = [
    ("shrunk", DataLoader(table(19), 4, shuffle=True), "dataset was"),
    ("content", DataLoader(TableDataset({"id": np.arange(20) + 1}), 4, shuffle=True), "dataset was"),
    ("type", DataLoader(Records(20), 4, shuffle=True), "dataset was"),
    ("subset", DataLoader(Subset(table(20), range(20)), 4, shuffle=True), "dataset was"),
    ("batch_size", DataLoader(table(20), 5, shuffle=True), "batch_size was 4 when the state was saved and is 5 now"),
    ("drop_last", DataLoader(table(20), 4, shuffle=True, drop_last=True), "drop_last was False"),
    ("order", DataLoader(table(20), 4), "order was 'shuffled'"),
]


@pytest.mark.parametrize(("loader", "message"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_a_state_of_something_else_is_refused(loader: DataLoader, message: str) -> None:
    state = DataLoader(table(20), 4, shuffle=True).state_dict()
    before = loader.state_dict()
    with pytest.raises(ValueError, match=message):
        loader.load_state_dict(state)
    assert loader.state_dict() == before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epoch": -1}, ValueError, "epoch must be an int >= 0"),
        ({"step": 6}, ValueError, r"step must be an int in \[0, 5\], got 6"),
        ({"step": 1.0}, TypeError, "step must be an int"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"version": 2}, ValueError, "version was 2"),
        ({"extra": 2}, ValueError, "expected a state with keys"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    loader = DataLoader(table(20), 4, shuffle=True)
    before = loader.state_dict()
    with pytest.raises(error, match=message):
        loader.load_state_dict(before | change)
    with pytest.raises(ValueError, match="expected a state with keys"):
        loader.load_state_dict({"epoch": 1})
    assert loader.state_dict() == before


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("batch 0", {"batch_size": 0}, ValueError, "batch_size must be an int >= 1, got 0"),
    ("batch -1", {"batch_size": -1}, ValueError, "batch_size must be an int >= 1, got -1"),
    ("batch float", {"batch_size": 2.0}, TypeError, "batch_size must be an int >= 1, got 2.0 of type float"),
    ("batch bool", {"batch_size": True}, TypeError, "got the bool True"),
    ("batch None", {"batch_size": None, "drop_last": True}, ValueError, "batch_size=None makes none"),
    ("batch text", {"batch_size": "4"}, TypeError, "got '4' of type str"),
    ("shuffle int", {"shuffle": 1}, TypeError, "shuffle must be True or False, got 1"),
    ("drop_last text", {"drop_last": "yes"}, TypeError, "drop_last must be True or False"),
    ("both orders", {"shuffle": True, "sampler": SequentialSampler([1])}, ValueError, "both give an order"),
    ("sampler seed", {"sampler": SequentialSampler([1]), "seed": 1}, ValueError, "give it to the sampler"),
    ("sampler int", {"sampler": 3}, TypeError, r"needs __iter__, or __len__ and indices\(epoch, .*got int"),
    ("seed float", {"seed": 0.5}, TypeError, "seed must be an int"),
    ("seed negative", {"seed": -1}, ValueError, "seed must be an int"),
    ("collate", {"collate_fn": 3}, TypeError, "collate_fn must be callable, got int"),
    ("columns", {"dataset": {"x": np.arange(3)}}, TypeError, "wrap a mapping of columns in TableDataset"),
    ("no dataset", {"dataset": 3}, TypeError, "or else only __iter__, got int"),
    ("no length", {"dataset": type("Endless", (), {"__getitem__": lambda s, i: i})()}, TypeError, "must have __len__"),
]


@pytest.mark.parametrize(("options", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DataLoader(**({"dataset": table(3)} | options))


@pytest.mark.parametrize("epoch", [-1, 0.0, True])
def test_bad_epoch(epoch: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="epoch must be an int >= 0"):
        DataLoader(table(3)).set_epoch(epoch)


def test_a_failing_record_is_named_and_the_pass_can_be_retried() -> None:
    class Flaky(Records):
        broken = True

        def __getitem__(self, index: int) -> dict[str, Any]:
            if index == 5 and self.broken:
                raise OSError("disk on fire")
            return super().__getitem__(index)

    data = Flaky(8)
    loader = DataLoader(data, 2)
    with pytest.raises(OSError, match="disk on fire") as caught:
        list(loader)
    assert caught.value.__notes__ == [
        "in record 5 of Flaky",
        "while loading batch 2 of epoch 0, records [4, 5] of Flaky",
    ]
    state = loader.state_dict()
    assert state["step"] == 2
    data.broken = False
    loader.load_state_dict(state)
    assert epoch_ids(loader) == [[4, 5], [6, 7]]


def test_a_dataset_that_changes_during_a_pass_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamella.data._loader._plan._BLOCK_POSITIONS", 4)
    data = list(range(20))
    batches = iter(DataLoader(data, 4, shuffle=True))
    next(batches)
    data.append(20)
    with pytest.raises(RuntimeError, match="20 records became 21 during epoch 0"):
        next(batches)


def test_a_sampler_that_comes_up_short_is_noticed() -> None:
    class Short:
        def __len__(self) -> int:
            return 6

        def indices(self, epoch: int, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.int64]]:
            return np.arange(start, stop - 1)

    with pytest.raises(RuntimeError, match=r"Short.indices\(0, 0, 6\) gave 5 positions, expected 6"):
        list(DataLoader(table(6), 2, sampler=Short()))
