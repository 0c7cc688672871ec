"""The interpreter as a graph executor, found by `interfaces.discover("executor")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ._graph import Graph, Value
from ._interpret import interpret, views_of_inputs
from ._passes import live_bytes, size_bytes

__all__ = ["NAME", "compile_graph", "planned_bytes"]

NAME: Final = "interpreter"


def compile_graph(graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
    """A function from a list of arrays and numbers to the outputs followed by the effect values."""
    return interpret(graph)


def planned_bytes(graph: Graph) -> int:
    """Bytes of the arrays that a run of the graph holds at its peak, beside its inputs."""
    alive = live_bytes(graph)
    # what an effect would leave in the memory of an input is copied at the end
    shared = views_of_inputs(graph)
    copied = sum([size_bytes(e.value) for e in graph.effects if type(e.value) is Value and e.value in shared])
    return max([*alive, alive[-1] + copied if alive else copied])
