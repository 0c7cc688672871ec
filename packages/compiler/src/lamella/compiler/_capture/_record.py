"""One capture: run a function once under a trace, and make a program of what it did.

The function runs with nothing changed behind it: tensors, gradients, random generators and Python state are as before
when this returns or raises. Refused, by CaptureError: what a replay could not repeat.
"""

from __future__ import annotations

import functools
import gc
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, NamedTuple

from lamella.graph import CaptureError, Graph, Trace, bound, run_passes
from lamella.interfaces import discover
from lamella.tensor import Tensor
from lamella.tensor.extend import VIEW, MetaArray, enter_mode, leave_mode, set_edge, tls

from .._toolchain import CompilerMissing
from ._arrange import joined
from ._backward import PASSES, Later, trace_backward
from ._blame import blame
from ._budget import choices, fitted, fitted_later, held_bytes, letting_go, planner_of
from ._dynamic import Dynamic, named_inputs
from ._effects import Effect, Moving, is_effect, plan_effects, planted, still_absent
from ._explore import Explorer
from ._fetch import Fetched
from ._flow import goes_out
from ._forks import Forks
from ._guards import Entry, Guard, build_guard
from ._overlap import overlaps, touching
from ._program import Program, commit_plan
from ._results import Results, plan_results
from ._segments import Path, Segments
from ._sized import SizedProgram
from ._tree import take_apart
from ._undo import ABSENT, Before
from ._watch import Watch, watched

__all__ = ["Attempt", "OverlapError", "executor_of"]

Run = Callable[[list[Any]], list[Any]]
_warned = threading.Event()


class OverlapError(CaptureError):
    """Inputs share memory, and one of them is written: this call cannot be captured, another one may."""


def executor_of(backend: str) -> Callable[[Graph], Run]:
    """The graph executor of a name; ValueError listing those installed."""
    found: dict[str, Callable[[Graph], Run]] = {
        m.NAME: getattr(m, "compile_step", m.compile_graph) for m in discover("executor")
    }
    if backend not in found:
        raise ValueError(f"unknown backend {backend!r}; installed are {', '.join(sorted(found))}")
    return found[backend]


class Attempt:
    """The capture of one call: what it can reach is walked once, at the start."""

    def __init__(
        self,
        fn: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        backend: str,
        dynamic: Dynamic,
        budget: int | None = None,
        frozen: Any = None,
        moving: Moving | None = None,
    ) -> None:
        self._fn = fn
        self._args = args
        self._kwargs = kwargs
        self._settings = _Settings(backend, budget, frozen)
        # programs keep this, and must not keep what the call was given
        self._compiled = functools.partial(_compiled, executor_of(backend))
        name = getattr(fn, "__name__", type(fn).__name__)
        self._name = name if name.isidentifier() else "program"
        self._dynamic = dynamic
        self._moving = Moving() if moving is None else moving
        self._explorer = Explorer(fn, args, kwargs, dynamic, self._moving.places)
        self._entry = Entry(self._explorer)

    @property
    def symbols(self) -> set[str]:
        """The places of numbers that are inputs."""
        return {s.place for s in self._explorer.symbols}

    def refusal(self) -> Guard:
        """The guard of a call like this one, which could not be captured."""
        nothing = Trace("refused")
        nothing.sizes = self._dynamic.sizes
        fetched = Fetched(self._explorer, nothing)
        return build_guard(self._explorer, nothing, nothing.builder.build([]), self._entry, fetched)

    def record(self, answers: Sequence[Any] = (), segments: Segments | None = None) -> Program | SizedProgram:
        """The program; CaptureError, or what the function itself raised, and then nothing has changed.

        The first forks are answered by `answers`; `segments` that earlier programs have are shared.
        """
        explorer = self._explorer
        before = Before(explorer)
        trace = Trace(self._name)
        watch = Watch(explorer.codes, _call.__code__)
        forks = Forks(answers, lambda kind: watch.unseen(goes_out, kind, _call.__code__))
        try:
            with self._open(trace) as rewired:
                out = self._run(trace, forks, watch)
                if trace.refusal is not None:
                    raise trace.refusal
                changes = [c for c in before.assignments() if is_effect(c, self._explorer, trace)]
                out = (out, *[c.new for c in changes if c.new is not ABSENT]) if changes else out
                leaves, build = take_apart(
                    out, lambda value: id(value) in explorer.identities, trace.stand_ins, bool(changes)
                )
                del out
                for leaf in leaves:
                    if isinstance(leaf, Tensor):
                        leaf.requires_grad  # noqa: B018 - brings a stale view up to date
                fetched = Fetched(explorer, trace)
                results = plan_results(trace, leaves, fetched, build)
                joint = trace_backward(trace, results, explorer, fetched)
                # hooks on the way back may have assigned too, which no replay of the forward does
                others = [c for c in before.assignments() if not any(map(c.same, changes))]
                outputs = [*results.outputs, *(() if joint is None else joint.residuals)]
                commits = commit_plan(trace, fetched, set(outputs))
                effects = plan_effects(changes, fetched)
                fetched.conditions += still_absent(changes)
                traced = trace.builder.build(outputs)
            _refuse_unknown(watch)
            _refuse_rewired(rewired)
            _refuse_escapes(trace, leaves)
            trace.check_arrays()
        except BaseException as error:
            # what the program did to Python objects goes with it
            before.restore()
            if (trace.items or trace.given_numbers) and isinstance(error, (TypeError, AttributeError)):
                raise CaptureError(
                    f"the program raised {type(error).__name__} ({error}), perhaps because a number out of a tensor is "
                    "symbolic while it is captured"
                ) from error
            raise
        changed = [*[c.words for c in others], *before.elsewhere()]
        before.restore()
        if changed:
            before.blame(others)
            raise self._changed(changed, before, answers)
        _refuse_overlap(trace, self._name)
        self._moving.learn(changes)
        plan = _Plan(traced, joint, results, commits, effects, forks, Segments() if segments is None else segments)
        return self._assembled(trace, plan, fetched)

    def _assembled(self, trace: Trace, plan: _Plan, fetched: Fetched) -> Program | SizedProgram:
        sizes = dict(self._dynamic.sizes.hints)
        tensors = {v.id: t for t, v in trace.tensors}
        # what the graph for other sizes saves for backward is not known yet: it may be any input
        places = {v: fetched.place(t) for v, t in tensors.items()} if sizes and plan.joint is not None else {}

        def place_of(value: int) -> int | None:
            return fetched.place(tensors[value]) if value in tensors else None

        settings = self._settings
        program = plan.program(sizes, None, place_of, self._compiled, settings, tensors)
        program.guard = build_guard(self._explorer, trace, plan.traced, self._entry, fetched)
        for m in plan.results.made:
            m.tensor = None
        if not sizes:
            return program
        guard, compiled = program.guard, self._compiled
        weights = {} if settings.frozen is None else settings.frozen.weights(tensors)
        return SizedProgram(
            program,
            plan.traced,
            sizes,
            lambda sizes: plan.program(sizes, guard, places.get, compiled, settings, weights),
        )

    def _run(self, trace: Trace, forks: Forks, watch: Watch | None) -> Any:
        """Call the function with the trace open."""
        trace.steering = forks
        tls.trace = trace
        enter_mode()
        if watch is None:
            return _call(self._fn, self._args, self._kwargs)
        with watched(watch):
            return _call(self._fn, self._args, self._kwargs)
        raise AssertionError("the hook has raised what stopped the program")

    @contextmanager
    def _open(self, trace: Trace) -> Iterator[list[Any]]:
        """While a trace is open; what it changed is undone. Gives the list of older tensors with another history, which
        is filled at the end.
        """
        trace.sizes = self._dynamic.sizes
        trace.knows_array = self._explorer.knows_array
        unlinked = _unlink(self._explorer)
        rewired: list[Any] = []
        named = ExitStack()
        try:
            named.enter_context(named_inputs(self._dynamic, self._explorer.memory, trace))
            named.enter_context(planted(self._explorer, trace))
            yield rewired
        finally:
            if tls.trace is not None:
                leave_mode()
                tls.trace = None
            rewired += trace.rewired()
            trace.undo()
            for t, view in unlinked:
                t._view = view
                t._flags |= VIEW
            named.close()
            self._dynamic.sizes.closed = True
            trace.refusal = None  # its traceback leads to this frame

    def _changed(self, changed: list[str], before: Before, answers: Sequence[Any]) -> CaptureError:
        """The error for what the program did to something older, with the line at which it did."""
        trace = Trace(self._name)
        forks = Forks(answers, lambda kind: goes_out(kind, _call.__code__))
        self._dynamic.sizes.closed = False
        try:
            with self._open(trace):
                place = blame(lambda: self._run(trace, forks, None), before.moved)
        finally:
            before.restore()
        where = "" if place is None else f" at {place}"
        return CaptureError(
            f"the program changed something older than its call{where}, which a replay would not do again: "
            f"{'; '.join(changed[:3])}. "
            "It has been put back. Keep such state in tensors, return it, or do not compile this function",
            place,
        )


def _compiled(compile_graph: Callable[[Graph], Run], graph: Graph) -> Run:
    """The executable of a graph; where there is no C compiler, the interpreter's, with one warning."""
    try:
        return compile_graph(graph)
    except CompilerMissing as error:
        if not _warned.is_set():
            _warned.set()
            warnings.warn(
                f"compiled functions run on the interpreter, which is slower: {error}", RuntimeWarning, stacklevel=5
            )
        return executor_of("interpreter")(graph)


class _Settings(NamedTuple):
    """How programs are compiled: on which backend, within how many bytes, over which frozen weights."""

    backend: str
    budget: int | None
    frozen: Any


class _Plan(NamedTuple):
    """What a trace has found, for any set of sizes."""

    traced: Graph
    joint: Any
    results: Results
    commits: list[tuple[Any, ...]]
    effects: tuple[Effect, ...]
    forks: Forks
    segments: Segments

    def program(
        self,
        sizes: Mapping[str, int],
        guard: Guard | None,
        place_of: Callable[[int], int | None],
        compile_graph: Callable[[Graph], Run],
        settings: _Settings,
        tensors: Mapping[int, Any],
    ) -> Program:
        """The program of one set of sizes; `tensors` are the inputs by id."""
        traced = graph = bound(self.traced, sizes)
        path = None
        later = None if self.joint is None else self.joint.graph(sizes)
        outputs = len(self.results.outputs)
        if settings.budget is not None and (self.forks.path or self.joint is not None):
            compile_graph = functools.partial(letting_go, compile_graph)
        held = 0
        if self.forks.path:
            path = self._path(graph, later, bool(sizes), _frozen(compile_graph, settings.frozen, tensors), settings)
            fit, later, held = path.graph, path.after, path.held
            run: Run = path.leaf.run
        else:
            graph = run_passes(graph, PASSES)
            fit, later = fitted(graph, later, outputs, settings.backend, settings.budget)
            if settings.budget is not None:
                held = held_bytes(fit, fit.outputs[outputs:], {v.id for v in fit.inputs})
        fit_again = functools.partial(_fit_again, graph, fit, outputs, settings.backend, settings.budget, held)
        if path is None and settings.frozen is not None:
            fit, run = settings.frozen.compiled(fit, tensors, compile_graph)
        elif path is None:
            run = compile_graph(fit)
        backward = None
        if self.joint is not None:
            frozen = settings.frozen is not None
            ways = None if later is None else Later(self.joint.traced(sizes), later, fit_again)
            backward = self.joint.compiled(compile_graph, traced, fit, ways, self.results, place_of, sizes, frozen)
        return Program(fit, run, guard, self.results.bound(sizes), self.commits, backward, path, self.effects)

    def _path(
        self,
        graph: Graph,
        later: Graph | None,
        is_bound: bool,
        compile_graph: Callable[[Graph], Run],
        settings: _Settings,
    ) -> Path:
        """How it forks, as a part of the tree; the nodes stay, because what comes before a fork must not depend on what
        comes after it.
        """
        forks, outputs, budget = self.forks.path, len(self.results.outputs), settings.budget
        # names of sizes are nodes, and bound sizes are none
        ends = [f.nodes - _named(self.traced, f.nodes) * is_bound for f in forks]
        pairs: Iterable[tuple[Graph, Graph | None]] = [(graph, None)]
        if later is not None:
            pairs = islice(choices(graph, later, outputs), 1 if budget is None else None)
        keys = tuple([f.key for f in forks])
        with self.segments.lock:  # programs of other sizes may be made at the same time
            along = self.segments.along(graph, forks, ends, compile_graph)
            paths = [
                Path(graph, fit.outputs, along, keys, ends[-1], outputs, after, compile_graph) for fit, after in pairs
            ]
            return joined(self.segments, paths, None if budget is None else planner_of(settings.backend), budget)


def _fit_again(
    forward: Graph, fit: Graph, outputs: int, backend: str, budget: int | None, held: int, backward: Graph
) -> Graph:
    return fitted_later(forward, fit, backward, outputs, backend, budget, held)


def _frozen(compile_graph: Callable[[Graph], Run], frozen: Any, tensors: Mapping[int, Any]) -> Callable[[Graph], Run]:
    """Compiles the pieces of a forked program, over the frozen weights if there are any."""
    if frozen is None:
        return compile_graph
    weights = frozen.weights(tensors)
    return lambda graph: frozen.compiled(graph, weights, compile_graph)[1]


def _named(graph: Graph, end: int) -> int:
    return sum(node.op.name == "scalar.size" for node in graph.nodes[:end])


def _call(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # the outermost frame of a program: what is above it belongs to the capture
    return fn(*args, **kwargs)


def _unlink(explorer: Explorer) -> list[tuple[Tensor, Any]]:
    """Make views whose base the program cannot reach stand for themselves while it is traced; their links, to be put
    back.
    """
    out = []
    for found in explorer.tensors.values():
        t = found.tensor
        if t._view is not None and id(t._view.base) not in explorer.tensors:
            out.append((t, t._view))
            t._view = None
            t._flags &= ~VIEW
    return out


# -- what is refused


def _refuse_unknown(watch: Watch) -> None:
    if watch.unknown:
        code = watch.unknown[0]
        raise CaptureError(
            f"the program called {code.co_qualname} ({code.co_filename}:{code.co_firstlineno}), which capture could "
            "not find from its "
            "arguments, globals and closures, so what it reads cannot be guarded; call it by name, or pass it as an "
            "argument",
            f"{code.co_filename}:{code.co_firstlineno}",
        )


def _refuse_rewired(rewired: list[tuple[Tensor, tuple[str, int] | None]]) -> None:
    for t, line in rewired:
        where = "an unknown line" if line is None else f"{line[0]}:{line[1]}"
        raise CaptureError(
            f"a captured program wrote a result that requires grad into an older tensor of shape {t.shape}, at "
            f"{where}; a replay cannot extend "
            f"its history: make the tensor inside the function and return it",
            where,
        )


def _refuse_escapes(trace: Trace, leaves: list[Any]) -> None:
    for reference, _ in trace.made:
        t = reference()
        if t is not None:
            set_edge(t, None)  # what only the tape holds (contexts, hooks, checkpointed functions) goes with it
    allowed = {id(x) for x in leaves} | {id(e[2]) for e in trace.grads.values()}
    allowed |= {id(x._view.base) for x in leaves if isinstance(x, Tensor) and x._view is not None}
    kept = _alive(trace, allowed)
    if kept:
        gc.collect()  # a tensor held by a cycle is garbage, not an escape
        kept = _alive(trace, allowed)
    if kept:
        place = kept[0]
        where = "an unknown line" if place is None else f"{place[0]}:{place[1]}"
        raise CaptureError(
            f"a tensor made at {where} is kept by something outside the captured function, which a replay cannot "
            "repeat; return it instead",
            where,
        )


def _alive(trace: Trace, allowed: set[int]) -> list[Any]:
    out = []
    for reference, place in trace.made:
        t = reference()
        if t is not None and id(t) not in allowed:
            out.append(place)
        t = None
    return out


def _refuse_overlap(trace: Trace, name: str) -> None:
    written = {id(root._data) for root in trace.written.values()}
    arrays = {id(t._data): t._data for t, _ in trace.tensors if type(t._data) is not MetaArray}
    for a, b in touching(list(arrays.values())):
        if (id(a) in written or id(b) in written) and overlaps(a, b):
            w, t = (a, b) if id(a) in written else (b, a)
            raise OverlapError(
                f"{name} writes an input of shape {w.shape} that shares memory with another of shape {t.shape}"
            )
