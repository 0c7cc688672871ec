"""The interpreter as a graph executor, found by `interfaces.discover("executor")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ._graph import Graph
from ._interpret import interpret
from ._passes import live_bytes

__all__ = ["NAME", "compile_graph", "planned_bytes"]

NAME: Final = "interpreter"


def compile_graph(graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
    """A function from a list of arrays and numbers to the outputs followed by the effect values."""
    return interpret(graph)


def planned_bytes(graph: Graph) -> int:
    """Bytes of the arrays that a run of the graph holds at its peak, beside its inputs."""
    return max(live_bytes(graph), default=0)
