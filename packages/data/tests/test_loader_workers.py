"""Loaders with workers: the same batches in the same order, errors with their origin, and nothing left behind."""

import gc
import json
import os
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lamella.data import DataLoader, Subset, TableDataset, WorkerInfo, get_worker_info

SECONDS = 30.0
THREADED: list[dict[str, Any]] = [
    {"num_workers": 1},
    {"num_workers": 3},
    {"num_workers": 3, "prefetch_factor": 7},
    {"num_workers": 2, "persistent_workers": True},
]


def table(rows: int) -> TableDataset:
    return TableDataset({"id": np.arange(rows)})


def ids(batch: Any) -> list[int]:
    return [int(number) for number in batch["id"].numpy()]


def data_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("lamella-data")]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    yield
    if data_threads():
        gc.collect()
    for thread in data_threads():
        thread.join(SECONDS)
    assert data_threads() == []


class Records:
    """Read one by one, each in its own time."""

    def __init__(self, rows: int, slow: tuple[int, ...] = ()) -> None:
        self.rows = rows
        self.slow = slow
        self.released = threading.Event()

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index in self.slow:
            assert self.released.wait(SECONDS)
        return {"id": index}


class Failing(Records):
    """Its eighth record cannot be read."""

    def __init__(self) -> None:
        super().__init__(40)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index == 7:
            raise ValueError("no record 7")
        return super().__getitem__(index)


@pytest.mark.parametrize("options", THREADED)
@pytest.mark.parametrize("rows", [0, 1, 10, 103])
def test_threads_give_what_the_callers_thread_gives(options: dict[str, Any], rows: int) -> None:
    for data in (table(rows), Records(rows)):
        alone = DataLoader(data, 4, shuffle=True, seed=3)
        loader = DataLoader(data, 4, shuffle=True, seed=3, **options)
        for _ in range(3):
            assert [ids(batch) for batch in loader] == [ids(batch) for batch in alone]
        assert loader.state_dict() == alone.state_dict()


def test_without_workers_what_is_about_them_has_nothing_to_do() -> None:
    loader = DataLoader(table(5), 2, workers="process", worker_init_fn=pytest.fail, in_order=False)
    assert [ids(batch) for batch in loader] == [[0, 1], [2, 3], [4]]


def test_a_batch_has_its_turn_however_slow() -> None:
    data = Records(40, slow=(0,))
    loader = DataLoader(data, 1, num_workers=3)
    batches = iter(loader)
    threading.Timer(0.05, data.released.set).start()
    assert [ids(batch) for batch in batches] == [[number] for number in range(40)]


def test_out_of_order_the_slow_batch_comes_last_and_a_state_knows_which_were_given() -> None:
    data = Records(20, slow=(2,))
    loader = DataLoader(data, 1, num_workers=2, prefetch_factor=3, in_order=False)
    batches = iter(loader)
    given = [ids(next(batches))[0] for _ in range(6)]
    assert 2 not in given
    state = json.loads(json.dumps(loader.state_dict()))
    assert state["step"] == state["position"] == 2
    assert [step for step, _ in state["ahead"]] == sorted(set(given) - {0, 1})
    assert loader.step == 6
    data.released.set()
    assert sorted(given + [ids(batch)[0] for batch in batches]) == list(range(20))

    resumed = DataLoader(data, 1)
    resumed.load_state_dict(state)
    assert sorted(given + [ids(batch)[0] for batch in resumed]) == list(range(20))
    elsewhere = DataLoader(data, 1, world=2)
    with pytest.raises(ValueError, match="continues on 1 ranks only, here are 2"):
        elsewhere.load_state_dict(state)


def test_out_of_order_a_batch_that_fails_is_passed_over_by_a_loop_that_goes_on() -> None:
    loader = DataLoader(Broken(24, {3: OSError("torn")}), 2, num_workers=3, in_order=False)
    batches = iter(loader)
    given, failed = [], 0
    for _ in range(11):
        try:
            given += ids(next(batches))
        except OSError:
            failed += 1
    assert failed == 1
    given += [number for batch in batches for number in ids(batch)]
    assert sorted(given) == [number for number in range(24) if number not in (2, 3)]
    assert (loader.epoch, loader.state_dict()["ahead"]) == (1, [])


# -- what a worker knows ----------------------------------------------------------------------------------------------


class Informed:
    """Says who reads it."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[int, int, int, int]:
        info = get_worker_info()
        assert info is not None
        assert info.dataset is self
        assert threading.current_thread() is not threading.main_thread()
        return index, info.id, info.num_workers, info.seed


def informed(**options: Any) -> list[tuple[int, ...]]:
    loader = DataLoader(Informed(), 1, num_workers=3, collate_fn=lambda records: records[0], **options)
    return [record for _ in range(2) for record in loader]


def test_workers_know_their_number_and_have_seeds_of_their_own() -> None:
    assert get_worker_info() is None
    found = informed(seed=1)
    assert {(worker, count) for _, worker, count, _ in found} <= {(0, 3), (1, 3), (2, 3)}
    first_pass, second_pass = found[:12], found[12:]
    bases = [{seed - worker for _, worker, _, seed in part} for part in (first_pass, second_pass)]
    assert [len(base) for base in bases] == [1, 1]
    assert bases[0] != bases[1]
    assert all(0 <= base < 2**63 - 3 for part in bases for base in part)
    assert {seed - worker for _, worker, _, seed in informed(seed=1)[:12]} == bases[0]
    assert {seed - worker for _, worker, _, seed in informed(seed=2)[:12]} != bases[0]
    assert {seed - worker for _, worker, _, seed in informed(seed=1, rank=1, world=2)[:6]} != bases[0]
    assert get_worker_info() is None


def test_worker_init_fn_runs_once_in_each_worker_of_a_pass() -> None:
    seen: list[tuple[int, WorkerInfo | None]] = []

    def init(worker: int) -> None:
        seen.append((worker, get_worker_info()))

    data = table(40)
    loader = DataLoader(data, 4, num_workers=2, worker_init_fn=init)
    for number in (1, 2):
        list(loader)
        assert sorted(worker for worker, _ in seen) == sorted([0, 1] * number)
    assert all(info is not None and info.id == worker and info.dataset is data for worker, info in seen)
    seen.clear()
    staying = DataLoader(data, 4, num_workers=2, worker_init_fn=init, persistent_workers=True)
    for _ in range(3):
        list(staying)
    assert sorted(worker for worker, _ in seen) == [0, 1]


def test_a_failing_worker_init_fn_is_told() -> None:
    def init(worker: int) -> None:
        raise OSError("no licence")

    loader = DataLoader(table(8), 4, num_workers=1, worker_init_fn=init)
    with pytest.raises(OSError, match="no licence") as caught:
        list(loader)
    assert caught.value.__notes__ == ["in worker_init_fn of worker 0 of 1"]


# -- errors -----------------------------------------------------------------------------------------------------------


class Broken:
    """Cannot read some of its records."""

    def __init__(self, rows: int, bad: dict[int, Exception]) -> None:
        self.rows, self.bad = rows, bad

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index in self.bad:
            self.fail(index)
        return {"id": index}

    def fail(self, index: int) -> None:
        raise self.bad[index]


class BrokenBatches(Broken):
    """The same, read many at once."""

    def gather(self, indices: np.ndarray[Any, Any]) -> dict[str, Any]:
        for index in indices.tolist():
            self[index]
        return {"id": indices.copy()}


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_comes_in_its_turn_with_its_origin_and_the_pass_goes_on(workers: int) -> None:
    loader = DataLoader(Broken(20, {9: OSError("disk on fire")}), 4, num_workers=workers)
    batches = iter(loader)
    given = [ids(next(batches)), ids(next(batches))]
    with pytest.raises(OSError, match="disk on fire") as caught:
        next(batches)
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-2:] == ["__getitem__", "fail"]
    record, batch = caught.value.__notes__
    assert record == "in record 9 of Broken"
    assert batch.startswith("while loading batch 2 of epoch 0, records [8, 9, 10, 11] of Broken")
    assert batch.endswith(" of 2") == (workers == 2)
    assert loader.state_dict()["step"] == 2  # a resumed pass tries again
    given.append(ids(next(batches)))
    state = loader.state_dict()
    assert (state["step"], state["position"], state["ahead"]) == (4, 16, [])  # going on passes over it
    given += [ids(batch) for batch in batches]
    assert given == [[0, 1, 2, 3], [4, 5, 6, 7], [12, 13, 14, 15], [16, 17, 18, 19]]


def test_errors_name_the_records_of_the_dataset_behind_a_subset() -> None:
    loader = DataLoader(Subset(Broken(20, {9: OSError("no")}), [3, 9, 11]), 3)
    with pytest.raises(OSError, match="no") as caught:
        list(loader)
    assert caught.value.__notes__ == [
        "in record 9 of Broken",
        "in records [3, 9, 11] of Broken",
        "while loading batch 0 of epoch 0, records [0, 1, 2] of Subset",
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_stop_iteration_in_a_dataset_does_not_end_the_pass_in_silence(workers: int) -> None:
    loader = DataLoader(Broken(8, {5: StopIteration()}), 4, num_workers=workers)
    with pytest.raises(RuntimeError, match="Broken raised StopIteration while loading batch 1 of epoch 0"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_order_that_fails_never_looks_finished(workers: int) -> None:
    def order() -> Iterator[int]:
        yield from range(5)
        raise OSError("list of records lost")

    class Sampler:
        def __iter__(self) -> Iterator[int]:
            return order()

    batches = iter(DataLoader(table(8), 2, sampler=Sampler(), num_workers=workers))
    assert [ids(next(batches)), ids(next(batches))] == [[0, 1], [2, 3]]
    with pytest.raises(OSError, match="list of records lost"):
        next(batches)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="this pass has ended with OSError: list of records lost"):
            next(batches)


@pytest.mark.parametrize("make", [Broken, BrokenBatches])
@pytest.mark.parametrize("workers", [0, 2])
def test_records_that_cannot_be_read_are_left_out_and_counted(make: Callable[..., Broken], workers: int) -> None:
    bad: dict[int, Exception] = {1: OSError("torn"), 6: ValueError("mad")} | {n: KeyError(n) for n in range(12, 16)}
    loader = DataLoader(make(18, bad), 4, num_workers=workers, on_error="skip")
    assert [ids(batch) for batch in loader] == [[0, 2, 3], [4, 5, 7], [8, 9, 10, 11], [16, 17]]
    assert loader.skipped == 6
    assert [(record.key, record.error) for record in loader.skipped_records][:2] == [
        (1, "OSError: torn"),
        (6, "ValueError: mad"),
    ]
    assert loader.epoch == 1
    collated = DataLoader(make(18, bad), 4, collate_fn=len, on_error="skip")
    assert list(collated) == [3, 3, 4, 2]


def test_skipping_is_for_records_only() -> None:
    def fail(records: Any) -> None:
        raise OSError("collate is broken")

    with pytest.raises(OSError, match="collate is broken"):
        list(DataLoader(table(4), 2, collate_fn=fail, on_error="skip"))
    with pytest.raises(MemoryError):
        list(DataLoader(Broken(4, {1: MemoryError()}), 2, on_error="skip"))
    loader = DataLoader(Broken(8, {0: OSError("a"), 1: OSError("b")}), 2, on_error="skip", world=2, rank=0)
    with pytest.raises(RuntimeError, match=r"no record of batch 0 can be read \(OSError: a\); one of 2 ranks"):
        list(loader)


def test_a_timeout_is_an_error_and_ends_the_pass() -> None:
    data = Records(8, slow=(2,))
    batches = iter(DataLoader(data, 2, num_workers=1, timeout=0.05))
    assert ids(next(batches)) == [0, 1]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="DataLoader timed out after 0.05 seconds"):
            next(batches)
    data.released.set()


# -- early ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", THREADED)
def test_passes_dropped_early_leave_nothing_behind_and_nothing_of_them_comes_later(options: dict[str, Any]) -> None:
    loader = DataLoader(table(400), 4, shuffle=True, **options)
    alone = DataLoader(table(400), 4, shuffle=True)
    for batches in (loader, loader):
        for _ in zip(range(3), batches, strict=False):
            pass
    loader.set_epoch(0)
    assert [ids(batch) for batch in loader] == [ids(batch) for batch in alone]


def test_two_passes_at_once_with_persistent_workers() -> None:
    loader = DataLoader(table(40), 4, shuffle=True, num_workers=2, persistent_workers=True)
    alone = DataLoader(table(40), 4, shuffle=True)
    pairs = [(ids(a), ids(b)) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [(ids(a), ids(b)) for a, b in zip(alone, alone, strict=True)]
    assert [ids(batch) for batch in loader] == [ids(batch) for batch in alone]


def test_ctrl_c_ends_a_wait_at_once() -> None:
    data = Records(4, slow=(0,))
    batches = iter(DataLoader(data, 2, num_workers=1))
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(batches)
        assert time.monotonic() - began < SECONDS / 2  # and not when the record comes, which is never
    finally:
        data.released.set()
    with pytest.raises(RuntimeError, match="this pass was interrupted"):
        next(batches)


def whole(loader: DataLoader) -> None:
    for _ in loader:
        pass


def left_early(loader: DataLoader) -> None:
    for _ in loader:
        break


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    ("use", "data"),
    [
        (whole, lambda: table(20)),
        (left_early, lambda: table(20)),
        (whole, lambda: table(20).stream()),
        (left_early, lambda: table(20).stream()),
    ],
)
def test_workers_end_without_the_garbage_collector(
    use: Callable[[DataLoader], None], data: Callable[[], Any], persistent: bool
) -> None:
    gc.collect()
    gc.disable()
    try:
        dataset = data()
        loader = DataLoader(dataset, 2, num_workers=2, persistent_workers=persistent)
        use(loader)
        seen = weakref.ref(loader)
        del loader
        assert seen() is None
        for thread in data_threads():
            thread.join(SECONDS)
        assert data_threads() == []
    finally:
        gc.enable()


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_end_after_an_error_without_the_garbage_collector(persistent: bool) -> None:
    def run() -> None:
        for _ in DataLoader(Failing(), 2, num_workers=2, persistent_workers=persistent):
            pass

    gc.collect()
    gc.disable()
    try:
        try:  # not pytest.raises, which keeps the error and with it the frames that hold the pass
            run()
        except ValueError:
            failed = True
        for thread in data_threads():
            thread.join(SECONDS)
        assert failed
        assert data_threads() == []
    finally:
        gc.enable()


def test_batches_leave_no_garbage() -> None:
    loader = DataLoader(table(400), 4)
    whole(loader)
    gc.collect()
    gc.disable()
    try:
        whole(loader)
        assert gc.collect() < 50  # and not something for each of 100 batches
    finally:
        gc.enable()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_closed_pass_is_over(workers: int) -> None:
    loader = DataLoader(table(40), 4, num_workers=workers)
    batches = iter(loader)
    next(batches)
    for _ in range(2):
        batches.close()
        assert list(batches) == []
    assert (loader.epoch, loader.step) == (0, 1)


class Watched:
    """Remembers its batches weakly."""

    def __init__(self) -> None:
        self.batches: list[weakref.ref[Any]] = []

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        return self.gather(np.array([index]))[0]

    def gather(self, indices: np.ndarray[Any, Any]) -> Any:
        batch = np.zeros((len(indices), 100))
        self.batches.append(weakref.ref(batch))
        return batch


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_is_let_go_when_the_loop_lets_it_go(workers: int) -> None:
    data = Watched()
    batches = iter(DataLoader(data, 1, num_workers=workers))
    for number in range(8):
        batch = next(batches)
        assert data.batches[number]() is batch.numpy()
        del batch
        assert data.batches[number]() is None


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("workers", {"num_workers": -1}, ValueError, "num_workers must be an int >= 0, got -1"),
    ("workers float", {"num_workers": 1.0}, TypeError, "num_workers must be an int >= 0, got 1.0"),
    ("kind", {"workers": "fork"}, ValueError, "workers must be 'thread' or 'process', got 'fork'"),
    ("prefetch alone", {"prefetch_factor": 2}, ValueError, "prefetch_factor is about workers, and num_workers is 0"),
    ("prefetch 0", {"prefetch_factor": 0, "num_workers": 1}, ValueError, "prefetch_factor must be an int >= 1, got 0"),
    ("persistent alone", {"persistent_workers": True}, ValueError, "persistent_workers is about workers"),
    ("persistent int", {"persistent_workers": 1, "num_workers": 1}, TypeError, "persistent_workers must be True or"),
    ("timeout alone", {"timeout": 1}, ValueError, "timeout is about workers"),
    ("timeout -1", {"timeout": -1, "num_workers": 1}, ValueError, "timeout must be seconds >= 0"),
    ("timeout nan", {"timeout": float("nan"), "num_workers": 1}, ValueError, "timeout must be seconds >= 0"),
    ("timeout text", {"timeout": "1", "num_workers": 1}, ValueError, "got '1'"),
    ("init int", {"worker_init_fn": 3, "num_workers": 1}, TypeError, "worker_init_fn must be callable, got int"),
    ("order int", {"in_order": 0, "num_workers": 1}, TypeError, "in_order must be True or False, got 0"),
    ("restart alone", {"restart_workers": True, "workers": "process"}, ValueError, "restart_workers is about workers"),
    ("restart threads", {"restart_workers": True, "num_workers": 1}, ValueError, "threads are not lost"),
    ("restart int", {"restart_workers": 1}, TypeError, "restart_workers must be True or False, got 1"),
    (
        "fork",
        {"multiprocessing_context": "fork", "num_workers": 1, "workers": "process"},
        ValueError,
        "start by 'spawn' or 'forkserver', got 'fork'",
    ),
    ("context", {"multiprocessing_context": "spawn", "num_workers": 1}, ValueError, "pass workers='process'"),
    ("on_error", {"on_error": "ignore"}, ValueError, "on_error must be 'raise' or 'skip', got 'ignore'"),
    ("progress", {"progress": 1}, TypeError, "progress must be True or False, got 1"),
    ("pin", {"pin_memory": 1}, TypeError, "pin_memory must be True or False"),
    ("pin device", {"pin_memory_device": "tpu"}, ValueError, "pin_memory_device must be '' or 'cuda', got 'tpu'"),
]


@pytest.mark.parametrize(("options", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_arguments(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DataLoader(table(3), **options)
