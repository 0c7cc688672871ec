"""Activation checkpointing: keep the inputs of a function, compute it again in backward.

The second run draws the same random numbers: it starts from the generator offsets of the first and leaves the
generators where they were. Works at the top level of the thread's transforms, like `grad`; below it everything stays
connected, and is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lamella.tensor import Tensor, enable_grad, zeros
from lamella.tensor.extend import (
    GRAD,
    OPS,
    VIEW,
    Generator,
    cell_of,
    default_generator,
    detached,
    dispatch,
    from_numpy_dtype,
    set_edge,
    tls,
    user_location,
    wrap,
)

from . import _engine
from ._engine import Context
from ._levels import lift
from ._reach import leading_to, leaving
from ._tape import Edge, Leaf, Plan, Port, metas_of, new_node, next_sequence, save, unpack
from ._tree import flatten, unflatten

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """f(*args, **kwargs) whose intermediate results are not kept but computed again in backward.

    Tensors that f closes over get their gradients too. f must compute the same thing when it runs again: random
    numbers repeat if they come from the default generator or from one among the arguments. Results are trees of
    tensors and other values.
    """
    if not callable(f):
        raise TypeError(f"checkpoint needs a function, got {type(f).__name__}")
    if not tls.grad:
        return f(*args, **kwargs)
    top = tls.levels[-1] if tls.levels else None
    flat, spec = flatten((args, kwargs))
    given = [lift(t, top) if isinstance(t, Tensor) else t for t in flat]
    generators = [default_generator, *[t for t in flat if isinstance(t, Generator)]]
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
    results, out_spec = flatten(f(*call_args, **call_kwargs))
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
    rule = _Recompute(f, spec, generators, states, made, cut, outer)
    node = new_node(
        Plan("checkpoint", rule, (1 << len(edges)) - 1, tuple(range(len(saved)))), edges, metas, user_location(2)
    )
    node.saved = saved
    for n, i in enumerate(made):
        set_edge(results[i], node if n == 0 else Port(node, n))
    return unflatten(results, out_spec)


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
    ) -> None:
        self.f = f
        self.spec = spec
        self.generators = generators
        self.states = states
        self.made = made
        self.cut = cut
        self.outer = outer

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
        with _again(self.generators, self.states):
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
            roots.append((out._edge, zeros(shape, dtype=from_numpy_dtype(dtype)) if gi is None else gi))
        inputs = [flat[i]._edge for i in self.cut]
        targets: dict[Any, Any] = dict.fromkeys([*inputs, *self.outer])
        needed, _ = leading_to([e for e, _ in roots], targets, 0)
        _engine.run(roots, keep, keep, needed, targets, barrier=True)
        return [targets[e] for e in inputs] + [targets[e] for e in self.outer]
