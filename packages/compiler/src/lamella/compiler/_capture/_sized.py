"""A program whose graph leaves sizes open: one trace and one guard, and an executable for each set of sizes it meets.

An executable is planned from the same trace with numbers in the place of the names. Sizes live in its tables and not in
the text of its kernels, so that other sizes mostly find all their kernels compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from lamella.compiler._newest import with_newest
from lamella.graph import Graph
from lamella.tensor import Tensor

from ._backward import Backward
from ._effects import Effect
from ._guards import Guard
from ._program import Program
from ._results import Results
from ._segments import Path, Segment

__all__ = ["SizedProgram"]


class SizedProgram:
    """Calls the program of the sizes at hand, making it at their first call."""

    plain = None  # which program runs depends on sizes

    def __init__(
        self, first: Program, graph: Graph, hints: Mapping[str, int], assemble: Callable[[Mapping[str, int]], Program]
    ) -> None:
        self.guard: Guard = first.guard
        self.graph = graph  # with named sizes
        self._names = tuple(hints)
        self._assemble = assemble
        self._lock = threading.Lock()
        self._last = first
        self._programs = {tuple(hints.values()): first}

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """The sets of sizes that have an executable, oldest first."""
        return tuple(self._programs)

    @property
    def results(self) -> Results:
        """How results come out of the executable that was made last."""
        return self._last.results

    @property
    def run(self) -> Callable[[list[Any]], list[Any]]:
        """The executable that was made last."""
        return self._last.run

    @property
    def backward(self) -> Backward | None:
        """The backward of the executable that was made last."""
        return self._last.backward

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Its assignments to Python objects."""
        return self._last.effects

    @property
    def keys(self) -> tuple[Any, ...]:
        """What its forks were answered."""
        return self._last.keys

    def begins_with(self, segment: Segment) -> bool:
        """Whether it is, for some sizes, a leaf of the tree over a segment."""
        return any(program.begins_with(segment) for program in self._programs.values())

    @property
    def path(self) -> Path | None:
        """How the executable that was made last forks."""
        return self._last.path

    def of(self, sizes: tuple[int, ...]) -> Program:
        """The program of these sizes, made at their first call."""
        program = self._programs.get(sizes)
        if program is None:
            with self._lock:
                program = self._programs.get(sizes) or self._make(sizes)
        return program

    def call(self, inputs: list[Any], fetched: list[Tensor], sizes: tuple[int, ...]) -> Any:
        """Run on fetched inputs and commit; a program without forks."""
        return self.of(sizes).call(inputs, fetched)

    def _make(self, sizes: tuple[int, ...]) -> Program:
        made = self._assemble(dict(zip(self._names, sizes, strict=True)))
        self._programs = with_newest(self._programs, sizes, made)
        self._last = made
        return made
