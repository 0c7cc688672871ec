"""Worker processes: every task once, whatever dies; nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worker_programs as programs

from lamella.data._workers import _segments
from lamella.data._workers._process import ProcessPool
from lamella.data._workers._task import Done, Task, WorkerLost

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and resource limits are POSIX")

SECONDS = 30.0


def task(ticket: int, *indices: int) -> Task:
    return Task(ticket, epoch=2, step=ticket + 5, indices=np.array(indices, np.int64))


@pytest.fixture
def pool() -> Iterator[Callable[..., ProcessPool]]:
    opened: list[ProcessPool] = []

    def make(*args: Any, **options: Any) -> ProcessPool:
        opened.append(ProcessPool(*args, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def results(pool: ProcessPool, count: int) -> list[Done]:
    return sorted([pool.next(SECONDS) for _ in range(count)], key=lambda done: done.ticket)


@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_every_task_comes_back_once_from_several_processes(pool: Callable[..., ProcessPool], context: str) -> None:
    table = np.arange(40_000, dtype=np.float32).reshape(1000, 40)
    workers = pool(programs.Fetch(table), 2, context=context)
    rng = np.random.default_rng(0)
    tasks = [Task(n, 0, n, rng.integers(0, 1000, size)) for n, size in enumerate([300, 1, 0, 999, 50, 300, 7])]
    for one in tasks:
        workers.submit(one)
    found = results(workers, len(tasks))
    for one, done in zip(tasks, found, strict=True):
        assert done.error is None
        np.testing.assert_array_equal(done.batch["rows"], table[one.indices])
        assert done.timings.read == 0.25
        assert done.timings.transfer > 0
    assert len({done.batch["process"] for done in found} - {os.getpid()}) == 2


def test_batches_stay_when_the_pool_is_closed_and_may_be_written(pool: Callable[..., ProcessPool]) -> None:
    workers = pool(programs.Shapes(), 1)
    workers.submit(task(3, 100_000))
    batch = workers.next(SECONDS).batch
    workers.close()
    workers.close()
    batch += 1
    assert (batch == 4).all()


def test_memory_that_nobody_reads_is_used_again(pool: Callable[..., ProcessPool]) -> None:
    workers = pool(programs.Shapes(), 1)
    held = []
    for ticket in range(12):
        workers.submit(task(ticket, 200_000))
        batch = workers.next(SECONDS).batch
        if ticket < 2:
            held.append(batch)
        del batch
        gc.collect()
    (worker,) = workers._workers
    assert len(worker.segments) <= 4  # two that are held, one in hand, one on its way
    assert [int(batch[0]) for batch in held] == [0, 1]
    del held
    for ticket, size in enumerate([300_000, 500_000, 900_000, 1_500_000]):  # outgrown ones go
        workers.submit(task(ticket, size))
        assert workers.next(SECONDS).batch.size == size
    assert len(worker.segments) <= 4


def test_what_a_worker_writes_into_its_copy_of_the_dataset_reaches_nobody(pool: Callable[..., ProcessPool]) -> None:
    table = np.zeros(100_000)
    workers = pool(programs.Writes(table), 2)
    for ticket in range(4):
        workers.submit(task(ticket, 0))
    assert sum(done.batch for done in results(workers, 4)) in (6, 4 + 4)  # two each, or three and one
    assert table[0] == 0


ERRORS = [
    (1, ValueError, "no such row"),
    (2, RuntimeError, "Odd: 1 and 2"),  # what cannot be pickled comes as what it said
    (7, ConnectionResetError, "the store hung up"),
    (6, (AttributeError, RuntimeError), "lambda"),  # a batch that cannot be pickled
]


@pytest.mark.parametrize(("what", "kind", "message"), ERRORS)
def test_errors_bring_their_traceback(pool: Callable[..., ProcessPool], what: int, kind: Any, message: str) -> None:
    workers = pool(programs.Behaves(), 1)
    workers.submit(task(0, what))
    error = workers.next(SECONDS).error
    assert isinstance(error, kind)
    assert message in str(error)
    assert "Traceback" in str(error.__cause__)
    if what != 6:
        assert "worker_programs.py" in str(error.__cause__)
    if what == 1:
        assert error.__notes__ == ["while loading batch 3"]
    workers.submit(task(1, 9))  # the worker goes on
    assert workers.next(SECONDS).batch["rows"][0] == 9


def test_a_killed_worker_is_an_error_that_names_it_within_two_seconds(pool: Callable[..., ProcessPool]) -> None:
    workers = pool(programs.Behaves(), 2)
    for ticket in (0, 1):
        workers.submit(task(ticket, 9))
    results(workers, 2)
    workers.submit(task(2, 4))
    victim = workers._workers[0].process.pid
    threading.Timer(0.1, os.kill, (victim, signal.SIGKILL)).start()
    begin = time.monotonic()
    with pytest.raises(WorkerLost, match=rf"worker 0 \(process {victim}\) was killed by SIGKILL .*batch 7 of epoch 2"):
        workers.next(SECONDS)
    assert time.monotonic() - begin < 2


def test_a_worker_is_replaced_and_no_task_is_lost_or_repeated(pool: Callable[..., ProcessPool], tmp_path: Path) -> None:
    workers = pool(programs.Behaves(str(tmp_path)), 2, restart=True)
    for ticket, what in enumerate([9, 5, 10, 11, 12, 13]):
        workers.submit(task(ticket, what))
    found = results(workers, 6)
    assert [done.ticket for done in found] == [0, 1, 2, 3, 4, 5]
    assert [int(done.batch["rows"][0]) for done in found] == [9, 5, 10, 11, 12, 13]
    assert (tmp_path / "died").exists()


def test_a_task_that_kills_every_worker_is_an_error(pool: Callable[..., ProcessPool]) -> None:
    workers = pool(programs.Behaves(), 1, restart=True)
    workers.submit(task(0, 3))
    with pytest.raises(WorkerLost, match="batch 5 of epoch 2, the batch at which 3 workers died"):
        workers.next(SECONDS)


@pytest.mark.parametrize(
    ("init", "kind", "message"),
    [(programs.refuses, RuntimeError, "has no licence"), (programs.leaves, WorkerLost, "exit code 3 before it could")],
)
def test_a_worker_that_cannot_begin_is_an_error(
    pool: Callable[..., ProcessPool], init: Any, kind: type[Exception], message: str
) -> None:
    workers = pool(programs.Behaves(), 1, init=init, restart=True)
    workers.submit(task(0, 9))
    with pytest.raises(kind, match=message):
        workers.next(SECONDS)


def test_no_memory_for_a_batch_is_an_error_that_says_what_to_do(pool: Callable[..., ProcessPool]) -> None:
    workers = pool(programs.Shapes(), 1, init=programs.limit_memory)
    workers.submit(task(0, 4_000_000))
    error = workers.next(SECONDS).error
    assert isinstance(error, OSError)
    assert "no shared memory for a batch of" in str(error)
    assert "prefetch_factor" in str(error)
    workers.submit(task(1, 100_000))  # what fits goes on
    assert workers.next(SECONDS).batch.size == 100_000


BAD = [
    (lambda: ProcessPool(lambda task: None, 1), TypeError, "pickles the dataset"),  # type: ignore[arg-type, return-value]
    (lambda: ProcessPool(programs.Shapes(), 1, context="fork"), ValueError, "'spawn' or 'forkserver', got 'fork'"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_timeout(pool: Callable[..., ProcessPool]) -> None:
    workers = pool(programs.Behaves(), 1)
    workers.submit(task(0, 4))
    with pytest.raises(TimeoutError, match=r"no batch within 0\.2 s"):
        workers.next(0.2)
    begin = time.monotonic()
    workers.close()  # its worker sleeps for a minute
    assert time.monotonic() - begin < 2


PROGRAM = """
    import os, signal, sys
    import numpy as np
    import worker_programs as programs
    from lamella.data._workers._process import ProcessPool
    from lamella.data._workers._task import Task

    if __name__ == "__main__":
        pool = ProcessPool(programs.Behaves(), 2)
        for ticket in range(2):
            pool.submit(Task(ticket, 0, 0, np.array([9])))
        pool.next(30), pool.next(30)
        print(*[worker.process.pid for worker in pool._workers], flush=True)
        pool.submit(Task(2, 0, 0, np.array([4])))
        pool.submit(Task(3, 0, 0, np.array([4])))
        pool.next(60)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_program(how: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    shared = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    child = subprocess.Popen(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    workers = [int(word) for word in child.stdout.readline().split()]
    assert len(workers) == 2
    # Ctrl-C reaches the whole group, as from a terminal
    os.killpg(child.pid, how) if how is signal.SIGINT else os.kill(child.pid, how)
    begin = time.monotonic()
    _, errors = child.communicate(timeout=SECONDS)
    while any(alive(worker) for worker in workers):
        assert time.monotonic() - begin < 5, "a worker outlives its program"
        time.sleep(0.02)
    assert child.returncode == -how
    assert errors.count("Traceback") == (1 if how is signal.SIGINT else 0), errors
    if os.path.isdir("/dev/shm"):
        assert set(os.listdir("/dev/shm")) <= shared


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_segments_without_memfd(monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import get_context

    monkeypatch.delattr(os, "memfd_create", raising=False)
    here, there = get_context("spawn").Pipe(duplex=True)
    mine = _segments.create(100_000)
    mine.send(here, os.getpid())
    theirs = _segments.receive(there)
    theirs.bytes[7] = 42
    assert mine.bytes[7] == 42
    mine.send(here, os.getpid())
    private = _segments.receive(there, private=True)
    private.bytes[7] = 1
    assert mine.bytes[7] == 42
    for one in (mine, theirs, private):
        one.close()
        one.close()
    here.close()
    there.close()
