"""What a worker knows of itself while it reads: `get_worker_info`, as in PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """This worker's number, how many there are, a seed of its own for this pass, and the dataset it reads."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Worker(threading.local):
    info: WorkerInfo | None = None


_worker = _Worker()


def get_worker_info() -> WorkerInfo | None:
    """The worker that the calling code runs in, None outside of workers."""
    return _worker.info


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """What every worker does first: become worker `first + number`, then call the user's `worker_init_fn` with that.

    Worker processes get a pickled copy; pickled together with what fetches, both hold one copy of the dataset.
    """

    num_workers: int
    base_seed: int
    dataset: Any
    worker_init_fn: Callable[[int], object] | None
    first: int = 0
    told: bool = True  # whether the dataset's code may know that it runs in a worker

    def __call__(self, number: int) -> None:
        worker = self.first + number
        if self.told:
            _worker.info = WorkerInfo(worker, self.num_workers, self.base_seed + worker, self.dataset)
        if self.worker_init_fn is None:
            return
        try:
            self.worker_init_fn(worker)
        except Exception as error:
            error.add_note(f"in worker_init_fn of worker {worker} of {self.num_workers}")
            raise
