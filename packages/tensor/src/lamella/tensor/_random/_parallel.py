"""Splits a range over a few threads.

numpy's bit generators and ufuncs release the interpreter lock, so plain threads scale. The split never changes a value:
every caller computes element i from i alone. One pool a process, made at the first large call, forgotten after a fork.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._blas import set_blas_threads

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

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
_pool: ThreadPoolExecutor | None = None
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
    value = operator.index(count)
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
    # A pool that still has work keeps itself alive until that work is done; its idle threads end with it.
    global _pool
    _pool = None


def split(n: int, grain: int, body: Callable[[int, int], None]) -> None:
    """Call `body(start, stop)` over ranges that cover `[0, n)`; inner bounds are multiples of `grain`."""
    global _pool
    parts = min(_num_threads, n // grain)
    if parts <= 1:
        body(0, n)
        return
    pool = _pool
    if pool is None or pool._max_workers < parts - 1:
        from concurrent.futures import ThreadPoolExecutor  # here, as importing it takes milliseconds

        pool = _pool = ThreadPoolExecutor(max(_num_threads - 1, 1), thread_name_prefix="lamella-random")
    step = -(-n // (parts * grain)) * grain
    ranges = [(start, min(start + step, n)) for start in range(0, n, step)]
    futures = []
    own = [ranges[0]]
    for bounds in ranges[1:]:
        try:
            futures.append(pool.submit(body, *bounds))
        except RuntimeError:  # the interpreter is shutting down and starts no thread any more
            own.append(bounds)
    for bounds in own:
        body(*bounds)
    for future in futures:
        future.result()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_pool)
