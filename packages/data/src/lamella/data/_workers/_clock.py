"""Where the time of a batch goes: a stack of stages per thread, each charged for the time that no inner one took.

Datasets mark what they do: `with stage("decode"):`. Outside of a loader that measures, a mark costs next to nothing.
"""

from __future__ import annotations

import threading
from time import perf_counter
from types import TracebackType

from lamella.data._workers._task import Timings


class _Clock(threading.local):
    timings: Timings | None = None  # whose batch this thread is at
    stage: str = ""
    since: float = 0.0

    def turn(self, stage: str, timings: Timings) -> None:
        """Charge what ran so far, and go on as `stage`."""
        now = perf_counter()
        setattr(timings, self.stage, getattr(timings, self.stage) + now - self.since)
        self.stage, self.since = stage, now


_clock = _Clock()


class measuring:  # noqa: N801  (used like a function)
    """In its block this thread's stages are charged to `timings`, and what is in no stage to `read`."""

    __slots__ = ("_outer", "_timings")

    def __init__(self, timings: Timings) -> None:
        self._timings = timings

    def __enter__(self) -> None:
        # A loader inside a dataset of another loader: the inner one's time is its own.
        self._outer = (_clock.timings, _clock.stage)
        if _clock.timings is not None:
            _clock.turn(_clock.stage, _clock.timings)
        _clock.timings, _clock.stage, _clock.since = self._timings, "read", perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _clock.turn("read", self._timings)
        _clock.timings, _clock.stage = self._outer


class stage:  # noqa: N801  (used like a function)
    """In its block this thread's time counts as `name`, a field of Timings."""

    __slots__ = ("_name", "_outer")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        if (timings := _clock.timings) is not None:
            self._outer = _clock.stage
            _clock.turn(self._name, timings)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (timings := _clock.timings) is not None:
            _clock.turn(self._outer, timings)
