"""Batches of one pass, read in the caller's thread or by a pool; either way with the position that each one reaches.

A failing batch is raised in its turn and the pass can go on behind it. After what ends a pass (a lost worker, an error
in the order itself) every later call raises, too: an unfinished pass never looks finished.

An error that is raised holds, by its traceback, the pass and whoever asked it. So nothing here keeps one that was
raised, or a dropped pass and its workers would wait for the garbage collector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from lamella.data._loader._plan import Step
from lamella.data._pipeline._state import State
from lamella.data._workers._lease import Lease
from lamella.data._workers._task import Done, Fetch, Task, Timings


@dataclass(slots=True)
class Progress:
    """How far a pass has come: all steps below `step` are given, up to `position`, and those in `ahead` too (with the
    positions that they reach). `state` is a stream's own.
    """

    step: int = 0
    position: int = 0
    ahead: dict[int, int] = field(default_factory=dict)
    state: State | None = None

    def give(self, step: int, position: int, state: State | None = None) -> None:
        """Step `step`, which reaches `position` (and a stream `state`), is given."""
        self.state = state
        if step != self.step:
            self.ahead[step] = position
            return
        self.step, self.position = step + 1, position
        while self.step in self.ahead:
            self.position = self.ahead.pop(self.step)
            self.step += 1

    def copy(self) -> Progress:
        """The same as it stands now."""
        return Progress(self.step, self.position, dict(self.ahead), self.state)


class Fetched(NamedTuple):
    """A batch as it was read, its step, and the position (and the state of a stream) that this reaches.

    `failed` are steps and positions of batches that raised since the last one: going on, the loop passes over them.
    """

    batch: Any
    timings: Timings
    step: int
    position: int
    state: State | None = None
    failed: Sequence[tuple[int, int]] = ()


def over(error: BaseException) -> str:
    """What later calls say of a pass that `error` has ended."""
    return f"DataLoader: this pass has ended with {type(error).__name__}: {error}"


class Source(Protocol):
    """An iterator of fetched batches that can be closed early."""

    def __next__(self) -> Fetched: ...

    def close(self) -> None:
        """End what reads ahead; may be called again."""


class Plan:
    """The steps of a pass from `progress` on, numbered; an error of the order is kept, and raised again."""

    def __init__(self, steps: Iterator[Step], progress: Progress) -> None:
        self._steps = steps
        self._number = progress.step
        self._ahead = dict(progress.ahead)  # given already
        self._over = ""

    def __next__(self) -> tuple[int, Step]:
        if self._over:
            raise RuntimeError(self._over)
        try:
            while True:
                number, step = self._number, next(self._steps)
                self._number += 1
                if number not in self._ahead:
                    return number, step
        except StopIteration:
            raise
        except BaseException as error:
            self._over = over(error)
            raise


class SerialSource:
    """Reads each batch when it is asked for."""

    def __init__(self, plan: Plan, epoch: int, fetch: Fetch) -> None:
        self._plan = plan
        self._epoch = epoch
        self._fetch = fetch
        self._failed: list[tuple[int, int]] = []

    def __next__(self) -> Fetched:
        number, (keys, position) = next(self._plan)
        try:
            batch, timings = self._fetch(Task(number, self._epoch, number, keys))
        except Exception:
            self._failed.append((number, position))
            raise
        failed, self._failed = self._failed, []
        return Fetched(batch, timings, number, position, failed=failed)

    def close(self) -> None:
        """Nothing reads ahead."""


class PooledSource:
    """Keeps `depth` tasks with the pool; gives batches in the plan's order, or with `in_order=False` as they come."""

    def __init__(self, plan: Plan, epoch: int, lease: Lease, depth: int, *, in_order: bool, timeout: float) -> None:
        self._plan = plan
        self._epoch = epoch
        self._lease = lease
        self._depth = depth
        self._in_order = in_order
        self._timeout = timeout
        self._waiting: dict[int, tuple[int, int]] = {}  # step and position of what the pool has, by ticket
        self._arrived: dict[int, Done] = {}  # back from it before their turn
        self._failed: list[tuple[int, int]] = []
        self._exhausted = False
        self._order_error: Exception | None = None  # what ended the order; not raised yet
        self._over = ""
        self._closed = False
        self._fill()

    def _fill(self) -> None:
        """Hand out tasks up to `depth`; the end, or an error of the order, has its turn after what is handed out."""
        while not self._exhausted and len(self._waiting) < self._depth:
            try:
                number, (keys, position) = next(self._plan)
            except StopIteration:
                self._exhausted = True
                return
            except Exception as error:  # noqa: BLE001  (raised by __next__ in its turn)
                self._exhausted, self._order_error = True, error
                return
            self._waiting[self._lease.submit(self._epoch, number, keys)] = (number, position)

    def __next__(self) -> Fetched:
        if self._over:
            raise RuntimeError(self._over)
        if not self._waiting:
            self.close()
            if self._order_error is None:
                raise StopIteration
            error, self._order_error = self._order_error, None
            self._over = over(error)
            try:
                raise error
            finally:
                del error
        try:
            done = self._turn() if self._in_order else self._lease.next(self._timeout)
        except BaseException as error:
            # A lost worker or a timeout: batches are missing, so there is nothing to go on with.
            self._over = over(error)
            self.close(broken=True)
            raise
        number, position = self._waiting.pop(done.ticket)
        self._fill()
        if done.error is not None:
            self._failed.append((number, position))
            try:
                raise done.error
            finally:
                del done
        failed, self._failed = self._failed, []
        return Fetched(done.batch, done.timings, number, position, failed=failed)

    def _turn(self) -> Done:
        """What was handed out first."""
        ticket = next(iter(self._waiting))
        while ticket not in self._arrived:
            done = self._lease.next(self._timeout)
            self._arrived[done.ticket] = done
        return self._arrived.pop(ticket)

    def close(self, *, broken: bool = False) -> None:
        """Give back the pool."""
        if not self._closed:
            self._closed = True
            self._lease.finish(broken=broken)
