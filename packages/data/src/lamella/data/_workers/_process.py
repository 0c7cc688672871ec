"""A pool of worker processes: batches come back through shared memory, and no worker outlives its pool.

Every worker has a connection of its own and nothing is locked between processes, so a worker may be killed at any time:
the others go on, and its death is an error that names it, or, with `restart`, a new worker does its tasks again. All
workers start at once; what they need is pickled once, and the arrays in it are mapped by all of them.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, final

from lamella.data._workers import _remote, _segments
from lamella.data._workers._parcel import pack, unpack
from lamella.data._workers._task import Done, Fetch, Task, WorkerLost
from lamella.data._workers._transport import restored

_QUEUED = 2  # tasks at a worker: one that it runs, one that it finds when it has done that
_PATIENCE = 3  # workers that one task may cost
_CLOSE_SECONDS = 0.8


@dataclass(slots=True)
class _Worker:
    number: int
    process: Any
    connection: Connection
    ready: bool = False
    tasks: dict[int, Task] = field(default_factory=dict)
    segments: dict[int, _segments.Segment] = field(default_factory=dict)
    # finalizers append from whatever thread drops the last array: a deque needs no lock
    freed: deque[int] = field(default_factory=deque)


@final
class ProcessPool:
    """`workers` processes that run `fetch`, after `init(number)` in each where it is given.

    `context` is "spawn", "forkserver" or a multiprocessing context of one of them. With `restart` the tasks of a worker
    that died are done again by a new one; a task that costs three workers raises WorkerLost. TypeError if `fetch` or
    `init` cannot be pickled.
    """

    def __init__(
        self,
        fetch: Fetch,
        workers: int,
        *,
        init: Callable[[int], None] | None = None,
        context: Any = "spawn",
        restart: bool = False,
    ) -> None:
        self._context = as_context(context)
        self._restart = restart
        try:
            parcel = pack((fetch, init))
        except Exception as error:
            raise TypeError(
                f"workers='process' pickles the dataset and what goes with it, and something in it cannot be pickled: "
                f"{error}. Define classes and functions at the top of a module, open files and connections when they "
                "are first used, or use workers='thread'"
            ) from error
        self._payload = _segments.create(parcel.size)
        parcel.write(self._payload.bytes)
        self._header = pickle.dumps((len(parcel.pickled), parcel.sizes))
        self._backlog: deque[Task] = deque()
        self._ready: deque[Done] = deque()
        self._lost: Counter[int] = Counter()
        self._workers: list[_Worker] = []
        self._finalizer = weakref.finalize(self, _close, self._workers, self._payload)
        try:
            with _sigint_blocked():
                self._workers += [self._start(number) for number in range(workers)]
            for worker in self._workers:
                self._greet(worker)
        except BaseException:
            self.close()
            raise

    def submit(self, task: Task) -> None:
        """Queue a task; never blocks."""
        self._backlog.append(task)
        self._dispatch()

    def next(self, timeout: float | None) -> Done:
        """The next finished task; TimeoutError after `timeout` seconds, WorkerLost if a worker died."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ready:
            self._dispatch()
            waited = None if deadline is None else max(0.0, deadline - time.monotonic())
            objects: list[Any] = []
            for worker in self._workers:
                objects += [worker.connection, worker.process.sentinel]
            active = wait(objects, waited)
            if not active:
                raise TimeoutError(f"no batch within {timeout} s from {len(self._workers)} worker processes")
            for worker in list(self._workers):
                if worker.connection in active or worker.process.sentinel in active:
                    self._listen(worker, dead=worker.process.sentinel in active)
        return self._ready.popleft()

    def close(self) -> None:
        """End all workers, finished or not; may be called again. Arrays of batches stay valid."""
        self._finalizer()

    # -- workers ------------------------------------------------------------------------------------------------------

    def _start(self, number: int) -> _Worker:
        here, there = self._context.Pipe(duplex=True)
        process = self._context.Process(
            target=_remote.main, args=(there, number), daemon=True, name=f"lamella-data-{number}"
        )
        process.start()
        there.close()
        return _Worker(number, process, here)

    def _greet(self, worker: _Worker) -> None:
        try:
            worker.connection.send_bytes(self._header)
            self._payload.send(worker.connection, worker.process.pid)
        except (BrokenPipeError, ConnectionResetError):
            return  # it is gone already: `next` finds out why

    def _dispatch(self) -> None:
        while self._backlog:
            worker = min(self._workers, key=lambda worker: (len(worker.tasks), worker.number))
            if len(worker.tasks) >= _QUEUED:
                return
            task = self._backlog.popleft()
            worker.tasks[task.ticket] = task
            freed = [worker.freed.popleft() for _ in range(len(worker.freed))]
            try:
                worker.connection.send_bytes(pickle.dumps((task, freed)))
            except (BrokenPipeError, ConnectionResetError):
                return  # it is gone: `next` finds the task among what it left

    # -- answers ------------------------------------------------------------------------------------------------------

    def _listen(self, worker: _Worker, *, dead: bool) -> None:
        try:
            while worker.connection.poll():
                self._hear(worker, pickle.loads(worker.connection.recv_bytes()))
        except (EOFError, ConnectionResetError):
            worker.process.join(_CLOSE_SECONDS)
            dead = True
        if dead:
            self._bury(worker)

    def _hear(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        match message:
            case ("done", ticket, timings, pickled, list(buffers)):
                begin = time.perf_counter()
                batch = pickle.loads(pickled, buffers=[bytearray(buffer) for buffer in buffers])
            case ("done", ticket, timings, number, length, sizes):
                begin = time.perf_counter()
                lease = worker.segments[number].bytes.view()
                weakref.finalize(lease, worker.freed.append, number).atexit = False
                batch = unpack(lease, length, sizes)
            case ("failed", ticket, error):
                del worker.tasks[ticket]
                self._ready.append(Done(ticket, error=restored(error)))
                return
            case ("segment", number, dropped):
                if dropped is not None:
                    del worker.segments[dropped]
                worker.segments[number] = _segments.receive(worker.connection)
                worker.segments[number].close()
                return
            case ("ready",):
                worker.ready = True
                return
            case ("unusable", error):
                raise restored(error)
            case _:
                raise AssertionError(f"a worker says {message[0]!r}, which nobody knows")
        timings.transfer += time.perf_counter() - begin
        del worker.tasks[ticket]
        self._ready.append(Done(ticket, batch, timings=timings))

    def _bury(self, worker: _Worker) -> None:
        """A worker died: raise, or start another that does again what this one had not given."""
        worker.process.join(_CLOSE_SECONDS)
        running = next(iter(worker.tasks), None)
        if running is not None:
            self._lost[running] += 1
        if not (self._restart and worker.ready) or (running is not None and self._lost[running] >= _PATIENCE):
            raise WorkerLost(self._obituary(worker, running))
        worker.connection.close()
        with _sigint_blocked():
            successor = self._start(worker.number)
        self._workers[self._workers.index(worker)] = successor
        self._greet(successor)
        self._backlog.extendleft(reversed(worker.tasks.values()))
        self._dispatch()

    def _obituary(self, worker: _Worker, running: int | None) -> str:
        code = worker.process.exitcode
        how = f"was killed by {_signal(-code)}" if code is not None and code < 0 else f"ended with exit code {code}"
        text = f"worker {worker.number} (process {worker.process.pid}) {how}"
        if running is not None and worker.ready:
            task = worker.tasks[running]
            text += f" while it read batch {task.step} of epoch {task.epoch}"
            if self._lost[running] > 1:
                text += f", the batch at which {self._lost[running]} workers died"
        if not worker.ready:
            text += (
                " before it could begin; a program that starts worker processes needs its own code under "
                "`if __name__ == '__main__':`, as every worker imports it"
            )
        elif code == -getattr(signal, "SIGKILL", 9):
            text += "; the system kills processes when memory runs out: use fewer workers or smaller batches"
        return text


def _close(workers: list[_Worker], payload: _segments.Segment) -> None:
    """Closing the connections ends the workers; those that do not end are killed."""
    for worker in workers:
        worker.connection.close()
    deadline = time.monotonic() + _CLOSE_SECONDS
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()
    workers.clear()
    payload.close()


def as_context(given: Any) -> Any:
    """A multiprocessing context of spawn or forkserver, also by name; ValueError for others."""
    if given is None:
        given = "spawn"
    context = multiprocessing.get_context(given) if isinstance(given, str) else given
    method = getattr(context, "get_start_method", lambda: None)()
    if method not in ("spawn", "forkserver"):
        raise ValueError(
            f"worker processes start by 'spawn' or 'forkserver', got {method!r}: a forked copy of a process with "
            "threads can hang"
        )
    return context


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Children inherit the mask: Ctrl-C cannot hit them while they start; here it comes when the block ends."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
