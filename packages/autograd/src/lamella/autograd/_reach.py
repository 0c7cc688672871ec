"""Which part of a graph leads to given edges: the question `grad` asks before it walks back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._node import Edge, Leaf, Node, Port

__all__ = ["is_needed", "leading_to", "leaving", "reachable"]


def _owner(edge: Edge) -> Any:
    return edge.node if type(edge) is Port else edge


def is_needed(edge: Edge, needed: set[Any]) -> bool:
    """Whether an edge leads to a target, given what `leading_to` found."""
    return edge in needed or (type(edge) is Port and edge.node in needed)


def leading_to(roots: Iterable[Edge], targets: Iterable[Edge], epoch: int) -> tuple[set[Any], bool]:
    """(targets and the nodes that lead to one, whether the walk met a node older than `epoch` or a leaf that is no
    target).
    """
    needed: set[Any] = set(targets)
    outside = False
    seen: set[Node] = set()
    stack: list[tuple[Any, int]] = [(_owner(e), 0) for e in roots]
    while stack:
        node, at = stack.pop()
        if type(node) is Leaf:
            outside = outside or node not in needed
            continue
        if at == 0:
            if node in seen:
                continue
            seen.add(node)
            if node.seq < epoch:
                outside = True
                continue
        edges = node.edges
        if at < len(edges):
            stack.append((node, at + 1))
            if edges[at] is not None:
                stack.append((_owner(edges[at]), 0))
        elif any(e is not None and is_needed(e, needed) for e in edges):
            # all that is behind it has been seen by now
            needed.add(node)
    return needed, outside


def leaving(roots: Iterable[Edge], epoch: int, own: set[Leaf]) -> list[Edge]:
    """The edges that lead out of a call that began at `epoch`: to older nodes, and to leaves other than its own."""
    found: dict[Any, None] = {}
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        edge = stack.pop()
        node = _owner(edge)
        if type(node) is Leaf:
            if node not in own:
                found[edge] = None
        elif node.seq < epoch:
            found[edge] = None
        elif node not in seen:
            seen.add(node)
            stack.extend(e for e in node.edges if e is not None)
    return list(found)


def reachable(roots: Iterable[Edge], needed: set[Any] | None) -> set[Any]:
    """The nodes and leaves that a walk from `roots` comes to; with `needed`, on the way to its targets only."""
    found: set[Any] = set()
    owners = None if needed is None else {_owner(e) for e in needed}
    stack = [_owner(e) for e in roots]
    while stack:
        node = stack.pop()
        if node in found or (owners is not None and node not in owners):
            continue
        found.add(node)
        if type(node) is not Leaf:
            stack.extend([_owner(e) for e in node.edges if e is not None])
    return found
