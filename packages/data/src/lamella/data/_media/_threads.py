"""One pool of threads for all decoding in this process; a batch is spread over it and over the thread that asks."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lamella.data._workers._clock import stage


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cpus(), thread_name_prefix="lamella-decode")


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[int], None], count: int, threads: int) -> None:
    """Call function(0), ..., function(count - 1) on at most `threads` threads; the first error ends it."""
    numbers = itertools.count()  # next() is one step of the interpreter: no lock
    failed: list[BaseException] = []

    def work() -> None:
        while not failed and (number := next(numbers)) < count:
            try:
                function(number)
            except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
                failed.append(error)

    with stage("decode"):
        helpers = [_pool().submit(work) for _ in range(min(threads, count) - 1)]
        work()
        for helper in helpers:
            # one that has not begun has nothing left to do: other batches may hold the whole pool
            if not helper.cancel():
                helper.result()
    if failed:
        raise failed[0]
