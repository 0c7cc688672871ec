"""The backward walk: newest node first, over a heap of sequence numbers, without recursion.

A node runs once all its users have: they are newer. Saved tensors are freed as the walk passes unless the graph is
retained. With `create_graph` the rules run on saved tensors that keep their edges, else on tensors detached at the
node's level: lower levels always stay connected, which is why no grad mode is switched off here.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

from lamella.tensor import Tensor, set_grad_enabled
from lamella.tensor.extend import GRAD, OPS, Level, detached, dispatch, from_numpy_dtype, level_of, tls

from ._accumulate import accumulate
from ._anomaly import check_gradients
from ._errors import GraphFreedError
from ._hooks import after_hooks, before_hooks, output_hooks, run_hooks
from ._node import Edge, Leaf, Node, Port, edge_meta, metas_of
from ._reach import is_needed, leading_to
from ._tape import unpack

__all__ = ["WATCHERS", "Context", "Walk", "current_walk", "run", "sum_to"]

_SUM = OPS["sum"]
_CAST = OPS["cast"]
_RESHAPE = OPS["reshape"]


class Context:
    """What a backward rule sees of its node; one walk moves a single context from node to node."""

    __slots__ = ("_keep", "_node", "mask")

    _node: Node
    mask: int
    """The operands that want a gradient, as bits."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep

    @property
    def params(self) -> dict[str, Any]:
        """The op's params."""
        return self._node.params

    @property
    def node(self) -> Node:
        """The node itself, for rules that save in their own way."""
        return self._node

    @property
    def keeps_graph(self) -> bool:
        """Whether the backward is itself recorded."""
        return self._keep

    def needs(self, i: int) -> bool:
        """Whether operand i wants a gradient."""
        return self.mask >> i & 1 == 1

    def x(self, i: int) -> Any:
        """Operand i, as it was saved."""
        node = self._node
        return unpack(node, node.saved[node.plan.saves.index(i)], self._keep)  # type: ignore[index]

    def y(self, i: int) -> Any:
        """Output i, as it was saved."""
        return self.x(~i)

    def shape(self, i: int) -> tuple[int, ...]:
        """Shape of operand i, where it needs a gradient."""
        return edge_meta(self._node.edges[i])[0]

    def operand_shape(self, i: int) -> tuple[int, ...]:
        """Shape of operand i, whether it needs a gradient or not; only for rules that save `shapes`."""
        shape: tuple[int, ...] = self._node.saved[-1][i]  # type: ignore[index]
        return shape

    def count(self) -> int:
        """Number of operands."""
        return len(self._node.edges)

    def out_meta(self, i: int = 0) -> tuple[tuple[int, ...], Any]:
        """(shape, numpy dtype) of output i."""
        return metas_of(self._node)[i]


def freed(node: Node) -> GraphFreedError:
    """The error of a second backward."""
    return GraphFreedError(
        f"the graph was freed: backward() already went through {node.op_name}; "
        f"call the first backward with retain_graph=True, or compute the result again"
    )


def sum_to(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The cotangent of a broadcast operand: summed over the dims that were repeated."""
    have = g._data.shape
    lead = len(have) - len(shape)
    dims = tuple([i for i, n in enumerate(have) if i < lead or (shape[i - lead] == 1 and n != 1)])
    if dims:
        g = dispatch(_SUM, (g,), {"dims": dims, "keepdim": False})
    return g if tuple(g._data.shape) == tuple(shape) else dispatch(_RESHAPE, (g,), {"shape": tuple(shape)})


class Walk:
    """What a hook may ask about the walk it runs in."""

    __slots__ = ("__weakref__", "needed", "roots")

    def __init__(self, roots: Sequence[tuple[Edge, Tensor]], needed: set[Any] | None) -> None:
        self.roots = roots
        self.needed = needed


class _Walks(threading.local):
    now: Walk | None = None


_walks = _Walks()
# how many hooks over several tensors there are: only they ask for the walk
WATCHERS = [0]


def current_walk() -> Walk | None:
    """The innermost walk of this thread that began while somebody watched."""
    return _walks.now


def run(
    roots: Sequence[tuple[Edge, Tensor]],
    create_graph: bool,
    retain_graph: bool,
    needed: set[Any] | None = None,
    targets: dict[Any, Tensor | None] | None = None,
    barrier: bool = False,
) -> None:
    """Walk back from (edge, cotangent) pairs.

    Without `targets` leaves accumulate into `.grad`; with them, the gradients of these edges are put there and no
    leaf changes, and `needed` is the set of edges that lead to them. With `barrier` the walk does not go through a
    target, nor run its hooks: they are the business of the walk around this one.
    """
    ends = None
    if barrier and targets is not None:
        ends = {e.node if type(e) is Port else e for e in targets}
    levels = tls.levels
    if levels:
        # what the rules create belongs to the level of the cotangents, even while deeper levels are open
        tls.levels = _levels_of(levels, roots)
    outer = None
    watched = WATCHERS[0]
    if watched:
        outer = _walks.now
        _walks.now = Walk(roots, needed)
    try:
        if create_graph and not tls.grad:
            with set_grad_enabled(True):
                _walk(roots, create_graph, retain_graph, needed, targets, ends)
        else:
            _walk(roots, create_graph, retain_graph, needed, targets, ends)
    finally:
        if watched:
            _walks.now = outer
        if levels:
            tls.levels = levels


def _levels_of(levels: tuple[Level, ...], roots: Sequence[tuple[Edge, Tensor]]) -> tuple[Level, ...]:
    present = [level_of(g) for _, g in roots]
    return levels[: max([n + 1 for n, level in enumerate(levels) if level in present], default=0)]


def _walk(
    roots: Sequence[tuple[Edge, Tensor]],
    create_graph: bool,
    retain_graph: bool,
    needed: set[Any] | None,
    targets: dict[Any, Tensor | None] | None,
    ends: set[Any] | None,
) -> None:
    heap: list[tuple[int, Node]] = []
    # the cotangent of a node, or the list of its outputs' cotangents where it has several
    pending: dict[Node, Any] = {}
    leaves: dict[Leaf, Tensor] = {}
    for edge, g in roots:
        if not create_graph and g._flags & GRAD:
            # a fresh copy: what the caller holds must not become somebody's .grad
            g = dispatch(OPS["copy"], (detached(g),))
        _send(edge, g, heap, pending, leaves)
    del roots
    ctx = Context(create_graph)
    watched = targets is not None
    anomaly = tls.anomaly
    marks = None if tls.trace is None else tls.trace.marks
    while heap:
        node = heappop(heap)[1]
        g = given = pending.pop(node)
        plan = node.plan
        wanted = plan.wanted
        ctx.mask = plan.mask
        hooks = node.hooks
        if watched or hooks is not None:
            if ends is not None and node in ends:
                _capture(targets, node, g)  # type: ignore[arg-type]
                continue
            if hooks is not None:
                g = output_hooks(node, hooks, g, create_graph)
            if targets is not None and needed is not None:
                _capture(targets, node, g)
                ctx.mask, wanted = _towards(node, needed)
                if not wanted:
                    continue
            if hooks is not None and hooks.before:
                g = before_hooks(node, hooks.before, g, create_graph)
        if node.saved is None:
            raise freed(node)
        ctx._node = node
        grads = plan.fn(ctx, *g) if node.others else plan.fn(ctx, g)
        if node.plan is not plan:  # its rule has put other nodes in its place: the walk goes on there
            plan = node.plan
            ctx.mask, wanted = plan.mask, plan.wanted
            if needed is not None:
                needed |= leading_to([node], needed, 0)[0]
                ctx.mask, wanted = _towards(node, needed)
        if plan.saves and not retain_graph:
            node.saved = None
        if anomaly:
            check_gradients(node, grads, wanted)
        if hooks is not None and hooks.after:
            grads = after_hooks(node, hooks.after, grads, g, create_graph)
        if marks is not None:
            grads = marks.left(given if node.others else (given,), grads, wanted)
        g = given = None  # type: ignore[assignment]
        edges = node.edges
        for i in wanted:
            gi = grads[i]
            if gi is None:
                continue
            edge = edges[i]
            data = gi._data
            if data.shape != edge.shape:
                gi = sum_to(gi, edge.shape)
            if data.dtype is not edge.dtype and data.dtype != edge.dtype:
                gi = dispatch(_CAST, (gi,), {"dtype": from_numpy_dtype(edge.dtype)})
            # the two common cases of _send, without the call
            kind = type(edge)
            if kind is Leaf:
                had = leaves.get(edge)
                leaves[edge] = gi if had is None else had + gi
            elif kind is Node and not edge.others:
                had = pending.get(edge)
                if had is None:
                    pending[edge] = gi
                    heappush(heap, (-edge.seq, edge))
                else:
                    pending[edge] = had + gi
            else:
                _send(edge, gi, heap, pending, leaves)
        grads = gi = data = had = None
    _end(leaves, create_graph, targets, ends is not None)


def _end(
    leaves: dict[Leaf, Tensor], create_graph: bool, targets: dict[Any, Tensor | None] | None, barrier: bool
) -> None:
    """Hand the gradients of leaves over, in the order the walk met them."""
    found = list(leaves.items())
    leaves.clear()
    found.reverse()
    while found:
        leaf, g = found.pop()
        if leaf.hooks and not barrier:
            g = run_hooks(leaf.hooks, g, create_graph)
        if targets is None:
            if not leaf.fresh:
                accumulate(leaf, g, create_graph)
        elif leaf in targets:
            targets[leaf] = g


def _send(
    edge: Edge, g: Tensor, heap: list[tuple[int, Node]], pending: dict[Node, Any], leaves: dict[Leaf, Tensor]
) -> None:
    kind = type(edge)
    if kind is Node:
        if not edge.others:
            had = pending.get(edge)
            if had is None:
                pending[edge] = g
                heappush(heap, (-edge.seq, edge))
            else:
                pending[edge] = had + g
            return
        node, index = edge, 0
    elif kind is Leaf:
        had = leaves.get(edge)
        leaves[edge] = g if had is None else had + g
        return
    else:
        node, index = edge.node, edge.index
    slots = pending.get(node)
    if slots is None:
        slots = pending[node] = [None] * (1 + len(node.others))
        heappush(heap, (-node.seq, node))
    had = slots[index]
    slots[index] = g if had is None else had + g


def _towards(node: Node, needed: set[Any]) -> tuple[int, tuple[int, ...]]:
    """(mask, indices) of the operands of a node that lead to a target."""
    wanted = tuple([i for i in node.plan.wanted if is_needed(node.edges[i], needed)])
    return sum([1 << i for i in wanted]), wanted


def _capture(targets: dict[Any, Tensor | None], node: Node, g: Any) -> None:
    if not node.others:
        if node in targets:
            targets[node] = g
        return
    if node in targets:
        targets[node] = g[0]
    for i in range(1, len(g)):
        port = Port(node, i)
        if port in targets:
            targets[port] = g[i]
