"""Kernels over several threads of the process: ranges of a first dim, each with matrix products of one thread.

numpy releases the interpreter lock in its loops and products; what one thread writes, no other reads. A BLAS with
threads of its own would wait for them at every small product, so it is told to use one for as long as ours run; where
it cannot be told (only the OpenBLAS of numpy's wheels can) or its threads spin, products keep them and the ranges run
in turn.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .._blas import SLEEPS
from .._random._parallel import get_num_threads, split

__all__ = ["by_images", "with_products"]

# Bytes from which a second thread is worth waking.
_LARGE = 1 << 19
_BLOCK_BYTES = 1 << 18
_SYMBOLS = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads")


def by_images(x: Any, body: Callable[[slice], None]) -> None:
    """body(images) over a few of the images x [N, ...] at a time, on several threads if x is large."""
    if x.nbytes <= _BLOCK_BYTES:
        body(slice(0, len(x)))
        return
    step = max(_BLOCK_BYTES // max(x[:1].nbytes, 1), 1)

    def part(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            body(slice(low, min(low + step, stop)))

    if x.nbytes < _LARGE:
        part(0, len(x))
    else:
        split(len(x), 1, part)


def with_products(n: int, body: Callable[[int, int], None]) -> None:
    """Call body(start, stop) over ranges that cover [0, n), on several threads, where body takes matrix products."""
    if n < 2 or not SLEEPS or get_num_threads() < 2 or _openblas() is None:
        body(0, n)
        return
    with _ONE.held():
        split(n, 1, body)


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """(get, set) of the thread count of the OpenBLAS that numpy came with, or None."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            library: Any = ctypes.CDLL(str(path))
            for name in _SYMBOLS:
                get = getattr(library, name.format("get"), None)
                if get is not None:
                    return get, getattr(library, name.format("set"))
    return None


class _OneThread:
    """Holds BLAS at one thread while anybody runs; the last one gives back what the first one found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = 1

    @contextmanager
    def held(self) -> Iterator[None]:
        get, put = _openblas()  # type: ignore[misc]  # asked before
        with self._lock:
            if not self._users:
                self._before = get()
                put(1)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    put(self._before)


_ONE = _OneThread()
