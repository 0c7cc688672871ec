"""The workers of a loader: what they are, how many, how each begins, and whether they stay from pass to pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, final

from lamella.data._workers._info import WorkerStart
from lamella.data._workers._lease import Lease
from lamella.data._workers._task import Fetch, Pool
from lamella.data._workers._thread import Results, ThreadPool


@final
@dataclass(slots=True)
class Crew:
    """Makes pools of `num_workers` threads or processes; with `persistent` the newest stay for the next pass."""

    kind: str
    num_workers: int
    worker_init_fn: Callable[[int], object] | None
    context: Any
    persistent: bool
    in_order: bool
    restart: bool
    _kept: Lease | None = None

    def hire(
        self, make_fetch: Callable[[int], Fetch], base_seed: int, *, apart: bool = False, told: bool = True
    ) -> Lease:
        """The pools for a pass, kept ones if they are free.

        `make_fetch(n)` is what worker n reads with; with `apart` every worker is a pool of its own, else one fetch
        serves all. `told`: get_worker_info() says which worker it is. A pass that still holds the kept pools goes on
        with them, and they end with it.
        """
        if self._kept is not None:
            if self._kept.idle:
                self._kept.begin()
                return self._kept
            self._kept.kept = False
        lease = Lease(self._pools(make_fetch, base_seed, apart, told), kept=self.persistent)
        self._kept = lease if self.persistent else None
        return lease

    def _pools(self, make_fetch: Callable[[int], Any], base_seed: int, apart: bool, told: bool) -> Sequence[Pool]:
        def start(fetch: Any, first: int) -> WorkerStart:
            return WorkerStart(
                self.num_workers, base_seed, fetch.dataset, self.worker_init_fn, first, told, self.kind == "process"
            )

        if not apart:
            fetch = make_fetch(0)
            return [self._pool(fetch, self.num_workers, start(fetch, 0), None)]
        results: Results | None = None if self.in_order else SimpleQueue()
        fetches = [make_fetch(number) for number in range(self.num_workers)]
        return [self._pool(fetch, 1, start(fetch, number), results) for number, fetch in enumerate(fetches)]

    def _pool(self, fetch: Fetch, workers: int, start: WorkerStart, results: Results | None) -> Pool:
        if self.kind == "thread":
            return ThreadPool(fetch, workers, start, results=results)
        from lamella.data._workers._process import ProcessPool

        context = "spawn" if self.context is None else self.context
        return ProcessPool(fetch, workers, init=start, context=context, restart=self.restart)
