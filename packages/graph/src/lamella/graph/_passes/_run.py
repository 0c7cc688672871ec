"""Running passes in order, with the verifier between them when asked: a broken pass is named by the error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .._errors import GraphError
from .._graph import Graph
from .._verify import verify as check

__all__ = ["Pass", "run_passes"]


class Pass(Protocol):
    """A function from graph to graph that keeps the signature; its name appears in errors."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, graph: Graph, /) -> Graph: ...


def run_passes(graph: Graph, passes: Iterable[Pass], *, verify: bool = False) -> Graph:
    """Apply the passes in order; `verify` checks before and after each, and GraphError names the pass."""
    if verify:
        check(graph)
    for pass_ in passes:
        graph = pass_(graph)
        if verify:
            try:
                check(graph)
            except GraphError as error:
                raise GraphError(f"after pass {pass_.__name__!r}: {error}") from error
    return graph
