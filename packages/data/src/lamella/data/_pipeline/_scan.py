"""Reading a whole dataset once, for ops that must know every record before they can give the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._protocols import IndexArray

_ROWS = 1024  # read at once


def scan(
    source: RandomAccess, read: Callable[[IndexArray, int], Any] | None = None
) -> Iterator[tuple[IndexArray, Any]]:
    """All records of epoch 0: positions, and what `read` gives for them (by default blocks)."""
    read = source.read if read is None else read
    for start in range(0, len(source), _ROWS):
        indices = np.arange(start, min(start + _ROWS, len(source)), dtype=np.int64)
        yield indices, read(indices, 0)


def refuse_varying(op: str, source: RandomAccess) -> None:
    """What one reading finds must hold in every epoch."""
    if source.varies:
        raise ValueError(
            f"{op}: its source differs from epoch to epoch (a shuffle, drawn augmentation), and what is found in one "
            f"would not hold in the next; put {op} before it, or use .stream()"
        )
