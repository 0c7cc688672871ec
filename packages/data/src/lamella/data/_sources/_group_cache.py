"""Decoded groups of rows, kept up to a bound: the newest use last, each decoded once however many threads ask for it.

Reading in stored order is noticed: the next group is then decoded ahead, in a thread of the cache's own, and where all
groups would not fit, those behind are let go, as the next pass would not find them anyway. (Memory that is used again
at once costs half of what fresh memory does.)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from lamella.data._columns import Column
from lamella.data._sources._mapped_rows import Columns
from lamella.data._workers._clock import stage

# Groups behind the newest that batches under way may still be made of.
_KEPT_BEHIND = 2
_OBJECT_BYTES = 512  # an array, what it is a view of, and its place in a dict


class GroupCache:
    """`count` groups by number, read by `read(number) -> (columns, bytes they hold)`; at least one is kept."""

    def __init__(self, read: Callable[[int], tuple[Columns, int]], count: int, limit_bytes: int) -> None:
        self._read = read
        self._count = count
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._groups: OrderedDict[int, Future[tuple[Columns, int]]] = OrderedDict()
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._largest_bytes = 0
        self._run = (-1, 0)  # the group asked for last, and how many were asked for in ascending order up to it

    def get(self, number: int, in_order: bool) -> Columns:
        """The columns of a group; an error in reading it is raised here, and the next call tries again.

        `in_order`: the rows asked for follow each other.
        """
        with self._lock:
            in_order = in_order and self._follows(number)
            group = self._groups.get(number)
            if ours := group is None:
                group = self._groups[number] = Future()
            else:
                self._groups.move_to_end(number)
        if in_order:
            self._read_on(number)
        with stage("decode"):
            if ours:
                self._fill(number, group)
            return group.result()[0]

    def _follows(self, number: int) -> bool:
        """Whether this is the first use of the third group in a row in stored order."""
        last, length = self._run
        if number == last:
            return False
        self._run = (number, length + 1 if number == last + 1 else 1)
        return self._run[1] >= 3

    def _read_on(self, number: int) -> None:
        with self._lock:
            if self._largest_bytes * self._count > self._limit_bytes:
                for behind in [kept for kept in self._groups if kept < number - _KEPT_BEHIND]:
                    self._let_go(behind)
            ahead = number + 1
            if ahead >= self._count or ahead in self._groups or 2 * self._largest_bytes > self._limit_bytes:
                return
            group = self._groups[ahead] = Future()
            if self._executor is None:
                self._executor = ThreadPoolExecutor(1, "lamella-read-ahead")
        self._executor.submit(self._fill, ahead, group)

    def _fill(self, number: int, group: Future[tuple[Columns, int]]) -> None:
        try:
            with stage("decode"):
                columns, held = self._read(number)
        except BaseException as error:
            with self._lock:
                del self._groups[number]
            group.set_exception(error)
            raise
        group.set_result((columns, held))
        with self._lock:
            self._held_bytes += held
            self._largest_bytes = max(self._largest_bytes, held)
            self._drop()

    def _drop(self) -> None:
        for number in list(self._groups):
            if self._held_bytes <= self._limit_bytes or len(self._groups) <= 1:
                return
            self._let_go(number)

    def _let_go(self, number: int) -> None:
        if self._groups[number].done():
            self._held_bytes -= self._groups.pop(number).result()[1]


def held_bytes(columns: Columns, *, views: bool) -> int:
    """Bytes that the columns keep from being used otherwise; `views`: of those over Arrow memory only the objects."""
    return sum(_OBJECT_BYTES if views and not _is_own(column) else column.nbytes for column in columns.values())


def _is_own(column: Column) -> bool:
    return column.flags.writeable if isinstance(column, np.ndarray) else column.values.flags.writeable
