"""A backward without some of its cotangents: what the walk from the other results alone would have traced.

A cotangent that does not come is not zero, it is absent: the rules on its way do not run, so that 0 * inf is never
formed, and gradients that nothing else reaches are none. In the graph of all cotangents absence spreads: through an op
whose cotangents are all absent, through a sum to its other side, and into the bodies of control flow. Any other op that
takes some that came and some that did not gets zeros for these, as its rule would have made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from lamella.tensor.extend import OPS

from .._graph import Graph, Node, Value
from .._types import TensorType

__all__ = ["Marked", "without"]


class Marked(NamedTuple):
    """Copies that only mark a place in a graph, by the id of their value, each with the ids of cotangents."""

    fills: dict[int, tuple[int, ...]]  # what is given to the same Function
    ties: dict[int, tuple[int, ...]]  # without which the rule does not run


def without(graph: Graph, cotangents: Sequence[Value], absent: Collection[Value], marks: Marked | None = None) -> Graph:
    """The graph where some of the cotangents, which are inputs, do not come; absent outputs are None.

    Its inputs stay as they are.
    """
    return _Pruned(graph, cotangents, absent, marks or Marked({}, {})).graph()


class _Pruned:
    def __init__(self, graph: Graph, cotangents: Sequence[Value], absent: Collection[Value], marks: Marked) -> None:
        self._graph = graph
        self._fills, self._ties = marks
        self._depends = {v.id for v in cotangents}
        self._absent = {v.id for v in absent}
        self._names: dict[Value, Value] = {}
        self._nodes: list[Node] = []
        self._next = graph.next_id()

    def graph(self) -> Graph:
        """The graph that is left."""
        for node in self._graph.nodes:
            mark = node.outputs[0].id
            if mark in self._ties:
                self._tied(node, self._ties[mark])
            elif mark in self._fills:
                self._filled(node, self._fills[mark])
            else:
                self._plain(node)
        outputs = [None if type(v) is Value and v.id in self._absent else self._named(v) for v in self._graph.outputs]
        return self._graph.replace(self._nodes, outputs)

    def _tied(self, node: Node, cotangents: tuple[int, ...]) -> None:
        self._stands_for(node, node.args[0])
        if self._absent.issuperset(cotangents):
            self._absent.add(node.outputs[0].id)

    def _filled(self, node: Node, group: tuple[int, ...]) -> None:
        a = node.args[0]
        if type(a) is not Value or a.id not in self._absent:
            self._stands_for(node, a)
        elif self._absent.issuperset(group):
            self._stands_for(node, a)
            self._absent.add(node.outputs[0].id)
        else:
            self._stands_for(node, self._zeros(a, node))

    def _plain(self, node: Node) -> None:
        on_way = [a for a in node.args if type(a) is Value and a.id in self._depends]
        absent = [a for a in on_way if a.id in self._absent]
        if on_way:
            self._depends.update([v.id for v in node.outputs])
        if absent and len(absent) == len(on_way):
            self._absent.update([v.id for v in node.outputs])
            return
        out = node.outputs[0]
        if absent and node.op.name == "add" and all(a.type == out.type for a in on_way):
            self._names[out] = self._named(next(a for a in on_way if a not in absent))
            return
        if absent and node.op.name == "cond":
            node, absent = self._cond(node), []
        elif absent and node.op.name == "scan":
            node, absent = self._scan(node)
        args = tuple([self._zeros(a, node) if a in absent else self._named(a) for a in node.args])
        same = all(a is b for a, b in zip(args, node.args, strict=True))
        changed = Node(node.op, args, node.params, node.outputs, node.region, node.source)
        self._nodes.append(node if same else changed)

    def _is_absent(self, a: Any) -> bool:
        return type(a) is Value and a.id in self._absent

    def _depends_on(self, a: Any) -> bool:
        return type(a) is Value and a.id in self._depends

    def _cond(self, node: Node) -> Node:
        """The node over branches without what is absent; a result that either of them gives stays, unless as zeros, as
        for what it does not read.
        """
        given = node.args[1:]
        bodies = [self._body(graph, given, range(0)) for graph in node.regions()]
        given_by = [_given(body) for body in bodies]
        keep = []
        for j in range(len(node.outputs)):
            absent = any(body.outputs[j] is None for body in bodies)
            if any(j in found for found in given_by) or not absent:
                keep.append(j)
        self._absent.update([v.id for j, v in enumerate(node.outputs) if j not in keep])
        left = [i for i, a in enumerate(given) if not self._is_absent(a)]
        names = ("then", "otherwise")
        params = {name: _completed(body, left, keep, node) for name, body in zip(names, bodies, strict=True)}
        args = (node.args[0], *[given[i] for i in left])
        return Node(node.op, args, params, tuple([node.outputs[j] for j in keep]), node.region, node.source)

    def _scan(self, node: Node) -> tuple[Node, list[Value]]:
        """The node over steps without what is absent, and the carries that begin with zeros: those that are absent at
        the end of the loop only.
        """
        p, body = node.params, node.params["body"]
        first, carried, given = int(p["indexed"]), p["carried"], node.args
        begin = len(given) - p["scanned"] - carried
        carry = range(begin, begin + carried)
        gone = {i for i in carry if self._is_absent(given[i])}
        while True:
            pruned = self._body(body, (None,) * first + given, [first + i for i in carry if i not in gone])
            back = {i for i in gone if pruned.outputs[i - begin] is not None}
            if not back:
                break
            gone -= back
        # what no step changes, and nothing on the way began, does not depend on what came
        still = {i for i in carry if i not in gone and not self._depends_on(given[i])}
        still = {i for i in still if pruned.outputs[i - begin] is body.inputs[first + i] is not body.outputs[i - begin]}
        last = range(carried, len(node.outputs))
        keep = [i - begin for i in carry if i not in gone] + [j for j in last if pruned.outputs[j] is not None]
        self._absent.update([v.id for j, v in enumerate(node.outputs) if j not in keep or begin + j in still])
        left = [i for i, a in enumerate(given) if (i in carry and i not in gone) or not self._is_absent(a)]
        params = {
            **p,
            "body": _completed(pruned, [*range(first), *[first + i for i in left]], keep, node),
            "carried": carried - len(gone),
            "scanned": sum(i >= begin + carried for i in left),
        }
        outputs = tuple([node.outputs[j] for j in keep])
        made = Node(node.op, tuple([given[i] for i in left]), params, outputs, node.region, node.source)
        zeros = [a for i in carry if i not in gone and type(a := given[i]) is Value and self._is_absent(a)]
        return made, zeros

    def _body(self, graph: Graph, given: Sequence[Any], present: Collection[int]) -> Graph:
        """A body for these operands; those at `present` change from step to step, and come."""
        cotangents = [v for i, v in enumerate(graph.inputs) if i in present or self._depends_on(given[i])]
        absent = [v for i, v in enumerate(graph.inputs) if i not in present and self._is_absent(given[i])]
        return without(graph, cotangents, absent)

    def _stands_for(self, node: Node, value: Any) -> None:
        self._depends.add(node.outputs[0].id)
        self._names[node.outputs[0]] = self._named(value)

    def _named(self, value: Any) -> Any:
        return self._names.get(value, value) if type(value) is Value else value

    def _zeros(self, value: Any, node: Node) -> Any:
        if not isinstance(value.type, TensorType):
            return 0  # a number out of a gradient
        out = Value(self._next, value.type)
        self._next += 1
        self._nodes.append(_full(out, node))
        return out


def _full(out: Value, node: Node) -> Node:
    params = {"shape": out.tensor.shape, "dtype": out.tensor.dtype}
    return Node(OPS["full"], (0,), params, (out,), node.region, node.source)


def _given(body: Graph) -> set[int]:
    """The outputs that are neither absent nor zeros."""
    zeros = {node.outputs[0] for node in body.nodes if node.op.name == "full" and node.args[0] == 0}
    return {j for j, v in enumerate(body.outputs) if v is not None and v not in zeros}


def _completed(body: Graph, inputs: Sequence[int], outputs: Sequence[int], node: Node) -> Graph:
    """A body with these of its inputs and outputs; zeros where an output is absent."""
    nodes, results, at = list(body.nodes), [], body.next_id()
    for j in outputs:
        value = body.outputs[j]
        if value is None:
            value = Value(at, node.outputs[j].type)
            at += 1
            nodes.append(_full(value, node))
        results.append(value)
    sources = [body.sources[i] for i in inputs]
    return Graph(body.name, [body.inputs[i] for i in inputs], nodes, results, body.effects, sources)
