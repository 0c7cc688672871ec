"""Worker threads: they share the dataset and the interpreter, start in microseconds and hand batches over as they are.

What they read must be safe to read from several threads. They help where reading waits or runs outside the interpreter
lock (numpy's gather, Arrow's decoding, decompression, files); Python work per record wants processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeAlias

from lamella.data._workers._task import Done, Fetch, Task

_Tasks: TypeAlias = "SimpleQueue[Task | None]"
Results: TypeAlias = "SimpleQueue[Done]"
_PATIENCE_SECONDS = 1.0  # how long closing waits for reads that are under way


class ThreadPool:
    """`workers` threads that call `init(number)` once and then `fetch(task)` for each task that they take.

    Several pools may put their results in one queue (`results`): `next` of any of them then gives what any has done.
    """

    def __init__(
        self,
        fetch: Fetch,
        workers: int,
        init: Callable[[int], None],
        *,
        results: Results | None = None,
    ) -> None:
        self._tasks: _Tasks = SimpleQueue()
        self._results: Results = SimpleQueue() if results is None else results
        self._closed = threading.Event()
        # The threads know the queues and not the pool, so a pool that nobody holds any more is collected, and closes.
        self._threads = [
            threading.Thread(
                target=_work,
                args=(self._tasks, self._results, self._closed, fetch, init, number),
                name=f"lamella-data-{number}",
                daemon=True,
            )
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, /) -> None:
        """Queue a task; never blocks."""
        self._tasks.put(task)

    def next(self, timeout: float | None, /) -> Done:
        """The next finished task; TimeoutError after `timeout` seconds (None: no limit)."""
        try:
            return self._results.get(timeout=timeout)
        except Empty:
            raise TimeoutError(f"no batch in {timeout} seconds") from None

    def close(self) -> None:
        """End all threads; one that is inside a read ends after it, and is waited for a second at most."""
        self._closed.set()
        for _ in self._threads:
            self._tasks.put(None)
        deadline = monotonic() + _PATIENCE_SECONDS
        for thread in self._threads:
            if thread is not threading.current_thread():  # collected by one of its own threads
                thread.join(max(0.0, deadline - monotonic()))

    def __del__(self) -> None:
        self._closed.set()
        for _ in self._threads:
            self._tasks.put(None)


def _work(
    tasks: _Tasks, results: Results, closed: threading.Event, fetch: Fetch, init: Callable[[int], None], number: int
) -> None:
    failure: BaseException | None = None
    unfit = ""
    try:
        init(number)
    except BaseException as error:  # noqa: BLE001  (the first task of this worker answers with it)
        failure, unfit = error, f"worker {number} could not begin: {type(error).__name__}: {error}"
    while (task := tasks.get()) is not None and not closed.is_set():
        if unfit:
            results.put(Done(task.ticket, error=failure or RuntimeError(unfit)))
            failure = None  # raised, it holds whoever waited for the batch: so it must not be held here
            continue
        try:
            batch, timings = fetch(task)
            done = Done(task.ticket, batch, timings=timings)
            del batch
        except BaseException as error:  # noqa: BLE001  (raised again where the batch is asked for)
            done = Done(task.ticket, error=error)
        results.put(done)
        del done  # a waiting worker holds no batch
