"""`.grad` of leaves: who owns its memory, and what a trace sees of it.

The invariant: the memory of a `.grad` belongs to that leaf alone, so that adding into it in place changes nothing
else. A cotangent is taken over only when no one else can see it; everything else is copied.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from lamella.tensor import Tensor, set_grad_enabled
from lamella.tensor.extend import (
    GRAD,
    HOT,
    LEVEL,
    METADATA,
    OPS,
    VIEW,
    detached,
    dispatch,
    level_of,
    tls,
    user_location,
)

from ._hooks import Retained, call_hook
from ._node import Edge, Leaf, Port

__all__ = ["accumulate", "get_grad", "moved", "retain_grad", "retained", "set_grad"]

_ndarray = np.ndarray
_COPY = OPS["copy"]


def accumulate(leaf: Leaf, g: Tensor, create_graph: bool) -> None:
    """leaf.grad += g: in place into what is there, or taking g over when nobody else holds its memory."""
    level = level_of(g)
    if level is not leaf.level and level is not None:
        raise RuntimeError(
            f"backward() inside an open {level.kind} reached a leaf made outside it, "
            f"whose .grad cannot hold a value of that {level.kind}; "
            f"use grad() inside the transformed function and return its result"
        )
    if leaf.before:
        g = _before(leaf, leaf.before, g, create_graph)
    old = leaf.grad if not HOT[0] else get_grad(leaf)
    if old is None:
        # references to g: the walk's name, ours and getrefcount's; to its array: the tensor's, our name and
        # getrefcount's
        data = g._data
        alone = getrefcount(g) <= 3 and not g._flags & VIEW
        if alone and type(data) is _ndarray:
            alone = getrefcount(data) <= 3 and data.base is None
        if not alone or (g._flags & GRAD and not create_graph):
            g = dispatch(_COPY, (g if create_graph else detached(g),))
        if HOT[0]:
            set_grad(leaf, g)
        else:
            leaf.grad = g
    elif create_graph:
        set_grad(leaf, old + g)
    elif not (old._flags | g._flags | HOT[0]) and old._data.flags.writeable:
        np.add(old._data, g._data, old._data)
        cell = old._cell
        if cell is not None:
            cell.version += 1
            cell.writer = user_location(2)
    elif not (old._flags | g._flags) & GRAD:
        old.add_(g)
    else:
        with set_grad_enabled(False):
            old.add_(g)
    if leaf.post_hooks:
        with set_grad_enabled(create_graph):
            for hook in list(leaf.post_hooks.values()):
                hook()
    if leaf.after:
        for hook in list(leaf.after.values()):
            if call_hook(hook, ((), (g,)), bool(g._flags & LEVEL), create_graph):
                raise TypeError("a post-hook of an accumulation has no gradient to replace; it must return None")


def _before(leaf: Leaf, hooks: dict[int, Any], g: Tensor, create_graph: bool) -> Tensor:
    for hook in list(hooks.values()):
        new = call_hook(hook, ((g,),), bool(g._flags & LEVEL), create_graph)
        if new is not None:
            (g,) = new if isinstance(new, tuple) and len(new) == 1 else (new,)
            if not isinstance(g, Tensor) or tuple(g.shape) != tuple(leaf.shape):
                raise TypeError(f"a node pre-hook must return None or one tensor of shape {leaf.shape}, got {new!r}")
    return g


def get_grad(edge: Edge) -> Tensor | None:
    """`.grad` of a leaf, under a trace as the trace sees it; of a result, what retain_grad() had collected."""
    if type(edge) is not Leaf:
        kept = retained(edge)
        return None if kept is None else kept.grad
    if tls.trace is not None:
        return tls.trace.read_grad(edge)  # type: ignore[no-any-return]
    return edge.grad


def set_grad(edge: Edge, value: Tensor | None) -> None:
    """Assign `.grad` of a leaf, under a trace an effect; or of a result after retain_grad()."""
    if type(edge) is not Leaf:
        kept = retained(edge)
        if kept is not None:
            kept.grad = value
    elif tls.trace is not None:
        tls.trace.write_grad(edge, value)
    else:
        edge.grad = value


def retained(edge: Edge) -> Retained | None:
    """Where the gradient of a result is collected, or None before retain_grad()."""
    node, index = (edge.node, edge.index) if type(edge) is Port else (edge, 0)
    return None if node.hooks is None else node.hooks.retained.get(index)


def retain_grad(edge: Edge) -> None:
    """See Tensor.retain_grad; nothing for a leaf."""
    if type(edge) is not Leaf and retained(edge) is None:
        node, index = (edge.node, edge.index) if type(edge) is Port else (edge, 0)
        node.hooks_now().retained[index] = Retained()
        METADATA[0] += 1


def moved(old: Edge, new: Edge) -> None:
    """A tensor got a new edge by a write: its retained gradient is from now on that of the new value."""
    if type(old) is Leaf or type(new) is Leaf or new is None:
        return
    kept = retained(old)
    if kept is not None:
        node, index = (old.node, old.index) if type(old) is Port else (old, 0)
        del node.hooks_now().retained[index]
        node, index = (new.node, new.index) if type(new) is Port else (new, 0)
        node.hooks_now().retained[index] = kept
