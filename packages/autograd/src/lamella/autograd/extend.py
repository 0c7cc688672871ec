"""The slots that lamella.tensor asks for by name: leaves, recording, backward, and the rules of transform levels."""

from __future__ import annotations

import weakref
from typing import Any

from lamella.tensor.extend import level_of, tls

from ._accumulate import get_grad, moved, retain_grad, retained, set_grad
from ._api import backward_of as backward
from ._engine import run as walk
from ._errors import GraphFreedError
from ._history import History, Shared, UnkeptError, history_of, towards
from ._hooks import Handle
from ._levels import apply_batch, apply_jvp, draw_batched, lift
from ._node import Leaf, Node, Port, Vjp
from ._reach import leading_to
from ._tape import record, record_number, record_pair
from ._tree import flatten, unflatten

__all__ = [
    "GraphFreedError",
    "History",
    "Leaf",
    "Node",
    "Port",
    "Shared",
    "UnkeptError",
    "Vjp",
    "apply_batch",
    "apply_jvp",
    "backward",
    "control",
    "draw_batched",
    "flatten",
    "get_grad",
    "history_of",
    "index_of",
    "is_leaf_edge",
    "leading_to",
    "lift",
    "make_leaf",
    "moved",
    "node_of",
    "record",
    "record_number",
    "record_pair",
    "register_hook",
    "register_post_accumulate_grad_hook",
    "retain_grad",
    "retains_grad",
    "set_grad",
    "towards",
    "unflatten",
    "walk",
]


def control(op: Any, operands: Any, params: Any) -> Any:
    """A control flow op on tensors of any level."""
    from ._control._apply import apply

    return apply(op, operands, params)


def make_leaf(t: Any) -> Leaf:
    """A leaf for a tensor that starts to require grad."""
    leaf = Leaf(t._data.shape, t._data.dtype, level_of(t))
    leaf.holds(t)
    if tls.trace is not None:
        tls.trace.leaves.append(leaf)
    return leaf


def is_leaf_edge(edge: Any) -> bool:
    """Whether an edge ends at a leaf."""
    return type(edge) is Leaf


def node_of(edge: Any) -> Node:
    """The node behind an edge."""
    node: Node = edge.node if type(edge) is Port else edge
    return node


def index_of(edge: Any) -> int:
    """Which output of its node an edge is."""
    return edge.index if type(edge) is Port else 0


def retains_grad(edge: Any) -> bool:
    """Whether retain_grad() was asked of a result."""
    return type(edge) is not Leaf and retained(edge) is not None


def register_hook(t: Any, hook: Any) -> Handle:
    """See Tensor.register_hook; RuntimeError for a tensor that does not require grad."""
    if not t.requires_grad:
        raise RuntimeError("a hook needs a tensor that requires grad")
    edge = t._edge
    if type(edge) is Leaf:
        if edge.hooks is None:
            edge.hooks = {}
        return Handle(edge.hooks, hook)
    return Handle(node_of(edge).hooks_now().outputs.setdefault(index_of(edge), {}), hook)


def register_post_accumulate_grad_hook(t: Any, hook: Any) -> Handle:
    """See Tensor.register_post_accumulate_grad_hook; RuntimeError unless t is a leaf that requires grad."""
    edge = t._edge
    if type(edge) is not Leaf:
        raise RuntimeError("a post-accumulate hook needs a leaf tensor that requires grad")
    if edge.post_hooks is None:
        edge.post_hooks = {}
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {hook!r}")
    # the leaf must not hold its tensor: the hook finds it through a weak reference
    ref = weakref.ref(t)

    def call() -> None:
        tensor = ref()
        if tensor is not None and hook(tensor) is not None:
            raise RuntimeError("a post-accumulate hook must return None; assign to .grad instead")

    return Handle(edge.post_hooks, call)
