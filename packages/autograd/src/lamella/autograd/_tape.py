"""The tape: what an op leaves behind so that its gradient can be taken.

A node holds edges to what made its inputs, and saved (storage, version cell, version) for what a needed edge uses. It never holds its own
output tensor, nor does a leaf hold its tensor: there are no cycles, and memory goes when the last user lets go.
An edge is a Leaf, a Node (its output 0) or a Port (another output). Sequence numbers grow in time: a node's inputs are always older.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from lamella.tensor import Tensor
from lamella.tensor.extend import GRAD, LEVEL, Cell, Op, cell_of, describe, rule, user_location, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NONDIFFERENTIABLE", "Leaf", "Node", "Port", "Saved", "Vjp", "edge_meta", "next_sequence", "record", "unpack"]

_count = itertools.count(1)
next_sequence = _count.__next__


class Vjp:
    """A backward rule: `fn(ctx, *cotangents) -> one cotangent (or None) per operand`.

    `uses[i]` says what the gradient of operand i reads: operands by index, outputs as `~index`. Only that is saved, and only for needed edges.
    """

    __slots__ = ("_plans", "fn", "shapes", "uses")

    def __init__(self, fn: Callable[..., Any], uses: tuple[tuple[int, ...], ...], shapes: bool = False) -> None:
        self.fn = fn
        self.uses = uses
        self.shapes = shapes  # whether the rule asks for the shape of operands that need no gradient
        self._plans: dict[int, tuple[int, ...]] = {}

    def plan(self, mask: int) -> tuple[int, ...]:
        """What to save when the operands in the bit mask need a gradient."""
        found = self._plans.get(mask)
        if found is None:
            needed: set[int] = set()
            for i, uses in enumerate(self.uses):
                if mask >> i & 1:
                    needed.update(uses)
            found = self._plans[mask] = tuple(sorted(needed))
        return found


NONDIFFERENTIABLE = Vjp(lambda ctx, *g: (), ())
"""The rule of ops whose result does not depend smoothly on any input: nothing is recorded."""


class Leaf:
    """Where gradients end: owns `.grad` and the hooks of a leaf tensor."""

    __slots__ = ("__weakref__", "dtype", "fresh", "grad", "hooks", "post_hooks", "shape")
    seq = 0

    def __init__(self, shape: tuple[int, ...], dtype: Any, fresh: bool = False) -> None:
        self.shape = shape
        self.dtype = dtype
        self.grad: Tensor | None = None
        self.hooks: dict[int, Any] | None = None
        self.post_hooks: dict[int, Any] | None = None
        # made by a functional `grad` for its argument: a dead end once that call has returned
        self.fresh = fresh

    def __repr__(self) -> str:
        return "<leaf>"


class Saved:
    """One saved tensor: its storage and the version at which it was saved; `own` is the output index when the node itself made it."""

    __slots__ = ("cell", "data", "edge", "flags", "own", "version")

    def __init__(self, data: Any, cell: Cell, edge: Any, flags: int, own: int) -> None:
        self.data = data
        self.cell = cell
        self.version = cell.version
        self.edge = edge
        self.flags = flags
        self.own = own


class Node:
    """One recorded op."""

    __slots__ = ("__weakref__", "edges", "hooks", "level", "location", "mask", "metas", "name", "params", "plan", "pre_hooks", "saved", "seq", "shapes", "vjp")

    hooks: dict[int, dict[int, Any]] | None
    pre_hooks: dict[int, Any] | None
    saved: tuple[Any, ...] | None

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """(node, output index) of every operand; (None, 0) where none is followed."""
        return tuple((e.node, e.index) if type(e) is Port else (e, 0) for e in self.edges)

    def register_prehook(self, hook: Any) -> Handle:
        """Call hook(cotangents) before this node's rule runs; a returned tuple replaces them."""
        if self.pre_hooks is None:
            self.pre_hooks = {}
        return Handle(self.pre_hooks, hook)

    def __repr__(self) -> str:
        return f"<{self.name} backward>"


class Port:
    """Output `index` of a node."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index

    def __eq__(self, other: object) -> bool:
        return type(other) is Port and other.node is self.node and other.index == self.index

    def __hash__(self) -> int:
        return hash((id(self.node), self.index))


class Handle:
    """Removes a hook."""

    _next = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        if not callable(hook):
            raise TypeError(f"a hook must be callable, got {hook!r}")
        self._hooks = hooks
        self._id = next(Handle._next)
        hooks[self._id] = hook

    def remove(self) -> None:
        """Take the hook away; harmless the second time."""
        self._hooks.pop(self._id, None)


_new = object.__new__


def edge_meta(edge: Any) -> tuple[tuple[int, ...], Any]:
    """(shape, numpy dtype) of the value an edge stands for."""
    kind = type(edge)
    if kind is Node:
        return edge.metas[0]  # type: ignore[no-any-return]
    if kind is Leaf:
        return edge.shape, edge.dtype
    return edge.node.metas[edge.index]  # type: ignore[no-any-return]


def record(op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
    """Record one op whose outputs exist: gives every differentiable output its edge."""
    vjp = op.rules.get("vjp")
    if vjp is None:
        vjp = rule(op, "vjp")
    if vjp is NONDIFFERENTIABLE:
        return
    single = type(out) is not tuple
    first = out if single else out[0]
    level = first._data.level if first._flags & LEVEL else None
    edges = []
    mask = 0
    bit = 1
    for a in args:
        if isinstance(a, Tensor):
            edge = a._edge
            if edge is not None and level is not (a._data.level if a._flags & LEVEL else None):
                edge = None
            if edge is not None:
                mask |= bit
            edges.append(edge)
        else:
            edges.append(None)
        bit += bit
    if not mask:
        return
    node = _new(Node)
    node.name = op.name
    node.vjp = vjp
    node.edges = edges
    node.mask = mask
    node.params = params
    node.seq = next_sequence()
    node.level = level
    node.hooks = node.pre_hooks = None
    node.location = user_location(3)
    if vjp.shapes:
        node.shapes = tuple([a.shape if isinstance(a, Tensor) else () for a in args])
    node.plan = plan = vjp._plans.get(mask)
    if plan is None:
        node.plan = plan = vjp.plan(mask)
    if single:
        data = out._data
        node.metas = ((data.shape, data.dtype),)
        node.saved = tuple([_save(args[i] if i >= 0 else out, i, level) for i in plan]) if plan else ()
        out._edge = node
        out._flags |= GRAD
    else:
        node.metas = tuple([(o._data.shape, o._data.dtype) for o in out])
        node.saved = tuple([_save(args[i] if i >= 0 else out[~i], i, level) for i in plan])
        for i in op.differentiable:
            o = out[i]
            o._edge = node if i == 0 else Port(node, i)
            o._flags |= GRAD


def _save(value: Any, i: int, level: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    flags = value._flags
    cell = value._cell
    if cell is None:
        cell = cell_of(value)
    if i < 0:
        return Saved(value._data, cell, None, flags & ~GRAD, ~i)
    if level is not None and (not flags & LEVEL or value._data.level is not level):
        # a tensor of a lower level keeps its own edges there: it is no output of this node, so holding it makes no cycle
        return Saved(value, cell, None, -1, -1)
    return Saved(value._data, cell, value._edge, flags, -1)


def unpack(node: Node, entry: Any, keep_edges: bool) -> Any:
    """The saved value as a tensor again, with its edge at the node's level only when the backward itself is recorded."""
    if type(entry) is not Saved:
        return entry
    if entry.cell.version != entry.version:
        raise RuntimeError(
            f"the gradient of {node.name}, computed at {describe(node.location)}, needs a tensor that was modified in place after that, "
            f"at {describe(entry.cell.writer)} (version {entry.cell.version}, saved at {entry.version}); write into a clone() instead"
        )
    if entry.flags == -1:
        return entry.data
    t = wrap(entry.data)
    t._cell = entry.cell
    t._flags = entry.flags & ~3  # neither an edge nor a view, until shown otherwise
    if keep_edges:
        edge = entry.edge if entry.own < 0 else (node if entry.own == 0 else Port(node, entry.own))
        if edge is not None:
            t._edge = edge
            t._flags |= GRAD
    return t
