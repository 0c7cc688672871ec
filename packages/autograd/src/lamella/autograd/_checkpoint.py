"""Activation checkpointing: keep the inputs of a function, compute it again in backward.

The second run draws the same random numbers: it starts from the generator offsets of the first and leaves the
generators where they were. Works at the top level of the thread's transforms, like `grad`; below it everything stays
connected, and is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from lamella.tensor import Tensor, enable_grad
from lamella.tensor.extend import (
    GRAD,
    OPS,
    VIEW,
    Generator,
    Mode,
    cell_of,
    default_generator,
    detached,
    dispatch,
    set_edge,
    tls,
    user_location,
    wrap,
)

from ._engine import Context
from ._generators import standing, swapped
from ._history import Given, History, Made, Taking, UnkeptError, towards
from ._levels import lift
from ._node import Edge, Leaf, OwnRule, Plan, Port, metas_of, new_node, next_sequence
from ._reach import leaving
from ._saving import recorded_specially
from ._tape import save, unpack
from ._tree import flatten, unflatten

__all__ = ["checkpoint", "checkpoint_sequential"]


Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def _no_contexts() -> Contexts:
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = _no_contexts,
    determinism_check: str = "default",
    debug: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs) whose intermediate results are not kept but computed again in backward.

    Tensors that the function closes over get their gradients too. It must compute the same thing when it runs again:
    random numbers repeat if they come from the default generator or from one among the arguments, and unless
    preserve_rng_state is False. Results are trees of tensors and other values. `context_fn` gives two context
    managers, for the first and the second run. The second run must give the dtypes of the first, unless
    determinism_check is "none". ValueError for use_reentrant=True and debug=True, which are not supported.
    """
    f = function
    if not callable(f):
        raise TypeError(f"checkpoint needs a function, got {type(f).__name__}")
    if use_reentrant:
        raise ValueError("use_reentrant=True is not supported; pass use_reentrant=False, or leave it out")
    if debug:
        raise ValueError("debug=True is not supported; the error of a mismatch names what differs")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check is 'default' or 'none', got {determinism_check!r}")
    first_context, second_context = context_fn()
    if not tls.grad:
        with first_context:
            return f(*args, **kwargs)
    top = tls.levels[-1] if tls.levels else None
    flat, spec = flatten((args, kwargs))
    given = [lift(t, top) if isinstance(t, Tensor) else t for t in flat]
    generators = [default_generator, *[t for t in flat if isinstance(t, Generator)]] if preserve_rng_state else []
    states = [standing(g) for g in generators]
    # versions are taken before the first run, so that f writing into its inputs is noticed
    cut = [i for i, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad]
    saved = tuple([save(t, i, top) for i, t in enumerate(given)])
    # the first run is recorded only to learn what f closes over: its edges out of this call become inputs of our node
    epoch = next_sequence()
    inner = list(given)
    own: list[Leaf] = []
    for i in cut:
        leaf = Leaf(given[i]._data.shape, given[i]._data.dtype, top, fresh=True)
        own.append(leaf)
        inner[i] = _bare(given[i])
        set_edge(inner[i], leaf)
    call_args, call_kwargs = unflatten(inner, spec)
    with first_context:
        out = f(*call_args, **call_kwargs)
    results, out_spec = flatten(out)
    results = [lift(t, top) if isinstance(t, Tensor) else t for t in results]
    made = [i for i, t in enumerate(results) if isinstance(t, Tensor) and t.requires_grad]
    if not made:
        return unflatten(results, out_spec)
    roots = [results[i]._edge for i in made]
    outer = leaving(roots, epoch, set(own))
    cells = [cell_of(t) for t in (*given, *results) if isinstance(t, Tensor)]
    for i in made:
        t = results[i]
        # an output that shares memory with another or with an input would not learn of writes through it: it gets its
        # own
        shared = sum(c is t._cell for c in cells) > 1
        results[i] = dispatch(OPS["copy"], (detached(t),)) if shared else _bare(t)
    metas = [(results[i]._data.shape, results[i]._data.dtype) for i in made]
    edges = (*[given[i]._edge for i in cut], *outer)
    modes = Mode(autocast=None if tls.autocast is None else tls.autocast.uncached())
    rule = _Recompute(f, spec, generators, states, made, cut, outer, second_context, modes, determinism_check)
    if tls.trace is not None:
        # what ran may not run again for the values of another call: its history may be had over them
        rule.first = _First(roots, own, epoch, context_fn is not _no_contexts)
    plan = Plan("checkpoint", rule, (1 << len(edges)) - 1, tuple(range(len(saved))), custom=True)
    node = new_node(plan, edges, metas, user_location(2))
    node.saved = saved
    recorded_specially(node, 2)
    for n, i in enumerate(made):
        set_edge(results[i], node if n == 0 else Port(node, n))
    return unflatten(results, out_spec)


def checkpoint_sequential(
    functions: Sequence[Callable[..., Any]], segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """input through all functions in turn, in `segments` checkpoints but for the last, which is run plainly."""
    steps = list(functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(f"segments must lie between 1 and the {len(steps)} functions, got {segments}")
    size = len(steps) // segments
    at = 0
    for _ in range(segments - 1):
        input = checkpoint(_chain(steps[at : at + size]), input, use_reentrant=use_reentrant, **kwargs)
        at += size
    return _chain(steps[at:])(input)


def _chain(steps: list[Callable[..., Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run


def _bare(t: Tensor) -> Tensor:
    """The same storage and version cell, neither recorded nor a view."""
    d = wrap(t._data)
    d._cell = cell_of(t)
    d._flags = t._flags & ~(GRAD | VIEW)
    return d


@contextmanager
def _again(generators: list[Generator], states: list[Any]) -> Iterator[None]:
    """Generators as they were at the first run; a trace keeps what is computed inside apart from the first run."""
    trace = tls.trace
    region = None if trace is None else trace.new_region()
    current = [swapped(g, s) for g, s in zip(generators, states, strict=True)]
    try:
        with enable_grad():
            yield
    finally:
        for g, s in zip(generators, current, strict=True):
            swapped(g, s)
        if trace is not None:
            trace.region = region


class _First(NamedTuple):
    """The first run under a trace: its results, the leaves of its arguments, when it began, whether in a context."""

    roots: list[Edge]
    own: list[Leaf]
    epoch: int
    in_context: bool


class _Recompute(OwnRule):
    """The backward rule of a checkpoint: the second run, recorded, and a walk through it."""

    def __init__(
        self,
        f: Callable[..., Any],
        spec: Any,
        generators: list[Generator],
        states: list[Any],
        made: list[int],
        cut: list[int],
        outer: list[Edge],
        context: AbstractContextManager[Any],
        modes: Mode,
        determinism_check: str,
    ) -> None:
        self.f = f
        self.spec = spec
        self.generators = generators
        self.states = states
        self.made = made
        self.cut = cut
        self.outer = outer
        self.context = context
        self.modes = modes  # those of the first run that change what ops compute
        self.strict = determinism_check != "none"
        self.first: _First | None = None
        self.reads = tuple(cut)

    def taken(self, taking: Taking) -> Callable[[Made], OwnRule]:
        """The history of the first run over the values of a call, in place of a second run."""
        first = self.first
        if first is None or first.in_context:
            raise UnkeptError("a checkpoint with a context_fn, which is another function when it runs again")
        history = taking.inside(first.roots, [*first.own, *self.outer], first.epoch)
        cut = self.cut
        return lambda made: _Repeated(history, made.given, cut)

    def __call__(self, ctx: Context, *g: Tensor | None) -> list[Tensor | None]:
        node = ctx.node
        keep = ctx.keeps_graph
        flat = [unpack(node, s, keep) for s in node.saved or ()]
        for i in self.cut:
            flat[i] = _inside(flat[i], keep)
        args, kwargs = unflatten(flat, self.spec)
        with _again(self.generators, self.states), self.modes, self.context:
            results = flatten(self.f(*args, **kwargs))[0]
        top = tls.levels[-1] if tls.levels else None
        roots, came = [], []
        for i, gi, (shape, dtype) in zip(self.made, g, metas_of(node), strict=True):
            out = lift(results[i], top) if i < len(results) and isinstance(results[i], Tensor) else None
            if out is None or tuple(out.shape) != tuple(shape) or not out.requires_grad:
                raise RuntimeError(
                    "the function under checkpoint returned something else when it ran again in backward; "
                    "it must depend on its arguments only"
                )
            if self.strict and out._data.dtype != dtype:
                raise RuntimeError(
                    f"the function under checkpoint returned {dtype} first and {out._data.dtype} when it ran again in "
                    f"backward; it must depend on its arguments only"
                )
            if gi is not None:  # else nothing of the loss is behind this result, and no way leads through it
                roots.append(out._edge)
                came.append(gi)
        return towards(roots, came, [*[flat[i]._edge for i in self.cut], *self.outer], keep)


def _inside(t: Tensor, keep: bool) -> Tensor:
    """An argument of a second run: at a place of its own in the graph."""
    if keep:
        with enable_grad():
            return dispatch(OPS["alias"], (t,))  # type: ignore[no-any-return]
    set_edge(t, Leaf(t._data.shape, t._data.dtype, None, fresh=True))
    return t


class _Repeated(OwnRule):
    """The rule of a checkpoint over other values: the history of what ran, and a walk through it."""

    def __init__(self, history: History, given: Given, cut: list[int]) -> None:
        self._history = history
        self._given = given
        self._cut = cut

    def taken(self, taking: Taking) -> Callable[[Made], OwnRule]:
        """Not a second time: its values are those of one call."""
        raise UnkeptError("the history of a compiled call")

    def __call__(self, ctx: Context, *g: Tensor | None) -> list[Tensor | None]:
        """Gradients of the arguments, and of what the function closes over."""
        node, keep = ctx.node, ctx.keeps_graph
        saved = node.saved or ()
        inner = [_inside(unpack(node, saved[i], keep), keep)._edge for i in self._cut]
        ends = [*inner, *node.edges[len(inner) :]]
        return towards(self._history.again(self._given, dict(enumerate(ends))), g, ends, keep)
