"""The interpreter as a graph executor, found by `interfaces.discover("executor")`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ._graph import Graph
from ._interpret import interpret

__all__ = ["NAME", "compile_graph"]

NAME: Final = "interpreter"


def compile_graph(graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
    """A function from a list of arrays and numbers to the outputs followed by the effect values."""
    return interpret(graph)
