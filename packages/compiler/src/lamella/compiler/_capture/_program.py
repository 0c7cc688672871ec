"""One captured program: its guard, its executable, and the commit of its effects, all at the end of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.autograd import Function, FunctionContext
from lamella.graph import CaptureError, Graph, Trace, Value
from lamella.tensor import Tensor
from lamella.tensor.extend import SymScalar, replay, tls, user_location, wrap

__all__ = ["Backward", "Program", "Results", "commit_plan", "plan_results"]


class Results:
    """How the outputs of a graph become the value that the function returns."""

    __slots__ = ("build", "recipe")

    def __init__(self, recipe: list[tuple[Any, ...]], build: Callable[[list[Any]], Any]) -> None:
        self.recipe = recipe
        self.build = build


class Backward:
    """The captured backward of a forward program: cotangents and residuals in, gradients of the inputs out."""

    __slots__ = ("outputs", "residuals", "run", "targets")

    def __init__(
        self, run: Callable[[list[Any]], list[Any]], outputs: list[int], residuals: int, targets: list[int]
    ) -> None:
        self.run = run
        self.outputs = outputs  # which leaves of the result carry gradients
        self.residuals = residuals
        self.targets = targets  # which tensor inputs they flow to


class Program:
    """One entry of a compiled function's cache."""

    __slots__ = ("backward", "commits", "graph", "guard", "guard_source", "reasons", "results", "run")

    def __init__(
        self,
        graph: Graph,
        run: Callable[[list[Any]], list[Any]],
        guard: Any,
        reasons: list[str],
        guard_source: str,
        results: Results,
        commits: list[tuple[Any, ...]],
        backward: Backward | None,
    ) -> None:
        self.graph = graph
        self.run = run
        self.guard = guard
        self.reasons = reasons
        self.guard_source = guard_source
        self.results = results
        self.commits = commits
        self.backward = backward

    def call(self, inputs: list[Any], tensors: list[Tensor]) -> Any:
        """Run on fetched inputs and commit."""
        values = self.run(inputs)
        count = len(self.graph.outputs)
        if self.commits:
            _commit(self.commits, values[count:], tensors)
        leaves: list[Any] = []
        for step in self.results.recipe:
            kind = step[0]
            if kind == "value":
                leaves.append(wrap(values[step[1]]))
            elif kind == "constant":
                leaves.append(step[1])
            elif kind == "input":
                leaves.append(tensors[step[1]])
            elif kind == "view":
                leaves.append(replay(tensors[step[1]], step[2]))
            elif kind == "view of result":
                leaves.append(replay(leaves[step[1]], step[2]))
            elif kind == "same":
                leaves.append(leaves[step[1]])
            else:
                leaves.append(values[step[1]])  # a host scalar
        if self.backward is not None:
            self._connect(leaves, values, tensors)
        return self.results.build(leaves)

    def _connect(self, leaves: list[Any], values: list[Any], tensors: list[Tensor]) -> None:
        b = self.backward
        assert b is not None
        first = len(self.graph.outputs) - b.residuals
        call = _Call(b.run, values[first : first + b.residuals], self.graph.name)
        out = _CompiledBackward.apply(call, [leaves[i] for i in b.outputs], *[tensors[i] for i in b.targets])
        for i, t in zip(b.outputs, out, strict=True):
            leaves[i] = t


class _Call:
    """What one compiled forward leaves for its compiled backward."""

    __slots__ = ("name", "residuals", "run")

    def __init__(self, run: Callable[[list[Any]], list[Any]], residuals: list[Any], name: str) -> None:
        self.run = run
        self.residuals = residuals
        self.name = name


class _CompiledBackward(Function):
    """Hangs the compiled backward on results that exist already."""

    @staticmethod
    def forward(ctx: FunctionContext, call: _Call, outs: list[Tensor], *_: Tensor) -> Any:  # type: ignore[override]
        ctx.call = call  # type: ignore[attr-defined]
        return tuple(outs)

    @staticmethod
    def backward(ctx: FunctionContext, *g: Any) -> Any:
        call: _Call = ctx.call  # type: ignore[attr-defined]
        if tls.grad:
            raise RuntimeError(
                f"the backward of the compiled function {call.name} cannot be differentiated again; "
                f"capture the whole computation, second derivative included, or call the function uncompiled"
            )
        grads = call.run([*[gi.detach().numpy() for gi in g], *call.residuals])
        return (None, None, *[wrap(a) for a in grads])


def _commit(commits: list[tuple[Any, ...]], values: list[Any], tensors: list[Tensor]) -> None:
    for commit, value in zip(commits, values, strict=True):
        kind = commit[0]
        if kind == "write":
            t = tensors[commit[1]]
            np.copyto(t._data, value)
            cell = t._cell
            if cell is not None:
                cell.version += 1
                cell.writer = user_location(3)
        elif kind == "grad":
            commit[1].grad = None if value is None else wrap(value.copy() if commit[2] else value)
        elif kind == "number":
            dict.__setitem__(commit[1], commit[2], value)
        else:
            commit[1].seek(value)


def plan_results(trace: Trace, leaves: list[Any]) -> tuple[list[tuple[Any, ...]], list[Value]]:
    """The recipe for the leaves of a function's result, and the graph outputs it needs."""
    recipe: list[tuple[Any, ...]] = []
    outputs: list[Value] = []
    inputs = {id(t._data): i for i, (t, _) in enumerate(trace.tensors)}
    seen: dict[int, int] = {}
    roots: dict[int, int] = {}
    for at, leaf in enumerate(leaves):
        if isinstance(leaf, SymScalar):
            recipe.append(("scalar", len(outputs)))
            outputs.append(leaf.value)
        elif not isinstance(leaf, Tensor):
            recipe.append(("constant", leaf))
        elif id(leaf) in seen:
            recipe.append(("same", seen[id(leaf)]))
        else:
            seen[id(leaf)] = at
            data = leaf._data
            view = leaf._view
            if id(data) in inputs:
                recipe.append(
                    ("input", inputs[id(data)])
                    if leaf is trace.tensors[inputs[id(data)]][0]
                    else ("view", inputs[id(data)], (("detach", None),))
                )
            elif view is not None and id(view.base._data) in inputs:
                recipe.append(("view", inputs[id(view.base._data)], view.chain))
            elif view is not None and id(view.base) in roots:
                recipe.append(("view of result", roots[id(view.base)], view.chain))
            else:
                roots[id(leaf)] = at
                recipe.append(("value", len(outputs)))
                outputs.append(trace.value_of(leaf))
    return recipe, outputs


def commit_plan(trace: Trace, taken: set[Value]) -> list[tuple[Any, ...]]:
    """Declare the effects of a trace in its graph, in the order in which they are committed."""
    commits: list[tuple[Any, ...]] = []
    index = {id(t._data): (i, v) for i, (t, v) in enumerate(trace.tensors)}
    for root in trace.written.values():
        i, target = index[id(root._data)]
        value = trace.value_of(root)
        if value is not target:
            trace.builder.write(target, value)
            commits.append(("write", i))
    for n, (leaf, before, current, _) in enumerate(trace.grads.values()):
        if current is before:
            continue
        if current is None:
            trace.builder.grad(f"grad[{n}]", None)
            commits.append(("grad", leaf, False))
            continue
        if id(current._data) in index:
            raise CaptureError(
                "a captured program assigned an older tensor to .grad, which a graph cannot repeat; assign a clone()"
            )
        value = trace.value_of(current)
        trace.builder.grad(f"grad[{n}]", value)
        commits.append(("grad", leaf, value in taken))
        taken.add(value)
    for container, key, before, _, current in trace.numbers.values():
        if isinstance(current, SymScalar):
            if trace.numbers[(id(container), key)][3] is current.value:
                continue
            trace.builder.state(f"number {key!r}", current.value)
        elif current == before and type(current) is type(before):
            continue
        else:
            trace.builder.state(f"number {key!r}", current)
        commits.append(("number", container, key))
    for generator, _, offset, current in trace.generators.values():
        if not isinstance(current, SymScalar) or current.value is not offset:
            trace.builder.state("offset", current.value if isinstance(current, SymScalar) else current)
            commits.append(("seek", generator))
    return commits
