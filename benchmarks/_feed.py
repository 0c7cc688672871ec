"""Cases in which loaders feed batches: time per record beside the best of the peer's ways, first batches, memory.

A side's statement `feed()` takes some batches from an endless loader and touches nothing in them. Worker processes stay
from pass to pass, and are suspended with their side while another measures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks._bench import Bench
from benchmarks._case import Case, Setup
from benchmarks._row import Measured

__all__ = ["Feed", "FirstBatch", "FlatMemory", "fed", "first", "grown"]

_SAMPLING_SECONDS = 0.01
_LEAST_MB = 0.1  # below, growth is noise


def fed(loader: Any, count: int) -> dict[str, Any]:
    """`feed()`, which takes the next `count` batches of pass after pass, and `peak()`, its memory."""

    def endless() -> Iterator[Any]:
        while True:
            yield from loader

    batches = endless()

    def feed() -> None:
        for _ in range(count):
            next(batches)

    return {"feed": feed, "peak": lambda: peak_pss(feed)}


def first(loader: Callable[[], Any]) -> dict[str, Any]:
    """`first()`: milliseconds from making a loader to its first batch."""

    def first_batch() -> float:
        began = time.perf_counter()
        batches = iter(loader())
        next(batches)
        return 1e3 * (time.perf_counter() - began)

    return {"first": first_batch}


def grown(loader: Any, epochs: int) -> dict[str, Any]:
    """`grown()`: MB that this process and its workers hold more after `epochs` passes than after the first batch."""

    def growth() -> float:
        batches = iter(loader)
        next(batches)
        before = pss()
        for _ in batches:
            pass
        for _ in range(epochs - 1):
            for _ in loader:
                pass
        return max(pss() - before, _LEAST_MB)

    return {"grown": growth}


def pss() -> float:
    """MB of memory of this process and its children, where shared pages count once."""
    import psutil

    me, total = psutil.Process(), 0
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it ended in between
    return total / 1e6


def peak_pss(work: Callable[[], None]) -> float:
    """The largest `pss` while `work` runs."""
    largest, over = 0.0, threading.Event()

    def watch() -> None:
        nonlocal largest
        while not over.is_set():
            largest = max(largest, pss())
            time.sleep(_SAMPLING_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return largest


class Feed(Case):
    """`ours` beside the best of the other sides; `records` are those of a side's call.

    `beside` are sides that are printed without a limit; `memory` is the limit on the ratio of peak memory.
    """

    def __init__(
        self,
        name: str,
        sides: Mapping[str, Setup],
        records: Mapping[str, int],
        *,
        limit: float,
        beside: Sequence[str] = (),
        memory: float | None = None,
    ) -> None:
        super().__init__(name, "feed()", sides)
        self.records, self.limit, self.beside, self.memory = records, limit, beside, memory

    def measure(self, bench: Bench) -> list[Measured]:
        """A row for the best peer, one for each side beside it, and one for the memory."""
        asked = ["peak()"] if self.memory is not None else []
        seconds, peaks = bench.race_and_ask(self, dict.fromkeys(self.sides, asked))
        each = {side: seconds[side] / self.records[side] * 1e6 for side in self.sides}
        best = min((side for side in each if side not in ("ours", *self.beside)), key=each.__getitem__)
        limits = {best: self.limit, **dict.fromkeys(self.beside)}
        rows = [
            Measured(
                case=self.name, metric="time per record" if peer == best else "beside", unit="us",
                ours=each["ours"], peer=each[peer], peer_name=bench.name_of(peer), limit=limit,
            )
            for peer, limit in limits.items()
        ]  # fmt: skip
        if self.memory is not None:
            rows.append(
                Measured(
                    case=self.name, metric="peak memory (PSS)", unit="MB", ours=peaks["ours"][0], peer=peaks[best][0],
                    peer_name=bench.name_of(best), limit=self.memory,
                )
            )  # fmt: skip
        return rows


class _Bounded(Case):
    """A value that fresh processes find out about themselves against a bound, and a peer's beside it."""

    def __init__(
        self, name: str, statement: str, *, ours: Setup, torch: Setup, metric: str, unit: str, bound: float, turns: int
    ) -> None:
        super().__init__(name, statement, {"ours": ours, "torch": torch})
        self.metric, self.unit, self.bound, self.turns = metric, unit, bound, turns

    def measure(self, bench: Bench) -> list[Measured]:
        """A row against the bound, and one beside the peer."""
        turns: list[dict[str, str]] = [{}] * (1 if bench.quick else self.turns)
        ours, torch = (bench.probe(self, side, turns) for side in self.sides)
        return [
            Measured(
                case=self.name, metric=metric, unit=self.unit, ours=ours, peer=peer, peer_name=name, limit=limit
            )
            for metric, peer, name, limit in (
                (self.metric, self.bound, "bound", 1.0), ("beside", torch, bench.torch_name, None)
            )
        ]  # fmt: skip


class FirstBatch(_Bounded):
    """From a loader's construction to its first batch, in processes that did nothing before but import."""

    def __init__(self, name: str, *, ours: Setup, torch: Setup, bound_ms: float) -> None:
        super().__init__(
            name, "first()", ours=ours, torch=torch, metric="first batch", unit="ms", bound=bound_ms, turns=5
        )


class FlatMemory(_Bounded):
    """Growth of memory over many passes with worker processes."""

    def __init__(self, name: str, *, ours: Setup, torch: Setup, bound_mb: float) -> None:
        super().__init__(name, "grown()", ours=ours, torch=torch, metric="growth", unit="MB", bound=bound_mb, turns=1)
