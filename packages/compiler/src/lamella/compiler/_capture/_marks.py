"""What the graph of a traced backward does not show, and `without` must know: marked while it is traced.

Marked are the zeros that a Function of the user's gets (its own code may multiply them), and gradients that do not
depend on a cotangent but are there only if the rule ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella.graph import Marked, Trace, Value
from lamella.tensor import Tensor
from lamella.tensor.extend import LEVEL, OPS

__all__ = ["Marks"]


class Marks:
    """What a walk tells of its rules; a mark is a `copy` in the trace, which `without` takes away again."""

    def __init__(self, trace: Trace, cotangents: Sequence[Tensor]) -> None:
        self._trace = trace
        self._depends = {trace.value_of(t).id for t in cotangents}
        self._seen = 0
        self.found = Marked({}, {})

    def filled(self, given: list[Any]) -> list[Any]:
        """The cotangents of a Function that gets zeros for those that do not come."""
        marked = [i for i, g in enumerate(given) if g is not None and self._on_way(g)]
        if len(marked) < 2:
            return given
        ids = tuple([self._trace.value_of(given[i]).id for i in marked])
        out = list(given)
        for i in marked:
            out[i] = self._mark(given[i], self.found.fills, ids)
        return out

    def left(self, given: Sequence[Any], grads: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        """The gradients of a rule that ran for these cotangents of its outputs."""
        came = [g for g in given if g is not None]
        if any(g._flags & LEVEL for g in came):
            return grads
        ids: tuple[int, ...] = ()
        out = grads
        for i in wanted:
            g = grads[i]
            if g is None or g._flags & LEVEL or self._on_way(g):
                continue
            ids = ids or tuple([self._trace.value_of(t).id for t in came])
            out = list(out)
            out[i] = self._mark(g, self.found.ties, ids)
        return out

    def _on_way(self, t: Tensor) -> bool:
        """Whether a tensor was computed from a cotangent."""
        if t._flags & LEVEL:
            return False
        found = self._trace.value_of(t).id
        for node in self._trace.builder.since(self._seen):
            if any(type(a) is Value and a.id in self._depends for a in node.args):
                self._depends.update([v.id for v in node.outputs])
        self._seen = self._trace.builder.size
        return found in self._depends

    def _mark(self, t: Tensor, marks: dict[int, tuple[int, ...]], ids: tuple[int, ...]) -> Tensor:
        out: Tensor = self._trace.record(OPS["copy"], (t,), {})
        found = self._trace.value_of(out).id
        marks[found] = ids
        self._depends.add(found)
        return out
