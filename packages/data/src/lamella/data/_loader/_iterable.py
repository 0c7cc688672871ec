"""Datasets that can only be iterated: batches are cut from what `iter(dataset)` gives.

Without workers there is one iterator. With workers each has its own over a shallow copy of the dataset, finds itself in
`get_worker_info()` and gives its share, as in PyTorch: a dataset that does not look gives every record once a worker.
Batches are taken from the workers in turn. Nothing can be known of what was not read: a resumed pass reads again, and
drops, what was given before; several ranks read everything and take every world-th batch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice
from typing import Any, final

from lamella.data._collate import stack_records
from lamella.data._loader._fetch import Collate, finished
from lamella.data._loader._plan import Share
from lamella.data._loader._source import Fetched, Progress, over
from lamella.data._workers._clock import measuring, stage
from lamella.data._workers._info import get_worker_info
from lamella.data._workers._lease import Lease
from lamella.data._workers._task import Done, Fetch, Task, Timings


@final
class Ended:
    """What a worker gives when its iterator is at its end."""


@final
class IterableFetcher:
    """`fetcher(task)` gives the next batch of its own iterator, `Ended` after the last; step 0 starts a new one."""

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None,
        collate_fn: Collate | None,
        *,
        drop_last: bool,
        finish: Collate | None = None,
    ) -> None:
        self.dataset = dataset
        self._batch_size = batch_size
        self._collate = collate_fn
        self._drop_last = drop_last
        self._finish = finish
        self._records: Iterator[Any] | None = None

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        timings = Timings()
        try:
            with measuring(timings):
                if task.step == 0 or self._records is None:
                    self._records = iter(self.dataset)
                    for _ in range(task.step):  # a worker in the place of one that died
                        self._next(self._records)
                batch = self._next(self._records)
                return batch if batch is Ended else finished(batch, self._finish), timings
        except Exception as error:
            worker = get_worker_info()
            where = "" if worker is None else f" in worker {worker.id} of {worker.num_workers}"
            error.add_note(
                f"while loading batch {task.step}{where} of epoch {task.epoch} of {type(self.dataset).__name__}"
            )
            raise

    def _next(self, records: Iterator[Any]) -> Any:
        if self._batch_size is None:
            record = next(records, Ended)
            if record is Ended or self._collate is None:
                return record
            with stage("collate"):
                return self._collate(record)
        batch = list(islice(records, self._batch_size))
        if not batch or (self._drop_last and len(batch) < self._batch_size):
            return Ended
        with stage("collate"):
            return stack_records(batch) if self._collate is None else self._collate(batch)


def own_copies(dataset: Any, workers: int) -> list[Any]:
    """A shallow copy of the dataset for each worker, so that one may set attributes of its own."""
    return [copy.copy(dataset) for _ in range(workers)]


@final
class Serial:
    """The batches of one iterator, read in the caller's thread."""

    def __init__(self, fetch: Fetch, epoch: int, keys: list[Any]) -> None:
        self._fetch = fetch
        self._epoch = epoch
        self._keys = keys
        self._step = 0

    def next(self) -> Done | None:
        """The next batch or its error; None at the end."""
        task = Task(self._step, self._epoch, self._step, self._keys)
        self._step += 1
        try:
            batch, timings = self._fetch(task)
        except Exception as error:  # noqa: BLE001  (raised by the source, in its turn)
            return Done(task.ticket, error=error)
        return None if batch is Ended else Done(task.ticket, batch, timings=timings)

    def close(self) -> None:
        """Nothing reads ahead."""


@final
class InTurns:
    """The batches of the workers' iterators: one of each in turn, of those that have not ended."""

    def __init__(
        self,
        lease: Lease,
        workers: int,
        epoch: int,
        keys: list[Any],
        depth: int,
        *,
        in_order: bool,
        timeout: float,
    ) -> None:
        self._lease = lease
        self._epoch = epoch
        self._keys = keys
        self._in_order = in_order
        self._timeout = timeout
        self._live = list(range(workers))
        self._turn = 0
        self._steps = [0] * workers
        self._owners: dict[int, int] = {}  # worker by ticket
        self._over = ""
        for _ in range(depth):
            for worker in self._live:
                self._ask(worker)

    def _ask(self, worker: int) -> None:
        self._owners[self._lease.submit(self._epoch, self._steps[worker], self._keys, worker)] = worker
        self._steps[worker] += 1

    def next(self) -> Done | None:
        """The next batch or its error; None at the end. After a lost worker or a timeout every call raises."""
        while self._live:
            if self._over:
                raise RuntimeError(self._over)
            self._turn %= len(self._live)
            try:
                done = self._lease.next(self._timeout, self._live[self._turn])
            except BaseException as error:
                self._over = over(error)
                self._lease.finish(broken=True)
                raise
            worker = self._owners.pop(done.ticket)
            if worker not in self._live:
                continue  # asked ahead, and ended before
            if done.batch is Ended:
                self._live.remove(worker)
                continue
            self._ask(worker)
            if self._in_order:
                self._turn += 1
            return done
        return None

    def close(self) -> None:
        """Give back the pools."""
        if not self._over:
            self._lease.finish()


@final
class IterableSource:
    """An iterable's batches dealt to the ranks, a step at a time; positions count the batches of all ranks.

    Of a last step with too few batches (left out with drop_last) every rank takes one, from the first on again and
    again, so that all ranks take equally many.
    """

    def __init__(self, batches: Serial | InTurns, share: Share, progress: Progress) -> None:
        self._batches = batches
        self._share = share
        self._step = progress.step
        self._drop_to = progress.position
        self._position = 0
        self._failed: list[tuple[int, int]] = []
        self._closed = False

    def __next__(self) -> Fetched:
        while not self._closed:
            group = self._read_step()
            self._position += len(group)
            if not group or (self._share.drop_last and len(group) < self._share.world):
                self.close()
                if self._position < self._drop_to:
                    raise ValueError(
                        f"DataLoader: the iterable ended after {self._position} batches, and the position to go on "
                        f"from is {self._drop_to}: it is not what the state was taken over"
                    )
            elif self._position > self._drop_to:
                done = group[self._share.rank % len(group)]
                self._step += 1
                if done.error is not None:
                    self._failed.append((self._step - 1, self._position))
                    try:
                        raise done.error
                    finally:
                        del group, done
                failed, self._failed = self._failed, []
                return Fetched(done.batch, done.timings, self._step - 1, self._position, failed=failed)
            elif error := next((done.error for done in group if done.error is not None), None):
                try:
                    raise error  # in what was given before: it cannot be passed over
                finally:
                    del group, error
        raise StopIteration

    def _read_step(self) -> list[Done]:
        group: list[Done] = []
        while len(group) < self._share.world and (done := self._batches.next()) is not None:
            group.append(done)
        return group

    def close(self) -> None:
        """Give back what reads ahead."""
        if not self._closed:
            self._closed = True
            self._batches.close()
