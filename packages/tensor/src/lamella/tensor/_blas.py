"""The BLAS of numpy: lets its idle threads sleep, reads and sets how many it uses, holds it at one for a while.

Loaded before numpy, whose OpenBLAS reads its variable once (docs/decisions/0012-sleeping-blas.md); nothing is changed
that the user has set. Only the OpenBLAS of numpy's wheels can be asked and told; other builds give None.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

__all__ = ["SLEEPS", "OpenBLAS", "hold_blas", "one_thread", "openblas", "release_blas", "set_blas_threads"]

_VARIABLE = "OPENBLAS_THREAD_TIMEOUT"
_LONG = 20  # a thread waits 2**timeout cycles before it sleeps; OpenBLAS's own choice is 26, some 20 ms
_FUNCTIONS = ("get_num_threads", "set_num_threads", "get_corename")
_SYMBOLS = ("scipy_openblas_{}64_", "scipy_openblas_{}")


def _sleeps() -> bool:
    if "numpy" not in sys.modules:
        os.environ.setdefault(_VARIABLE, "18")
    value = os.environ.get(_VARIABLE, "")
    return value.isdigit() and int(value) <= _LONG


SLEEPS = _sleeps()
"""Whether BLAS's threads leave the processor to others soon after a product."""


class OpenBLAS(NamedTuple):
    """Functions of the library that numpy came with."""

    get: Callable[[], int]
    set: Callable[[int], None]
    core: Callable[[], bytes]


@cache
def openblas() -> OpenBLAS | None:
    """The OpenBLAS of numpy's wheel, or None for any other build of BLAS."""
    import ctypes

    import numpy as np

    package = os.path.dirname(np.__file__)
    for folder in (os.path.join(os.path.dirname(package), "numpy.libs"), os.path.join(package, ".dylibs")):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if "openblas" not in name:
                continue
            library: Any = ctypes.CDLL(os.path.join(folder, name))  # loaded already: this only finds it again
            for symbol in _SYMBOLS:
                if hasattr(library, symbol.format("get_num_threads")):
                    get, put, core = (getattr(library, symbol.format(what)) for what in _FUNCTIONS)
                    core.restype = ctypes.c_char_p
                    return OpenBLAS(get, put, core)
    return None


class _Holder:
    """Holds BLAS at one thread while anybody asks for it; the last one gives back what the first one found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = 1

    def hold(self, blas: OpenBLAS) -> None:
        with self._lock:
            if not self._users:
                self._before = blas.get()
                blas.set(1)
            self._users += 1

    def release(self, blas: OpenBLAS) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                blas.set(self._before)

    def set(self, blas: OpenBLAS, count: int) -> None:
        with self._lock:
            if self._users:
                self._before = count
            else:
                blas.set(count)


_HOLDER = _Holder()
hold_blas, release_blas = _HOLDER.hold, _HOLDER.release  # a pair, for callers who count microseconds


@contextmanager
def one_thread(blas: OpenBLAS) -> Iterator[None]:
    """Hold BLAS at one thread within the block."""
    hold_blas(blas)
    try:
        yield
    finally:
        release_blas(blas)


def set_blas_threads(count: int) -> None:
    """Let products use `count` threads, at once or when the last `one_thread` ends; other builds keep theirs."""
    blas = openblas()
    if blas is not None:
        _HOLDER.set(blas, count)
