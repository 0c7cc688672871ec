"""Dead code: nodes that neither an output nor an effect needs are dropped. Inputs and effects stay, they are the
signature.
"""

from __future__ import annotations

from .._graph import Graph, Node, Value

__all__ = ["dce"]


def dce(graph: Graph) -> Graph:
    """The graph without the nodes whose outputs nobody reads."""
    live = {v for v in graph.results() if type(v) is Value}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.outputs):
            kept.append(node)
            live.update([a for a in node.args if type(a) is Value])
    if len(kept) == len(graph.nodes):
        return graph
    kept.reverse()
    return graph.replace(kept)
