"""Renaming values: what every pass that removes or replaces a node does to the rest of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._graph import Effect, Graph, Node, Value

__all__ = ["rebuilt", "renamed"]


def renamed(node: Node, names: Mapping[Value, Any]) -> Node:
    """The node over the new values; the same object where none of its args has a new name."""
    for arg in node.args:
        if type(arg) is Value and arg in names:
            args = tuple([names.get(a, a) if type(a) is Value else a for a in node.args])
            return Node(node.op, args, node.params, node.outputs, node.region, node.source)
    return node


def rebuilt(graph: Graph, nodes: Sequence[Node], names: Mapping[Value, Any]) -> Graph:
    """The graph over new nodes, its outputs and effect values renamed."""
    if not names:
        return graph.replace(nodes)
    outputs = [names.get(v, v) if type(v) is Value else v for v in graph.outputs]
    effects = [
        Effect(e.kind, e.target, names[e.value]) if type(e.value) is Value and e.value in names else e
        for e in graph.effects
    ]
    return graph.replace(nodes, outputs, effects)
