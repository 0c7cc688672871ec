"""A few threads that help the calling one with the ranges of one kernel.

An executor of the standard library makes a future with a condition for every call, which takes as long as a kernel
over a hundred thousand elements. Here a helper takes ranges of a job until none is left, and so does the caller: a
helper that wakes late, on a machine that is busy, finds nothing to do and nobody waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._errstate import silence

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["Pool", "Range"]

Range = tuple[int, int]


class _Job:
    """What is left of one call: ranges, each with a lock that is released when it is done."""

    __slots__ = ("body", "errors", "left")

    def __init__(self, body: Callable[[int, int], None], ranges: list[Range]) -> None:
        self.body: Callable[[int, int], None] | None = body
        self.left = [(bounds, threading.Lock()) for bounds in ranges]
        self.errors: list[BaseException] = []

    def help(self) -> None:
        """Take ranges until none is left; after an error, those that are left are not run."""
        while True:
            try:
                bounds, done = self.left.pop()  # at once, whoever asks at the same time
            except IndexError:
                return
            try:
                if self.body is not None and not self.errors:
                    self.body(*bounds)
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                self.errors.append(error)
            finally:
                done.release()


class Pool:
    """Helpers that wait for jobs. They are daemons: what they do is of no use without the caller that waits for it."""

    def __init__(self, helpers: int) -> None:
        from queue import SimpleQueue  # here, as importing it takes two milliseconds

        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.helpers = 0
        try:
            while self.helpers < helpers:
                threading.Thread(target=_serve, args=(self._jobs,), name="lamella-kernel", daemon=True).start()
                self.helpers += 1
        except RuntimeError:  # the interpreter is shutting down and starts no thread any more: the caller does it all
            return

    def run(self, body: Callable[[int, int], None], ranges: list[Range]) -> None:
        """Call body(start, stop) for every range, the first in the calling thread; raises what a call raised."""
        job = _Job(body, ranges[:0:-1])
        waiting = [done for _, done in job.left]
        for done in waiting:
            done.acquire()
        for _ in range(min(len(waiting), self.helpers)):
            self._jobs.put(job)
        try:
            body(*ranges[0])
        except BaseException as error:  # noqa: BLE001 - raised when the helpers are done
            job.errors.append(error)
        job.help()
        for done in waiting:
            done.acquire()
        job.body = None  # a helper that has not woken yet would keep the arrays that it stands over
        if job.errors:
            raise job.errors[0]

    def close(self) -> None:
        """Let the helpers end when they have done what waits."""
        for _ in range(self.helpers):
            self._jobs.put(None)


def _serve(jobs: SimpleQueue[_Job | None]) -> None:
    silence()  # numpy's error state belongs to a thread
    while (job := jobs.get()) is not None:
        job.help()
        job = None  # not kept until the next one comes
