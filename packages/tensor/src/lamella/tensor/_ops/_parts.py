"""Large copies and sums along the first dim of arrays, over the threads of the process.

numpy releases the interpreter lock in its loops; what a thread writes, no other reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._random._parallel import split

__all__ = ["copy_in_parts", "in_parts"]

# Bytes from which a second thread is worth waking.
_LARGE = 1 << 19


def in_parts(n: int, size: int, body: Callable[[int, int], None]) -> None:
    """Call body(start, stop) over ranges that cover [0, n), on several threads where `size` bytes are many."""
    if size < _LARGE:
        body(0, n)
    else:
        split(n, 1, body)


def copy_in_parts(target: Any, source: Any) -> None:
    """target[...] = source."""

    def part(start: int, stop: int) -> None:
        target[start:stop] = source[start:stop]

    in_parts(len(target), target.nbytes, part)
