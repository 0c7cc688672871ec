"""Common subexpressions: a node equal to an earlier one of its region is dropped and its outputs renamed.

Every op of a graph is pure: randomness is a function of its (seed, offset) operands, updates return new values, and
writes are effects. Two things keep equal nodes apart. Regions: a recomputed region exists to be computed again.
Memory: two results of a run that the program made separately must not become one array, so of two nodes whose memory
reaches a result, through views or directly, both stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._constant import key
from .._graph import Graph, Node, Value, as_value
from ._memory import reaching_results
from ._prune import repeated
from ._substitute import rebuilt, renamed

__all__ = ["cse"]


def cse(graph: Graph) -> Graph:
    """The graph with equal nodes merged, within regions and without aliasing results."""
    escaping = reaching_results(graph)
    names: dict[Value, Any] = {}
    first: dict[Any, Node] = {}
    kept: list[Node] = []
    producers = graph.producers()
    changed = False
    for old in graph.nodes:
        node = old.mapped(cse) if old.op.spec == "control" else old
        changed = changed or node is not old
        node = renamed(node, names) if names else node
        params = tuple([key(node.params[n]) for n in node.op.params]) if node.params else ()
        same = (node.op, tuple([a if type(a) is Value else key(a) for a in node.args]), params, node.region)
        found = first.setdefault(same, node)
        if found is node:
            kept.append(node)
            for i, j in repeated(node):
                one, other = node.outputs[i], node.outputs[j]
                if one not in escaping or other not in escaping:
                    names[other] = one
                    escaping.update({one} if other in escaping else ())
            continue
        escapes = not escaping.isdisjoint(node.outputs)
        if escapes and not escaping.isdisjoint(found.outputs):
            kept.append(node)
            continue
        names.update(zip(node.outputs, found.outputs, strict=True))
        if escapes:
            _spread(found, producers, escaping)
    return rebuilt(graph, kept, names) if changed or names else graph


def _spread(node: Node, producers: Mapping[Value, tuple[Node, int]], escaping: set[Value]) -> None:
    """Note that a result holds what the node gives, and so what that is a view of."""
    escaping.update(node.outputs)
    while node.op.spec == "view" and node.args[0] in producers:
        node, _ = producers[as_value(node.args[0])]
        escaping.update(node.outputs)
