"""A history apart from the values it was made over, and the same history over the values of another call.

A trace records the tape of a program over tensors that have no values. `history_of` takes such a tape to pieces: its
nodes, and what stands for every value that they saved. `History.again` makes nodes of these pieces over the values of a
call, so that autograd does with them what it does uncompiled: custom Functions, checkpoints and hooks included. What a
rule keeps beside its node it says itself (`OwnRule`). Refused by UnkeptError: what cannot be given another time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from lamella.tensor import Tensor, no_grad
from lamella.tensor.extend import cell_of, detached, set_edge, wrap

from ._engine import run
from ._node import Edge, Leaf, Node, OwnRule, Plan, Port, next_sequence
from ._reach import leading_to
from ._saving import Packed

__all__ = ["Given", "History", "Keeper", "Shared", "Taking", "UnkeptError", "history_of", "towards"]


class UnkeptError(Exception):
    """Why a history cannot be made over other values."""


class Keeper(Protocol):
    """Says what stands for the values of a history; UnkeptError where nothing can."""

    def tensor(self, t: Tensor) -> Any:
        """What stands for the value of a tensor."""

    def number(self, n: Any) -> Any:
        """What stands for a leaf that is no tensor."""

    def apart(self, value: Any, what: str) -> tuple[list[Any], Callable[[Iterator[Any]], Any]]:
        """The leaves of a value of Python (tensors, symbolic numbers, and `Shared` for objects that several may keep),
        and the function from others to such a value.
        """

    def plain(self, value: Any) -> Any:
        """A param or a shape without the sizes of a trace."""


class Given(Protocol):
    """Gives the values of a call for what the keeper put in their place."""

    def tensor(self, kept: Any) -> Tensor:
        """An unrecorded tensor."""

    def number(self, kept: Any) -> Any:
        """A number."""

    def bind(self, kept: Any) -> Any:
        """A param or a shape."""


class Shared:
    """A leaf: an object that can be changed. All who keep it keep the same one in each call."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Ref:
    """Where an edge leads: to an end, to an output of a step, or nowhere that counts."""

    __slots__ = ("dtype", "edge", "end", "output", "shape", "step")

    def __init__(self, edge: Edge) -> None:
        self.edge = edge  # while the history is taken
        self.end: int | None = None
        self.step: int | None = None
        self.output = 0
        self.shape: Any = ()
        self.dtype: Any = None


class Made:
    """The nodes of one call, while they are made."""

    def __init__(self, given: Given, nodes: list[Node], ends: Mapping[int, Edge]) -> None:
        self.given = given
        self._nodes = nodes
        self._ends = ends
        self._shared: dict[int, Any] = {}

    def shared(self, key: int, fill: Fill) -> Any:
        """The object of this call, made when the first asks for it."""
        if key not in self._shared:
            self._shared[key] = fill(self)
        return self._shared[key]

    def edge(self, ref: _Ref | None) -> Edge:
        """The edge of this call."""
        if ref is None:
            return None
        if ref.end is not None:
            return self._ends[ref.end]
        if ref.step is None:
            return Leaf(self.given.bind(ref.shape), ref.dtype, None, fresh=True)
        node = self._nodes[ref.step]
        return node if ref.output == 0 else Port(node, ref.output)

    def tensor(self, kept: Any, ref: _Ref | None) -> Tensor:
        """A tensor of this call with its edge."""
        out: Tensor = detached(self.given.tensor(kept))
        set_edge(out, self.edge(ref))
        return out


Fill = Callable[[Made], Any]


class _Step:
    """One node apart."""

    __slots__ = ("dtype", "edges", "hooks", "location", "others", "params", "plan", "rule", "saved", "shape")

    def __init__(self, node: Node, taking: Taking) -> None:
        plan = node.plan
        own = plan.fn if isinstance(plan.fn, OwnRule) else None
        # it must not keep the rule of the trace, which holds tensors of it
        self.plan = plan if own is None else Plan(plan.name, _nothing, plan.mask, plan.saves, plan.shapes, plan.custom)
        self.rule: Fill | None = None if own is None else own.taken(taking)
        self.edges = [taking.ref(e) for e in node.edges]
        self.params = {key: taking.keeper.plain(value) for key, value in node.params.items()}
        self.shape = taking.keeper.plain(tuple(node.shape))
        self.dtype = node.dtype
        self.others = [(taking.keeper.plain(tuple(shape)), dtype) for shape, dtype in node.others]
        self.location = node.location
        saved = list(enumerate(node.saved or ()))
        reads = range(len(saved)) if own is None or own.reads is None else own.reads
        self.saved = [_entry(node, n, entry, taking) if n in reads else _nothing for n, entry in saved]
        self.hooks = _hooks(node, taking)

    def fill(self, node: Node, made: Made) -> None:
        """Make the node of a call."""
        bind = made.given.bind
        plan = self.plan
        if self.rule is not None:
            plan = Plan(plan.name, self.rule(made), plan.mask, plan.saves, plan.shapes, plan.custom)
        node.plan = plan
        node.edges = tuple([made.edge(r) for r in self.edges])
        node.params = {key: bind(value) for key, value in self.params.items()}
        node.shape = bind(self.shape)
        node.dtype = self.dtype
        node.others = tuple([(bind(shape), dtype) for shape, dtype in self.others])
        node.location = self.location
        node.saved = tuple([fill(made) for fill in self.saved])
        node.hooks = None
        for kind, index, hooks in self.hooks:
            found = node.hooks_now()
            of = found.outputs.setdefault(index, {}) if kind == "outputs" else getattr(found, kind)
            of.update(enumerate([fill(made) for fill in hooks]))


class Taking:
    """One history while it is taken apart; rules with something of their own ask it."""

    def __init__(
        self, ends: Sequence[Edge], keeper: Keeper, epoch: int = 0, objects: dict[int, Any] | None = None
    ) -> None:
        self.keeper = keeper
        # objects that several may keep, alive until all is taken: whose they are, and what makes them
        self._objects: dict[int, Any] = {} if objects is None else objects
        self._shared: dict[int, Fill | None] = {}
        self._ends = {edge: n for n, edge in enumerate(ends)}
        self._owners = {_owner(e) for e in ends}
        self._epoch = epoch
        self._refs: list[_Ref] = []
        self._todo: list[Node] = []

    def ref(self, edge: Edge) -> _Ref | None:
        """What stands for an edge."""
        if edge is None:
            return None
        out = _Ref(edge)
        self._refs.append(out)
        node = _owner(edge)
        if type(node) is not Leaf and node not in self._owners:
            self._todo.append(node)
        return out

    def held(self, edge: Edge) -> _Ref | None:
        """What stands for the edge of a tensor that a node holds; it must lie in this history, or at its ends."""
        if self._epoch and edge is not None and edge not in self._ends:
            node = _owner(edge)
            if type(node) is Leaf or node.seq < self._epoch:
                raise UnkeptError("inside a checkpoint a tensor is kept whose history does not begin there")
        return self.ref(edge)

    def python(self, value: Any, what: str) -> Fill:
        """What makes a value of Python for a call."""
        leaves, build = self.keeper.apart(value, what)
        if not leaves:
            return lambda _: build(iter(()))
        kept: list[Fill] = [self._leaf(leaf, what) for leaf in leaves]
        return lambda made: build(iter([fill(made) for fill in kept]))

    def _of_all(self, value: Any, what: str) -> Fill:
        key = id(value)
        owner, _ = self._objects.setdefault(key, (self, value))
        if owner is not self:
            raise UnkeptError(
                f"{what} shares a {type(value).__name__} between the inside of a checkpoint and its outside"
            )
        if key not in self._shared:
            self._shared[key] = None
            self._shared[key] = self.python(value, what)
        fill = self._shared[key]
        if fill is None:
            raise UnkeptError(f"{what} keeps a {type(value).__name__} that holds itself")
        return lambda made: made.shared(key, fill)

    def _leaf(self, leaf: Any, what: str) -> Fill:
        if isinstance(leaf, Shared):
            return self._of_all(leaf.value, what)
        if not isinstance(leaf, Tensor):
            number = self.keeper.number(leaf)
            return lambda made: made.given.number(number)
        leaf.requires_grad  # noqa: B018 - brings a stale view up to date
        tensor, ref = self.keeper.tensor(leaf), self.held(leaf._edge)
        return lambda made: made.tensor(tensor, ref)

    def inside(self, roots: Sequence[Edge], ends: Sequence[Edge], epoch: int) -> History:
        """A history of its own that a rule keeps; what it holds must have begun at an epoch."""
        return Taking(ends, self.keeper, epoch, self._objects).taken(roots)

    def taken(self, roots: Sequence[Edge]) -> History:
        """The whole of it, from its roots."""
        firsts = [self.ref(e) for e in roots]
        steps: dict[Node, _Step | UnkeptError] = {}
        while self._todo:
            node = self._todo.pop()
            if node not in steps:
                try:
                    steps[node] = _Step(node, self)
                except UnkeptError as error:  # raised if the node counts
                    steps[node] = error
        needed, _ = leading_to([*roots, *steps], self._ends, 0)
        order = sorted([node for node in steps if node in needed], key=lambda node: node.seq)
        at = {node: n for n, node in enumerate(order)}
        for ref in self._refs:
            node = _owner(ref.edge)
            ref.end, ref.step = self._ends.get(ref.edge), at.get(node)
            ref.output = ref.edge.index if type(ref.edge) is Port else 0
            ref.shape, ref.dtype = self.keeper.plain(tuple(ref.edge.shape)), ref.edge.dtype
            ref.edge = None
        kept = []
        for node in order:
            step = steps[node]
            if isinstance(step, UnkeptError):
                raise step
            kept.append(step)
        return History(kept, firsts, frozenset([ref.end for ref in self._refs if ref.end is not None]))


class History:
    """The history of some tensors; `met` are the ends that something in it leads to, or is kept of."""

    def __init__(self, steps: list[_Step], roots: list[_Ref | None], met: frozenset[int]) -> None:
        self._steps = steps
        self._roots = roots
        self.met = met

    def again(self, given: Given, ends: Mapping[int, Edge], age: float | None = None) -> list[Edge]:
        """The edges of the roots over the values of a call, whose ends, by position, are `ends`. The nodes are new, or
        of the age of one in whose place they stand.
        """
        # all of them first: what a context or a hook keeps may lead to any node
        nodes = [Node() for _ in self._steps]
        for n, node in enumerate(nodes, 1):
            node.seq = next_sequence() if age is None else age - 1 + n / (len(nodes) + 1)
        made = Made(given, nodes, ends)
        for node, step in zip(nodes, self._steps, strict=True):
            step.fill(node, made)
        return [made.edge(r) for r in self._roots]


def history_of(roots: Sequence[Edge], ends: Sequence[Edge], keeper: Keeper) -> History:
    """The history that leads from `roots` to `ends`."""
    return Taking(ends, keeper).taken(roots)


def towards(
    roots: Sequence[Edge], cotangents: Sequence[Tensor | None], ends: Sequence[Edge], keep: bool
) -> list[Tensor | None]:
    """The gradients of the ends, where the walk stops; recorded with `keep`."""
    came = [(e, g) for e, g in zip(roots, cotangents, strict=True) if g is not None]
    targets: dict[Any, Any] = dict.fromkeys(ends)
    needed, _ = leading_to([e for e, _ in came], targets, 0)
    run(came, keep, keep, needed, targets, barrier=True)
    return [targets[e] for e in ends]


def _owner(edge: Edge) -> Any:
    return edge.node if type(edge) is Port else edge


def _nothing(_: Made) -> None:
    """What stands for a saved value that nobody reads."""


def _entry(node: Node, n: int, entry: Any, taking: Taking) -> Fill:
    """What makes something that a node saved."""
    if type(entry) is Packed:
        entry = _unpacked(entry, node)
    if type(entry) is not tuple:
        return taking.python(entry, f"an operand of {node.op_name}")
    if node.plan.shapes and n == len(node.plan.saves):
        shapes = taking.keeper.plain(entry)
        return lambda made: made.given.bind(shapes)
    data, cell, version, edge, flags, i = entry
    if flags == -1:
        raise UnkeptError(f"{node.op_name} was recorded inside a transform")
    if cell.version != version:
        writer = cell.writer
        return lambda _: _overwritten(writer, i)
    kept, ref = taking.keeper.tensor(wrap(data)), taking.held(edge)

    def fill(made: Made) -> Any:
        t = made.given.tensor(kept)
        found = cell_of(t)
        return (t._data, found, found.version, made.edge(ref), t._flags, i)

    return fill


def _unpacked(entry: Packed, node: Node) -> Any:
    """An entry of what went through hooks (saved_tensors_hooks), as they give it back now."""
    try:
        with no_grad():
            data, cell, edge, flags, i = entry.opened()
    except RuntimeError as error:
        raise UnkeptError(f"a hook that unpacks what {node.op_name} saved raised: {error}") from error
    return (data, cell, None if cell is None else cell.version, edge, flags, i)


def _overwritten(writer: Any, i: int) -> Any:
    """An entry that raises when it is read, as the one of the trace would have done."""
    cell = cell_of(wrap(None))
    cell.version, cell.writer = 1, writer
    return (None, cell, 0, None, 0, i)


def _hooks(node: Node, taking: Taking) -> list[tuple[str, int, list[Fill]]]:
    if node.hooks is None:
        return []
    words = f"a hook on a result of {node.op_name}"
    every = [("outputs", index, of) for index, of in node.hooks.outputs.items()]
    every += [("before", 0, node.hooks.before), ("after", 0, node.hooks.after)]
    return [(kind, index, [taking.python(hook, words) for hook in of.values()]) for kind, index, of in every if of]
