"""The tape: what an op leaves behind so that its gradient can be taken: recording, and saving with version checks."""

from __future__ import annotations

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
    Op,
    cell_of,
    describe,
    dispatch,
    rule,
    user_location,
)

from ._node import NO_PARAMS, NONDIFFERENTIABLE, Node, Plan, Port, next_sequence
from ._saving import Packed, recorded_specially

__all__ = ["record", "record_number", "record_pair", "save", "unpack"]

_new = object.__new__
_UNSEEN = ~(GRAD | VIEW)
# files that user_location found to be the user's: the fast recorder asks it for others only
_users: set[str] = set()


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
    node.params = NO_PARAMS
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
    node.params = NO_PARAMS
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
