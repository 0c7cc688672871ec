"""How much memory a graph takes when it runs, known before anything is compiled: what `memory_budget` is held against.

Everything that a run allocates counts: the arena at its peak, scratch included, the results, which have their memory
from the start, and what extern steps hand back, which is held until the run ends. Inputs are the caller's.
"""

from __future__ import annotations

from lamella.compiler._assembly import planned_spans, printed
from lamella.compiler._c._unit import Unit
from lamella.compiler._lower._graph import lower_graph, mark_stored
from lamella.compiler._memory import bytes_of, drafts, lay_out
from lamella.compiler._plan import plan
from lamella.compiler._toolchain import host_target
from lamella.graph import Graph, staged

__all__ = ["planned_bytes"]


def planned_bytes(graph: Graph) -> int:
    """Bytes of all that a run of the graph allocates, at its peak; of a graph that runs in stages, of all of them."""
    found: list[int] = []
    staged(graph, lambda stage: found.append(_planned(stage)))
    return sum(found)


def _planned(graph: Graph) -> int:
    lowered = lower_graph(graph)
    mark_stored(lowered.steps)
    layout = lay_out(drafts(lowered), lowered, in_place=True)
    steps = printed(layout, Unit(host_target()))
    arena = plan(planned_spans(layout, steps)).arena_bytes
    held = {*map(layout.home, layout.outputs), *layout.externs} - layout.inputs
    return arena + sum(map(bytes_of, held))
