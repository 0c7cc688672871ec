"""A traced backward without some of its cotangents: what the walk from the other results alone would have traced.

A cotangent that does not come is not zero, it is absent: the rules on its way do not run, so that 0 * inf is never
formed, and gradients that nothing else reaches are None. In the graph of all cotangents absence spreads: through an op
whose cotangents are all absent, and through a sum to its other side. An op that takes others beside gets zeros for
them, as its rule would have made.

What a graph does not show is marked while it is traced: which zeros a Function of the user's gets (its own code may
multiply them), and gradients that do not depend on a cotangent but are there only if the rule ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lamella.graph import Graph, Node, TensorType, Trace, Value
from lamella.tensor import Tensor
from lamella.tensor.extend import LEVEL, OPS

__all__ = ["Marked", "Marks", "without"]


class Marked(NamedTuple):
    """The marks in a graph, by the id of their value, each with ids of cotangents."""

    fills: dict[int, tuple[int, ...]]  # what is given to the same Function
    ties: dict[int, tuple[int, ...]]  # without which the rule does not run


class Marks:
    """What a walk tells of its rules; a mark is a `copy` in the trace, which `without` takes away again."""

    def __init__(self, trace: Trace, cotangents: Sequence[Tensor]) -> None:
        self._trace = trace
        self._depends = {trace.value_of(t).id for t in cotangents}
        self._seen = 0
        self.found = Marked({}, {})

    def filled(self, given: list[Any]) -> list[Any]:
        """The cotangents of a Function that gets zeros for those that do not come."""
        marked = [i for i, g in enumerate(given) if g is not None and self._on_way(g)]
        if len(marked) < 2:
            return given
        ids = tuple([self._trace.value_of(given[i]).id for i in marked])
        out = list(given)
        for i in marked:
            out[i] = self._mark(given[i], self.found.fills, ids)
        return out

    def left(self, given: Sequence[Any], grads: Sequence[Any], wanted: Sequence[int]) -> Sequence[Any]:
        """The gradients of a rule that ran for these cotangents of its outputs."""
        came = [g for g in given if g is not None]
        if any(g._flags & LEVEL for g in came):
            return grads
        ids: tuple[int, ...] = ()
        out = grads
        for i in wanted:
            g = grads[i]
            if g is None or g._flags & LEVEL or self._on_way(g):
                continue
            ids = ids or tuple([self._trace.value_of(t).id for t in came])
            out = list(out)
            out[i] = self._mark(g, self.found.ties, ids)
        return out

    def _on_way(self, t: Tensor) -> bool:
        """Whether a tensor was computed from a cotangent."""
        if t._flags & LEVEL:
            return False
        found = self._trace.value_of(t).id
        for node in self._trace.builder.since(self._seen):
            if any(type(a) is Value and a.id in self._depends for a in node.args):
                self._depends.update([v.id for v in node.outputs])
        self._seen = self._trace.builder.size
        return found in self._depends

    def _mark(self, t: Tensor, marks: dict[int, tuple[int, ...]], ids: tuple[int, ...]) -> Tensor:
        out: Tensor = self._trace.record(OPS["copy"], (t,), {})
        found = self._trace.value_of(out).id
        marks[found] = ids
        self._depends.add(found)
        return out


def without(graph: Graph, cotangents: int, followed: int, marks: Marked) -> Graph:
    """The backward of the cotangents whose bit is set in `followed`; absent outputs are None.

    The first inputs of `graph` are the cotangents; its inputs stay as they are.
    """
    return _Pruned(graph, cotangents, followed, marks).graph()


class _Pruned:
    def __init__(self, graph: Graph, cotangents: int, followed: int, marks: Marked) -> None:
        self._graph = graph
        self._fills, self._ties = marks
        own = graph.inputs[:cotangents]
        self._depends = {v.id for v in own}
        self._absent = {v.id for i, v in enumerate(own) if not followed >> i & 1}
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
        args = tuple([self._zeros(a, node) if a in absent else self._named(a) for a in node.args])
        same = all(a is b for a, b in zip(args, node.args, strict=True))
        changed = Node(node.op, args, node.params, node.outputs, node.region, node.source)
        self._nodes.append(node if same else changed)

    def _stands_for(self, node: Node, value: Any) -> None:
        self._depends.add(node.outputs[0].id)
        self._names[node.outputs[0]] = self._named(value)

    def _named(self, value: Any) -> Any:
        return self._names.get(value, value) if type(value) is Value else value

    def _zeros(self, value: Any, node: Node) -> Any:
        type_ = value.type
        if not isinstance(type_, TensorType):
            return 0  # a number out of a gradient
        out = Value(self._next, type_)
        self._next += 1
        params = {"shape": type_.shape, "dtype": type_.dtype}
        self._nodes.append(Node(OPS["full"], (0,), params, (out,), node.region, node.source))
        return out
