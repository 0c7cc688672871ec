"""A graph taken apart for reverse mode: a forward graph that also gives what backward reads, and a backward graph.

The graph is run under a trace with its smooth inputs on the tape, and the walk back is traced beside it. What backward
reads of the forward graph is an input of that, or computed again where that is for nothing (a view; what does not
change from step to step; arithmetic on numbers), or saved: an output more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lamella.graph import Graph, Node, Value, dce, without
from lamella.graph.control import RegionTrace, tracing, type_of
from lamella.tensor import Tensor, enable_grad
from lamella.tensor.extend import SymScalar, set_edge

from .. import _engine
from .._node import Leaf
from .._reach import leading_to
from ._apply import call, is_smooth

__all__ = ["Linear", "linearized"]


class Linear:
    """`forward` has the inputs of the graph (behind what it captured), and gives its outputs and then what is saved.

    The inputs of `backward` are listed in `reads`: ("input", i) of the graph, ("saved", k), ("outside", t) for a tensor
    that a rule made, or ("cotangent", j) of output j. It gives the gradients of `reached`, inputs by number.
    """

    __slots__ = ("backward", "captured", "forward", "reached", "reads", "saved")

    def __init__(
        self,
        forward: Graph,
        captured: list[Any],
        saved: list[Value],
        backward: Graph,
        reads: list[tuple[str, Any]],
        reached: list[int],
    ) -> None:
        self.forward = forward
        self.captured = captured
        self.saved = saved
        self.backward = backward
        self.reads = reads
        self.reached = reached

    def towards(self, came: Collection[int]) -> Linear:
        """The same where cotangents come of these outputs only; what reads those of the others is given None."""
        pairs = [(v, at) for v, (kind, at) in zip(self.backward.inputs, self.reads, strict=True) if kind == "cotangent"]
        if all(j in came for _, j in pairs):
            return self
        graph = without(self.backward, [v for v, _ in pairs], [v for v, j in pairs if j not in came])
        found = [(i, v) for i, v in zip(self.reached, graph.outputs, strict=True) if v is not None]
        graph = dce(graph.replace(graph.nodes, [v for _, v in found]))
        return Linear(self.forward, self.captured, self.saved, graph, self.reads, [i for i, _ in found])


def linearized(graph: Graph, wanted: Sequence[int], fixed: Collection[int] = ()) -> Linear:
    """The graph and its gradient with respect to the inputs `wanted`; `fixed` are those that are the same at each step:
    what depends on them alone is computed again.
    """
    ahead = RegionTrace(graph.name)
    inputs = [ahead.parameter(v.type) for v in graph.inputs]
    leaves = {}
    for i in wanted:
        leaves[i] = Leaf(inputs[i]._data.shape, inputs[i]._data.dtype, None, fresh=True)
        set_edge(inputs[i], leaves[i])
    with tracing(ahead), enable_grad():
        out = call(graph, inputs)
        outputs = [ahead.value_of(t) for t in out]
    back = RegionTrace(f"{graph.name}_backward", None, ahead)
    cotangents: dict[int, Tensor] = {j: back.parameter(type_of(t)) for j, t in enumerate(out) if is_smooth(t)}
    roots = [(out[j]._edge, g) for j, g in cotangents.items() if out[j]._edge is not None]
    targets: dict[Any, Any] = dict.fromkeys(leaves.values())
    with tracing(back):
        needed, _ = leading_to([e for e, _ in roots], targets, 0)
        _engine.run(roots, False, False, needed, targets, barrier=True)
        found = [(i, targets[leaf]) for i, leaf in leaves.items() if targets[leaf] is not None]
        gradients = [back.value_of(g) for _, g in found]
    own = [ahead.value_of(t) if isinstance(t, Tensor) else t.value for t in inputs]
    split = _Split(ahead, back, own, fixed)
    reads = [("cotangent", j) for j in cotangents]
    values = [back.value_of(t) for t in cotangents.values()]
    split.resolve()
    backward = split.graph([*values, *split.inputs], gradients)
    captured = [value for _, value in ahead.captured]
    forward = ahead.graph([*captured, *own], [*outputs, *split.saved])
    return Linear(
        forward, [t for t, _ in ahead.captured], split.saved, backward, [*reads, *split.reads], [i for i, _ in found]
    )


class _Split:
    """What the backward trace reads of the forward trace: where it comes from."""

    def __init__(self, ahead: RegionTrace, back: RegionTrace, own: list[Value], fixed: Collection[int]) -> None:
        self.ahead = ahead.builder.build([])
        self.back = back
        self.back_graph = back.builder.build([])
        self.next = self.back_graph.next_id()
        self.place = {v: i for i, v in enumerate(own)}
        self.captured = {v: t for t, v in ahead.captured}
        self.producers = self.ahead.producers()
        self.inputs: list[Value] = []
        self.reads: list[tuple[str, Any]] = []
        self.saved: list[Value] = []
        self.nodes: list[Node] = []
        self.known: dict[Value, Value] = {}  # of the forward graph -> of the backward graph
        self.still = {own[i] for i in fixed} | set(self.captured)
        for node in self.ahead.nodes:
            args = [a for a in node.args if type(a) is Value]
            if fixed and all(a in self.still for a in args):
                self.still.update(node.outputs)

    def resolve(self) -> None:
        """Give every input of the backward trace that is not a cotangent its source."""
        self.names: dict[Value, Value] = {}
        for value, mine in self.back.residuals:
            self.names[mine] = self.need(value)
        for t, mine in self.back.captured:
            if isinstance(t, SymScalar):
                self.names[mine] = self.need(t.value)
            else:
                self.names[mine] = self.read(("outside", t), mine)

    def read(self, source: tuple[str, Any], like: Value) -> Value:
        value = Value(self.next, like.type)
        self.next += 1
        self.inputs.append(value)
        self.reads.append(source)
        return value

    def need(self, value: Value) -> Value:
        """The value of the backward graph that stands for one of the forward graph."""
        found = self.known.get(value)
        if found is not None:
            return found
        if value in self.place:
            found = self.read(("input", self.place[value]), value)
        elif value in self.captured:
            found = self.read(("outside", self.captured[value]), value)
        else:
            node, at = self.producers[value]
            if node.op.spec in ("view", "scalar") or value in self.still:
                args = tuple([self.need(a) if type(a) is Value else a for a in node.args])
                outputs = tuple([Value(self.next + i, v.type) for i, v in enumerate(node.outputs)])
                self.next += len(outputs)
                self.nodes.append(Node(node.op, args, node.params, outputs, node.region, node.source))
                self.known.update(zip(node.outputs, outputs, strict=True))
                return outputs[at]
            self.saved.append(value)
            found = self.read(("saved", len(self.saved) - 1), value)
        self.known[value] = found
        return found

    def graph(self, inputs: list[Value], outputs: list[Value]) -> Graph:
        """The backward graph: what is computed again, then the walk."""
        names = self.names
        nodes = list(self.nodes)
        for node in self.back_graph.nodes:
            args = tuple([names.get(a, a) if type(a) is Value else a for a in node.args])
            nodes.append(Node(node.op, args, node.params, node.outputs, node.region, node.source))
        return Graph(self.back_graph.name, inputs, nodes, [names.get(v, v) for v in outputs])
