"""What a control flow op computes for nobody: results that are not read, and operands that its graphs do not read.

A result of a loop's carry is needed by who reads it, or by a step that makes another needed result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from .._graph import Graph, Node, Value

__all__ = ["pruned", "repeated"]


def _picked(items: Sequence[Any], keep: Collection[int]) -> list[Any]:
    return [item for i, item in enumerate(items) if i in keep]


def _narrowed(graph: Graph, inputs: Collection[int], outputs: Collection[int]) -> Graph:
    live = {v for v in _picked(graph.outputs, outputs) if type(v) is Value}
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.outputs):
            nodes.append(node)
            live.update([a for a in node.args if type(a) is Value])
    nodes.reverse()
    sources = _picked(graph.sources, inputs)
    return Graph(graph.name, _picked(graph.inputs, inputs), nodes, _picked(graph.outputs, outputs), (), sources)


def _read(graph: Graph, outputs: Collection[int]) -> set[int]:
    """The inputs that these outputs depend on."""
    live = {v for v in _picked(graph.outputs, outputs) if type(v) is Value}
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.outputs):
            live.update([a for a in node.args if type(a) is Value])
    return {i for i, v in enumerate(graph.inputs) if v in live}


def _cond(node: Node, live: set[int]) -> Node:
    then, otherwise = node.params["then"], node.params["otherwise"]
    inputs = _read(then, live) | _read(otherwise, live)
    if len(inputs) == len(then.inputs) and len(live) == len(node.outputs):
        return node
    params = {"then": _narrowed(then, inputs, live), "otherwise": _narrowed(otherwise, inputs, live)}
    args = (node.args[0], *_picked(node.args[1:], inputs))
    return Node(node.op, args, params, tuple(_picked(node.outputs, live)), node.region, node.source)


def _while(node: Node, live: set[int]) -> Node:
    test, body, carried = node.params["test"], node.params["body"], node.params["carried"]
    first = len(node.args) - carried
    deciding = _read(test, {0})
    kept = live | {i - first for i in deciding if i >= first}
    inputs: set[int] = set()
    while True:
        inputs = deciding | _read(body, kept)
        more = kept | {i - first for i in inputs if i >= first}
        if more == kept:
            break
        kept = more
    inputs |= {first + k for k in kept}
    if len(inputs) == len(node.args) and len(kept) == carried:
        return node
    graphs = {"test": _narrowed(test, inputs, {0}), "body": _narrowed(body, inputs, kept)}
    params = {**node.params, **graphs, "carried": len(kept)}
    outputs = tuple(_picked(node.outputs, kept))
    return Node(node.op, tuple(_picked(node.args, inputs)), params, outputs, node.region, node.source)


def _scan(node: Node, live: set[int]) -> Node:
    body, carried, scanned = node.params["body"], node.params["carried"], node.params["scanned"]
    index = int(node.params["indexed"])
    last = len(node.args) - scanned
    first = last - carried
    kept = set(live)
    while True:
        read = _read(body, kept)
        more = kept | {i - index - first for i in read if first <= i - index < last}
        if more == kept:
            break
        kept = more
    operands = {i - index for i in read if i >= index} | {first + k for k in kept if k < carried}
    indexed = bool(index) and 0 in read
    if len(operands) == len(node.args) and len(kept) == len(node.outputs) and indexed == bool(index):
        return node
    inputs = {i + index for i in operands} | ({0} if indexed else set())
    params = {
        **node.params,
        "body": _narrowed(body, inputs, kept),
        "carried": sum(k < carried for k in kept),
        "scanned": sum(i >= last for i in operands),
        "indexed": indexed,
    }
    outputs = tuple(_picked(node.outputs, kept))
    return Node(node.op, tuple(_picked(node.args, operands)), params, outputs, node.region, node.source)


_RULES: dict[str, Callable[[Node, set[int]], Node]] = {"cond": _cond, "while_loop": _while, "scan": _scan}


def pruned(node: Node, live: Collection[Value]) -> Node:
    """The node without what only unread results need; itself where there is nothing, or it is no control flow op."""
    rule = _RULES.get(node.op.name)
    return node if rule is None else rule(node, {i for i, v in enumerate(node.outputs) if v in live})


def repeated(node: Node) -> list[tuple[int, int]]:
    """Results that are the same as an earlier one: stacks of one value of a body, or one value of each branch."""
    if node.op.name == "scan":
        first = node.params["carried"]
        keys = [None] * first + list(node.params["body"].outputs[first:])
    elif node.op.name == "cond":
        keys = list(zip(node.params["then"].outputs, node.params["otherwise"].outputs, strict=True))
    else:
        return []
    seen: dict[Any, int] = {}
    return [(seen[k], i) for i, k in enumerate(keys) if k is not None and seen.setdefault(k, i) != i]
