"""Reading a sequence of things in a thread of its own, a few ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from lamella.data._protocols import Array
from lamella.data._sources._mapped_rows import Columns

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(items: Iterable[Item], read: Callable[[Item], Result], depth: int) -> Iterator[Result]:
    """`read(item)` of each item in order; up to `depth` of them are read before they are asked for (0: none).

    Arrow decodes the columns of one item on all its threads, so one thread here keeps them busy.
    """
    if depth == 0:
        yield from map(read, items)
        return
    pending: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(1, "lamella-read-ahead")
    try:
        for item in items:
            pending.append(executor.submit(read, item))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def own(columns: Columns) -> Columns:
    """Columns that nobody else holds, to be written to: as they are where their memory allows it, else copied."""
    return {name: _writable(column) if isinstance(column, np.ndarray) else column for name, column in columns.items()}


def _writable(column: Array) -> Array:
    if not column.flags.writeable:
        try:
            column.flags.writeable = True
        except ValueError:  # a memory map, or a buffer that Arrow shares
            return column.copy()
    return column
