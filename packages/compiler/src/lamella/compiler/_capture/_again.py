"""The second derivative of a compiled call: its forward once more, op by op, followed by autograd like uncompiled code.

A backward that is itself to be differentiated (`create_graph`), or that runs inside a transform, does not use the
compiled backward: it runs the forward again as it was traced, on the inputs of the call, and takes the gradient of
that. Each op follows the operands that it followed when it was traced. Refused by RuntimeError, where that would be
another function: histories that are not made of ops (a Function of the user's, a checkpoint, a hook, a write under
no_grad), and inputs that the call has overwritten.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from lamella.autograd import vjp
from lamella.autograd.extend import control, is_leaf_edge, node_of
from lamella.graph import Graph, ScalarType, Value, as_value, dce
from lamella.tensor import Tensor
from lamella.tensor.extend import GRAD, Mode, detached, dispatch, rule

from ._saved import PlaceOf

__all__ = ["Again", "again_of", "differentiated_again", "has_hooks"]


class Again(NamedTuple):
    """The forward of the results that carry gradients; `refused` says why it cannot be used."""

    name: str
    graph: Graph
    followed: Mapping[int, int]  # first output of a node -> bits of the operands that autograd followed
    tensors: tuple[tuple[int, int], ...]  # (position among the inputs of `graph`, among the fetched tensors)
    numbers: tuple[tuple[int, int], ...]  # (position among the inputs of `graph`, among those of the program)
    targets: tuple[int, ...]  # which of `tensors` gradients are wanted of
    refused: str | None

    def gradients(self, tensors: Sequence[Tensor], numbers: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Gradients of the targets, by a way that autograd follows; None among the cotangents stands for none."""
        if self.refused is not None:
            raise differentiated_again(self.name, self.refused)
        asked = [i for i, g in enumerate(cotangents) if g is not None]
        graph = dce(self.graph.replace(self.graph.nodes, [self.graph.outputs[i] for i in asked]))

        def function(*targets: Tensor) -> tuple[Tensor, ...]:
            given: list[Any] = [None] * len(self.graph.inputs)
            for (at, _), t in zip(self.tensors, tensors, strict=True):
                given[at] = detached(t)
            for (at, _), number in zip(self.numbers, numbers, strict=True):
                given[at] = number
            for i, t in zip(self.targets, targets, strict=True):
                given[self.tensors[i][0]] = t
            outs = self._run(graph, given)
            if not all(out._flags & GRAD for out in outs):
                raise differentiated_again(self.name, "a result has a history that is not made of ops")
            return tuple(outs)

        with Mode(autocast=None):
            _, back = vjp(function, *[tensors[i] for i in self.targets])
            return list(back(tuple([cotangents[i] for i in asked])))

    def _run(self, graph: Graph, inputs: Sequence[Any]) -> list[Any]:
        env: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            args: list[Any] = [env[a] if type(a) is Value else a for a in node.args]
            mask = self.followed.get(node.outputs[0].id)
            if mask is not None:  # else it replays a view or a write, and follows what it is given
                args = [self._followed(a, mask >> i & 1, node) for i, a in enumerate(args)]
            if node.op.spec == "control":
                out: Any = control(node.op, args, node.params)
            elif node.op.name == "scalar.item":
                out = args[0].item()
            elif node.op.spec == "scalar":
                out = rule(node.op, "numpy")(*args)
            else:
                out = dispatch(node.op, tuple(args), dict(node.params))
            env.update(zip(node.outputs, out if type(out) is tuple else (out,), strict=True))
        return [env[as_value(v)] for v in graph.outputs]

    def _followed(self, a: Any, follows: int, node: Any) -> Any:
        if not isinstance(a, Tensor):
            return a
        if not follows:
            return detached(a)
        if not a._flags & GRAD:
            where = "an unknown line" if node.source is None else f"{node.source[0]}:{node.source[1]}"
            raise differentiated_again(
                self.name,
                f"{node.op.name} at {where} follows a tensor whose history is not made of ops (a Function of your own, "
                "a checkpoint, a leaf made inside, a write under no_grad)",
            )
        return a


def differentiated_again(name: str, why: str) -> RuntimeError:
    """The error of a backward that cannot be differentiated."""
    return RuntimeError(
        f"the backward of the compiled function {name} cannot be differentiated again: {why}; capture the "
        "whole computation, second derivative included, or call the function uncompiled"
    )


def again_of(
    traced: Graph,
    made: Sequence[Value],
    followed: Mapping[int, int],
    sources: Mapping[int, int],
    targets: Sequence[int],
    place_of: PlaceOf,
    refused: str | None,
) -> Again:
    """What `traced` computes for the values `made`.

    `sources` are the inputs that are followed, by id, with the position of the fetched tensor that is followed there;
    `targets` these positions in the order of the backward; `place_of` the position of any other input.
    """
    graph = dce(Graph(traced.name, traced.inputs, traced.nodes, list(made)))
    used = {*graph.outputs, *(a for node in graph.nodes for a in node.args if type(a) is Value)}
    inputs = [v for v in graph.inputs if v in used]
    graph = Graph(graph.name, inputs, graph.nodes, graph.outputs)
    tensors, numbers = [], []
    for at, v in enumerate(inputs):
        position = sources.get(v.id, place_of(v.id))
        if position is not None:
            tensors.append((at, position))
        elif isinstance(v.type, ScalarType):
            numbers.append((at, traced.inputs.index(v)))
        else:
            refused = refused or "an input cannot be fetched once more"
    order = {position: i for i, (_, position) in enumerate(tensors)}
    if not set(targets) <= order.keys():
        refused = refused or "an input is followed by another way than the one that is computed"
    if any(e.target in used for e in traced.effects if type(e.target) is Value):
        refused = refused or "the function writes an input that its results depend on"
    return Again(
        traced.name, graph, followed, tuple(tensors), tuple(numbers), tuple([order.get(t, 0) for t in targets]), refused
    )


def has_hooks(edges: Sequence[Any], ends: Container[Any]) -> bool:
    """Whether a hook stands on the way from some results to older tensors."""
    todo, met = list(edges), set()
    while todo:
        edge = todo.pop()
        if edge is None or edge in ends or is_leaf_edge(edge):
            continue
        node = node_of(edge)
        if id(node) not in met:
            met.add(id(node))
            if node.hooks:
                return True
            todo += node.edges
    return False
