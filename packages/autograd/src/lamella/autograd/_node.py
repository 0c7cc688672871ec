"""The graph that the tape makes: leaves, nodes and ports, and what a node knows of the op it stands for.

A node holds edges to what made its inputs, and saved (storage, version cell, version) for what a needed edge uses. It
never holds its own output tensor, nor does a leaf hold its tensor: there are no cycles, and memory goes when the last
user lets go. An edge is a Leaf, a Node (its output 0) or a Port (another output). Sequence numbers grow in time: a
node's inputs are always older. What stands in the place of a node, to compute its gradient, lies between it and the one
before: such numbers are fractions.
"""

from __future__ import annotations

import itertools
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamella.tensor import Tensor
from lamella.tensor.extend import Location

from ._hooks import Handle, Hooks

if TYPE_CHECKING:
    from ._history import Made, Taking

__all__ = [
    "NONDIFFERENTIABLE", "NO_PARAMS", "Edge", "Leaf", "Meta", "Node", "OwnRule", "Plan", "Port", "Vjp", "edge_meta",
    "metas_of", "new_node", "next_sequence",
]  # fmt: skip

Meta = tuple[tuple[int, ...], Any]
Edge = Any  # Leaf | Node | Port | None; a union would be tested by isinstance at every use

next_sequence = itertools.count(1).__next__
NO_PARAMS: dict[str, Any] = {}


class Plan:
    """What recording an op does for one set of operands that need gradients: made once, shared by all its nodes."""

    __slots__ = ("custom", "fn", "mask", "name", "saves", "shapes", "wanted")

    def __init__(
        self,
        name: str,
        fn: Callable[..., Any],
        mask: int,
        saves: tuple[int, ...] = (),
        shapes: bool = False,
        custom: bool = False,
    ) -> None:
        self.name = name
        self.custom = custom  # not of an op: `name` is what a printer shows
        self.fn = fn
        self.mask = mask
        self.wanted = tuple([i for i in range(mask.bit_length()) if mask >> i & 1])
        self.saves = saves  # operands by index, outputs as `~index`
        self.shapes = shapes  # whether the shapes of all operands follow behind what is saved


class OwnRule(ABC):
    """A backward rule that keeps something beside what its node saved, and knows how one for another call is made."""

    __slots__ = ()
    reads: tuple[int, ...] | None = None
    """Which of the saved values that one reads; None for all."""

    @abstractmethod
    def __call__(self, ctx: Any, *g: Any) -> Any:
        """One cotangent (or None) per operand."""

    @abstractmethod
    def taken(self, taking: Taking) -> Callable[[Made], OwnRule]:
        """What makes the rule of another call; UnkeptError where it cannot be made."""


class Vjp:
    """A backward rule of one op: `fn(ctx, *cotangents) -> one cotangent (or None) per operand`.

    `uses[i]` says what the gradient of operand i reads: operands by index, outputs as `~index`. Only that is saved,
    and only for needed edges. A rule with `shapes` may ask for the shape of operands that need no gradient.

    The gradient of a complex z is dL/dRe z + i dL/dIm z. A rule is written as if for real numbers, g * f'(x): where
    the output is complex it runs between conjugations, which gives g * conj(f'(z)) for a holomorphic f. A rule that
    is `conjugating` does that itself, for an op that is not holomorphic or takes real operands to complex results.
    """

    __slots__ = ("conjugating", "fn", "shapes", "uses")

    def __init__(
        self,
        fn: Callable[..., Any],
        uses: tuple[tuple[int, ...], ...],
        shapes: bool = False,
        conjugating: bool = False,
    ) -> None:
        self.fn = fn
        self.uses = uses
        self.shapes = shapes
        self.conjugating = conjugating


NONDIFFERENTIABLE = Vjp(lambda ctx, *g: (), ())  # noqa: ARG005 - it is never called
"""The rule of ops whose result does not depend smoothly on any input: nothing is recorded."""


class Leaf:
    """Where gradients end: owns `.grad` and the hooks of a leaf tensor, and is the node that accumulates."""

    __slots__ = (
        "__weakref__", "_variable", "after", "before", "dtype", "fresh", "grad", "hooks", "level", "post_hooks",
        "shape",
    )  # fmt: skip
    seq = 0
    next_functions: tuple[tuple[Any, int], ...] = ()

    def __init__(self, shape: tuple[int, ...], dtype: Any, level: Any, fresh: bool = False) -> None:
        self.shape = shape
        self.dtype = dtype
        self.level = level
        self.grad: Tensor | None = None
        self.hooks: dict[int, Any] | None = None
        self.post_hooks: dict[int, Any] | None = None
        self.before: dict[int, Any] | None = None
        self.after: dict[int, Any] | None = None
        self._variable: Any = None
        # made by a functional `grad` for its argument: a dead end once that call has returned
        self.fresh = fresh

    @property
    def variable(self) -> Tensor | None:
        """The leaf tensor, while somebody holds it: a graph does not."""
        return None if self._variable is None else self._variable()

    def holds(self, t: Tensor) -> None:
        """Remember weakly whose leaf this is."""
        self._variable = weakref.ref(t)

    def name(self) -> str:
        """`AccumulateGrad`, as graph printers expect."""
        return "AccumulateGrad"

    def register_prehook(self, hook: Callable[[tuple[Tensor | None, ...]], Any]) -> Handle:
        """Call hook((gradient,)) before it is accumulated; a returned tuple replaces it."""
        if self.before is None:
            self.before = {}
        return Handle(self.before, hook)

    def register_hook(self, hook: Callable[[tuple[Any, ...], tuple[Tensor | None, ...]], Any]) -> Handle:
        """Call hook((), (gradient,)) after it was accumulated."""
        if self.after is None:
            self.after = {}
        return Handle(self.after, hook)

    def __repr__(self) -> str:
        return "<leaf>"


class Node:
    """One recorded op. `saved` is None once a backward has passed that does not retain the graph."""

    __slots__ = (
        "__weakref__", "_metadata", "dtype", "edges", "hooks", "location", "others", "params", "plan", "saved", "seq",
        "shape",
    )  # fmt: skip

    # no __init__: the recorders fill the slots, which halves the cost of making a node
    plan: Plan
    edges: tuple[Edge, ...]
    params: dict[str, Any]
    seq: float
    shape: tuple[int, ...]
    dtype: Any
    others: tuple[Meta, ...]
    saved: tuple[Any, ...] | None
    hooks: Hooks | None
    location: Location | None

    @property
    def op_name(self) -> str:
        """Name of the op, or of the custom Function."""
        return self.plan.name

    def name(self) -> str:
        """Its name for graph printers: `MulBackward0` for the op mul."""
        plan = self.plan
        words = [plan.name] if plan.custom else plan.name.replace(".", "_").split("_")
        return "".join([w[:1].upper() + w[1:] for w in words]) + ("Backward" if plan.custom else "Backward0")

    @property
    def metadata(self) -> dict[str, Any]:
        """A dict for the user's own notes on this node."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[str, Any] = {}
            return self._metadata

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """(node, output index) of every operand; (None, 0) where none is followed."""
        return tuple((e.node, e.index) if type(e) is Port else (e, 0) for e in self.edges)

    def hooks_now(self) -> Hooks:
        """Its hooks, made at the first call."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def register_prehook(self, hook: Callable[[tuple[Tensor | None, ...]], Any]) -> Handle:
        """Call hook(cotangents) before this node's rule runs; a returned tuple replaces them."""
        return Handle(self.hooks_now().before, hook)

    def register_hook(self, hook: Callable[[tuple[Any, ...], tuple[Tensor | None, ...]], Any]) -> Handle:
        """Call hook(gradients, cotangents) after this node's rule ran; a returned tuple replaces the gradients."""
        return Handle(self.hooks_now().after, hook)

    def __repr__(self) -> str:
        return f"<{self.plan.name} backward>"


class Port:
    """Output `index` > 0 of a node."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of this output."""
        return self.node.others[self.index - 1][0]

    @property
    def dtype(self) -> Any:
        """numpy dtype of this output."""
        return self.node.others[self.index - 1][1]

    def __eq__(self, other: object) -> bool:
        return type(other) is Port and other.node is self.node and other.index == self.index

    def __hash__(self) -> int:
        return hash((id(self.node), self.index))


def edge_meta(edge: Edge) -> Meta:
    """(shape, numpy dtype) of the value an edge stands for."""
    return edge.shape, edge.dtype


def metas_of(node: Node) -> tuple[Meta, ...]:
    """(shape, numpy dtype) of every output."""
    return ((node.shape, node.dtype), *node.others)


def new_node(plan: Plan, edges: tuple[Edge, ...], metas: list[Meta], location: Location) -> Node:
    """A node of something that is no op, with nothing saved yet."""
    node = Node()
    node.plan = plan
    node.edges = edges
    node.params = NO_PARAMS
    node.seq = next_sequence()
    node.hooks = None
    node.location = location
    node.shape, node.dtype = metas[0]
    node.others = tuple(metas[1:])
    node.saved = ()
    return node
