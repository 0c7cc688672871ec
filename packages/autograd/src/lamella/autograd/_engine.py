"""The backward walk: newest node first, over a heap of sequence numbers, without recursion.

A node runs once all its users have: they are newer. Saved tensors are freed as the walk passes unless the graph is retained. With
`create_graph` the rules run on saved tensors that keep their edges, else on tensors detached at the node's level: lower levels always
stay connected, which is why no grad mode is switched off here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from heapq import heappop, heappush
from typing import Any

from lamella.tensor import Tensor, set_grad_enabled
from lamella.tensor.extend import GRAD, OPS, VIEW, detached, dispatch, from_numpy_dtype, tls

from ._tape import Leaf, Node, Port, edge_meta, unpack

__all__ = ["Context", "accumulate", "run", "sum_to"]


class Context:
    """What a backward rule sees of its node."""

    __slots__ = ("_keep", "_needs", "_node")

    def __init__(self, node: Node, keep: bool, needs: int) -> None:
        self._node = node
        self._keep = keep
        self._needs = needs

    @property
    def params(self) -> dict[str, Any]:
        """The op's params."""
        return self._node.params  # type: ignore[no-any-return]

    def needs(self, i: int) -> bool:
        """Whether operand i wants a gradient."""
        return bool(self._needs >> i & 1)

    def x(self, i: int) -> Any:
        """Operand i, as it was saved."""
        node = self._node
        if node.saved is None:
            raise _freed(node)
        return unpack(node, node.saved[node.plan.index(i)], self._keep)

    def y(self, i: int) -> Any:
        """Output i, as it was saved."""
        return self.x(~i)

    def shape(self, i: int) -> tuple[int, ...]:
        """Shape of operand i, where it needs a gradient."""
        return edge_meta(self._node.edges[i])[0]

    def dtype(self, i: int) -> Any:
        """DType of operand i, where it needs a gradient."""
        return from_numpy_dtype(edge_meta(self._node.edges[i])[1])

    def operand_shape(self, i: int) -> tuple[int, ...]:
        """Shape of operand i, whether it needs a gradient or not; only for rules that save `shapes`."""
        shape: tuple[int, ...] = self._node.shapes[i]
        return shape

    def count(self) -> int:
        """Number of operands."""
        return len(self._node.edges)

    def out_shape(self, i: int = 0) -> tuple[int, ...]:
        """Shape of output i."""
        return self._node.metas[i][0]  # type: ignore[no-any-return]


def _freed(node: Node) -> RuntimeError:
    return RuntimeError(
        f"the graph was freed: backward() already went through {node.name}; call the first backward with retain_graph=True, or compute the loss again"
    )


def sum_to(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The cotangent of a broadcast operand: summed over the dims that were repeated."""
    have = g._data.shape
    lead = len(have) - len(shape)
    dims = tuple(i for i, n in enumerate(have) if i < lead or (shape[i - lead] == 1 and n != 1))
    if dims:
        g = dispatch(OPS["sum"], (g,), {"dims": dims, "keepdim": False})
    return g if tuple(g._data.shape) == tuple(shape) else dispatch(OPS["reshape"], (g,), {"shape": tuple(shape)})


def run(
    roots: Sequence[tuple[Any, Tensor]],
    *,
    create_graph: bool,
    retain_graph: bool,
    needed: set[Any] | None = None,
    targets: dict[Any, Tensor | None] | None = None,
) -> None:
    """Walk back from (edge, cotangent) pairs.

    Without `targets` leaves accumulate into `.grad`; with them, the gradients of these edges are put there and no leaf changes, and
    `needed` is the set of edges that lead to them.
    """
    heap: list[tuple[int, int, Node]] = []
    pending: dict[Node, list[Tensor | None]] = {}
    leaves: dict[Leaf, Tensor] = {}

    def send(edge: Any, g: Tensor) -> None:
        kind = type(edge)
        if kind is Leaf:
            old = leaves.get(edge)
            leaves[edge] = g if old is None else old + g
            return
        node, index = (edge, 0) if kind is Node else (edge.node, edge.index)
        slots = pending.get(node)
        if slots is None:
            slots = pending[node] = [None] * len(node.metas)
            heappush(heap, (-node.seq, id(node), node))
        had = slots[index]
        slots[index] = g if had is None else had + g

    mode: AbstractContextManager[None] = nullcontext() if tls.grad or not create_graph else set_grad_enabled(True)
    with mode:
        for edge, g in roots:
            send(edge, g)
        del roots
        while heap:
            node = heappop(heap)[2]
            g = pending.pop(node)
            if node.hooks is not None:
                _tensor_hooks(node.hooks, g, create_graph)
            if targets is not None:
                _capture(targets, node, g)
            if node.pre_hooks:
                g = _pre_hooks(node, g, create_graph)
            edges = node.edges
            needs = node.mask if needed is None else sum(1 << i for i, e in enumerate(edges) if e is not None and e in needed)
            if not needs:
                continue
            if node.saved is None:
                raise _freed(node)
            grads = node.vjp.fn(Context(node, create_graph, needs), *g)
            if not retain_graph and node.plan:
                node.saved = None
            g = None  # type: ignore[assignment]
            for i, edge in enumerate(edges):
                if edge is None or not needs >> i & 1:
                    continue
                gi = grads[i]
                if gi is None:
                    continue
                shape, dtype = edge_meta(edge)
                if gi._data.shape != shape:
                    gi = sum_to(gi, shape)
                if gi._data.dtype != dtype:
                    gi = dispatch(OPS["cast"], (gi,), {"dtype": from_numpy_dtype(dtype)})
                send(edge, gi)
            grads = gi = None
        while leaves:
            leaf, total = leaves.popitem()
            if leaf.hooks:
                total = _run_hooks(leaf.hooks, total, create_graph)
            if targets is None:
                if not leaf.fresh:
                    accumulate(leaf, total, create_graph)
            elif leaf in targets:
                targets[leaf] = total


def _capture(targets: dict[Any, Tensor | None], node: Node, g: list[Tensor | None]) -> None:
    if node in targets:
        targets[node] = g[0]
    for i in range(1, len(g)):
        port = Port(node, i)
        if port in targets:
            targets[port] = g[i]


def _run_hooks(hooks: dict[int, Any], g: Tensor, create_graph: bool) -> Tensor:
    with set_grad_enabled(create_graph):
        for hook in list(hooks.values()):
            new = hook(g)
            if new is not None:
                if not isinstance(new, Tensor) or new.shape != g.shape:
                    raise TypeError(f"a gradient hook must return None or a tensor of shape {g.shape}, got {new!r}")
                g = new
    return g


def _tensor_hooks(hooks: dict[int, dict[int, Any]], g: list[Tensor | None], create_graph: bool) -> None:
    for index, of in hooks.items():
        value = g[index]
        if value is not None:
            g[index] = _run_hooks(of, value, create_graph)


def _pre_hooks(node: Node, g: list[Tensor | None], create_graph: bool) -> list[Tensor | None]:
    with set_grad_enabled(create_graph):
        for hook in list((node.pre_hooks or {}).values()):
            new = hook(tuple(g))
            if new is not None:
                if len(new) != len(g):
                    raise TypeError(f"a node pre-hook must return {len(g)} cotangents, got {len(new)}")
                g = list(new)
    return g


def accumulate(leaf: Leaf, g: Tensor, create_graph: bool) -> None:
    """leaf.grad += g: in place into what is there, or taking g over when nobody else holds its memory."""
    old = get_grad(leaf)
    if old is None:
        # 4 = the caller's name, ours, getrefcount's, and the frame's copy: more means that somebody else keeps this tensor
        alone = sys.getrefcount(g) <= 4 and not g._flags & VIEW and getattr(g._data, "base", None) is None
        if not create_graph:
            g = detached(g) if alone and not g._flags & GRAD else dispatch(OPS["copy"], (detached(g),))
        set_grad(leaf, g)
    elif create_graph:
        set_grad(leaf, old + g)
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
