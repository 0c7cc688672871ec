"""Whose memory a compiled forward saves for its backward, so that a write in between is noticed as it is uncompiled.

What single ops would have saved is what counts: the version cells that the tape kept while it was traced. What lies
between a compiled forward and its backward may be something else; where that happens to share memory with something
that a user can write and that no op saved, it is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamella.graph import Graph, Trace, Value
from lamella.tensor import Tensor
from lamella.tensor.extend import cell_of, rule, wrap

from ._explore import Explorer
from ._fetch import Fetched
from ._results import Results

__all__ = ["Place", "PlaceOf", "Saved", "cells_of", "lying_in", "uses_of"]

PlaceOf = Callable[[int], int | None]
_Steps = tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...]


class Place(NamedTuple):
    """Memory that a user can write: of a fetched tensor (`older`) or of a made result, by position.

    With `steps`, views from there on, it counts only where the last of them is no copy.
    """

    older: bool
    at: int
    steps: _Steps = ()

    def tensor(self, fetched: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
        """The tensor of a run."""
        return fetched[self.at] if self.older else made[self.at]

    def witness(self, fetched: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor | None:
        """A tensor over nothing that knows when this memory is written; None where it does not count."""
        t = self.tensor(fetched, made)
        if self.steps:
            array = t._data
            for op, params in self.steps:
                array = rule(op, "numpy")(array, **dict(params))
            if not np.may_share_memory(array, t._data):
                return None
        found = wrap(_NOTHING)
        found._cell = cell_of(t)
        return found


_NOTHING = np.empty(0)


class Saved(NamedTuple):
    """A value that some op saved while it was traced, and the memory in which it lay; None where it may be a view or a
    copy of what it was made from.
    """

    value: Value
    place: Place | None


def cells_of(inner: Trace, trace: Trace, results: Results, explorer: Explorer, fetched: Fetched) -> list[Saved]:
    """What a traced backward reads that lies, or may lie, in memory that a user can write."""
    older: dict[int, Tensor] = {}
    constants = set(map(id, trace.constants))
    for t in [*[t for t, _ in trace.tensors if id(t) not in constants], *[r.tensor for r in explorer.tensors.values()]]:
        if t._cell is not None:
            older[id(t._cell)] = t
    made = {id(m.tensor._cell): i for i, m in enumerate(results.made) if m.tensor._cell is not None}
    found = [Saved(value, None) for value, _, either in inner.saved if either]
    read = [(value, cell) for value, cell, _ in inner.saved]
    read += [(trace.value_of(t), t._cell) for t, _ in inner.tensors]
    for value, cell in read:
        if id(cell) in older:
            found.append(Saved(value, Place(True, fetched.at(older[id(cell)]))))
        elif id(cell) in made:
            found.append(Saved(value, Place(False, made[id(cell)])))
    return found


def uses_of(graph: Graph, cotangents: int) -> list[set[Value]]:
    """For each of the first inputs of a backward, its cotangents, the other inputs that its way through the graph
    reads.
    """
    depends: dict[Value, int] = {v: 1 << i for i, v in enumerate(graph.inputs[:cotangents])}
    reads = {v: frozenset({v}) for v in graph.inputs[cotangents:]}
    uses: list[set[Value]] = [set() for _ in range(cotangents)]
    for node in graph.nodes:
        args = [a for a in node.args if type(a) is Value]
        mask = 0
        for a in args:
            mask |= depends.get(a, 0)
        free = frozenset().union(*[reads[a] for a in args if a in reads])
        for v in node.outputs:
            if mask:
                depends[v] = mask
            else:
                reads[v] = free
        for i in range(cotangents) if mask else ():
            if mask >> i & 1:
                uses[i] |= free
    return uses


def lying_in(graph: Graph, results: Results, place_of: PlaceOf) -> dict[Value, Place]:
    """Outputs of a forward that lie in an input, in what is written to one, or in a made result, with the views from
    there.
    """
    roots: dict[Any, Place] = {}
    for i, m in enumerate(results.made):
        if m.output >= 0:
            roots.setdefault(graph.outputs[m.output], Place(False, i))
    written = [(e.target, e.value) for e in graph.effects if type(e.target) is Value]
    for value, source in [*[(v, v) for v in graph.inputs], *[(value, target) for target, value in written]]:
        position = place_of(source.id)
        if position is not None:
            roots[value] = Place(True, position)
    producers = graph.producers()
    found: dict[Value, Place] = {}
    for value in dict.fromkeys(v for v in graph.outputs if type(v) is Value):
        steps: list[tuple[Any, tuple[tuple[str, Any], ...]]] = []
        at: Any = value
        while at not in roots:
            node, _ = producers.get(at, (None, 0))
            if node is None or node.op.spec != "view":
                break
            steps.append((node.op, tuple(node.params.items())))
            at = node.args[0]
        else:
            found[value] = roots[at]._replace(steps=tuple(reversed(steps)))
    return found
