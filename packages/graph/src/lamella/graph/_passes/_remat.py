"""Rematerialisation: what is kept from a first part of a program for a later one, and what is computed again.

A value that the later part reads is either kept, at a price for its bytes (written once, read once, and alive in
between), or computed again, at the price of its op, from values for which the same choice holds. The cheapest set of
choices is a minimum cut. Prices are in bytes moved; the price of keeping is multiplied by `worth`: 1 keeps what costs
more than its own traffic to compute again, so that casts, masks and cheap elementwise chains are not kept; more saves
more memory. Draws, updates and control flow are never computed again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lamella.tensor.extend import MissingRule, rule

from .._graph import Graph, Node, Value
from .._infer import meta
from .._types import TensorType
from ._cut import INFINITE, Network
from ._dce import dce

__all__ = ["kept_for", "live_bytes", "partition", "reading", "rematerialize", "size_bytes"]

_FLOPS_A_BYTE: Final = 8.0  # of a matrix product, in the time that a byte takes to and from memory
_CHEAP: Final = 0.1  # of an elementwise step that a kernel does anyway, a byte of its result
_DEAR: Final = 2.5  # of a polynomial
_POLYNOMIALS: Final = frozenset({
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "erfc",
    "gelu", "silu", "softplus", "pow", "sinh", "cosh", "asin", "acos", "atan", "atan2", "logaddexp", "erfinv",
})  # fmt: skip
_KEPT: Final = 2.0  # a byte that is kept is written and read
_ROUNDS: Final = 8


def size_bytes(value: Value) -> int:
    """Bytes of a tensor; a host scalar has none."""
    type_ = value.type
    return math.prod(type_.shape) * type_.dtype.itemsize if isinstance(type_, TensorType) else 0


def again(node: Node) -> float:
    """The price of computing a node again; infinite where that is not allowed or its cost is not known."""
    op = node.op
    if op.mutates or op.spec in ("scalar", "control"):
        return INFINITE
    if any(type(a) is Value and not isinstance(a.type, TensorType) for a in node.args):
        return INFINITE  # a draw, or a number that only the first part knows
    if op.spec == "view":
        return 0.0
    out = sum(map(size_bytes, node.outputs))
    if op.spec == "creation":
        return _CHEAP * out if op.name in ("full", "arange") else INFINITE
    if op.spec == "elementwise":
        return (_DEAR if op.name in _POLYNOMIALS or op.body is not None else _CHEAP) * out
    try:
        flops, moved = rule(op, "cost")(*[meta(a.type) if type(a) is Value else a for a in node.args], **node.params)
    except MissingRule:
        return INFINITE
    # an op of its own reads its operands again, which a step inside of a kernel does not
    return float(3 * moved + flops / _FLOPS_A_BYTE)


def _chosen(
    nodes: Sequence[Node], wanted: Iterable[Value], free: set[Value], barred: set[Value], worth: float
) -> tuple[set[Value], set[Node]]:
    """(what to keep, what to compute again) so that `wanted` can be had.

    Values in `free` cost nothing to keep; those in `barred` must not be kept.
    """
    producers = {v: node for node in nodes for v in node.outputs}
    net = Network()
    needed: dict[Value, int] = {}
    computed: dict[Node, int] = {}
    todo = list(dict.fromkeys(wanted))
    for value in todo:
        net_vertex = needed[value] = net.vertex()
        net.edge(net_vertex, 1, INFINITE)
    while todo:
        value = todo.pop()
        node = producers.get(value)
        keeping = 0.0 if value in free else INFINITE if value in barred else _KEPT * worth * max(size_bytes(value), 64)
        if node is None:
            net.edge(0, needed[value], keeping)
            continue
        price = again(node)
        if price == INFINITE:
            net.edge(0, needed[value], keeping)
            continue
        if node not in computed:
            vertex = computed[node] = net.vertex()
            net.edge(0, vertex, price)
            for a in node.args:
                if type(a) is Value:
                    if a not in needed:
                        needed[a] = net.vertex()
                        todo.append(a)
                    net.edge(needed[a], vertex, INFINITE)
        net.edge(computed[node], needed[value], keeping)
    early = net.cut()
    repeated = {node for node, vertex in computed.items() if not early[vertex]}
    kept = {value for value, vertex in needed.items() if not early[vertex] and (producers.get(value) not in repeated)}
    return kept, repeated


def kept_for(nodes: Sequence[Node], wanted: Iterable[Value], free: set[Value], worth: float) -> set[Value]:
    """What to keep of the values of a first part, or of its inputs, so that `wanted` can be had: what is not kept is
    computed again. Values in `free` cost nothing to keep.
    """
    return _chosen(nodes, wanted, free, set(), worth)[0]


class _Late:
    """The later part, with what it computes again put in front of its first reader."""

    def __init__(self, first: int, region: int, repeated: set[Node], producers: Mapping[Value, Node]) -> None:
        self.nodes: list[Node] = []
        self._names: dict[Value, Value] = {}
        self._next = first
        self._region = region
        self._repeated = repeated
        self._producers = producers

    def value(self, value: Any) -> Any:
        """What stands for a value here."""
        if type(value) is not Value:
            return value
        stack = [value]
        while stack:
            at = stack[-1]
            node = self._producers.get(at)
            if at in self._names or node is None or node not in self._repeated:
                stack.pop()
                continue
            missing = [a for a in node.args if type(a) is Value and self._lacks(a)]
            if missing:
                stack += missing
                continue
            stack.pop()
            self._again(node)
        return self._names.get(value, value)

    def _lacks(self, value: Value) -> bool:
        return value not in self._names and self._producers.get(value) in self._repeated

    def _again(self, node: Node) -> None:
        outputs = tuple([Value(self._next + i, v.type) for i, v in enumerate(node.outputs)])
        self._next += len(outputs)
        args = tuple([self._names.get(a, a) if type(a) is Value else a for a in node.args])
        self.nodes.append(Node(node.op, args, node.params, outputs, self._region, node.source))
        self._names.update(zip(node.outputs, outputs, strict=True))

    def add(self, node: Node) -> None:
        """A node of the later part."""
        args = tuple([self.value(a) for a in node.args])
        same = all(a is b for a, b in zip(args, node.args, strict=True))
        self.nodes.append(node if same else Node(node.op, args, node.params, node.outputs, node.region, node.source))


def _region(graph: Graph) -> int:
    return 1 + max((node.region for node in graph.nodes), default=0)


# -- a forward and the backward that runs later


def partition(forward: Graph, backward: Graph, outputs: int, worth: float = 1.0) -> tuple[Graph, Graph]:
    """Both graphs with another set of values between them.

    The first `outputs` of the forward are the user's; the others are what the last inputs of the backward stand for.
    Inputs of the forward, and its own results, are kept only where the backward reads them anyway: a program may write
    to them in between.
    """
    wanted = [v for v in forward.outputs[outputs:] if type(v) is Value]
    reachable = _reachable(forward, outputs)
    read = set(wanted)
    free = {v for v in read if v in reachable or not isinstance(v.type, TensorType)}
    kept, repeated = _chosen(forward.nodes, wanted, free, reachable - read, worth)
    if not repeated:
        return forward, backward
    made = [v for node in forward.nodes for v in node.outputs]
    order = [v for v in [*forward.inputs, *made] if v in kept]
    changed = reading(forward, backward, outputs, order)
    return dce(forward.replace(forward.nodes, [*forward.outputs[:outputs], *order])), changed


def reading(forward: Graph, backward: Graph, outputs: int, kept: Sequence[Value]) -> Graph:
    """The backward with `kept`, values of the forward, for its last inputs: what else it reads is computed again."""
    own = backward.inputs[: len(backward.inputs) - (len(forward.outputs) - outputs)]
    given = dict(zip(backward.inputs[len(own) :], forward.outputs[outputs:], strict=True))
    producers = {v: node for node in forward.nodes for v in node.outputs}
    # the ids of the backward are its own: what comes from the forward gets new ones
    first = backward.next_id()
    inputs = {v: Value(first + i, v.type) for i, v in enumerate(kept)}
    late = _Late(first + len(kept), _region(backward), set(forward.nodes), producers)
    late._names.update(inputs)
    for node in backward.nodes:
        args = tuple([late.value(given[a]) if a in given else a for a in node.args])
        late.nodes.append(Node(node.op, args, node.params, node.outputs, node.region, node.source))
    results = [late.value(given[v]) if v in given else v for v in backward.outputs]
    sources = [*backward.sources[: len(own)], *[f"residual %{v.id}" for v in kept]]
    return Graph(backward.name, [*own, *inputs.values()], late.nodes, results, backward.effects, sources)


def _reachable(graph: Graph, outputs: int) -> set[Value]:
    """Values whose memory a user can reach after a run: inputs, results, and views of these."""
    found: set[Any] = {*graph.inputs, *graph.outputs[:outputs], *[e.value for e in graph.effects]}
    for node in reversed(graph.nodes):
        if node.op.spec == "view" and node.outputs[0] in found:
            found.add(node.args[0])
    for node in graph.nodes:
        if node.op.spec == "view" and node.args[0] in found:
            found.update(node.outputs)
    return {v for v in found if type(v) is Value}


# -- one program


def live_bytes(graph: Graph) -> list[int]:
    """Bytes alive while each node runs, beside the inputs; a view is its operand's memory."""
    root: dict[Any, Any] = {}
    last: dict[Value, int] = {}
    for i, node in enumerate(graph.nodes):
        for a in node.args:
            if type(a) is Value:
                last[root.get(a, a)] = i
        for v in node.outputs:
            root[v] = root.get(node.args[0], node.args[0]) if node.op.spec == "view" else v
            last.setdefault(root[v], i)
    for result in graph.results():
        if type(result) is Value:
            last[root.get(result, result)] = len(graph.nodes)
    ending: dict[int, int] = {}
    alive, found = 0, []
    for i, node in enumerate(graph.nodes):
        if node.op.spec != "view":
            for v in node.outputs:
                alive += size_bytes(v)
                ending[last[v]] = ending.get(last[v], 0) + size_bytes(v)
        found.append(alive)
        alive -= ending.get(i, 0)
    return found


def rematerialize(graph: Graph, worth: float, segments: int = 1) -> Graph:
    """The graph with less alive at its peak: what is read after the peak may be computed again after it.

    What is computed again is cut into `segments`, between which values are kept: one segment is alive at a time, where
    the later part reads values in the opposite order. The graph itself where its peak does not fall.
    """
    best = max(live_bytes(graph), default=0)
    for _ in range(_ROUNDS):
        alive = live_bytes(graph)
        if not alive:
            break
        changed = _cut_at(graph, alive.index(max(alive)), worth, segments)
        peak = max(live_bytes(changed), default=0)
        if peak >= best:
            break
        graph, best = changed, peak
    return graph


def _cut_at(graph: Graph, place: int, worth: float, segments: int) -> Graph:
    early, late = graph.nodes[: place + 1], graph.nodes[place + 1 :]
    made = {v for node in early for v in node.outputs}
    wanted = list(dict.fromkeys(a for node in late for a in node.args if type(a) is Value and a in made))
    results = {v for v in graph.results() if type(v) is Value}
    free = set(graph.inputs) | {v for v in made if v in results or not isinstance(v.type, TensorType)}
    _, repeated = _chosen(early, wanted, free, set(), worth)
    repeated = {node for node in repeated if results.isdisjoint(node.outputs)}
    repeated -= _between([node for node in early if node in repeated], segments)
    if not repeated:
        return graph
    rest = _Late(graph.next_id(), _region(graph), repeated, {v: node for node in early for v in node.outputs})
    for node in late:
        rest.add(node)
    return dce(graph.replace([*early, *rest.nodes]))


def _between(nodes: list[Node], segments: int) -> set[Node]:
    """The nodes whose values cross from a segment to the next, cut where few bytes do."""
    if segments < 2 or len(nodes) < segments:
        return set()
    last: dict[Value, int] = {}
    for i, node in enumerate(nodes):
        last.update({a: i for a in node.args if type(a) is Value})
    sizes = [0 if node.op.spec == "view" else sum(map(size_bytes, node.outputs)) for node in nodes]
    # crossing[t]: bytes made before node t and read at or after it
    crossing = [0] * (len(nodes) + 1)
    for i, node in enumerate(nodes):
        for v in node.outputs:
            if last.get(v, i) > i:
                crossing[i + 1] += size_bytes(v)
                crossing[last[v] + 1] -= size_bytes(v)
    total = list(itertools.accumulate(sizes, initial=0))
    crossing = list(itertools.accumulate(crossing))
    found: set[Node] = set()
    for k in range(1, segments):
        window = [
            t
            for t in range(1, len(nodes))
            if (2 * k - 1) * total[-1] <= 2 * segments * total[t] <= (2 * k + 1) * total[-1]
        ]
        if window:
            t = min(window, key=crossing.__getitem__)
            found.update(node for node in nodes[:t] if any(last.get(v, -1) >= t for v in node.outputs))
    return found
