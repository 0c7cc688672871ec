"""What the tests let worker processes run: importable by name, as a user's own module is."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from lamella.data._workers._task import Task, Timings


class Fetch:
    """Rows of a table that is an array, with the worker's process id."""

    def __init__(self, table: np.ndarray[Any, Any]) -> None:
        self.table = table

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        return {"rows": self.table[task.indices], "process": os.getpid()}, Timings(read=0.25)


class Odd(Exception):
    """Can be pickled and not be read again: it wants two arguments."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


class Behaves:
    """By the first index of a task: what it does."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        what = int(task.indices[0])
        if what == 1:
            error = ValueError("no such row")
            error.add_note("while loading batch 3")
            raise error
        if what == 2:
            raise Odd(1, 2)
        if what == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if what == 4:
            time.sleep(60)
        if what == 5:  # dies the first time
            place = Path(self.folder) / "died"
            if not place.exists():
                place.touch()
                os._exit(7)
        if what == 7:  # of a store far away, and not of the connection to the parent
            raise ConnectionResetError("the store hung up")
        if what == 6:
            return lambda: None, Timings()
        return {"rows": np.full(4096, what), "empty": np.zeros((0, 3), np.float32), "names": ["a", "b"]}, Timings()


class Shapes:
    """Batches of as many bytes as the first index says, in an array that is written to."""

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        return np.full(int(task.indices[0]), task.ticket % 251, np.uint8), Timings()


class Writes:
    """Writes into its own table, which must reach nobody else."""

    def __init__(self, table: np.ndarray[Any, Any]) -> None:
        self.table = table

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        self.table[0] += 1
        return int(self.table[0]), Timings()


def limit_memory(number: int) -> None:
    """No file, shared memory included, may exceed a megabyte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def refuses(number: int) -> None:
    """A worker_init_fn that raises."""
    raise RuntimeError(f"worker {number} has no licence")


def leaves(number: int) -> None:
    """A worker that ends before it could begin."""
    os._exit(3)
