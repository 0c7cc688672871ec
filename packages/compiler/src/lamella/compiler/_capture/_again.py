"""The second derivative of a compiled call: the history of its results over the values of the call, walked by autograd.

A backward that is itself to be differentiated (`create_graph`), or that runs inside a transform, does not use the
compiled backward. The tape that autograd made while the call was traced is made again: what its nodes saved is computed
once more, op by op, from the inputs of the call, and custom Functions, checkpoints and hooks stand where they stood.
Refused by RuntimeError: a history that cannot be made over other values (`UnkeptError`), and inputs that the call has
overwritten and that something before the write is computed from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lamella.autograd.extend import History, UnkeptError, control, history_of
from lamella.graph import Graph, Node, ScalarType, Trace, Value
from lamella.tensor import Tensor
from lamella.tensor.extend import Mode, detached, dispatch, rule

from ._explore import Explorer
from ._kept import Call, Kept
from ._saved import PlaceOf

__all__ = ["Again", "Traced", "again_of", "differentiated_again", "traced_history"]


class Traced(NamedTuple):
    """The history of some results, and the values that it stands over; or why there is none."""

    history: History | None
    values: tuple[int, ...] = ()  # by id, of the traced forward
    refused: str | None = None
    ends: tuple[int, ...] = ()  # which of its ends have a place in the graph of a call
    roots: tuple[int, ...] = ()  # which of its roots are results that gradients come for

    def between(self, roots: Sequence[int], ends: Mapping[int, int | None]) -> Traced:
        """From some roots to some ends, which have a position; None for one that cannot be fetched."""
        if None in ends.values():
            return Traced(None, refused="a second derivative leads to an input that cannot be fetched again")
        return self._replace(roots=tuple(roots), ends=tuple(ends))

    def edges(self, call: Call, ends: Sequence[Any], age: float) -> list[Any]:
        """The edges of the results of a call."""
        assert self.history is not None
        found = self.history.again(call, dict(zip(self.ends, ends, strict=True)), age)
        return [found[i] for i in self.roots]


class Again(NamedTuple):
    """What computes the values of a history once more; `refused` says why it cannot be used."""

    name: str
    traced: Traced
    nodes: list[Node]
    outputs: list[Any]
    inputs: list[Value]
    tensors: tuple[tuple[int, int], ...]  # (position among `inputs`, among the fetched tensors)
    numbers: tuple[tuple[int, int], ...]  # (position among `inputs`, among those of the program)
    sizes: Mapping[str, int]
    refused: str | None

    def edges(self, tensors: Sequence[Tensor], numbers: Sequence[Any], ends: Sequence[Any], age: float) -> list[Any]:
        """The history over the values of a call, from its results to `ends`, the edges of the inputs that are followed;
        it is as old as the call.
        """
        if self.refused is not None:
            raise differentiated_again(self.name, self.refused)
        given: list[Any] = [None] * len(self.inputs)
        for (at, _), t in zip(self.tensors, tensors, strict=True):
            given[at] = detached(t)
        for (at, _), number in zip(self.numbers, numbers, strict=True):
            given[at] = number
        with Mode(levels=(), grad=False, inference=False, autocast=None, anomaly=None, saving=()):
            return self.traced.edges(Call(self._values(given), self.sizes), ends, age)

    def _values(self, inputs: Sequence[Any]) -> list[Any]:
        env: dict[Value, Any] = dict(zip(self.inputs, inputs, strict=True))
        for node in self.nodes:
            args: list[Any] = [env[a] if type(a) is Value else a for a in node.args]
            if node.op.spec == "control":
                out: Any = control(node.op, args, node.params)
            elif node.op.name == "scalar.item":
                out = args[0].item()
            elif node.op.spec == "scalar":
                out = rule(node.op, "numpy")(*args)
            else:
                out = dispatch(node.op, tuple(args), dict(node.params))
            made = zip(node.outputs, out if type(out) is tuple else (out,), strict=True)
            env.update([(v, value) for v, value in made if v not in env])
        return [env[v] if type(v) is Value else v for v in self.outputs]


def differentiated_again(name: str, why: str) -> RuntimeError:
    """The error of a backward that cannot be differentiated."""
    return RuntimeError(
        f"the backward of the compiled function {name} cannot be differentiated again: {why}; capture the "
        "whole computation, second derivative included, or call the function uncompiled"
    )


def traced_history(trace: Trace, explorer: Explorer, made: Sequence[Tensor], ends: Sequence[Any]) -> Traced:
    """The history that leads from made results to older edges, while the trace is open."""
    kept = Kept(trace, explorer)
    try:
        history = history_of([t._edge for t in made], ends, kept)
    except UnkeptError as error:
        return Traced(None, refused=str(error))
    return Traced(history, tuple([v.id for v in kept.values]))


def again_of(found: Traced, graph: Graph, sizes: Mapping[str, int], place_of: PlaceOf) -> Again:
    """What computes the values of a history; `graph` is the traced forward for these sizes, `place_of` the position of
    an input among the fetched tensors.
    """
    if found.refused is not None:
        return Again(graph.name, found, [], [], [], (), (), sizes, found.refused)
    refused = None
    by_id = {v.id: v for v in [*graph.inputs, *[v for node in graph.nodes for v in node.outputs]]}
    outputs = [by_id.get(at) for at in found.values]
    if None in outputs:
        refused = refused or "it depends on a number that stands for a size"
    # what the call has written to an input is what lies there now
    written = {e.value: e.target for e in graph.effects if type(e.target) is Value and type(e.value) is Value}
    nodes, used = _reaching(graph, [v for v in outputs if v is not None], written)
    inputs = [v for v in [*graph.inputs, *written] if v in used]
    tensors, numbers = [], []
    for at, v in enumerate(inputs):
        position = place_of(written.get(v, v).id)
        if position is not None:
            tensors.append((at, position))
        elif isinstance(v.type, ScalarType):
            numbers.append((at, graph.inputs.index(v)))
        else:
            refused = refused or "an input cannot be fetched once more"
    if not used.isdisjoint(written.values()):
        refused = refused or "the function writes an input that its results depend on"
    return Again(graph.name, found, nodes, outputs, inputs, tuple(tensors), tuple(numbers), sizes, refused)


def _reaching(graph: Graph, outputs: Sequence[Value], known: Mapping[Any, Any]) -> tuple[list[Node], set[Any]]:
    """(the nodes that compute `outputs` where some values are known, all that is used)."""
    used: set[Any] = set(outputs)
    nodes = []
    for node in reversed(graph.nodes):
        if any(v in used and v not in known for v in node.outputs):
            nodes.append(node)
            used.update([a for a in node.args if type(a) is Value])
    return nodes[::-1], used
