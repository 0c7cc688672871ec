"""One capture: run a function once under a trace, and make a program of what it did.

The function runs with nothing changed behind it: tensors, gradients, random generators and Python state are as before
when this returns or raises. Refused, by CaptureError: what a replay could not repeat.
"""

from __future__ import annotations

import gc
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from lamella.graph import CaptureError, Graph, Trace, Value, bound, run_passes
from lamella.interfaces import discover
from lamella.tensor import Tensor
from lamella.tensor.extend import VIEW, MetaArray, enter_mode, leave_mode, tls

from .._toolchain import CompilerMissing
from ._backward import PASSES, trace_backward
from ._budget import fitted
from ._code import is_analyzed, is_own_module
from ._dynamic import Dynamic, named_inputs
from ._explore import Explorer
from ._fetch import Fetched
from ._flow import goes_out
from ._guards import Entry, Guard, build_guard
from ._overlap import overlaps
from ._program import Program, commit_plan
from ._results import plan_results
from ._sized import SizedProgram
from ._tree import take_apart
from ._undo import Before

__all__ = ["OverlapError", "executor_of", "record"]

Run = Callable[[list[Any]], list[Any]]
_warned = threading.Event()


class OverlapError(Exception):
    """Inputs share memory, and one of them is written: the call runs uncompiled."""


def executor_of(backend: str) -> Callable[[Graph], Run]:
    """The graph executor of a name; ValueError listing those installed."""
    found = {m.NAME: getattr(m, "compile_step", m.compile_graph) for m in discover("executor")}
    if backend not in found:
        raise ValueError(f"unknown backend {backend!r}; installed are {', '.join(sorted(found))}")
    return found[backend]  # type: ignore[no-any-return]


def record(
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    backend: str,
    dynamic: Dynamic,
    budget: int | None = None,
    frozen: Any = None,
) -> Program | SizedProgram:
    """The program of one call; CaptureError, or what the function itself raised, and then nothing has changed."""
    compile_graph = executor_of(backend)
    explorer = Explorer(fn, args, kwargs, dynamic)
    entry = Entry(explorer)
    before = Before(explorer)
    name = getattr(fn, "__name__", type(fn).__name__)
    trace = Trace(name if name.isidentifier() else "program")
    unknown: list[types.CodeType] = []
    trace.sizes = dynamic.sizes
    trace.knows_array = explorer.knows_array
    unlinked = _unlink(explorer)
    try:
        named = ExitStack()
        try:
            named.enter_context(named_inputs(dynamic, explorer.memory, trace))
            out = _run(fn, args, kwargs, trace, explorer, unknown)
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
            leave_mode()
            tls.trace = None
            rewired = trace.rewired()
            trace.undo()
            for t, view in unlinked:
                t._view = view
                t._flags |= VIEW
            named.close()
            dynamic.sizes.closed = True
        _refuse_unknown(unknown)
        _refuse_rewired(rewired)
        _refuse_escapes(trace, leaves)
        trace.check_arrays()
    except BaseException:
        # what the program did to Python objects goes with it
        before.restore()
        raise
    changed = before.restore()
    if changed:
        raise CaptureError(
            "the program changed something older than its call, which a replay would not do again: "
            f"{'; '.join(changed[:3])}. "
            f"It has been put back. Keep such state in tensors, return it, or do not compile this function"
        )
    _refuse_overlap(trace, name)
    sizes = dict(dynamic.sizes.hints)
    tensors = {v.id: t for t, v in trace.tensors}
    # what the graph for other sizes saves for backward is not known yet: it may be any input
    places = {v: fetched.at(t) for v, t in tensors.items()} if sizes and joint is not None else {}

    def assemble(sizes: Mapping[str, int], guard: Guard | None, place_of: Callable[[int], int | None]) -> Program:
        graph, later = fitted(
            run_passes(bound(traced, sizes), PASSES), None if joint is None else joint.graph(sizes),
            len(results.outputs), backend, budget,
        )  # fmt: skip
        if frozen is None:
            run = _compiled(compile_graph, graph)
        else:
            graph, run = frozen.compiled(graph, tensors, lambda g: _compiled(compile_graph, g))
        backward = None
        if joint is not None:
            backward = joint.compiled(lambda g: _compiled(compile_graph, g), graph, later, results, place_of)
        return Program(graph, run, guard, results.bound(sizes), commits, backward)

    def place_of(value: int) -> int | None:
        return fetched.at(tensors[value]) if value in tensors else None

    program = assemble(sizes, None, place_of)
    program.guard = build_guard(explorer, trace, traced, entry, fetched)
    for m in results.made:
        m.tensor = None
    if not sizes:
        return program
    guard = program.guard
    return SizedProgram(program, traced, sizes, lambda sizes: assemble(sizes, guard, places.get))


class Steering:
    """What a capture knows of the numbers that come out of tensors."""

    def goes_out(self, kind: type) -> bool:
        """Whether the number being made is only returned."""
        return goes_out(kind, _run.__code__)

    def fork(self, trace: Trace, value: Value, kind: type | None, why: str) -> Any:
        """A real number, which does not exist yet."""
        raise trace.needs_values(why)


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


def _run(
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    trace: Trace,
    explorer: Explorer,
    unknown: list[types.CodeType],
) -> Any:
    """Call the function with the trace open, noting code that the walk did not know."""
    codes = explorer.codes

    def watch(frame: types.FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code in codes or not is_analyzed(frame.f_code.co_filename):
            return
        if is_own_module(frame.f_globals.get("__name__", "")) or _aside(frame):
            return
        caller = frame.f_back
        if frame.f_code.co_filename == "<string>" and caller is not None and not is_analyzed(caller.f_code.co_filename):
            return  # generated by whoever calls it, such as the constructor of a named tuple of the standard library
        unknown.append(frame.f_code)

    trace.steering = Steering()
    tls.trace = trace
    enter_mode()
    # whichever hook no profiler or debugger holds; one that a program holds is left alone
    install = sys.setprofile if sys.getprofile() is None else sys.settrace if sys.gettrace() is None else None
    if install is None:
        return fn(*args, **kwargs)
    install(watch)
    try:
        return fn(*args, **kwargs)
    finally:
        install(None)


def _aside(frame: types.FrameType | None) -> bool:
    """Whether a frame is no part of the program: a module's first import, or what the collector calls when it runs."""
    collector = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None and frame.f_code is not _run.__code__:
        code = frame.f_code
        if code in collector or code.co_name == "__del__" or code.co_filename == weakref.__file__:
            return True
        if code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


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


# -- what is refused


def _refuse_unknown(unknown: list[types.CodeType]) -> None:
    if unknown:
        code = unknown[0]
        raise CaptureError(
            f"the program called {code.co_qualname} ({code.co_filename}:{code.co_firstlineno}), which capture could "
            "not find from its "
            "arguments, globals and closures, so what it reads cannot be guarded; call it by name, or pass it as an "
            "argument"
        )


def _refuse_rewired(rewired: list[tuple[Tensor, tuple[str, int] | None]]) -> None:
    for t, line in rewired:
        where = "an unknown line" if line is None else f"{line[0]}:{line[1]}"
        raise CaptureError(
            f"a captured program wrote a result that requires grad into an older tensor of shape {t.shape}, at "
            f"{where}; a replay cannot extend "
            f"its history: make the tensor inside the function and return it"
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
            "repeat; return it instead"
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
    memory = {id(root._data) for root in trace.written.values()}
    written = [t for t, _ in trace.tensors if id(t._data) in memory]
    for w in written:
        for t, _ in trace.tensors:
            if type(t._data) is not MetaArray and t._data is not w._data and overlaps(t._data, w._data):
                raise OverlapError(
                    f"{name} runs uncompiled for this call: it writes an input of shape {w.shape} that shares memory "
                    "with another "
                    f"of shape {t.shape}"
                )
