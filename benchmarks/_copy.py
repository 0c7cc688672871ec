"""A copy by all threads, the measure of a machine's memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks._machine import THREADS

__all__ = ["threaded_copy"]


def threaded_copy(size: int) -> Callable[[], None]:
    """A function that copies an array of `size` bytes to another, a part a thread."""
    import numpy as np

    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    part = size // THREADS
    pool = ThreadPoolExecutor(THREADS - 1)

    def move(i: int) -> None:
        # ctypes gives the interpreter lock back while the C function runs
        ctypes.memmove(target.ctypes.data + i * part, source.ctypes.data + i * part, part)

    def copy() -> None:
        others = [pool.submit(move, i) for i in range(1, THREADS)]
        move(0)
        for other in others:
            other.result()

    return copy
