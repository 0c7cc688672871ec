"""The tape: what an op leaves behind so that its gradient can be taken.

A node holds edges to what made its inputs, and saved (storage, version cell, version) for what a needed edge uses. It
never holds its own output tensor, nor does a leaf hold its tensor: there are no cycles, and memory goes when the last
user lets go. An edge is a Leaf, a Node (its output 0) or a Port (another output). Sequence numbers grow in time: a
node's inputs are always older.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from sys import _getframe
from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import (
    GRAD,
    HOT,
    INFERENCE,
    LEVEL,
    OPS,
    VIEW,
    Location,
    Op,
    cell_of,
    describe,
    dispatch,
    rule,
    user_location,
)

from ._hooks import Handle, Hooks
from ._saving import Packed, recorded_specially

__all__ = [
    "NONDIFFERENTIABLE",
    "Handle",
    "Hooks",
    "Leaf",
    "Node",
    "Plan",
    "Port",
    "Vjp",
    "edge_meta",
    "metas_of",
    "new_node",
    "next_sequence",
    "record",
    "record_number",
    "record_pair",
    "save",
    "unpack",
]

Meta = tuple[tuple[int, ...], Any]
Edge = Any  # Leaf | Node | Port | None; a union would be tested by isinstance at every use

next_sequence = itertools.count(1).__next__
_new = object.__new__
_NO_PARAMS: dict[str, Any] = {}
_UNSEEN = ~(GRAD | VIEW)
# files that user_location found to be the user's: the fast recorder asks it for others only
_users: set[str] = set()


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
    seq: int
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
    node.params = _NO_PARAMS
    node.seq = next_sequence()
    node.hooks = None
    node.location = location
    node.shape, node.dtype = metas[0]
    node.others = tuple(metas[1:])
    node.saved = ()
    return node


# Comprehensions stand outside the recorders: what one reads becomes a cell of its function, and every line pays for it.


def _saves_of(saves: tuple[int, ...], args: Any, outs: Any, op: Op, level: Any) -> tuple[Any, ...]:
    # an output that carries no gradient is saved like an operand without an edge
    return tuple(
        [
            save(args[i], i, level) if i >= 0 else save(outs[~i], i if ~i in op.differentiable else 0, level)
            for i in saves
        ]
    )


def _shapes_of(args: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple([tuple(a._data.shape) if isinstance(a, Tensor) else () for a in args])


def _plan(op: Op, mask: int) -> Plan | None:
    """The plan of an op for the operands in a bit mask, kept on the op; None where nothing is recorded."""
    vjp = rule(op, "vjp")
    if vjp is NONDIFFERENTIABLE:
        return None
    needed: set[int] = set()
    for i, uses in enumerate(vjp.uses):
        if mask >> i & 1:
            needed.update(uses)
    plan = op.plans[mask] = Plan(op.name, vjp.fn, mask, tuple(sorted(needed)), vjp.shapes)
    return plan


def _conjugate(t: Any) -> Any:
    return dispatch(OPS["conj"], (t,)) if t is not None and t._data.dtype.kind == "c" else t


def _complex_plan(op: Op, mask: int, plan: Plan) -> Plan:
    """The plan for complex outputs, kept under the complement of the mask."""
    vjp = rule(op, "vjp")
    fn = vjp.fn
    if not vjp.conjugating and any(vjp.uses):

        def fn(ctx: Any, *g: Any) -> Any:
            return [_conjugate(gi) for gi in vjp.fn(ctx, *[_conjugate(gi) for gi in g])]

    made = op.plans[~mask] = Plan(op.name, fn, mask, plan.saves, plan.shapes)
    return made


def record(op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
    """Record one op whose outputs exist: gives every differentiable output its edge."""
    single = type(out) is not tuple
    first = out if single else out[0]
    level = first._data.level if first._flags & LEVEL else None
    edges = []
    mask = 0
    bit = 1
    for a in args:
        edge = None
        if isinstance(a, Tensor) and a._flags & GRAD and level is (a._data.level if a._flags & LEVEL else None):
            edge = a._edge
            mask |= bit
        edges.append(edge)
        bit += bit
    if not mask:
        return
    plan = op.plans.get(mask)
    if plan is None:
        plan = _plan(op, mask)
        if plan is None:
            return
    data = first._data
    dtype = data.dtype
    if dtype.kind in "biuc":
        if dtype.kind != "c":
            return  # a cast to integers ends the smooth part of a program
        plan = op.plans.get(~mask) or _complex_plan(op, mask, plan)
    node = Node()
    node.plan = plan
    node.edges = tuple(edges)
    node.params = params
    node.seq = next_sequence()
    node.hooks = None
    node.shape = data.shape
    node.dtype = dtype
    saves = plan.saves
    if saves:
        node.saved = _saves_of(saves, args, (out,) if single else out, op, level)
        # blame for a write after this: the place is asked for only by the message that names a saved tensor
        node.location = user_location(3)
    else:
        node.saved = ()
        node.location = None
    if plan.shapes:
        node.saved += (_shapes_of(args),)
    if HOT[0]:
        recorded_specially(node, 3)
    if single:
        node.others = ()
        out._edge = node
        out._flags |= GRAD
        return
    node.others = tuple([(o._data.shape, o._data.dtype) for o in out[1:]])
    for i in op.differentiable:
        o = out[i]
        o._edge = node if i == 0 else Port(node, i)
        o._flags |= GRAD


def record_pair(op: Op, a: Tensor, b: Tensor, out: Tensor) -> None:
    """`record` for an operator on two plain tensors without params: called by the fast path, straight from the
    user's line.
    """
    ea = a._edge
    eb = b._edge
    mask = 1 if eb is None else 2 if ea is None else 3
    plan = op.plans.get(mask)
    if plan is None:
        plan = _plan(op, mask)
        if plan is None:
            return
    node = Node()
    node.plan = plan
    node.edges = (ea, eb)
    node.params = _NO_PARAMS
    node.seq = next_sequence()
    node.hooks = None
    data = out._data
    node.shape = data.shape
    node.dtype = data.dtype
    node.others = ()
    saves = plan.saves
    if saves:
        i = saves[0]
        t = a if i == 0 else b if i == 1 else out
        cell = t._cell
        if cell is None:
            cell = cell_of(t)
        entry = (t._data, cell, cell.version, t._edge if i >= 0 else None, t._flags, i)
        if len(saves) == 1:
            node.saved = (entry,)
        elif saves[1] == 1 and len(saves) == 2:
            cell = b._cell
            if cell is None:
                cell = cell_of(b)
            node.saved = (entry, (b._data, cell, cell.version, eb, b._flags, 1))
        else:
            node.saved = (entry, *_saves_of(saves[1:], (a, b), (out,), op, None))
        frame = _getframe(2)
        code = frame.f_code
        if code.co_filename in _users:
            node.location = (code, frame.f_lasti)
        else:
            node.location = found = user_location(3)
            _users.add(found[0].co_filename)
    else:
        node.saved = ()
        node.location = None
    out._edge = node
    out._flags = GRAD


def record_number(op: Op, a: Tensor, b: float, out: Tensor) -> None:
    """`record` for an operator on a plain tensor that requires grad and a number."""
    plan = op.plans.get(1)
    if plan is None:
        plan = _plan(op, 1)
        if plan is None:
            return
    node = Node()
    node.plan = plan
    node.edges = (a._edge, None)
    node.params = _NO_PARAMS
    node.seq = next_sequence()
    node.hooks = None
    data = out._data
    node.shape = data.shape
    node.dtype = data.dtype
    node.others = ()
    saves = plan.saves
    if saves:
        node.saved = _saves_of(saves, (a, b), (out,), op, None)
        node.location = user_location(3)
    else:
        node.saved = ()
        node.location = None
    out._edge = node
    out._flags = GRAD


def save(value: Any, i: int, level: Any) -> Any:
    """What a node keeps of operand i (or of its own output ~i): a number, a tensor of a lower level, or a tuple

    (storage, version cell, version, edge, flags, i). The output tensor itself is never kept: that would be a cycle.
    """
    if not isinstance(value, Tensor):
        return value
    flags = value._flags
    cell = value._cell
    if cell is None:
        cell = cell_of(value)
    if flags & INFERENCE:
        raise RuntimeError(
            "a tensor made under inference_mode cannot be saved for backward; take a clone() of it outside that mode, "
            "or make it under no_grad"
        )
    if i >= 0 and level is not None and (not flags & LEVEL or value._data.level is not level):
        # a tensor of a lower level keeps its own edges there: it is no output of this node, so holding it makes no
        # cycle
        return (value, cell, cell.version, None, -1, i)
    return (value._data, cell, cell.version, value._edge if i >= 0 else None, flags, i)


def unpack(node: Node, entry: Any, keep_edges: bool) -> Any:
    """The saved value as a tensor again, with its edge at the node's level only when the backward itself is
    recorded.
    """
    if type(entry) is not tuple:
        if type(entry) is not Packed:
            return entry
        data, cell, edge, flags, i = entry.opened()
    else:
        data, cell, version, edge, flags, i = entry
        if cell.version != version:
            raise RuntimeError(_overwritten(node, cell, version))
    if flags == -1:
        return data
    t: Tensor = _new(Tensor)
    t._data = data
    t._cell = cell
    t._view = None
    t._flags = flags & _UNSEEN  # neither an edge nor a view
    if not keep_edges:
        t._edge = None
        return t
    if i < 0:
        edge = node if i == -1 else Port(node, ~i)
    t._edge = edge
    if edge is not None:
        t._flags |= GRAD
    return t


def _overwritten(node: Node, cell: Any, version: int) -> str:
    return (
        f"the gradient of {node.op_name}, computed at {describe(node.location)}, needs a tensor "
        f"that was modified in place after that, "
        f"at {describe(cell.writer)} (version {cell.version}, saved at {version}); write into a clone() instead"
    )
