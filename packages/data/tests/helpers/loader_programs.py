"""Datasets that the tests let worker processes read: importable by name, as a user's own module is."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamella.data import get_worker_info


class Draws:
    """Draws from the process's own generators, and says who reads it."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Any]:
        info = get_worker_info()
        assert info is not None
        assert info.dataset is self
        return {
            "id": index,
            "worker": info.id,
            "seed": info.seed,
            "random": random.random(),
            "numpy": np.random.random(),
        }


class Deadly:
    """Kills its reader at record `at`, the first time only if there is a folder to remember it in."""

    def __init__(self, rows: int, at: int, folder: str = "") -> None:
        self.rows, self.at, self.folder = rows, at, folder

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> int:
        if index == self.at:
            place = Path(self.folder) / "died"
            if not self.folder or not place.exists():
                if self.folder:
                    place.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return index


class DeadlyNumbers:
    """The same, iterated: every worker takes its part."""

    def __init__(self, rows: int, at: int, folder: str) -> None:
        self.records = Deadly(rows, at, folder)

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        assert info is not None
        return (self.records[number] for number in range(info.id, self.records.rows, info.num_workers))


def torn(record: dict[str, Any]) -> dict[str, Any]:
    """A transform that cannot do one record."""
    if record["id"] == 9:
        raise OSError("torn")
    return record
