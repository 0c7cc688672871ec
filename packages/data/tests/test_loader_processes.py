"""Loaders with worker processes: the batches of the caller's thread, whatever dies."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import loader_programs as programs
import numpy as np
import pytest

from lamella.data import DataLoader, TableDataset
from lamella.data._workers._task import WorkerLost

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills are POSIX")

SECONDS = 60.0
PROCESSES: dict[str, Any] = {"workers": "process", "timeout": SECONDS}


def table(rows: int) -> TableDataset:
    return TableDataset({"id": np.arange(rows)})


def ids(batch: Any) -> list[int]:
    return [int(number) for number in batch["id"].numpy()]


def test_processes_give_what_the_callers_thread_gives_also_when_passes_are_left_early() -> None:
    data = table(60).map(programs.torn)[10:]
    alone = DataLoader(data, 4, shuffle=True, seed=3)
    loader = DataLoader(data, 4, shuffle=True, seed=3, num_workers=2, persistent_workers=True, **PROCESSES)
    for stop in (3, 100, 0, 100):
        here, there = ([ids(batch) for _, batch in zip(range(stop), one, strict=False)] for one in (loader, alone))
        assert here == there
    assert loader.state_dict() == alone.state_dict()


def test_worker_processes_have_random_states_of_their_own() -> None:
    loader = DataLoader(programs.Draws(), 4, num_workers=2, prefetch_factor=1, seed=5, **PROCESSES)
    batches = [{name: part.numpy().tolist() for name, part in batch.items()} for batch in loader]
    assert {batch["worker"][0] for batch in batches} == {0, 1}
    assert len({batch["seed"][0] - batch["worker"][0] for batch in batches}) == 1
    for batch in batches:
        seed = batch["seed"][0]
        draws, states = random.Random(seed), np.random.RandomState([seed >> 32, seed & 0xFFFFFFFF])
        assert batch["random"] == [draws.random() for _ in range(4)]
        assert batch["numpy"] == states.random_sample(4).tolist()


def test_streams_are_read_by_processes_too() -> None:
    stream = table(30).stream().shuffle(seed=1, window=8)
    alone = [ids(batch) for batch in DataLoader(stream, 4)]
    loader = DataLoader(stream, 4, num_workers=2, persistent_workers=True, **PROCESSES)
    batches = iter(loader)
    taken = [ids(next(batches)) for _ in range(3)]
    state = loader.state_dict()
    batches.close()
    loader.load_state_dict(state)
    assert taken + [ids(batch) for batch in loader] == alone


def test_iterables_are_read_by_processes_too_and_again_where_one_dies(tmp_path: Path) -> None:
    numbers = programs.DeadlyNumbers(20, 13, str(tmp_path))
    loader = DataLoader(numbers, 3, num_workers=2, restart_workers=True, **PROCESSES)
    assert [batch.numpy().tolist() for batch in loader] == [
        [0, 2, 4],
        [1, 3, 5],
        [6, 8, 10],
        [7, 9, 11],
        [12, 14, 16],
        [13, 15, 17],
        [18],
        [19],
    ]
    assert (tmp_path / "died").exists()


def test_an_error_keeps_its_traceback_and_notes() -> None:
    loader = DataLoader(table(12).map(programs.torn), 4, num_workers=1, **PROCESSES)
    batches = iter(loader)
    assert [ids(next(batches)), ids(next(batches))] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(OSError, match="torn") as caught:
        next(batches)
    assert "loader_programs.py" in str(caught.value.__cause__)
    assert "in torn" in str(caught.value.__cause__)
    assert caught.value.__notes__ == [
        "map: loader_programs.torn raised this for record 9 of its source",
        "while loading batch 2 of epoch 0, records [8, 9, 10, 11] of RandomMap, in worker 0 of 1",
    ]


def test_a_killed_worker_is_an_error_that_names_it_and_ends_the_pass() -> None:
    loader = DataLoader(programs.Deadly(40, 6), 2, num_workers=1, **PROCESSES)
    batches = iter(loader)
    with pytest.raises(WorkerLost, match=r"worker \d \(process \d+\) was killed by SIGKILL"):
        list(batches)
    with pytest.raises(RuntimeError, match="this pass has ended with WorkerLost"):
        next(batches)
    assert loader.state_dict()["step"] <= 3


def test_a_worker_that_is_killed_between_passes_is_replaced_by_the_next() -> None:
    loader = DataLoader(table(1000), 1, num_workers=1, persistent_workers=True, **PROCESSES)
    batches: Any = iter(loader)
    next(batches)
    (worker,) = batches._source._lease._pools[0]._workers
    os.kill(worker.process.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(WorkerLost, match="SIGKILL"):
        list(batches)
    assert time.monotonic() - began < SECONDS / 2
    loader.set_epoch(0)
    assert len(list(loader)) == 1000


def test_with_restart_no_record_is_lost_or_comes_twice(tmp_path: Path) -> None:
    data = programs.Deadly(40, 17, str(tmp_path))
    loader = DataLoader(data, 3, num_workers=1, restart_workers=True, **PROCESSES)
    assert [number for batch in loader for number in batch.numpy().tolist()] == list(range(40))
    assert (tmp_path / "died").exists()


def test_what_cannot_be_pickled_is_refused_in_words() -> None:
    loader = DataLoader(table(4).map(lambda record: record), 2, num_workers=1, **PROCESSES)
    for _ in range(2):
        with pytest.raises(TypeError, match=r"workers='process' pickles the dataset.*or use workers='thread'"):
            iter(loader)
    assert loader.epoch == 0  # no pass has begun
