"""Decoded groups of rows, kept up to a bound: the newest use last, each decoded once however many threads ask for it.

A group may be asked for ahead of its use; it is then decoded in a thread of the cache's own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from lamella.data._columns import Column

Columns: TypeAlias = Mapping[str, Column]


class GroupCache:
    """Groups by number, read by `read(number) -> (columns, bytes they hold)`; at least one is kept."""

    def __init__(self, read: Callable[[int], tuple[Columns, int]], limit_bytes: int) -> None:
        self._read = read
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._groups: OrderedDict[int, Future[tuple[Columns, int]]] = OrderedDict()
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._largest_bytes = 0
        self._run = (-1, 0)  # the group asked for last, and how many were asked for in ascending order up to it

    def get(self, number: int) -> Columns:
        """The columns of a group; an error in reading it is raised here, and the next call tries again."""
        with self._lock:
            group = self._groups.get(number)
            if ours := group is None:
                group = self._groups[number] = Future()
            else:
                self._groups.move_to_end(number)
        if ours:
            self._fill(number, group)
        return group.result()[0]

    def ahead(self, number: int) -> None:
        """Begin to decode a group that will be asked for soon, if the bound leaves room beside those in use."""
        with self._lock:
            if number in self._groups or 2 * self._largest_bytes > self._limit_bytes:
                return
            group = self._groups[number] = Future()
            if self._executor is None:
                self._executor = ThreadPoolExecutor(1, "lamella-read-ahead")
        self._executor.submit(self._fill, number, group)

    def follows(self, number: int) -> bool:
        """Note the use of a group; whether groups have been used in ascending order for the third time in a row."""
        last, length = self._run
        if number != last:
            self._run = (number, length + 1 if number == last + 1 else 1)
        return number != last and self._run[1] >= 3

    def _fill(self, number: int, group: Future[tuple[Columns, int]]) -> None:
        try:
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
            if self._groups[number].done():
                self._held_bytes -= self._groups.pop(number).result()[1]
