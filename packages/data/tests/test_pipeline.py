"""What each op gives, against plain Python; how functions are called and what their errors say."""

import gc
import pickle
import threading
import traceback
from collections import Counter, namedtuple
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    PadCollate,
    Ragged,
    RandomAccess,
    RandomSampler,
    RecordDataset,
    StackDataset,
    Subset,
    TableDataset,
    TensorDataset,
    interleave,
    mix,
    random_split,
)
from lamella.data._blocks import records_of
from lamella.tensor import Generator

Point = namedtuple("Point", ["x", "y"])


def numbers(rows: int, start: int = 0) -> TableDataset:
    return TableDataset({"id": np.arange(start, start + rows)})


def ids(source: Any, epoch: int = 0) -> list[int]:
    """The ids of all records of an epoch."""
    if isinstance(source, RandomAccess):
        return source.read(np.arange(len(source)), epoch)["id"].tolist() if len(source) else []
    return [value for block in source.open(epoch) for value in block["id"].tolist()]


class Squares:
    """A map dataset as users write them."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"id": index, "square": index**2, "name": f"r{index}", "list": [index, 2 * index]}


class Own(RandomAccess):
    """The same as a subclass, which has the methods."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: Any) -> Any:
        return Squares()[index]


@pytest.mark.parametrize("source", [RecordDataset(Squares()), Own(), Subset(Squares(), range(7))])
def test_datasets_of_records_have_every_op(source: RandomAccess) -> None:
    result = source.map(lambda r: {"id": r["id"] + 1, "name": r["name"].upper()}).filter(lambda r: r["id"] > 2)
    assert len(result) == 5
    assert result[0] == {"id": 3, "name": "R2"}
    assert ids(result[::-1]) == [7, 6, 5, 4, 3]
    (batch,) = DataLoader(result, 5)
    assert batch["name"] == ["R2", "R3", "R4", "R5", "R6"]
    assert batch["id"].tolist() == [3, 4, 5, 6, 7]


def test_a_loader_collates_lists_in_records_as_pytorch_does() -> None:
    (plain,) = DataLoader(Squares(), 7)
    (subset,) = DataLoader(Subset(Squares(), range(7)), 7)
    assert [part.tolist() for part in subset["list"]] == [part.tolist() for part in plain["list"]]
    assert len(subset["list"]) == 2


def test_structures_are_kept() -> None:
    records = [Point(np.arange(3) + row, (row, f"t{row}")) for row in range(4)]
    data = RecordDataset(records)
    block = data.read(np.array([2, 0]), 0)
    assert isinstance(block, Point)
    assert block.x.tolist() == [[2, 3, 4], [0, 1, 2]]
    assert block.y[0].tolist() == [2, 0]
    (batch,) = DataLoader(data.map(lambda p: p), 4)
    assert isinstance(batch, Point)
    assert batch.y[1] == ["t0", "t1", "t2", "t3"]
    assert TensorDataset(np.arange(4.0), np.arange(4)).map(lambda r: (r[0] + 1, r[1]))[2] == (3.0, 2)


def test_map_gives_records_as_the_function_gave_them() -> None:
    data = numbers(3).map(lambda r: {"id": int(r["id"]), "kept": [1] * int(r["id"])})
    assert data[2] == {"id": 2, "kept": [1, 1]}
    assert type(data[2]["id"]) is int


def test_raggedness_is_said_and_not_found_out() -> None:
    table = TableDataset({"t": Ragged.from_rows([[1], [2, 3], [4]])})
    again = table.map(lambda r: {"t": r["t"] * 2, "fixed": np.zeros(2)})
    for rows in ([0, 2], [0, 1, 2]):
        block = again.gather(np.array(rows))
        assert isinstance(block["t"], Ragged)
        assert block["fixed"].shape == (len(rows), 2)
    named = table.map(lambda r: {"u": r["t"]}, ragged=["u"])
    assert isinstance(named.gather(np.array([0, 2]))["u"], Ragged)
    with pytest.raises(
        ValueError, match=r"record\['u'\] 1 has shape \(2,\) where .* 0 has \(1,\); pad them, or .*ragged"
    ):
        table.map(lambda r: {"u": r["t"]}).gather(np.array([0, 1, 2]))
    assert isinstance(RecordDataset([np.arange(2), np.arange(2)], ragged=True).gather(np.arange(2)), Ragged)
    assert isinstance(RecordDataset([{"a": [1]}], ragged=["a"]).gather(np.arange(1))["a"], Ragged)
    # Rows that happen to be equally long make a Tensor, as in PyTorch.
    (batch,) = DataLoader(table.skip(2), 1)
    assert batch["t"].tolist() == [[4]]


def test_draws_are_functions_of_seed_epoch_and_record() -> None:
    def draw(record: Any, rng: np.random.Generator) -> dict[str, Any]:
        return {"id": record["id"], "draw": rng.random()}

    def draw_all(batch: Any, rngs: Any) -> dict[str, Any]:
        return {"id": batch["id"], "draw": np.array([rngs[row].random() for row in range(len(rngs))])}

    data = numbers(50).map(draw, rng=True, seed=4)
    whole = data.read(np.arange(50), 3)["draw"]
    assert len(set(whole.tolist())) == 50
    assert data.read(np.array([31, 7]), 3)["draw"].tolist() == whole[[31, 7]].tolist()
    assert numbers(50).map(draw_all, rng=True, batched=True, seed=4).read(np.arange(50), 3)["draw"].tolist() == list(
        whole
    )
    assert [block["draw"].tolist() for block in numbers(50).stream().map(draw, rng=True, seed=4).open(3)] == [
        list(whole)
    ]
    for other in (data.read(np.arange(50), 2), numbers(50).map(draw, rng=True, seed=5).read(np.arange(50), 3)):
        assert not set(other["draw"].tolist()) & set(whole.tolist())
    assert data[7]["draw"] == data.read(np.array([7]), 0)["draw"][0]
    # Uniform: a fixed sample, so that the bound is no matter of luck.
    many = numbers(4000).map(draw, rng=True).read(np.arange(4000), 0)["draw"]
    assert abs(many.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(many[1:], many[:-1])[0, 1]) < 0.05


def test_filters_read_once_and_take_arrow_expressions() -> None:
    calls = Counter[int]()

    def keep(record: Any) -> bool:
        calls[int(record["id"])] += 1
        return bool(record["id"] % 3 == 0)

    data = numbers(20).filter(keep)
    assert ids(data) == ids(data) == list(range(0, 20, 3))
    assert set(calls.values()) == {1}
    longer = RecordDataset([np.arange(n) for n in (3, 1, 2)]).filter(lambda record: len(record) > 1)
    assert [record.tolist() for record in longer] == [[0, 1, 2], [0, 1]]  # records need no common layout
    table = TableDataset({"id": np.arange(6), "word": Ragged.from_rows(["a", "b", "a", "c", "a", "b"])})
    expression = (pc.field("word") == "a") & (pc.field("id") > 0)
    for source in (table, table.stream(block_rows=2), table.map(lambda r: r), table.map(lambda r: r).stream()):
        assert ids(source.filter(expression)) == [2, 4]
    assert "word" in table.filter(expression).fingerprint()


def test_shuffle_is_the_loaders_order_and_differs_by_epoch() -> None:
    data = numbers(30).shuffle(9)
    order = RandomSampler(numbers(30), seed=9)
    for epoch in (0, 1):
        assert ids(data, epoch) == order.indices(epoch, 0, 30).tolist()
    stream = numbers(30).stream().shuffle(9, window=8)
    windows = [ids(stream, 2)[start : start + 8] for start in range(0, 30, 8)]
    assert [sorted(window) for window in windows] == [list(range(s, min(s + 8, 30))) for s in range(0, 30, 8)]
    assert windows[0] != sorted(windows[0])
    assert [value - 8 for value in windows[1]] != windows[0]
    assert ids(stream, 2) != ids(stream, 3)


def test_drawn_orders_are_contracts() -> None:
    """A change of these breaks every checkpoint taken in mid-epoch."""
    assert ids(numbers(9).stream().shuffle(7, window=6), 2) == [3, 2, 1, 4, 0, 5, 8, 6, 7]
    three = mix([numbers(9), numbers(5, 100), numbers(4, 200)], [5, 3, 2], seed=7)
    assert ids(three, 2) == [100, 101, 0, 1, 200, 102, 2, 103, 201, 104, 3, 4, 5, 6, 7, 202]
    later = mix([numbers(90), numbers(50, 100)], [5, 3], seed=7)[64:76]
    assert ids(later, 2) == [40, 41, 42, 124, 43, 44, 45, 46, 47, 125, 48, 49]
    drawn = numbers(3).map(lambda record, rng: {"id": int(rng.integers(1000))}, rng=True, seed=7)
    assert ids(drawn, 2) == [282, 674, 259]
    bucket = numbers(7).bucket(2, by=lambda record: int(record["id"]) * 5 % 7, window=6, seed=7)
    assert [batch["id"].tolist() for batch in next(bucket.open(2))] == [[0, 3], [1, 4], [2, 5]]


def augment(record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {**record, "noise": rng.random()}


@pytest.mark.parametrize(("workers", "world"), [(2, 1), (0, 3), (1, 2)])
@pytest.mark.parametrize("forwards", [False, True])
def test_a_loader_gives_a_pipeline_alike_with_any_workers_and_ranks(workers: int, world: int, forwards: bool) -> None:
    def rows(workers: int, rank: int, world: int, stop: int | None, state: Any = None) -> tuple[list[Any], Any]:
        data = mix([numbers(40), numbers(24, 100)], [5, 3], seed=2).map(augment, rng=True, seed=1)
        source: Any = data.stream(block_rows=5).shuffle(3, window=8) if forwards else data.shuffle(3)
        loader = DataLoader(source, 4, num_workers=workers, rank=rank, world=world)
        loader.set_epoch(3)
        if state is not None:
            loader.load_state_dict(state)
        found: list[Any] = []
        for step, batch in enumerate(loader):
            if step == stop:
                break
            found.append(list(zip(batch["id"].tolist(), batch["noise"].tolist(), strict=True)))
            state = loader.state_dict()
        return found, state

    whole = [row for batch in rows(0, 0, 1, None)[0] for row in batch]
    assert len(whole) == 64
    by_rank = [rows(workers, rank, world, None)[0] for rank in range(world)]
    together = [row for step in zip(*by_rank, strict=True) for batch in step for row in batch]
    assert together[:60] == whole[:60]  # the ranks share what is left at the end
    # Stopped after two steps and taken up without workers.
    first, state = rows(workers, 0, world, 2)
    assert first + rows(0, 0, world, None, state)[0] == by_rank[0]


def test_repeat_takes_epochs_of_its_source() -> None:
    data = numbers(5).shuffle(1)
    assert ids(data.repeat(3), 2) == ids(data, 6) + ids(data, 7) + ids(data, 8)
    assert ids(data.stream().repeat(3), 2) == ids(data.repeat(3), 2)
    assert ids(data.stream().repeat().take(12), 2) == (ids(data, 2) + ids(data, 3) + ids(data, 4))[:12]
    assert ids(numbers(0).stream().repeat()) == []
    assert len(data.repeat(0)) == len(ids(data.stream().repeat(0))) == 0


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    weights=st.data(),
    stop=st.sampled_from(["first", "all"]),
    seed=st.integers(0, 5),
)
def test_mixes_keep_shares_and_orders(lengths: list[int], weights: Any, stop: Any, seed: int) -> None:
    shares = weights.draw(st.lists(st.integers(1, 9), min_size=len(lengths), max_size=len(lengths)))
    parts = [numbers(length, 1000 * number) for number, length in enumerate(lengths)]
    data = mix(parts, shares, seed=seed, stop=stop)
    found = ids(data, 1)
    assert len(found) == len(data)
    given_ = [[value % 1000 for value in found if value // 1000 == number] for number in range(len(parts))]
    for values, length in zip(given_, lengths, strict=True):
        assert values == [place % length for place in range(len(values))]
    exhausted = [len(values) >= length for values, length in zip(given_, lengths, strict=True)]
    assert all(exhausted) if stop == "all" else len(found) + sum(shares) > min(
        length * sum(shares) / share for length, share in zip(lengths, shares, strict=True))  # fmt: skip
    for values, share in zip(given_, shares, strict=True):
        assert abs(len(values) - len(found) * share / sum(shares)) <= 1
    # The stream has the same order for as long as it goes.
    streamed = ids(mix([part.stream(block_rows=7) for part in parts], shares, seed=seed, stop=stop), 1)
    whole = (min(len(found), len(streamed)) // 64) * 64
    blocks = whole - whole % data.pattern.size  # type: ignore[attr-defined]
    assert streamed[:blocks] == found[:blocks]


def test_shares_hold_in_every_block_and_orders_differ() -> None:
    data = mix([numbers(700), numbers(300, 1000)], [0.7, 0.3], seed=3)
    found = np.array(ids(data)) >= 1000
    assert len(found) == 1000
    size = data.pattern.size  # type: ignore[attr-defined]
    assert size == 70
    blocks = found[: 980 // size * size].reshape(-1, size)
    assert set(blocks.sum(axis=1).tolist()) == {21}
    assert len({block.tobytes() for block in blocks}) > 8  # blocks are turned, each by its own amount
    other = [value >= 1000 for value in ids(data, 1)]
    assert other != found.tolist()


@pytest.mark.parametrize(
    ("lengths", "block", "stop", "expected"),
    [
        ([3, 5], 1, "first", [0, 10, 1, 11, 2, 12]),
        ([5, 3], 1, "first", [0, 10, 1, 11, 2, 12, 3]),
        ([3, 5], 2, "first", [0, 1, 10, 11, 2]),
        ([3, 5], 1, "all", [0, 10, 1, 11, 2, 12, 0, 13, 1, 14]),
        ([5, 3], 2, "all", [0, 1, 10, 11, 2, 3, 12, 10, 4]),
        ([2, 4, 3], 2, "all", [0, 1, 10, 11, 20, 21, 0, 1, 12, 13, 22]),
        ([0, 4], 2, "first", []),
    ],
)
def test_interleave_takes_turns(lengths: list[int], block: int, stop: Any, expected: list[int]) -> None:
    parts = [numbers(length, 10 * number) for number, length in enumerate(lengths)]
    assert ids(interleave(parts, block=block, stop=stop)) == expected
    streams = ids(interleave([part.stream() for part in parts], block=block, stop=stop))
    # A stream is found to have ended when a record of it is due: turns go on until then.
    assert streams[: len(expected)] == expected
    assert len(streams) < len(expected) + block * len(lengths)


def test_mixed_streams_that_start_again_are_other_epochs() -> None:
    first = numbers(4).stream().shuffle(0, window=4)
    found = [value for value in ids(mix([first, numbers(40, 100).stream()], stop="all")) if value < 100]
    rounds = [tuple(found[start : start + 4]) for start in range(0, 36, 4)]
    assert all(sorted(part) == [0, 1, 2, 3] for part in rounds)
    assert len(set(rounds)) > 3


def test_concat_chain_and_stack() -> None:
    joined = numbers(3) + numbers(0, 50) + numbers(2, 100)
    assert ids(joined) == [0, 1, 2, 100, 101]
    assert ConcatDataset([numbers(3), Squares()]).cumulative_sizes == [3, 10]
    assert ids(joined[[slice(1, 4)][0]]) == [1, 2, 100]
    assert joined[-1] == {"id": 101}
    chained = ChainDataset([numbers(2).stream(), numbers(1, 9).stream()])
    assert ids(chained) == ids(numbers(2).stream() + numbers(1, 9).stream()) == [0, 1, 9]
    pairs = StackDataset(numbers(7), Squares())
    assert pairs[2][1]["name"] == "r2"
    assert pairs.gather(np.array([1]))[0]["id"].tolist() == [1]
    named = StackDataset(image=numbers(3), label=TensorDataset([5, 6, 7]))
    assert named[1] == {"image": {"id": 1}, "label": (6,)}
    (batch,) = DataLoader(named, 3)
    assert batch["label"][0].tolist() == [5, 6, 7]


@pytest.mark.parametrize("stack", [False, True])
def test_batches_are_records_of_a_loader_without_batch_size(stack: bool) -> None:
    data = numbers(10).batch(4)
    assert [record["id"].tolist() for record in data] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(numbers(10).batch(4, drop_last=True)) == 2
    source: Any = data.stream() if stack else data
    found = [record["id"].tolist() for record in DataLoader(source, batch_size=None)]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    doubled = data.map(lambda batch: {"id": batch["id"] * 2}).shuffle(0)
    assert sorted(len(record["id"]) for record in doubled) == [2, 4, 4]


def ragged(lengths: list[int]) -> TableDataset:
    return TableDataset({"t": Ragged.from_rows([np.full(n, n, np.int32) for n in lengths], np.int32), "n": lengths})


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9), max_size=40),
    size=st.integers(1, 5),
    windows=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_buckets_hold_every_record_once_and_waste_less(lengths: list[int], size: int, windows: int, seed: int) -> None:
    stream = ragged(lengths).bucket(size, by="t", window=size * windows, seed=seed)
    batches = list(stream)
    assert sorted(n for batch in batches for n in batch["n"].tolist()) == sorted(lengths)
    assert all(len(batch["n"]) <= size for batch in batches)
    for start in range(0, len(lengths), size * windows):
        part = sorted(lengths[start : start + size * windows])
        expected = [part[place : place + size] for place in range(0, len(part), size)]
        first = start // size
        found = [batch["n"].tolist() for batch in batches[first : first + len(expected)]]
        assert sorted(found) == sorted(expected)
    same = ragged(lengths).bucket(size, by=lambda record: len(record["t"]), window=size * windows, seed=seed)
    assert [batch["n"].tolist() for batch in same] == [batch["n"].tolist() for batch in batches]
    for batch in ragged(lengths).bucket(max_values=12, by="t", seed=seed).pad():
        assert batch["t"].size <= 12


def test_pad() -> None:
    data = ragged([1, 3, 0, 2])
    fixed = data.pad(4, value=-1, side="left", mask=True)
    assert fixed.gather(np.arange(2))["t"].tolist() == [[-1, -1, -1, 1], [-1, 3, 3, 3]]
    assert fixed[1]["t_mask"].tolist() == [False, True, True, True]
    batches = list(data.batch(2).pad(multiple_of=4))
    assert [batch["t"].shape for batch in batches] == [(2, 4), (2, 4)]
    assert [batch["t"].shape for batch in data.batch(2).pad()] == [(2, 3), (2, 2)]
    lists = RecordDataset([[1], [2, 3]]).batch(2).pad()
    assert lists[0].tolist() == [[1, 0], [2, 3]]
    (batch,) = DataLoader([{"t": np.arange(n), "n": n} for n in (2, 0, 3)], 3, collate_fn=PadCollate(columns=["t"]))
    assert batch["t"].tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 2]]
    (batch,) = DataLoader([[1.5], [2.5, 3.5]], 2, collate_fn=PadCollate(value=9))
    assert batch.tolist() == [[1.5, 9], [2.5, 3.5]]


def test_prefetch_reads_ahead_and_its_thread_ends() -> None:
    read: list[int] = []
    ahead = threading.Event()

    def note(record: Any) -> Any:
        read.append(int(record["id"]))
        if len(read) >= 3:
            ahead.set()
        return record

    iterator = numbers(50).stream(block_rows=1).map(note).prefetch(2).open(0)
    assert next(iterator)["id"].tolist() == [0]
    assert ahead.wait(10)
    assert iterator.state() == {"source": {"position": 1}, "position": 1}
    threads = [thread for thread in threading.enumerate() if thread.name == "lamella-prefetch"]
    del iterator
    gc.collect()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(read) < 10


def fail(record: Any) -> Any:
    if record["id"] == 5:
        raise LookupError("five")
    return record


def fail_batch(batch: Any) -> Any:
    raise LookupError("all")


def fail_length(record: Any) -> int:
    return len(fail(record))


ALL_NINE = "fail_batch raised this for records [0, 1, 2, 3, 4, 5, 6, 7, ... 9 in all]"


@pytest.mark.parametrize(
    ("run", "op", "note"),
    [
        (lambda: ids(numbers(9).map(fail)), "map", "fail raised this for record 5"),
        (lambda: numbers(9).map(fail)[5], "map", "fail raised this for record 5"),
        (lambda: ids(numbers(9).stream().skip(2).map(fail)), "map", "fail raised this for record 3 of its source"),
        (lambda: ids(numbers(9).stream().map(fail).prefetch()), "map", "fail raised this for record 5"),
        (lambda: ids(numbers(9).map(fail_batch, batched=True)), "map", ALL_NINE),
        (lambda: ids(numbers(9).filter(fail)), "filter", "fail raised this for record 5"),
        (lambda: list(numbers(9).bucket(2, by=fail_length)), "bucket", "fail_length raised this for record 5"),
        (lambda: list(DataLoader(numbers(9).map(fail), 3)), "map", "fail raised this for record 5"),
    ],
)
def test_errors_of_functions_name_op_and_records(run: Any, op: str, note: str) -> None:
    with pytest.raises(LookupError) as caught:
        run()
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] in ("fail", "fail_batch")
    assert any(line.startswith(f"{op}: {__name__}.") and note in line for line in caught.value.__notes__)


def test_behind_an_error_nothing_is_left_out_in_silence() -> None:
    cursor: Any = numbers(9).stream(block_rows=3).map(fail).cursor()
    assert cursor.take(3)["id"].tolist() == [0, 1, 2]
    state = cursor.state()
    with pytest.raises(LookupError):
        cursor.take(1)
    with pytest.raises(RuntimeError, match="behind an error a stream gives nothing"):
        cursor.take(1)
    again: Any = numbers(9).stream(block_rows=3).map(keep_all).cursor(0, state)
    assert again.take(9)["id"].tolist() == [3, 4, 5, 6, 7, 8]


def lengthy(record: dict[str, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A record without a common layout, drawn."""
    return rng.integers(100, size=int(record["id"]) % 4 + 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d,
        lambda d: d.shuffle(1),
        lambda d: d[::-2],
        lambda d: d.repeat(2),
        lambda d: d + d.take(3),
        lambda d: mix([d, d.take(7)], [2, 1], stop="all"),
        lambda d: Subset(d, [4, 2, 2]),
        lambda d: StackDataset(d, d),
    ],
)
def test_collate_fn_gets_records_as_functions_gave_them_of_the_right_epoch(make: Any) -> None:
    data = make(numbers(12).map(lengthy, rng=True, seed=3))
    declared = make(numbers(12).map(lengthy, rng=True, seed=3, ragged=True))
    loader = DataLoader(data, 5, collate_fn=lambda records: records)
    epochs = []
    for epoch in (0, 1):
        found = [plain(record) for batch in loader for record in batch]
        block = declared.read(np.arange(len(declared)), epoch)
        assert found == [plain(record) for record in records_of(block)]
        epochs.append(found)
    assert epochs[0] != epochs[1]


def plain(value: Any) -> Any:
    return [plain(part) for part in value] if isinstance(value, tuple) else value.tolist()


def test_random_split_takes_a_generator() -> None:
    parts = random_split(numbers(20), [15, 5], Generator().manual_seed(3))
    assert parts[0].indices.tolist() == random_split(numbers(20), [15, 5], seed=3)[0].indices.tolist()
    generator = Generator().manual_seed(3)
    first, second = (random_split(numbers(20), [15, 5], generator)[0].indices.tolist() for _ in range(2))
    assert first == parts[0].indices.tolist()
    assert first != second


def test_pipelines_travel_to_other_processes() -> None:
    data = (numbers(40) + numbers(4)).filter(fail_never).map(keep_all).shuffle(1).batch(3)
    again = pickle.loads(pickle.dumps(data))
    assert [record["id"].tolist() for record in again] == [record["id"].tolist() for record in data]
    packed = ragged([3, 4, 5]).pack(4, "t")
    len(packed)
    assert (
        pickle.loads(pickle.dumps(packed)).gather(np.arange(3))["t"].tolist()
        == packed.gather(np.arange(3))["t"].tolist()
    )
    mixed = mix([numbers(30), numbers(30, 100)], seed=1)
    assert ids(pickle.loads(pickle.dumps(mixed))) == ids(mixed)


def fail_never(record: Any) -> bool:
    return True


def keep_all(record: Any) -> Any:
    return record


class Endless(IterableDataset):
    ragged = ("t",)

    def __iter__(self) -> Any:
        row = 0
        while True:
            yield {"id": row, "t": np.arange(row % 3)}
            row += 1


def test_streams_without_end_are_read_as_far_as_asked() -> None:
    assert ids(Endless().take(40)) == list(range(40))
    batch = next(iter(Endless().batch(4).pad()))
    assert batch["t"].tolist() == [[0, 0], [0, 0], [0, 1], [0, 0]]
    assert [record["id"] for record, _ in zip(Endless(), range(3), strict=False)] == [0, 1, 2]


MIXTURES = {
    "turns": lambda parts: interleave(parts),
    "long turns": lambda parts: interleave(parts, block=70),
    "all": lambda parts: interleave(parts, block=70, stop="all"),
    "drawn": lambda parts: mix(parts, [0.6, 0.3, 0.1], seed=2),
}


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("step", [1, 70, 333])
def test_mixed_streams_pass_over_records(name: str, step: int) -> None:
    mixed = MIXTURES[name]([numbers(rows, start).stream() for start, rows in ((0, 400), (1000, 300), (2000, 350))])
    whole = ids(mixed)
    cursor, found = mixed.cursor(), []
    while (block := cursor.take(step)) is not None:
        found += block["id"].tolist()
        cursor.skip(2 * step)
        cursor = mixed.cursor(0, cursor.state())
    assert found == [value for start in range(0, len(whole), 3 * step) for value in whole[start : start + step]]


def test_ranks_that_take_turns_read_their_own_sources() -> None:
    read: list[set[int]] = [set(), set(), set()]
    parts = [
        numbers(400).map(lambda record, lane=lane: read[lane].add(int(record["id"])) or record).stream()
        for lane in range(3)
    ]
    list(DataLoader(interleave(parts, block=100), 100, rank=1, world=3))
    assert read == [set(), set(range(400)), set()]
