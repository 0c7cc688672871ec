"""Dead code: nodes that neither an output nor an effect needs are dropped, and of the graphs inside a node what no
result of it that is read needs. Inputs and effects stay, they are the signature.
"""

from __future__ import annotations

from .._graph import Graph, Node, Value
from ._prune import pruned

__all__ = ["dce"]


def dce(graph: Graph) -> Graph:
    """The graph without the nodes whose outputs nobody reads."""
    live = {v for v in graph.results() if type(v) is Value}
    kept: list[Node] = []
    changed = False
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.outputs):
            found = pruned(pruned(node, live).mapped(dce), live)  # what goes inside may leave operands unread
            changed = changed or found is not node
            kept.append(found)
            live.update([a for a in found.args if type(a) is Value])
    if len(kept) == len(graph.nodes) and not changed:
        return graph
    kept.reverse()
    return graph.replace(kept)
