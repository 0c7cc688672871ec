"""`.grad` of leaves: who owns its memory, and what a trace sees of it.

The invariant: the memory of a `.grad` belongs to that leaf alone, so that adding into it in place changes nothing
else. A cotangent is taken over only when no one else can see it; everything else is copied.
"""

from __future__ import annotations

from sys import getrefcount

import numpy as np

from lamella.tensor import Tensor, set_grad_enabled
from lamella.tensor.extend import GRAD, HOT, OPS, VIEW, detached, dispatch, level_of, tls, user_location

from ._tape import Leaf

__all__ = ["accumulate", "get_grad", "set_grad"]

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


def get_grad(leaf: Leaf) -> Tensor | None:
    """`.grad` of a leaf; under a trace, as the trace sees it."""
    if tls.trace is not None:
        return tls.trace.read_grad(leaf)  # type: ignore[no-any-return]
    return leaf.grad


def set_grad(leaf: Leaf, value: Tensor | None) -> None:
    """Assign `.grad` of a leaf; under a trace, an effect."""
    if tls.trace is not None:
        tls.trace.write_grad(leaf, value)
    else:
        leaf.grad = value
