"""The compiled ways back through one program: one for each set of results that are followed and of inputs that want
gradients, made when that set first occurs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from lamella.compiler._newest import with_newest
from lamella.graph import Graph

from ._saved import Place

__all__ = ["Key", "Planner", "Run", "Way", "Ways"]

Run = Callable[[list[Any]], list[Any]]
Key = tuple[int, int]  # followed results, wanted gradients, as bits


class Way(NamedTuple):
    """One compiled backward."""

    graph: Graph
    run: Run
    takes: tuple[int, ...]  # which cotangents
    reads: tuple[int, ...]  # which residuals, behind them
    gives: tuple[int, ...]  # the gradients of which targets
    watched: frozenset[Place]  # what must not have been written


class Planner(Protocol):
    """What plans the ways of one program."""

    def planned(self, followed: int, wanted: int) -> Way:
        """The way of a set, compiled; RuntimeError where nobody can go backward."""

    def reached(self, followed: int) -> frozenset[int]:
        """The targets that these results lead to."""


class Ways:
    """Makes each way once, and keeps the newest."""

    def __init__(self, planner: Planner, results: int, targets: int) -> None:
        self._planner = planner
        self._all = ((1 << results) - 1, (1 << targets) - 1)
        self._made: dict[Key, Way] = {}
        self._last: Way | None = None
        self._lock = threading.Lock()

    @property
    def sets(self) -> tuple[Key, ...]:
        """The sets that have an executable, oldest first."""
        return tuple(self._made)

    def last(self) -> Way:
        """The way that was made last; before the first backward that of all results."""
        return self._last or self.of(*self._all)

    def of(self, followed: int, wanted: int) -> Way:
        """The way from some results to some targets."""
        found = self._made.get((followed, wanted))
        if found is None:
            with self._lock:
                found = self._made.get((followed, wanted)) or self._make((followed, wanted))
        return found

    def reached(self, followed: int) -> frozenset[int]:
        """The targets that these results lead to."""
        return self._planner.reached(followed)

    def _make(self, key: Key) -> Way:
        made = self._planner.planned(*key)
        self._made = with_newest(self._made, key, made)
        self._last = made
        return made
