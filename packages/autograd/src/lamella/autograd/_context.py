"""The context of a custom Function: what forward leaves for backward and for forward mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lamella.tensor import Tensor

from ._node import Edge, Leaf, Node, Plan
from ._tape import unpack

__all__ = ["FunctionContext"]


class FunctionContext:
    """Carries what forward leaves for backward: tensors through save_for_backward, anything else as attributes."""

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._for_forward: tuple[Any, ...] = ()
        self._node: Node | None = None
        self._keep = False
        self._mask = 0
        self._readable: tuple[Any, ...] | None = None
        self._no_grad_outputs: frozenset[int] = frozenset()
        self._dirty: frozenset[int] = frozenset()
        self._materialize = True
        self._onward: tuple[Edge, ...] | None = None
        self.needs_input_grad: tuple[bool, ...] = ()

    if TYPE_CHECKING:  # attributes of any name and type may be left here

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs of forward; writing into them afterwards is noticed in backward."""
        self._to_save = _only_tensors("save_for_backward", tensors)

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for the static jvp, which reads them as saved_tensors."""
        self._for_forward = _only_tensors("save_for_forward", tensors)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Outputs that carry no gradient; integer and bool outputs never do."""
        _only_tensors("mark_non_differentiable", tensors)
        self._no_grad_outputs = frozenset(id(t) for t in tensors)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Inputs that forward writes in place, and returns."""
        _only_tensors("mark_dirty", tensors)
        self._dirty = frozenset(id(t) for t in tensors)

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (True) or None for an output that no cotangent came for."""
        self._materialize = bool(value)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept; in backward (and in jvp) only."""
        if self._readable is not None:
            return self._readable
        node, saved = self._saved()
        # of a list: a tuple made of a generator is cut to size, and the interpreter keeps up to 2,000 of those
        return tuple([unpack(node, s, self._keep) for s in saved])

    def saved_at(self, places: Iterable[int]) -> tuple[Any, ...]:
        """Some of the saved_tensors, by position: only these must be as they were saved."""
        node, saved = self._saved()
        return tuple([unpack(node, saved[i], self._keep) for i in places])

    def wanted(self) -> int:
        """The arguments that the backward at hand is asked for a gradient of, as bits: `grad` may want some only."""
        return self._mask

    def keeps_graph(self) -> bool:
        """Whether the backward at hand is itself recorded."""
        return self._keep

    def edges(self) -> list[Edge]:
        """Where the arguments of forward stand in the graph; dead ends where the backward at hand is not recorded."""
        edges = self._running().edges
        if self._keep:
            return list(edges)
        return [None if e is None else Leaf(e.shape, e.dtype, None, fresh=True) for e in edges]

    @property
    def age(self) -> float:
        """The sequence number of the node whose backward is at hand."""
        return self._running().seq

    def continue_at(self, edges: Sequence[Edge]) -> None:
        """Let this walk and all later ones go on at `edges`, one for each output, in place of what backward returns."""
        self._onward = tuple(edges)

    def _replace(self, node: Node, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        """Make the node hand its cotangents on; the gradients for the walk at hand."""
        edges = self._onward or ()
        mask = sum([1 << i for i, e in enumerate(edges) if e is not None])
        node.edges, node.saved = edges, ()
        node.plan = Plan(node.plan.name, _handed_on, mask, custom=True)
        return cotangents

    def _running(self) -> Node:
        if self._node is None or self._node.saved is None:
            raise RuntimeError("saved_tensors can be read while backward of this Function runs, and not after it")
        return self._node

    def _saved(self) -> tuple[Node, tuple[Any, ...]]:
        node = self._running()
        return node, node.saved or ()

    def _left(self) -> dict[str, Any]:
        """What forward left, but for the saved tensors: attributes and settings."""
        return {name: value for name, value in vars(self).items() if name not in _PASSING}

    @classmethod
    def _of(cls, left: dict[str, Any]) -> FunctionContext:
        """A context as another forward left it."""
        out = cls()
        vars(out).update(left)
        return out

    def _forget(self) -> tuple[Any, ...]:
        """Hold no tensor any longer, the node keeps what was saved; returned is what forward mode would read."""
        kept = self._for_forward or self._to_save
        self._to_save = self._for_forward = ()
        self._no_grad_outputs = self._dirty = frozenset()
        return kept

    @contextmanager
    def _backward_of(self, node: Node, keep: bool, mask: int) -> Iterator[None]:
        """saved_tensors are those of the node while its backward runs."""
        self._node, self._keep, self._mask = node, keep, mask
        try:
            yield
        finally:
            self._node = None

    @contextmanager
    def _forward_mode(self, kept: tuple[Any, ...]) -> Iterator[None]:
        """saved_tensors are `kept` while the static jvp runs."""
        self._readable = kept
        try:
            yield
        finally:
            self._readable = None


def _handed_on(_: Any, *cotangents: Any) -> tuple[Any, ...]:
    return cotangents


# what a context holds only while something runs
_PASSING = frozenset(
    (
        "_to_save", "_for_forward", "_node", "_keep", "_mask", "_readable", "_no_grad_outputs", "_dirty", "_onward",
    )
)  # fmt: skip


def _only_tensors(what: str, tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    for t in tensors:
        if t is not None and not isinstance(t, Tensor):
            raise TypeError(f"{what} takes tensors, got {type(t).__name__}; keep other values as attributes of ctx")
    return tensors
