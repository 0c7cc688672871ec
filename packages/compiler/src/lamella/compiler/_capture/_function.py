"""compile(): a callable that captures at the first call of each kind and replays afterwards."""

from __future__ import annotations

import functools
import gc
import sys
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella.autograd.extend import GraphFreedError, flatten, leading_to, unflatten, walk
from lamella.graph import CaptureError, Graph, Trace, Value, cse, dce, fold_scalars, run_passes
from lamella.interfaces import discover
from lamella.tensor import Tensor, get_default_dtype
from lamella.tensor.extend import enter_mode, leave_mode, tls

from ._code import is_analyzed, is_own_module
from ._explore import Explorer, snapshot
from ._guards import build_guard
from ._program import Backward, Program, Results, commit_plan, plan_results

__all__ = ["CompiledFunction", "compile", "disable"]

PASSES = (dce, cse, fold_scalars)


def executor_of(backend: str) -> Callable[[Graph], Callable[[list[Any]], list[Any]]]:
    """The graph executor of a name; ValueError listing those installed."""
    found = {m.NAME: m.compile_graph for m in discover("executor")}
    if backend not in found:
        raise ValueError(f"unknown backend {backend!r}; installed are {', '.join(sorted(found))}")
    return found[backend]  # type: ignore[no-any-return]


def compile(fn: Any = None, *, backend: str = "c") -> Any:
    """A compiled version of a function, a module or a zero-argument training step; usable as a decorator.

    The first call of each kind (shapes, dtypes, values read from Python) captures the whole call; later calls check
    guards and replay it. `backend` is "c", or "interpreter" for the reference. What cannot be captured raises
    CaptureError, and then nothing has changed.
    """
    if fn is None:
        return functools.partial(compile, backend=backend)
    if not callable(fn):
        raise TypeError(f"compile needs a function or a module, got {type(fn).__name__}")
    return CompiledFunction(fn, backend)


def disable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function as one that captures refuse: calling it inside a compiled function raises, naming it."""

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if tls.trace is not None:
            raise CaptureError(f"{fn.__qualname__} is disabled for capture and was called by a compiled function")
        return fn(*args, **kwargs)

    return wrapped


class CompiledFunction:
    """What `compile` returns. Calls inside a capture or a transform run the original function."""

    def __init__(self, fn: Any, backend: str) -> None:
        self._fn = fn
        self._backend = backend
        self._programs: list[Program] = []
        self._lock = threading.RLock()
        self.misses: list[str] = []
        functools.update_wrapper(self, fn if isinstance(fn, types.FunctionType) else type(fn).__call__, updated=())

    @property
    def original(self) -> Any:
        """The function or module that was compiled."""
        return self._fn

    @property
    def programs(self) -> tuple[Program, ...]:
        """The captured programs, newest first."""
        return tuple(self._programs)

    @property
    def compiles(self) -> int:
        """How many programs were captured."""
        return len(self._programs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if tls.trace is not None or tls.levels:
            return self._fn(*args, **kwargs)
        for program in self._programs:
            found = program.guard(args, kwargs)
            if type(found) is tuple:
                return program.call(*found)
        with self._lock:
            # another thread may have captured it meanwhile
            for program in self._programs:
                found = program.guard(args, kwargs)
                if type(found) is tuple:
                    return program.call(*found)
                self.misses.append(program.reasons[found])
            try:
                program = self._capture(args, kwargs)
            except _Overlap as overlap:
                warnings.warn(str(overlap), RuntimeWarning, stacklevel=2)
                return self._fn(*args, **kwargs)
            found = program.guard(args, kwargs)
            if type(found) is not tuple:
                raise CaptureError(
                    f"the program changed what it reads while it was captured ({program.reasons[found]}); "
                    f"keep such state in tensors, or do not compile this function"
                )
            self._programs = [program, *self._programs]
        return program.call(*found)

    # -- capture

    def _capture(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
        explorer = Explorer()
        explorer.run([(self._fn, "root"), (list(args), "list(args)"), (dict(kwargs), "kwargs")])
        entry = {
            "grad": tls.grad,
            "default": get_default_dtype(),
            "modules": list(explorer.modules),
            "epochs": {id(m): m._epoch for m in explorer.modules},
            "snapshots": {id(m): snapshot(m) for m in explorer.modules},
        }
        name = getattr(self._fn, "__name__", type(self._fn).__name__)
        trace = Trace(name if name.isidentifier() else "program")
        unknown: list[types.CodeType] = []
        before = sys.getprofile()

        def watch(frame: Any, event: str, _: Any) -> None:
            if event != "call" or frame.f_code in explorer.codes or not is_analyzed(frame.f_code.co_filename):
                return
            if not is_own_module(frame.f_globals.get("__name__", "")):
                unknown.append(frame.f_code)

        saved = tls.trace
        tls.trace = trace
        enter_mode()
        if before is None:
            sys.setprofile(watch)
        try:
            out = self._fn(*args, **kwargs)
            sys.setprofile(before)
            leaves, spec = flatten(out)
            for leaf in leaves:
                if isinstance(leaf, Tensor):
                    leaf.requires_grad  # noqa: B018 - brings a stale view up to date
            recipe, outputs = plan_results(trace, leaves)
            taken: set[Value] = set(outputs)
            back = self._backward(trace, leaves, recipe)
            if back is not None:
                outputs = [*outputs, *back.residual_values]
            commits = commit_plan(trace, taken | set(outputs))
            self._refuse_edges(trace)
            graph = run_passes(trace.builder.build(outputs), PASSES)
        finally:
            sys.setprofile(before)
            leave_mode()
            tls.trace = saved
            trace.undo()
        self._refuse_escapes(trace, leaves, unknown)
        _refuse_overlap(trace, name)
        guard, reasons, source = build_guard(explorer, trace, graph, entry, self._fn)
        compile_graph = executor_of(self._backend)
        results = Results(recipe, lambda found: unflatten(found, spec))
        backward = None if back is None else back.compiled(compile_graph)
        return Program(graph, compile_graph(graph), guard, reasons, source, results, commits, backward)

    def _backward(self, trace: Trace, leaves: list[Any], recipe: list[tuple[Any, ...]]) -> _Joint | _Spent | None:
        with_grad = [
            i
            for i, (leaf, step) in enumerate(zip(leaves, recipe, strict=True))
            if step[0] == "value" and leaf._edge is not None
        ]
        if not with_grad:
            return None
        edges = {}
        for i, (t, _) in enumerate(trace.tensors):
            if t._edge is not None and t._edge not in edges:
                edges[t._edge] = i
        roots = [leaves[i]._edge for i in with_grad]
        needed, _ = leading_to(roots, dict.fromkeys(edges), 0)
        inner = Trace(trace.builder._name + "_backward", parent=trace)
        targets: dict[Any, Any] = dict.fromkeys(edges)
        tls.trace = inner
        try:
            cotangents = [(leaves[i]._edge, inner.placeholder(leaves[i]._data)) for i in with_grad]
            walk(cotangents, create_graph=False, retain_graph=True, needed=needed, targets=targets)
            reached = [(edge, g) for edge, g in targets.items() if g is not None]
            outputs = [inner.value_of(g) for _, g in reached]
        except GraphFreedError:
            # the program went backward itself: its results are as spent as they would be uncompiled
            return _Spent(with_grad, list(edges.values())[:1])
        finally:
            tls.trace = trace
        return _Joint(inner, outputs, with_grad, [edges[e] for e, _ in reached], trace)

    @staticmethod
    def _refuse_edges(trace: Trace) -> None:
        for t, edge, _, _ in trace._edges.values():
            if t._edge is not edge and t._edge is not None:
                raise CaptureError(
                    "a captured program wrote a result that requires grad into an older tensor, whose history a "
                    "replay cannot extend; "
                    "make the tensor inside the function and return it"
                )

    def _refuse_escapes(self, trace: Trace, leaves: list[Any], unknown: list[types.CodeType]) -> None:
        if unknown:
            code = unknown[0]
            raise CaptureError(
                f"the program called {code.co_qualname} ({code.co_filename}:{code.co_firstlineno}), which capture "
                "could not find from its "
                "arguments, globals and closures, so what it reads cannot be guarded; "
                "call it by name, or pass it as an argument"
            )
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
                f"a tensor made at {where} is kept by something outside the captured function, which a replay "
                "cannot repeat; return it instead"
            )


class _Joint:
    """A forward trace and the backward trace that hangs on it, before compilation."""

    def __init__(
        self, inner: Trace, outputs: list[Value], with_grad: list[int], targets: list[int], trace: Trace
    ) -> None:
        self.graph = run_passes(inner.builder.build(outputs), PASSES)
        self.with_grad = with_grad
        self.targets = targets
        if inner.written or inner.numbers or inner.generators or inner.grads:
            raise CaptureError(
                "the backward of a captured function changes state or draws random numbers; "
                "capture the backward call too"
            )
        by_input = {ours: theirs for theirs, ours in inner.residuals}
        by_input |= {ours: trace.value_of(t) for t, ours in inner.tensors}
        self.residual_values = [by_input[v] for v in self.graph.inputs[len(with_grad) :]]

    def compiled(self, compile_graph: Any) -> Backward:
        return Backward(compile_graph(self.graph), self.with_grad, len(self.residual_values), self.targets)


class _Spent:
    """Results whose graph the program has walked already."""

    residual_values: tuple[Value, ...] = ()

    def __init__(self, with_grad: list[int], targets: list[int]) -> None:
        self.with_grad = with_grad
        self.targets = targets

    def compiled(self, _: Any) -> Backward:
        return Backward(_freed, self.with_grad, 0, self.targets)


def _freed(_: list[Any]) -> list[Any]:
    raise GraphFreedError(
        "the graph was freed: the compiled step called backward() itself; compute the loss again to go backward from it"
    )


class _Overlap(Exception):
    """Inputs that share memory, one of them written."""


def _refuse_overlap(trace: Trace, name: str) -> None:
    written = [t for t, _ in trace.tensors if id(t._data) in trace.written]
    for w in written:
        for t, _ in trace.tensors:
            if t._data is not w._data and np.shares_memory(t._data, w._data):
                raise _Overlap(
                    f"{name} runs uncompiled for this call: it writes an input of shape {w.shape} that shares "
                    f"memory with another of shape {t.shape}"
                )


def _alive(trace: Trace, allowed: set[int]) -> list[Any]:
    out = []
    for reference, place in trace.made:
        t = reference()
        if t is not None and id(t) not in allowed:
            out.append(place)
        t = None
    return out
