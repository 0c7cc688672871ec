"""A graph for one set of sizes: names of sizes replaced by numbers, in types, params and host scalars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._graph import Effect, Graph, Node, Value
from ._polynomial import Polynomial
from ._sizes import bind
from ._types import TensorType, Type

__all__ = ["bound", "named_sizes"]


def named_sizes(graph: Graph) -> frozenset[str]:
    """The names of sizes in a graph; none where it runs as it is."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if type(value) is Polynomial:
            found.update(value.names)
        elif type(value) is tuple:
            for v in value:
                look(v)

    for value in graph.inputs:
        look(getattr(value.type, "shape", ()))
    for node in graph.nodes:
        if node.op.name == "scalar.size":
            found.add(node.params["name"])
        for param in node.params.values():
            if type(param) is Graph:
                found |= named_sizes(param)
            look(param)
        for value in node.outputs:
            look(getattr(value.type, "shape", ()))
    return frozenset(found)


def bound(graph: Graph, sizes: Mapping[str, int]) -> Graph:
    """The graph where every named size is a number; KeyError naming a size that is not given."""
    if not sizes:
        return graph
    names: dict[Value, Any] = {}

    def typed(type_: Type) -> Type:
        if isinstance(type_, TensorType) and any(type(n) is Polynomial for n in type_.shape):
            return TensorType(type_.dtype, bind(type_.shape, sizes))
        return type_

    def value_of(value: Any) -> Any:
        if type(value) is not Value:
            return value
        found = names.get(value)
        if found is None:
            found = names[value] = Value(value.id, typed(value.type))
        return found

    nodes = []
    for node in graph.nodes:
        if node.op.name == "scalar.size":
            names[node.outputs[0]] = sizes[node.params["name"]]
            continue
        args, outputs = tuple(map(value_of, node.args)), tuple(map(value_of, node.outputs))
        params = {
            key: bound(param, sizes) if type(param) is Graph else bind(param, sizes)
            for key, param in node.params.items()
        }
        nodes.append(Node(node.op, args, params, outputs, node.region, node.source))
    effects = [Effect(e.kind, value_of(e.target), value_of(e.value)) for e in graph.effects]
    inputs, results = list(map(value_of, graph.inputs)), list(map(value_of, graph.outputs))
    return Graph(graph.name, inputs, nodes, results, effects, graph.sources)
