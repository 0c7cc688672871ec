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

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["get_num_threads", "set_num_threads", "split"]


def _usable_cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_num_threads = _usable_cpus()
_pool: ThreadPoolExecutor | None = None


def get_num_threads() -> int:
    """How many threads a large draw may use, the calling one included."""
    return _num_threads


def set_num_threads(count: int) -> None:
    """Let large draws use `count` threads, the calling one included; ValueError below 1."""
    global _num_threads
    value = operator.index(count)
    if value < 1:
        raise ValueError(f"set_num_threads: expected at least 1, got {count}")
    _num_threads = value
    _forget_pool()


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
