"""Hooks of tensors and nodes, and the order they run in.

For each node that a walk executes: the hooks of its output tensors (one by one), the pre-hooks of the node (all
cotangents), its rule, the post-hooks (gradients and cotangents). A leaf is the node that accumulates: its tensor hooks
and pre-hooks, the accumulation, the post-accumulate hooks, the post-hooks. A node whose gradient is only asked for
runs the hooks of its output tensors and nothing else. Retained gradients are collected after all tensor hooks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from lamella.tensor import Tensor, set_grad_enabled
from lamella.tensor.extend import LEVEL, METADATA, OPS, detached, dispatch

if TYPE_CHECKING:
    from ._node import Node

__all__ = ["Handle", "Hooks", "Retained", "after_hooks", "before_hooks", "call_hook", "output_hooks", "run_hooks"]


class Retained:
    """Where the gradient of a result is collected after retain_grad()."""

    __slots__ = ("grad",)

    def __init__(self) -> None:
        self.grad: Tensor | None = None


class Hooks:
    """The hooks of one node: `outputs[index]` see a cotangent; `before` and `after` all of them, around the rule."""

    __slots__ = ("after", "before", "outputs", "retained")

    def __init__(self) -> None:
        self.outputs: dict[int, dict[int, Any]] = {}
        self.before: dict[int, Any] = {}
        self.after: dict[int, Any] = {}
        self.retained: dict[int, Retained] = {}


class Handle:
    """Removes a hook, also at the end of a `with`; captured programs see by METADATA that hooks came or went."""

    _next = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        if not callable(hook):
            raise TypeError(f"a hook must be callable, got {hook!r}")
        self._hooks = hooks
        self.id = next(Handle._next)
        hooks[self.id] = hook
        METADATA[0] += 1

    def remove(self) -> None:
        """Take the hook away; harmless the second time."""
        if self._hooks.pop(self.id, None) is not None:
            METADATA[0] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def call_hook(hook: Callable[..., Any], given: tuple[Any, ...], at_level: bool, create_graph: bool) -> Any:
    """A hook's result; recorded only if the backward is. At a transform's level the mode stays, for it would cut
    lower levels too.
    """
    if create_graph or at_level:
        return hook(*given)
    with set_grad_enabled(False):
        return hook(*given)


def run_hooks(hooks: dict[int, Any], g: Tensor, create_graph: bool) -> Tensor:
    """A cotangent after the hooks of its tensor, each of which may replace it."""
    for hook in list(hooks.values()):
        new = call_hook(hook, (g,), bool(g._flags & LEVEL), create_graph)
        if new is not None:
            if not isinstance(new, Tensor) or new.shape != g.shape:
                raise TypeError(f"a gradient hook must return None or a tensor of shape {g.shape}, got {new!r}")
            if new.dtype is not g.dtype:
                new = new.to(g.dtype)
            g = new if create_graph or not new.requires_grad else detached(new)
    return g


def output_hooks(node: Node, hooks: Hooks, g: Any, create_graph: bool) -> Any:
    """The cotangents of a node after the hooks of its output tensors; retained gradients are collected."""
    several = bool(node.others)
    for index, of in hooks.outputs.items():
        if not several:
            g = run_hooks(of, g, create_graph)
        elif g[index] is not None:
            g[index] = run_hooks(of, g[index], create_graph)
    for index, kept in hooks.retained.items():
        value = g[index] if several else g
        if value is not None:
            kept.grad = _collected(kept.grad, value, create_graph)
    return g


def _collected(old: Tensor | None, g: Tensor, create_graph: bool) -> Tensor:
    if not create_graph:
        g = detached(g)
        old = None if old is None else detached(old)
    out: Tensor = dispatch(OPS["copy"], (g,)) if old is None else old + g
    return out


def _at_level(values: Any) -> bool:
    return any(v is not None and bool(v._flags & LEVEL) for v in values)


def _replaced(what: str, of: str, values: tuple[Any, ...], new: Any, shapes: list[Any]) -> tuple[Any, ...]:
    """What a node hook returned in place of `values`, checked."""
    if not isinstance(new, tuple):
        new = (new,) if isinstance(new, Tensor) else new
    if not isinstance(new, tuple) or len(new) != len(values):
        raise TypeError(f"{what} must return None or a tuple of {len(values)} {of}, got {new!r}")
    for v, shape in zip(new, shapes, strict=True):
        if v is None:
            continue
        if not isinstance(v, Tensor) or (shape is not None and tuple(v.shape) != tuple(shape)):
            raise TypeError(f"{what} must keep the shape {tuple(shape or ())} of what it replaces, got {v!r}")
    return new


def before_hooks(node: Node, hooks: dict[int, Any], g: Any, create_graph: bool) -> Any:
    """The cotangents of a node after its pre-hooks."""
    values = tuple(g) if node.others else (g,)
    shapes = [node.shape, *[shape for shape, _ in node.others]]
    for hook in list(hooks.values()):
        new = call_hook(hook, (values,), _at_level(values), create_graph)
        if new is not None:
            values = _replaced("a node pre-hook", "cotangents", values, new, shapes)
    if node.others:
        return list(values)
    if values[0] is None:
        raise TypeError(f"a pre-hook of {node!r} returned None for its only cotangent; return zeros instead")
    return values[0]


def after_hooks(node: Node, hooks: dict[int, Any], grads: Any, g: Any, create_graph: bool) -> Any:
    """The gradients of a node's operands after its post-hooks, each of which sees them and the cotangents."""
    wanted = node.plan.wanted
    values = tuple(grads[i] if i in wanted else None for i in range(len(node.edges)))
    given = tuple(g) if node.others else (g,)
    for hook in list(hooks.values()):
        new = call_hook(hook, (values, given), _at_level((*values, *given)), create_graph)
        if new is not None:
            values = _replaced("a node post-hook", "gradients", values, new, [None] * len(values))
    return values
