"""Common subexpressions: a node equal to an earlier one of its region is dropped and its outputs renamed.

Every op of a graph is pure: randomness is a function of its (seed, offset) operands, updates return new values, and
writes are effects. Two things keep equal nodes apart. Regions: a recomputed region exists to be computed again.
Memory: two results of a run that the program made separately must not become one array, so of two nodes whose memory
reaches a result, through views or directly, both stay.
"""

from __future__ import annotations

from typing import Any

from .._constant import key
from .._graph import Graph, Node, Value
from ._substitute import rebuilt, renamed

__all__ = ["cse"]


def cse(graph: Graph) -> Graph:
    """The graph with equal nodes merged, within regions and without aliasing results."""
    escaping = _escaping(graph)
    names: dict[Value, Any] = {}
    first: dict[Any, Node] = {}
    kept: list[Node] = []
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
            continue
        escapes = not escaping.isdisjoint(node.outputs)
        if escapes and not escaping.isdisjoint(found.outputs):
            kept.append(node)
            continue
        names.update(zip(node.outputs, found.outputs, strict=True))
        if escapes:
            escaping.update(found.outputs)
    return rebuilt(graph, kept, names) if changed or len(kept) < len(graph.nodes) else graph


def _escaping(graph: Graph) -> set[Value]:
    """The values whose memory a result of the run may hold: results, and what their views look at."""
    found = {v for v in graph.results() if type(v) is Value}
    for node in reversed(graph.nodes):
        if node.op.spec == "view" and not found.isdisjoint(node.outputs):
            found.update([a for a in node.args[:1] if type(a) is Value])
    return found
