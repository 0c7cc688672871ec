"""What a worker knows of itself while it reads: `get_worker_info`, as in PyTorch."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


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


def _seed_process(seed: int) -> None:
    """As in PyTorch, the global generators of a worker process draw numbers of this worker and pass."""
    random.seed(seed)
    np.random.seed([seed >> 32, seed & 0xFFFFFFFF])
    if "lamella.tensor" in sys.modules:  # what a worker reads with is imported by now
        from lamella.tensor import manual_seed

        manual_seed(seed)


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
    seeding: bool = False  # whether the process's random states are this worker's own

    def __call__(self, number: int) -> None:
        worker = self.first + number
        if self.seeding:
            _seed_process(self.base_seed + worker)
        if self.told:
            _worker.info = WorkerInfo(worker, self.num_workers, self.base_seed + worker, self.dataset)
        if self.worker_init_fn is None:
            return
        try:
            self.worker_init_fn(worker)
        except Exception as error:
            error.add_note(f"in worker_init_fn of worker {worker} of {self.num_workers}")
            raise
