"""The interpreter: a loop over the nodes with the `numpy` rule of each op, and the oracle of every pass and of the
compiler.

Invariant: a run changes none of its inputs and keeps no state, so that runs may overlap in threads; an array is let go
after its last use; 0-d results stay arrays. The tensors of effects never share memory with inputs: the caller may
commit them in any order. Inputs that are not what the graph declares are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lamella.tensor.extend import rule

from ._control import kernel_of
from ._graph import Graph, Node, Value
from ._passes import decompose
from ._scalar import widened
from ._text import node_text
from ._types import SCALAR_KINDS, ScalarType, TensorType, Type

__all__ = ["interpret", "node_kernel", "views_of_inputs"]

Run: TypeAlias = Callable[[Sequence[Any]], list[Any]]
# kernel, slots of operands, params, slots of outputs, whether these come as a tuple, slots to let go, the node
_Step: TypeAlias = tuple[
    Callable[..., Any], tuple[int, ...], Mapping[str, Any], tuple[int, ...], bool, tuple[int, ...], Node
]


def interpret(graph: Graph) -> Run:
    """A function from a list of arrays and numbers to the outputs followed by the effect values.

    MissingRule for an op that has neither a kernel nor a body.
    """
    source = graph
    if any(_lacks_kernel(node) for node in graph.nodes):  # a body of a control flow op is interpreted for itself
        graph = decompose(graph, _lacks_kernel)
    steps, template, results = _plan(graph)
    inputs = list(enumerate(graph.inputs))
    count = len(inputs)
    shared = views_of_inputs(graph)
    copied = [len(graph.outputs) + i for i, e in enumerate(graph.effects) if e.value in shared]

    def run(values: Sequence[Any]) -> list[Any]:
        if len(values) != count:
            raise ValueError(f"graph {source.name!r} takes {count} inputs, got {len(values)}")
        slots = template.copy()
        for i, value in inputs:
            given = values[i]
            problem = _mismatch(value.type, given)
            if problem:
                label = f" ({source.sources[i]})" if source.sources[i] else ""
                raise TypeError(f"graph {source.name!r}, input {i}{label} must be {value.type}, got {problem}")
            slots[i] = given
        # what numpy would warn about (0/0, overflow) is a value here, as in every backend
        with np.errstate(all="ignore"):
            for kernel, operands, params, outputs, many, dead, node in steps:
                try:
                    out = kernel(*[slots[j] for j in operands], **params)
                except Exception as error:
                    error.add_note(
                        f"while interpreting graph {source.name!r} at `{node_text(node).partition(chr(10))[0]}`"
                    )
                    raise
                if many:
                    for j, item in zip(outputs, out, strict=True):
                        slots[j] = item if type(item) is np.ndarray else _whole(item)
                else:
                    slots[outputs[0]] = out if type(out) is np.ndarray else _whole(out)
                for j in dead:
                    slots[j] = None
        found = [slots[j] for j in results]
        for i in copied:
            found[i] = found[i].copy()
        return found

    return run


def _plan(graph: Graph) -> tuple[list[_Step], list[Any], list[int]]:
    """Slots: inputs, then outputs and constants as they come; each run copies the template with the constants."""
    slot_of: dict[Value, int] = {}
    template: list[Any] = [None] * len(graph.inputs)
    slot_of.update({v: i for i, v in enumerate(graph.inputs)})

    def slot(x: Any) -> int:
        if type(x) is Value:
            return slot_of[x]
        template.append(x)
        return len(template) - 1

    last: dict[Value, int] = {}
    for i, node in enumerate(graph.nodes):
        for value in node.outputs:
            last[value] = i
        for arg in node.args:
            if type(arg) is Value:
                last[arg] = i
    kept = {v for v in graph.results() if type(v) is Value}
    dead: list[list[int]] = [[] for _ in graph.nodes]
    steps: list[_Step] = []
    for node in graph.nodes:
        operands = tuple([slot(a) for a in node.args])
        for value in node.outputs:
            slot_of[value] = len(template)
            template.append(None)
        outputs = tuple([slot_of[v] for v in node.outputs])
        steps.append((node_kernel(node), operands, node.params, outputs, len(node.outputs) > 1, (), node))
    for value, i in last.items():
        if value not in kept:
            dead[i].append(slot_of[value])
    steps = [(*step[:5], tuple(free), step[6]) for step, free in zip(steps, dead, strict=True)]
    return steps, template, [slot(v) for v in graph.results()]


def views_of_inputs(graph: Graph) -> set[Any]:
    """The values of a graph that may lie in the memory of its inputs, and these."""
    # Kernels return fresh memory unless their op is a view: the graph alone tells what may share memory with an input.
    found: set[Any] = {v for v in graph.inputs if isinstance(v.type, TensorType)}
    for node in graph.nodes:
        if node.op.spec == "view" and node.args[0] in found:
            found.update(node.outputs)
    return found


def _whole(item: Any) -> Any:
    # numpy hands out scalars of its own for 0-d results; as arrays they keep their dtype in what follows
    return np.asarray(item) if isinstance(item, np.generic) else item


def _lacks_kernel(node: Node) -> bool:
    return node.op.body is not None and "numpy" not in node.op.rules


def node_kernel(node: Node) -> Callable[..., Any]:
    """The kernel of a node; that of a scalar op brings its result to the declared kind."""
    if node.op.spec == "control":
        run = kernel_of(node.op, node.params, interpret)
        return lambda *operands, **_: run(*operands)
    kernel: Callable[..., Any] = rule(node.op, "numpy")
    declared = node.outputs[0].type
    if not isinstance(declared, ScalarType):
        return kernel

    def scalar(*args: Any, **params: Any) -> Any:
        return widened(node.op, kernel(*args, **params), declared.kind)

    return scalar


def _mismatch(type_: Type, given: Any) -> str | None:
    if isinstance(type_, TensorType):
        if not isinstance(given, np.ndarray):
            return f"{type(given).__name__}"
        if given.shape == type_.shape and given.dtype == type_.dtype.numpy:
            return None
        return f"{given.dtype}{list(given.shape)}"
    return None if type(given) is SCALAR_KINDS[type_.kind] else f"{given!r} of type {type(given).__name__}"
