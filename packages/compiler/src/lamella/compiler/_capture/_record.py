"""One capture: run a function once under a trace, and make a program of what it did.

The function runs with nothing changed behind it: tensors, gradients, random generators and Python state are as before
when this returns or raises. Refused, by CaptureError: what a replay could not repeat.
"""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from lamella.graph import CaptureError, Graph, Trace, run_passes
from lamella.interfaces import discover
from lamella.tensor import Tensor
from lamella.tensor.extend import VIEW, MetaArray, enter_mode, leave_mode, tls

from .._toolchain import CompilerMissing
from ._backward import PASSES, trace_backward
from ._blame import blame
from ._explore import Explorer
from ._fetch import Fetched
from ._flow import goes_out
from ._forks import Forks
from ._guards import Entry, Guard, build_guard
from ._outside import Outside
from ._overlap import overlaps
from ._program import Path, Program, commit_plan
from ._results import plan_results
from ._segments import Segment, cut
from ._tree import take_apart
from ._undo import Before
from ._watch import Watch, watched

__all__ = ["Attempt", "OverlapError", "executor_of"]

Run = Callable[[list[Any]], list[Any]]
_warned = threading.Event()


class OverlapError(CaptureError):
    """Inputs share memory, and one of them is written: this call cannot be captured, another one may."""


def executor_of(backend: str) -> Callable[[Graph], Run]:
    """The graph executor of a name; ValueError listing those installed."""
    found = {m.NAME: m.compile_graph for m in discover("executor")}
    if backend not in found:
        raise ValueError(f"unknown backend {backend!r}; installed are {', '.join(sorted(found))}")
    return found[backend]  # type: ignore[no-any-return]


class Attempt:
    """The capture of one call: what it can reach is walked once, at the start."""

    def __init__(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], backend: str) -> None:
        self._fn = fn
        self._args = args
        self._kwargs = kwargs
        self._backend = executor_of(backend)
        name = getattr(fn, "__name__", type(fn).__name__)
        self._name = name if name.isidentifier() else "program"
        self._explorer = Explorer(fn, args, kwargs)
        self._entry = Entry(self._explorer)

    def refusal(self) -> Guard:
        """The guard of a call like this one, which could not be captured."""
        nothing = Trace("refused")
        fetched = Fetched(self._explorer, nothing)
        return build_guard(self._explorer, nothing, nothing.builder.build([]), self._entry, fetched)

    def record(self, answers: Sequence[Any] = (), known: Sequence[Segment] = ()) -> Program:
        """The program; CaptureError, or what the function itself raised, and then nothing has changed.

        The first forks are answered by `answers`; segments that `known` has are shared.
        """
        explorer = self._explorer
        before, outside = Before(explorer), Outside(explorer)
        trace = Trace(self._name)
        forks = Forks(answers, lambda kind: goes_out(kind, _call.__code__))
        watch = Watch(explorer.codes, _call.__code__)
        unlinked = _unlink(explorer)
        try:
            try:
                out = self._run(trace, forks, watch)
                if trace.refusal is not None:
                    raise trace.refusal
                leaves, build = take_apart(out, lambda value: id(value) in explorer.identities, trace.stand_ins)
                del out
                for leaf in leaves:
                    if isinstance(leaf, Tensor):
                        leaf.requires_grad  # noqa: B018 - brings a stale view up to date
                fetched = Fetched(explorer, trace)
                results = plan_results(trace, leaves, fetched, build)
                joint = trace_backward(trace, results, explorer, fetched)
                outputs = [*results.outputs, *(() if joint is None else joint.residuals)]
                commits = commit_plan(trace, fetched, set(outputs))
                traced = trace.builder.build(outputs)
            finally:
                rewired = self._close(trace, unlinked)
            _refuse_unknown(watch)
            _refuse_rewired(rewired)
            _refuse_escapes(trace, leaves)
        except BaseException as error:
            # what the program did to Python objects goes with it
            before.restore()
            outside.restore()
            if trace.items and isinstance(error, (TypeError, AttributeError)):
                raise CaptureError(
                    f"the program raised {type(error).__name__} ({error}), perhaps because a number out of a tensor is "
                    "symbolic while it is captured"
                ) from error
            raise
        changed = [*before.restore(), *outside.restore()]
        if changed:
            raise self._changed(changed, before, outside, answers)
        _refuse_overlap(trace, self._name)
        path = None
        if forks.path:
            segments, leaf_ = cut(traced, forks.path, known, self._compiled)
            path = Path(traced, tuple(segments), tuple([f.key for f in forks.path]), leaf_)
            graph, run = traced, leaf_.run
        else:
            graph = run_passes(traced, PASSES)
            run = self._compiled(graph)
        backward = None
        if joint is not None:
            backward = joint.compiled(self._compiled, graph, results, trace, fetched)
        guard = build_guard(explorer, trace, traced, self._entry, fetched)
        for m in results.made:
            m.tensor = None
        return Program(graph, run, guard, results, commits, backward, None if joint is None else joint.graph, path)

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

    @staticmethod
    def _close(trace: Trace, unlinked: list[tuple[Tensor, Any]]) -> Any:
        leave_mode()
        tls.trace = None
        rewired = trace.rewired()
        trace.undo()
        for t, view in unlinked:
            t._view = view
            t._flags |= VIEW
        return rewired

    def _changed(self, changed: list[str], before: Before, outside: Outside, answers: Sequence[Any]) -> CaptureError:
        """The error for what the program did to something older, with the line at which it did."""
        trace = Trace(self._name)
        unlinked = _unlink(self._explorer)
        try:
            forks = Forks(answers, lambda kind: goes_out(kind, _call.__code__))
            place = blame(lambda: self._run(trace, forks, None), lambda: before.moved() or outside.moved())
        finally:
            self._close(trace, unlinked)
            before.restore()
            outside.restore()
        where = "" if place is None else f" at {place}"
        return CaptureError(
            f"the program changed something older than its call{where}, which a replay would not do again: "
            f"{'; '.join(changed[:3])}. "
            "It has been put back. Keep such state in tensors, return it, or do not compile this function",
            place,
        )

    def _compiled(self, graph: Graph) -> Run:
        """The executable of a graph; where there is no C compiler, the interpreter's, with one warning."""
        try:
            return self._backend(graph)
        except CompilerMissing as error:
            if not _warned.is_set():
                _warned.set()
                warnings.warn(
                    f"compiled functions run on the interpreter, which is slower: {error}", RuntimeWarning, stacklevel=5
                )
            return executor_of("interpreter")(graph)


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
    written = [t for t, _ in trace.tensors if id(t._data) in trace.written]
    for w in written:
        for t, _ in trace.tensors:
            if type(t._data) is not MetaArray and t._data is not w._data and overlaps(t._data, w._data):
                raise OverlapError(
                    f"{name} writes an input of shape {w.shape} that shares memory with another of shape {t.shape}"
                )
