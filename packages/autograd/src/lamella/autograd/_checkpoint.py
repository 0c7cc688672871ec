"""Activation checkpointing: keep the inputs of a function, compute it again in backward.

The second run draws the same random numbers: it starts from the generator offsets of the first and leaves the
generators where they were. Works at the top level of the thread's transforms, like `grad`; below it everything stays
connected, and is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

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

from . import _engine
from ._engine import Context
from ._levels import lift
from ._node import Edge, Leaf, Plan, Port, metas_of, new_node, next_sequence
from ._reach import leading_to, leaving
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
    states = [_read(g) for g in generators]
    # versions are taken before the first run, so that f writing into its inputs is noticed
    cut = [i for i, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad]
    saved = tuple([save(t, i, top) for i, t in enumerate(given)])
    # the first run is recorded only to learn what f closes over: its edges out of this call become inputs of our node
    epoch = next_sequence()
    inner = list(given)
    own: set[Leaf] = set()
    for i in cut:
        leaf = Leaf(given[i]._data.shape, given[i]._data.dtype, top, fresh=True)
        own.add(leaf)
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
    outer = leaving([results[i]._edge for i in made], epoch, own)
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


def _read(g: Generator) -> Any:
    return g.get_state() if tls.trace is None else tls.trace.read_offset(g)


def _swap(g: Generator, state: Any) -> Any:
    """Put a generator to a state, returning the one it was in."""
    if tls.trace is not None:
        return tls.trace.swap_offset(g, state)
    current = g.get_state()
    g.set_state(state)
    return current


@contextmanager
def _again(generators: list[Generator], states: list[Any]) -> Iterator[None]:
    """Generators as they were at the first run; a trace keeps what is computed inside apart from the first run."""
    trace = tls.trace
    region = None if trace is None else trace.new_region()
    current = [_swap(g, s) for g, s in zip(generators, states, strict=True)]
    try:
        with enable_grad():
            yield
    finally:
        for g, s in zip(generators, current, strict=True):
            _swap(g, s)
        if trace is not None:
            trace.region = region


class _Recompute:
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

    def __call__(self, ctx: Context, *g: Tensor | None) -> list[Tensor | None]:
        node = ctx.node
        keep = ctx.keeps_graph
        flat = [unpack(node, s, keep) for s in node.saved or ()]
        for i in self.cut:
            if keep:
                with enable_grad():
                    flat[i] = dispatch(OPS["alias"], (flat[i],))
            else:
                set_edge(flat[i], Leaf(flat[i]._data.shape, flat[i]._data.dtype, None, fresh=True))
        args, kwargs = unflatten(flat, self.spec)
        with _again(self.generators, self.states), self.modes, self.context:
            results = flatten(self.f(*args, **kwargs))[0]
        top = tls.levels[-1] if tls.levels else None
        roots = []
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
                roots.append((out._edge, gi))
        inputs = [flat[i]._edge for i in self.cut]
        targets: dict[Any, Any] = dict.fromkeys([*inputs, *self.outer])
        needed, _ = leading_to([e for e, _ in roots], targets, 0)
        _engine.run(roots, keep, keep, needed, targets, barrier=True)
        return [targets[e] for e in inputs] + [targets[e] for e in self.outer]
