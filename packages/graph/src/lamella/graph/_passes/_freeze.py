"""Freezing for inference: inputs that are known become constants, and what follows from them alone is computed once.

Factors and shifts of the channels of a convolution or a linear layer (a batch norm with running statistics) are folded
into its weights and bias, which rounds differently: results agree within tolerance, not bit for bit. A graph holds no
data, so what was computed are inputs again, behind the inputs that stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from .._graph import Graph, Node, Value
from .._types import TensorType
from ._dce import dce
from ._memory import reaching_results
from ._rewrite import Table, Walk
from ._simplify import simplify

__all__ = ["freeze"]

# where the output channels stand in the result
_CHANNEL: Final = {"conv": 1, "linear": -1}


def freeze(graph: Graph, constants: Mapping[int, Any]) -> tuple[Graph, list[Any]]:
    """(the graph over the other inputs and then the constants it needs, these constants); `constants` by position.

    ValueError for a position that is none, TypeError for an array of another type than the input's.
    """
    from .._interpret import interpret  # it imports the passes

    known = set()
    for position, array in constants.items():
        if not 0 <= position < len(graph.inputs):
            raise ValueError(f"graph {graph.name!r} has {len(graph.inputs)} inputs, there is none at {position}")
        type_ = graph.inputs[position].type
        if (
            not isinstance(type_, TensorType)
            or not isinstance(array, np.ndarray)
            or (array.shape, array.dtype) != (type_.shape, type_.dtype.numpy)
        ):
            given = f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"graph {graph.name!r}, input {position} is {type_}, got {given}")
        known.add(graph.inputs[position])
    written = [e.target for e in graph.effects if e.kind == "write" and e.target in known]
    if written:
        raise ValueError(f"graph {graph.name!r} writes %{written[0].id}, which is to be frozen")
    graph = simplify(_folded(graph, known))
    early, late = _split(graph, known)
    made = {v for node in early for v in node.outputs} | known
    read = [a for node in late for a in node.args] + list(graph.results())
    needed = list(dict.fromkeys([v for v in read if type(v) is Value and v in made]))
    positions = sorted(constants)
    before = Graph(f"{graph.name}_once", [graph.inputs[i] for i in positions], early, needed)
    arrays = [np.array(a, order="C") for a in interpret(dce(before))([constants[i] for i in positions])]
    rest = [(v, s) for v, s in zip(graph.inputs, graph.sources, strict=True) if v not in known]
    inputs = [*[v for v, _ in rest], *needed]
    sources = [*[s for _, s in rest], *[f"frozen {i}" for i in range(len(needed))]]
    return Graph(graph.name, inputs, late, graph.outputs, graph.effects, sources), arrays


def _split(graph: Graph, known: set[Value]) -> tuple[list[Node], list[Node]]:
    """(what the known inputs alone decide, the rest). Expanding is left to the run: it would only take memory."""
    early: list[Node] = []
    late: list[Node] = []
    made = set(known)
    kept = reaching_results(graph)
    for node in graph.nodes:
        values = [a for a in node.args if type(a) is Value]
        alone = bool(values) and all(v in made for v in values)
        if alone and node.op.name != "expand" and kept.isdisjoint(node.outputs):
            early.append(node)
            made.update(node.outputs)
        else:
            late.append(node)
    return early, late


def _folded(graph: Graph, known: set[Value]) -> Graph:
    """The graph with factors and shifts of channels moved into the weights they follow."""
    uses: dict[Any, int] = {}
    for node in graph.nodes:
        for a in node.args:
            uses[a] = uses.get(a, 0) + 1
    fixed = set(known)
    kept = reaching_results(graph)
    walk = Walk(graph, Table(()))
    for node in graph.nodes:
        if all(a in fixed for a in node.args if type(a) is Value) and any(type(a) is Value for a in node.args):
            fixed.update(node.outputs)
        layer = _layer(walk, node, uses, kept)
        if layer is not None:
            start = len(walk.nodes)
            changed = _into(walk, node, layer, fixed)
            if changed is not None:
                fixed.update(v for made in walk.nodes[start:] for v in made.outputs)
                walk.keep(changed)
                continue
        walk.keep(node)
    return dce(graph.replace(walk.nodes))


def _layer(walk: Walk, node: Node, uses: dict[Any, int], kept: set[Value]) -> Node | None:
    """The convolution or linear layer whose result the node alone scales or shifts."""
    if node.op.name not in ("mul", "add", "sub") or node.outputs[0].type != getattr(node.args[0], "type", None):
        return None
    x = node.args[0]
    layer = walk.producers.get(x) if type(x) is Value else None
    if layer is None or layer.op.name not in _CHANNEL or uses.get(x) != 1 or x in kept:
        return None
    return layer


def _into(walk: Walk, node: Node, layer: Node, fixed: set[Value]) -> Node | None:
    """The layer with what the node does in its weights; None where that is no matter of channels."""
    x, w, bias = layer.args
    out: Any = node.outputs[0].type
    by: Any = node.args[1]
    at = _CHANNEL[layer.op.name] % len(out.shape)
    channels = out.shape[at]
    if w not in fixed or (bias is not None and bias not in fixed):
        return None
    if type(by) is Value:
        if by not in fixed or not isinstance(by.type, TensorType) or by.type.dtype is not out.dtype:
            return None
        shape = (1,) * (len(out.shape) - len(by.type.shape)) + by.type.shape
        if any(n != 1 for d, n in enumerate(shape) if d != at):
            return None
        by = walk.emit(node, "reshape", by, shape=(shape[at],))
        if shape[at] != channels:
            by = walk.emit(node, "expand", by, shape=(channels,))
    elif type(by) not in (int, float) or out.dtype.short not in ("f32", "f64"):
        return None
    if node.op.name == "mul":
        rank = len(w.tensor.shape)
        factor = by if type(by) is not Value else walk.emit(node, "reshape", by, shape=(channels,) + (1,) * (rank - 1))
        w = walk.emit(node, "mul", w, factor)
        bias = None if bias is None else walk.emit(node, "mul", bias, by)
    else:
        if node.op.name == "sub":
            by = walk.emit(node, "neg", by) if type(by) is Value else -by
        if bias is None:
            bias = by if type(by) is Value else walk.emit(node, "full", by, shape=(channels,), dtype=out.dtype)
        else:
            bias = walk.emit(node, "add", bias, by)
    return Node(layer.op, (x, w, bias), layer.params, node.outputs, node.region, node.source)
