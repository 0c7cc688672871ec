"""Constant folding of host scalars: a scalar op over Python numbers becomes a number.

Tensors are never folded: a graph bakes in no data. What would raise at run time (a division by zero), leaves its
declared kind or does not fit into 64 bits stays a node, so that folding never changes what a run does.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import rule

from .._graph import Graph, Node, Value
from .._scalar import widened
from .._types import ScalarType
from ._substitute import rebuilt, renamed

__all__ = ["fold_scalars"]

_LOW = -(1 << 63)
_HIGH = 1 << 63


def fold_scalars(graph: Graph) -> Graph:
    """The graph with every scalar node that has only constant operands replaced by its value."""
    names: dict[Value, Any] = {}
    kept: list[Node] = []
    changed = False
    for old in graph.nodes:
        node = old.mapped(fold_scalars) if old.op.spec == "control" else old
        changed = changed or node is not old
        node = renamed(node, names) if names else node
        if node.op.spec == "scalar" and not any(type(a) is Value for a in node.args):
            result = _folded(node)
            if result is not None:
                names[node.outputs[0]] = result
                continue
        kept.append(node)
    return rebuilt(graph, kept, names) if names or changed else graph


def _folded(node: Node) -> bool | int | float | None:
    declared = node.outputs[0].type
    if not isinstance(declared, ScalarType):
        return None
    try:
        result: bool | int | float = widened(node.op, rule(node.op, "numpy")(*node.args, **node.params), declared.kind)
    except (ArithmeticError, ValueError):
        return None  # the run must raise it, where the user can see it
    return result if type(result) is not int or _LOW <= result < _HIGH else None
