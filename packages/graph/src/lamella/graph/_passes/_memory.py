"""Which values share memory with what a run returns: passes must not give two results one array, nor a result an
input's.
"""

from __future__ import annotations

from .._graph import Graph, Value

__all__ = ["reaching_results"]


def reaching_results(graph: Graph) -> set[Value]:
    """The values whose memory a result of the run may hold: results, and what their views look at."""
    found = {v for v in graph.results() if type(v) is Value}
    for node in reversed(graph.nodes):
        if node.op.spec == "view" and not found.isdisjoint(node.outputs):
            found.update([a for a in node.args[:1] if type(a) is Value])
    return found
