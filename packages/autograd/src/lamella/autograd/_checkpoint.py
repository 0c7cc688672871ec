"""Activation checkpointing: keep the inputs of a function, compute it again in backward.

The second run draws the same random numbers: it starts from the generator offset of the first and leaves the generator where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.tensor import Tensor, enable_grad, zeros
from lamella.tensor.extend import default_generator, detached, from_numpy_dtype, level_of, set_edge, tls, user_location, wrap

from . import _engine
from ._api import leading_to
from ._tape import Leaf, Node, Port, Vjp, _save, next_sequence, unpack
from ._tree import flatten, unflatten

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """f(*args, **kwargs) whose intermediate results are not kept but computed again in backward.

    Tensors that f closes over get their gradients too. The generator is the default one; results are tensors or trees of them.
    """
    if not callable(f):
        raise TypeError(f"checkpoint needs a function, got {type(f).__name__}")
    if not tls.grad:
        return f(*args, **kwargs)
    state = _offset()
    flat, spec = flatten((args, kwargs))
    inner = [detached(t) if isinstance(t, Tensor) else t for t in flat]
    # the first run is recorded only to learn what f closes over: its edges out of this call are the inputs of our node
    epoch = next_sequence()
    leaves: list[Tensor] = []
    for i, (t, d) in enumerate(zip(flat, inner, strict=True)):
        if isinstance(t, Tensor) and t.requires_grad:
            set_edge(d, Leaf(t.shape, t._data.dtype, fresh=True))
            leaves.append(d)
            inner[i] = d
    call_args, call_kwargs = unflatten(inner, spec)
    out = f(*call_args, **call_kwargs)
    results, out_spec = flatten(out)
    outer = _outside([t._edge for t in results if isinstance(t, Tensor) and t._edge is not None], epoch)
    if not outer and not leaves:
        return out
    tensors = [t for t in flat if isinstance(t, Tensor) and t.requires_grad]
    plain = [detached(t) if isinstance(t, Tensor) else t for t in results]
    made = [i for i, t in enumerate(results) if isinstance(t, Tensor) and t._edge is not None]
    if not made:
        return unflatten(plain, out_spec)
    node: Any = object.__new__(Node)
    node.name = "checkpoint"
    node.edges = [t._edge for t in tensors] + outer
    node.mask = (1 << len(node.edges)) - 1
    node.params = {}
    node.seq = next_sequence()
    node.level = level_of(plain[made[0]])
    node.hooks = node.pre_hooks = None
    node.location = user_location(2)
    node.metas = tuple((plain[i]._data.shape, plain[i]._data.dtype) for i in made)
    node.saved = tuple(_save(t, 0, node.level) if isinstance(t, Tensor) else t for t in flat)
    node.plan = tuple(range(len(flat)))
    node.vjp = Vjp(_Recompute(f, spec, state, made, len(tensors), outer, node.metas), ())
    for n, i in enumerate(made):
        set_edge(plain[i], node if n == 0 else Port(node, n))
    return unflatten(plain, out_spec)


def _offset() -> Any:
    if tls.trace is not None:
        return tls.trace.read_offset(default_generator)
    return default_generator.get_state()


def _restore(state: Any) -> Any:
    """Put the default generator back to a state, returning the one it was in."""
    if tls.trace is not None:
        return tls.trace.swap_offset(default_generator, state)
    current = default_generator.get_state()
    default_generator.set_state(state)
    return current


def _outside(edges: list[Any], epoch: int) -> list[Any]:
    """Edges that lead out of a call: to nodes older than its epoch and to leaves that it did not make."""
    found: dict[Any, None] = {}
    seen: set[Any] = set()
    stack = list(edges)
    while stack:
        edge = stack.pop()
        node = edge.node if type(edge) is Port else edge
        if type(node) is Leaf:
            if not node.fresh:
                found[edge] = None
            continue
        if node.seq < epoch:
            found[edge] = None
            continue
        if node in seen:
            continue
        seen.add(node)
        stack.extend(e for e in node.edges if e is not None)
    return list(found)


class _Recompute:
    """The backward rule of a checkpoint: the second run, recorded, and a walk through it."""

    def __init__(self, f: Any, spec: Any, state: Any, made: list[int], count: int, outer: list[Any], metas: Any) -> None:
        self.f = f
        self.spec = spec
        self.state = state
        self.made = made
        self.count = count
        self.outer = outer
        self.metas = metas

    def __call__(self, ctx: Any, *g: Any) -> Any:
        node = ctx._node
        keep = ctx._keep
        flat = [unpack(node, s, True) for s in node.saved]
        inputs = []
        inner = []
        for t in flat:
            if isinstance(t, Tensor) and t._edge is not None:
                d = wrap(t._data)
                d._cell = t._cell
                if not keep:
                    set_edge(d, Leaf(t.shape, t._data.dtype, fresh=True))
                else:
                    set_edge(d, t._edge)
                inputs.append(d)
                inner.append(d)
            else:
                inner.append(t)
        args, kwargs = unflatten(inner, self.spec)
        current = _restore(self.state)
        try:
            with enable_grad():
                results = flatten(self.f(*args, **kwargs))[0]
        finally:
            _restore(current)
        targets: dict[Any, Any] = {t._edge: None for t in inputs} | {e: None for e in self.outer}
        roots = [
            (results[i]._edge, zeros(shape, dtype=from_numpy_dtype(dtype)) if gi is None else gi)
            for i, gi, (shape, dtype) in zip(self.made, g, self.metas, strict=True)
        ]
        needed, _ = leading_to([e for e, _ in roots], targets, 0)
        _engine.run(roots, create_graph=keep, retain_graph=True, needed=needed, targets=targets)
        return [targets[t._edge] for t in inputs] + [targets[e] for e in self.outer]
