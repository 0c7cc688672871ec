"""How much memory a graph takes when it runs, known before anything is compiled: what `memory_budget` is held against.

Everything that a run allocates counts: the arena, scratch, results, and what extern steps hand back, which is held
until the run ends. Inputs are the caller's.
"""

from __future__ import annotations

from lamella.compiler._c._unit import Unit
from lamella.compiler._executable import _printed, _scratch_bytes, _touched
from lamella.compiler._lower._graph import lower_graph, mark_stored, numpy_dtype
from lamella.compiler._lower._group import Extern
from lamella.compiler._lower._refs import Root
from lamella.compiler._plan import Span, plan
from lamella.compiler._toolchain import host_target
from lamella.graph import Graph

__all__ = ["planned_bytes"]


def planned_bytes(graph: Graph) -> int:
    """Bytes of all that a run of the graph allocates, at its peak."""
    lowered = lower_graph(graph)
    mark_stored(lowered.steps)
    steps = list(_printed(lowered.steps, Unit(host_target())))
    given = {root for root in lowered.inputs if root is not None}
    first: dict[Root, int] = {}
    last: dict[Root, int] = {}
    spans: list[Span] = []
    for number, step in enumerate(steps):
        for root in _touched(step):
            first.setdefault(root, number)
            last[root] = number
        size = _scratch_bytes(step)
        if size:
            spans.append(Span(-1 - number, size, number, number))
    held = {root for step in steps if isinstance(step, Extern) for root in step.roots}
    held |= {root for root in lowered.results if isinstance(root, Root)}
    for root, begin in first.items():
        if root not in given:
            end = len(steps) if root in held else last[root]
            spans.append(Span(root.number, root.size * numpy_dtype(root.dtype).itemsize, begin, end))
    return plan(spans).arena_bytes
