"""Splits a range over a few threads.

numpy's bit generators and ufuncs release the interpreter lock, so plain threads scale. The split never changes a value:
every caller computes element i from i alone. One pool a process, made at the first large call, forgotten after a fork.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable

from .._blas import set_blas_threads
from ._pool import Pool

__all__ = ["follow_num_threads", "get_num_threads", "set_num_threads", "split"]


def _usable_cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads_at_start() -> int:
    """What OMP_NUM_THREADS says (its first entry, as for nested regions), else the processors there are."""
    value = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(value) if value.isdigit() and int(value) > 0 else _usable_cpus()


_num_threads = _threads_at_start()
_pool: Pool | None = None
_followers: list[Callable[[int], None]] = []


def get_num_threads() -> int:
    """How many threads one op may use, the calling one included; at first OMP_NUM_THREADS, or the processors there are.

    Only numpy's OpenBLAS can differ from it: by OPENBLAS_NUM_THREADS, or by threadpoolctl.
    """
    return _num_threads


def set_num_threads(count: int) -> None:
    """Let one op use `count` threads, the calling one included; ValueError below 1, TypeError for what is no integer.

    It holds for kernels in ranges, for draws, for compiled kernels, and for products by the OpenBLAS of numpy's wheels.
    Another BLAS (MKL, Accelerate, a distribution's own build) keeps the threads that its own variable gave it at the
    start: MKL_NUM_THREADS, VECLIB_MAXIMUM_THREADS, OPENBLAS_NUM_THREADS. `environment()` tells which one numpy has.
    """
    global _num_threads
    try:
        value = operator.index(count)
    except TypeError:
        raise TypeError(f"set_num_threads: count must be an int, got {count!r}") from None
    if value < 1:
        raise ValueError(f"set_num_threads: expected at least 1, got {count}")
    _num_threads = value
    _forget_pool()
    set_blas_threads(value)
    for follow in _followers:
        follow(value)


def follow_num_threads(follow: Callable[[int], None]) -> None:
    """Call follow(count) now and whenever the number of threads is set: for packages with threads of their own."""
    _followers.append(follow)
    follow(_num_threads)


def _forget_pool() -> None:
    global _pool
    if _pool is not None:
        _pool.close()
    _pool = None


def _after_fork() -> None:
    global _pool
    _pool = None  # its threads stayed in the parent


def split(n: int, grain: int, body: Callable[[int, int], None]) -> None:
    """Call `body(start, stop)` over ranges that cover `[0, n)`; inner bounds are multiples of `grain`."""
    global _pool
    parts = min(_num_threads, n // grain)
    if parts <= 1:
        body(0, n)
        return
    pool = _pool
    if pool is None:
        pool = _pool = Pool(_num_threads - 1)
    step = -(-n // (parts * grain)) * grain
    pool.run(body, [(start, min(start + step, n)) for start in range(0, n, step)])


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
