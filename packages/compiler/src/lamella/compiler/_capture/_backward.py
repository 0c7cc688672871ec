"""The compiled backward of a compiled forward: traced once, beside it, and hung on its results at each call.

Residuals are outputs of the forward graph. One that lies in memory a user can reach (an argument, a result) is saved
with that memory's version, so that a write before backward is noticed as it is uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamella.autograd import Function, FunctionContext
from lamella.autograd.extend import GraphFreedError, leading_to, walk
from lamella.graph import (
    CaptureError,
    Graph,
    Trace,
    Value,
    bound,
    cse,
    dce,
    fold_constants,
    fold_scalars,
    join_pads,
    run_passes,
    simplify,
)
from lamella.tensor import Tensor
from lamella.tensor.extend import cell_of, tls, wrap

from ._explore import Explorer
from ._fetch import Fetched
from ._results import Results

__all__ = ["PASSES", "Backward", "Joint", "Spent", "trace_backward"]

PASSES = (dce, fold_scalars, fold_constants, simplify, join_pads, cse, dce)
Run = Callable[[list[Any]], list[Any]]


class Backward:
    """Cotangents and residuals in, gradients of the fetched tensors `targets` out."""

    __slots__ = ("first", "graph", "made", "name", "run", "targets", "watched")

    def __init__(
        self,
        name: str,
        graph: Graph | None,
        run: Run,
        made: list[int],
        first: int,
        watched: list[tuple[str, int] | None],
        targets: list[int],
    ) -> None:
        self.name = name
        self.graph = graph  # None where going backward raises
        self.run = run
        self.made = made  # which made results carry gradients
        self.first = first  # position of the first residual among the outputs
        self.watched = watched  # for each residual, whose memory it is
        self.targets = targets

    def connect(self, made: list[Tensor], values: list[Any], fetched: list[Tensor]) -> None:
        """Put tensors with a history in the place of the made results that carry gradients."""
        saved: list[Any] = []
        for i, place in enumerate(self.watched):
            value = values[self.first + i]
            if type(value) is not np.ndarray:
                saved.append(value)  # a number: a seed, an offset, a learning rate
                continue
            t = wrap(value)
            if place is not None:
                t._cell = cell_of(fetched[place[1]] if place[0] == "older" else made[place[1]])
            saved.append(t)
        out = CompiledCall.apply(self, saved, [made[i] for i in self.made], *[fetched[i] for i in self.targets])
        for i, t in zip(self.made, out, strict=True):
            made[i] = t


class CompiledCall(Function):
    """Hangs the compiled backward on results that exist already."""

    @staticmethod
    def forward(ctx: FunctionContext, backward: Backward, saved: list[Any], outs: list[Tensor], *_: Tensor) -> Any:
        """The results themselves, under handles of their own."""
        ctx.program = backward  # type: ignore[attr-defined]
        ctx.residuals = [None if isinstance(s, Tensor) else s for s in saved]  # type: ignore[attr-defined]
        ctx.save_for_backward(*[s for s in saved if isinstance(s, Tensor)])
        return tuple(outs)

    @staticmethod
    def backward(ctx: FunctionContext, *g: Any) -> Any:
        """One run of the compiled backward; RuntimeError when it is itself to be differentiated, or inside a
        transform.
        """
        program: Backward = ctx.program  # type: ignore[attr-defined]
        if tls.grad:
            raise RuntimeError(
                f"the backward of the compiled function {program.name} cannot be differentiated again; "
                f"capture the whole computation, second derivative included, or call the function uncompiled"
            )
        saved = iter(ctx.saved_tensors)
        residuals = [next(saved)._data if r is None else r for r in ctx.residuals]  # type: ignore[attr-defined]
        grads = program.run([*[gi.detach().numpy() for gi in g], *residuals])
        return (None, None, None, *[wrap(a) for a in grads])


class Joint:
    """A forward trace and the backward trace that hangs on it, before compilation."""

    def __init__(self, inner: Trace, outputs: list[Value], made: list[int], targets: list[int], trace: Trace) -> None:
        self._traced = inner.builder.build(outputs)
        self._made = made
        self._targets = targets
        if inner.written or inner.numbers or inner.grads:
            raise CaptureError("the backward of a captured function changes state; capture the backward call too")
        by_input = {ours: theirs for theirs, ours in inner.residuals}
        by_input |= {ours: trace.value_of(t) for t, ours in inner.tensors}
        self.residuals: list[Value] = [by_input[v] for v in self._traced.inputs[len(made) :]]

    def graph(self, sizes: Mapping[str, int]) -> Graph:
        """The backward after the passes, with `sizes` for names: cotangents, then one input for each residual."""
        return run_passes(bound(self._traced, sizes) if sizes else self._traced, PASSES)

    def compiled(
        self,
        compile_graph: Callable[[Graph], Run],
        forward: Graph,
        graph: Any,
        results: Results,
        place_of: Callable[[int], int | None],
    ) -> Backward:
        """The executable of `graph`; `place_of` an input, by its id, among the fetched tensors."""
        first = len(results.outputs)
        made = {forward.outputs[m.output]: i for i, m in enumerate(results.made) if m.output >= 0}
        producers = forward.producers()
        watched: list[tuple[str, int] | None] = []
        for value in forward.outputs[first:]:
            place: tuple[str, int] | None = None
            while type(value) is Value:
                older = place_of(value.id)
                if older is not None:
                    place = ("older", older)
                elif value in made:
                    place = ("made", made[value])
                node, _ = producers.get(value, (None, 0))
                if place is not None or node is None or node.op.spec != "view":
                    break
                value = node.args[0]
            watched.append(place)
        return Backward(forward.name, graph, compile_graph(graph), self._made, first, watched, self._targets)


class Spent:
    """Results through whose graph nobody can go backward: the error says why, when somebody tries."""

    residuals: tuple[Value, ...] = ()

    def __init__(self, made: list[int], targets: list[int], error: Exception) -> None:
        self._made = made
        self._targets = targets
        self._kind = type(error)
        self._words = str(error)

    def graph(self, _: Mapping[str, int]) -> None:
        """There is nothing to run."""

    def compiled(self, _: Any, forward: Graph, __: Any, results: Results, ___: Any) -> Backward:
        """A backward that raises."""

        def spent(_: list[Any]) -> list[Any]:
            raise self._kind(self._words)

        return Backward(forward.name, None, spent, self._made, len(results.outputs), [], self._targets)


def trace_backward(trace: Trace, results: Results, explorer: Explorer, fetched: Fetched) -> Joint | Spent | None:
    """Trace the way from the made results to the older tensors that require grad; None where there is none to go."""
    made = [i for i, m in enumerate(results.made) if m.tensor._edge is not None and not m.born]
    if not made:
        return None
    older = {r.tensor._edge: r.tensor for r in explorer.tensors.values() if r.tensor._edge is not None}
    needed, _ = leading_to([results.made[i].tensor._edge for i in made], dict.fromkeys(older), 0)
    inner = Trace(f"{trace.builder._name}_backward", parent=trace)
    targets: dict[Any, Any] = dict.fromkeys(older)
    tls.trace = inner
    offsets = {at: entry[3] for at, entry in trace.generators.items()}
    try:
        cotangents = [(results.made[i].tensor._edge, inner.placeholder(results.made[i].tensor._data)) for i in made]
        walk(cotangents, create_graph=False, retain_graph=True, needed=needed, targets=targets, barrier=True)
        reached = [(older[edge], g) for edge, g in targets.items() if g is not None]
        outputs = [inner.value_of(g) for _, g in reached]
    except GraphFreedError:
        # the program went backward itself: its results are as spent as they would be uncompiled
        words = "the graph was freed: the compiled step called backward() itself; compute the loss again"
        return Spent(made, [fetched.at(t) for t in list(older.values())[:1]], GraphFreedError(words))
    except CaptureError:
        raise
    except RuntimeError as error:
        # what backward would raise uncompiled, it raises when it is called
        return Spent(made, [fetched.at(t) for t in list(older.values())[:1]], RuntimeError(str(error)))
    finally:
        tls.trace = trace
    for at, entry in trace.generators.items():
        untouched = entry[3] is offsets[at] if at in offsets else getattr(entry[3], "value", None) is entry[2]
        if not untouched:
            raise CaptureError("the backward of a captured function draws new random numbers; capture the backward too")
    return Joint(inner, outputs, made, [fetched.at(t) for t, _ in reached], trace)
