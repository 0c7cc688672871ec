"""The compiled backward of a compiled forward: traced once, beside it, and hung on its results at each call.

Residuals are outputs of the forward graph. Beside them a call keeps the versions of the memory that single ops would
have saved (`_saved`), for each result apart: a write before backward is noticed as it is uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamella.autograd import Function, FunctionContext
from lamella.autograd.extend import GraphFreedError, Port, is_leaf_edge, leading_to, towards, walk
from lamella.graph import (
    CaptureError,
    Graph,
    Marked,
    TensorType,
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
    without,
)
from lamella.tensor import Tensor
from lamella.tensor.extend import INFERENCE, LEVEL, tls, wrap

from ._again import Again, Traced, again_of, differentiated_again, traced_history
from ._explore import Explorer
from ._fetch import Fetched
from ._marks import Marks
from ._results import Results
from ._saved import Place, PlaceOf, Saved, cells_of, lying_in, uses_of
from ._ways import Planner, Run, Way, Ways

__all__ = ["PASSES", "Backward", "Joint", "Later", "Spent", "trace_backward"]

PASSES = (dce, fold_scalars, fold_constants, simplify, join_pads, cse, dce)


class Backward:
    """Cotangents and residuals in, gradients of the fetched tensors `targets` out.

    A call saves, in this order: residuals that are tensors, fetched tensors (those that a second derivative needs, and
    those that must not be written before), and witnesses of the other memory that must not be written.
    """

    __slots__ = (
        "_kind_at", "_saved_at", "again", "again_at", "beside", "copied", "held", "is_tensor", "made", "name",
        "number_at", "others", "raises", "targets", "tensor_at", "ways", "witnesses",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        planner: Planner,
        made: list[int],
        targets: list[int],
        residuals: Sequence[tuple[int, bool, Place | None]] = (),
        watched: Sequence[Place] = (),
        beside: Backward | None = None,
        again: Again | None = None,
        raises: bool = False,
        others: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.raises = raises  # nobody can go backward
        self.ways = Ways(planner, len(made), len(targets))
        self.made = made  # which made results carry gradients
        self.targets = targets
        self.others = list(others)  # fetched tensors that only a second derivative leads to
        # residuals: (position among the outputs, whether it is a tensor, memory of a user's in which it may lie)
        self.is_tensor = [is_tensor for _, is_tensor, _ in residuals]
        self.tensor_at = [at for at, is_tensor, _ in residuals if is_tensor]
        self.number_at = [at for at, is_tensor, _ in residuals if not is_tensor]
        # for each residual its position among those of its kind
        self._kind_at = [self.is_tensor[:n].count(is_tensor) for n, is_tensor in enumerate(self.is_tensor)]
        places = [place for _, is_tensor, place in residuals if is_tensor]
        # residuals that are copied where they lie in memory that no op has saved: a user may write it
        self.copied = [(n, place) for n, place in enumerate(places) if place is not None]
        wanted = [] if again is None else [at for _, at in again.tensors]
        self.held = list(dict.fromkeys([*wanted, *[p.at for p in watched if p.older and not p.steps]]))
        self.witnesses = [p for p in watched if not p.older or p.steps]
        start, behind = len(self.tensor_at), len(self.tensor_at) + len(self.held)
        saved = {Place(True, at): start + n for n, at in enumerate(self.held)}
        saved |= {place: behind + n for n, place in enumerate(self.witnesses)}
        self._saved_at = saved
        self.beside = beside  # the backward of other results, which raises
        self.again = again  # how a second derivative is taken
        self.again_at = [saved[Place(True, at)] for at in wanted]

    @property
    def graph(self) -> Graph | None:
        """What the way that was made last computes; None where going backward raises."""
        return None if self.raises else self.ways.last().graph

    @property
    def run(self) -> Run:
        """The executable of the way that was made last."""
        return self.ways.last().run

    def gradients(self, ctx: FunctionContext, numbers: Sequence[Any], g: Sequence[Any]) -> list[Any]:
        """The gradients that are wanted; None for one that the followed results do not lead to."""
        arrays = [None if gi is None else gi.detach().numpy() for gi in g]
        way = self.ways.of(_bits(g), ctx.wanted() >> _BEFORE_TARGETS & (1 << len(self.targets)) - 1)
        ctx.saved_at([self._saved_at[place] for place in way.watched])
        saved = iter(ctx.saved_at([self._kind_at[n] for n in way.reads if self.is_tensor[n]]))
        given = [next(saved)._data if self.is_tensor[n] else numbers[self._kind_at[n]] for n in way.reads]
        out: list[Any] = [None] * len(self.targets)
        for i, array in zip(way.gives, way.run([*[arrays[i] for i in way.takes], *given]), strict=True):
            out[i] = wrap(array)
        return out

    def gradients_again(self, ctx: FunctionContext, numbers: Sequence[Any], g: Sequence[Any]) -> list[Any]:
        """The same by a way that autograd follows, and those of the `others`; RuntimeError where there is none."""
        tensors = ctx.saved_at(self.again_at)
        if self.again is None:
            raise differentiated_again(self.name, "its weights are frozen")
        if any(t is None for t in tensors):
            raise differentiated_again(self.name, "an input was made in inference mode")
        ends = ctx.edges()[_BEFORE_TARGETS:]
        roots = self.again.edges(tensors, numbers, ends, ctx.age)
        if not ctx.keeps_graph() or tls.trace is not None:
            return towards(roots, g, ends, ctx.keeps_graph())
        # from now on these nodes are the call: what a later derivative sends there meets in them, as uncompiled
        ctx.continue_at(roots)
        return [None] * len(ends)

    def connect(self, made: list[Tensor], values: list[Any], fetched: list[Tensor], inputs: Sequence[Any]) -> None:
        """Put tensors with a history in the place of the made results that carry gradients."""
        tensors: list[Tensor | None] = [wrap(values[at]) for at in self.tensor_at]
        for n, place in self.copied:
            value = values[self.tensor_at[n]]
            if np.may_share_memory(value, place.tensor(fetched, made)._data):
                tensors[n] = wrap(value.copy())
        for at in self.held:
            t = fetched[at]
            tensors.append(None if t._flags & INFERENCE else t)
        if self.witnesses:
            tensors += [place.witness(fetched, made) for place in self.witnesses]
        numbers = [values[at] for at in self.number_at]
        again = [inputs[at] for _, at in self.again.numbers] if self.again is not None else []
        if self.beside is not None:
            self.beside.connect(made, values, fetched, inputs)
        outs = [made[i] for i in self.made]
        followed = [fetched[i] for i in (*self.targets, *self.others)]
        out = CompiledCall.apply((self, numbers, again), tensors, outs, *followed)
        for i, t in zip(self.made, out, strict=True):
            made[i] = t


class CompiledCall(Function):
    """Hangs the compiled backward on results that exist already."""

    @staticmethod
    def forward(ctx: FunctionContext, call: Any, tensors: list[Tensor | None], outs: list[Tensor], *_: Tensor) -> Any:
        """The results themselves, under handles of their own; `call` is the backward, with the numbers that it reads
        and those that a second derivative reads.
        """
        ctx.call = call
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return tuple(outs)

    @staticmethod
    def backward(ctx: FunctionContext, *g: Any) -> Any:
        """One run of the compiled backward; where it is itself to be differentiated, or inside a transform, the walk
        through what autograd recorded (`_again`), or RuntimeError.
        """
        program, numbers, again = ctx.call
        if not program.raises and (tls.grad or any(gi is not None and gi._flags & LEVEL for gi in g)):
            found = program.gradients_again(ctx, again, g)
        else:
            found = [*program.gradients(ctx, numbers, g), *[None] * len(program.others)]
        return (None,) * _BEFORE_TARGETS + tuple(found)


_BEFORE_TARGETS = 3  # arguments of `forward`


def _bits(g: Sequence[Any]) -> int:
    """Which of some cotangents came."""
    return sum([1 << i for i, gi in enumerate(g) if gi is not None])


class Joint:
    """A forward trace and the backward trace that hangs on it, before compilation."""

    def __init__(
        self,
        walked: _Walked,
        made: list[int],
        targets: list[int],
        trace: Trace,
        saved: list[Saved],
        spent: Spent | None,
        history: Traced,
        others: list[int],
    ) -> None:
        inner = walked.inner
        self._traced = inner.builder.build([inner.value_of(g) for _, g in walked.reached])
        self.made = made
        self.targets = targets
        if inner.written or inner.numbers or inner.grads:
            raise CaptureError("the backward of a captured function changes state; capture the backward call too")
        by_input = {ours: theirs for theirs, ours in inner.residuals}
        by_input |= {ours: trace.value_of(t) for t, ours in inner.tensors}
        self.residuals: list[Value] = [by_input[v] for v in self._traced.inputs[len(made) :]]
        self._marks = walked.marks
        self._uses = [{by_input[v].id for v in uses} for uses in uses_of(self._traced, len(made))]
        self._saved = saved
        self._spent = spent
        self._history = history
        self._others = others

    def traced(self, sizes: Mapping[str, int]) -> Graph:
        """The backward of all results, with `sizes` for names: cotangents, then one input for each residual."""
        return bound(self._traced, sizes)

    def graph(self, sizes: Mapping[str, int]) -> Graph:
        """The same after the passes."""
        return run_passes(self.without(self.traced(sizes), ~0), PASSES)

    def without(self, graph: Graph, followed: int) -> Graph:
        """The traced backward of some results; outputs that they do not lead to are None."""
        own = graph.inputs[: len(self.made)]
        return without(graph, own, [v for i, v in enumerate(own) if not followed >> i & 1], self._marks)

    def is_whole(self, followed: int, wanted: int) -> bool:
        """Whether all results are followed, and all targets wanted."""
        return followed == (1 << len(self.made)) - 1 and wanted == (1 << len(self.targets)) - 1

    def read_by(self, graph: Graph) -> set[int]:
        """The ids of the values of the forward that stand for inputs which a backward reads."""
        read = {a for node in graph.nodes for a in node.args}.union(graph.outputs)
        residuals = zip(self.residuals, graph.inputs[len(self.made) :], strict=True)
        return {theirs.id for theirs, ours in residuals if ours in read}

    def compiled(
        self, compile_graph: Callable[[Graph], Run], traced: Graph, forward: Graph, later: Later, results: Results,
        place_of: PlaceOf,
        sizes: Mapping[str, int],
        frozen: bool,
    ) -> Backward:  # fmt: skip
        """The executable of `later`; `traced` is the forward before passes, `place_of` an input, by its id, among the
        fetched tensors.
        """
        watched = self._watched(lying_in(traced, results, place_of))
        known = {place for _, place in watched}
        lying = lying_in(forward, results, place_of)
        residuals = []
        for at, v in enumerate(forward.outputs[len(results.outputs) :], len(results.outputs)):
            place = lying.get(v) if type(v) is Value else None
            if place is not None and place._replace(steps=()) in known:
                place = None  # a write there is noticed before it is read
            residuals.append((at, type(v) is Value and isinstance(v.type, TensorType), place))
        beside = None if self._spent is None else self._spent.backward(forward.name)
        again = None if frozen else again_of(self._history, traced, sizes, place_of)
        planner = _Planner(self, later, watched, compile_graph)
        places = list(dict.fromkeys([place for _, place in watched]))
        found = Backward(
            forward.name, planner, self.made, self.targets, residuals, places, beside, again, others=self._others
        )
        if len(self.made) == 1:
            found.ways.last()  # which results are followed is known
        return found

    def _watched(self, lying: Mapping[Value, Place]) -> list[tuple[int, Place]]:
        """Values of the forward, by id, and where they lie, which must not be written before a backward reads them."""
        by_id = {v.id: place for v, place in lying.items()}
        used = self.uses(~0)
        saved = [(s.value.id, by_id.get(s.value.id) if s.place is None else s.place) for s in self._saved]
        return [(value, place) for value, place in saved if place is not None and value in used]

    def uses(self, followed: int) -> set[int]:
        """The ids of the values of the forward that the ways from some results read."""
        return set().union(*[uses for i, uses in enumerate(self._uses) if followed >> i & 1])


class Later:
    """The backward of all results of one forward, and what any other of its backwards goes through after the passes."""

    def __init__(self, traced: Graph, whole: Graph, fit: Callable[[Graph], Graph]) -> None:
        self.traced = traced
        self.whole = whole
        self.fit = fit


class _Planner:
    """Plans the backward of some results towards some targets."""

    def __init__(
        self, joint: Joint, later: Later, watched: list[tuple[int, Place]], compile_graph: Callable[[Graph], Run]
    ) -> None:
        self._joint = joint
        self._later = later
        self._watched = watched
        self._compile = compile_graph

    def planned(self, followed: int, wanted: int) -> Way:
        """The way, compiled."""
        joint, later = self._joint, self._later
        uses = joint.uses(followed)
        gives = tuple([i for i in sorted(self.reached(followed)) if wanted >> i & 1])
        if joint.is_whole(followed, wanted):
            graph = later.whole
        else:
            graph = joint.without(later.traced, followed)
            graph = dce(graph.replace(graph.nodes, [graph.outputs[i] for i in gives]))
            if len(gives) < len(joint.targets):
                uses &= joint.read_by(graph)
            graph = later.fit(run_passes(graph, PASSES))
        watched = frozenset([place for value, place in self._watched if value in uses])
        return self._way(graph, gives, watched)

    def reached(self, followed: int) -> frozenset[int]:
        """The targets that these results lead to."""
        outputs = self._joint.without(self._later.traced, followed).outputs
        return frozenset([i for i, v in enumerate(outputs) if v is not None])

    def _way(self, graph: Graph, gives: tuple[int, ...], watched: frozenset[Place]) -> Way:
        """A compiled graph, without the inputs that it does not read."""
        read = {*graph.outputs, *[a for node in graph.nodes for a in node.args if type(a) is Value]}
        at = [i for i, v in enumerate(graph.inputs) if v in read]
        sources = [graph.sources[i] for i in at]
        graph = Graph(graph.name, [graph.inputs[i] for i in at], graph.nodes, graph.outputs, graph.effects, sources)
        made = len(self._joint.made)
        takes, reads = [i for i in at if i < made], [i - made for i in at if i >= made]
        return Way(graph, self._compile(graph) if gives else _nothing, tuple(takes), tuple(reads), gives, watched)


def _nothing(_: list[Any]) -> list[Any]:
    """The run of a way that leads nowhere."""
    return []


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

    def backward(self, name: str) -> Backward:
        """A backward that raises."""
        return Backward(name, self, self._made, self._targets, raises=True)

    def planned(self, _: int, __: int) -> Way:
        """There is none."""
        raise self._kind(self._words)

    def reached(self, _: int) -> frozenset[int]:
        """Going there raises."""
        raise self._kind(self._words)

    def compiled(self, _: Any, __: Any, forward: Graph, *___: Any) -> Backward:
        """The same, for any set of sizes."""
        return self.backward(forward.name)


class _Walked(NamedTuple):
    """A traced way back: the trace, and the gradients of older tensors."""

    inner: Trace
    reached: list[tuple[Tensor, Tensor]]
    marks: Marked


def _walk_back(trace: Trace, made: Sequence[Tensor], older: Mapping[Any, Tensor]) -> _Walked:
    """Trace the way from made results to older tensors by their edges; the error that going there would raise."""
    needed, _ = leading_to([t._edge for t in made], dict.fromkeys(older), 0)
    inner = Trace(f"{trace.builder._name}_backward", parent=trace)
    marked = Marked({}, {})
    targets: dict[Any, Any] = dict.fromkeys(older)
    tls.trace = inner
    try:
        cotangents = [(t._edge, inner.placeholder(t._data)) for t in made]
        if len(made) > 1:
            inner.marks = Marks(inner, [g for _, g in cotangents])
            marked = inner.marks.found
        walk(cotangents, create_graph=False, retain_graph=True, needed=needed, targets=targets, barrier=True)
    finally:
        tls.trace = trace
    reached = [(older[edge], g) for edge, g in targets.items() if g is not None]
    return _Walked(inner, reached, marked)


def _refuse_hooks(edge: Any) -> None:
    """CaptureError for a result with hooks of its own: a hook that is added to it outside comes after them."""
    node, index = (edge.node, edge.index) if isinstance(edge, Port) else (edge, 0)
    if not is_leaf_edge(edge) and node.hooks is not None and node.hooks.outputs.get(index):
        raise CaptureError(
            "the program returns a tensor on which it has registered a hook, before which hooks added to the result "
            "outside would run; register it on what the result is made from, or on the result outside"
        )


def trace_backward(trace: Trace, results: Results, explorer: Explorer, fetched: Fetched) -> Joint | Spent | None:
    """Trace the way from the made results to the older tensors that require grad; None where there is none to go."""
    made = [i for i, m in enumerate(results.made) if m.tensor._edge is not None and not m.born]
    if not made:
        return None
    tensors = [m.tensor for m in results.made]
    older = {r.tensor._edge: r.tensor for r in explorer.tensors.values() if r.tensor._edge is not None}
    for i in made:
        _refuse_hooks(tensors[i]._edge)
    # before the walk, which may change what contexts and hooks keep
    history, first = traced_history(trace, explorer, [tensors[i] for i in made], list(older)), list(made)
    offsets = {at: entry[3] for at, entry in trace.generators.items()}
    spent = None
    try:
        walked = _walk_back(trace, [tensors[i] for i in made], older)
    except CaptureError:
        raise
    except RuntimeError as error:
        # what backward would raise uncompiled, it raises when it is called, for those results that lead there
        alone = {i: _error_alone(trace, tensors[i], older) if len(made) > 1 else _told(error) for i in made}
        errors = {i: found for i, found in alone.items() if found is not None}
        any_one = [fetched.at(t) for t in list(older.values())[:1]]
        spent = Spent(list(errors), any_one, next(iter(errors.values()), _told(error)))
        made = [i for i in made if i not in errors]
        if not made:
            return spent
        walked = _walk_back(trace, [tensors[i] for i in made], older)
    for at, entry in trace.generators.items():
        untouched = entry[3] is offsets[at] if at in offsets else getattr(entry[3], "value", None) is entry[2]
        if not untouched:
            raise CaptureError("the backward of a captured function draws new random numbers; capture the backward too")
    saved = cells_of(walked.inner, trace, results, explorer, fetched)
    reached = [t for t, _ in walked.reached]
    targets = [fetched.at(t) for t in reached]
    # a second derivative may lead to inputs that the first does not
    ends = {n: at for t, at in zip(reached, targets, strict=True) for n, o in enumerate(older.values()) if o is t}
    met = frozenset() if history.history is None else history.history.met
    others = {n: fetched.place(t) for n, t in enumerate(older.values()) if n in met and n not in ends}
    history = history.between([first.index(i) for i in made], ends | others)
    return Joint(walked, made, targets, trace, saved, spent, history, [at for at in others.values() if at is not None])


def _error_alone(trace: Trace, t: Tensor, older: Mapping[Any, Tensor]) -> Exception | None:
    """What going backward from one result alone would raise."""
    try:
        _walk_back(trace, [t], older)
    except CaptureError:
        raise
    except RuntimeError as error:
        return _told(error)
    return None


def _told(error: RuntimeError) -> Exception:
    """An error to keep: without the frames that raised it."""
    if isinstance(error, GraphFreedError):
        # the program went backward itself: its results are as spent as they would be uncompiled
        return GraphFreedError(
            "the graph was freed: the compiled step called backward() itself; compute the loss again"
        )
    return RuntimeError(str(error))
