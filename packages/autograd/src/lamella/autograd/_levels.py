"""Computing an op at a transform level: by its batching rule on payloads, by its forward rule on primals and tangents.

A level never looks below its payloads: the rules are ops on them, which find their own levels.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import (
    LEVEL,
    OPS,
    Batched,
    Dual,
    Level,
    Op,
    dispatch,
    from_numpy_dtype,
    level_of,
    rule,
    tls,
    wrap,
    wrap_outputs,
)

from ._node import NONDIFFERENTIABLE

__all__ = ["apply_batch", "apply_jvp", "below", "detached_at", "draw_batched", "lift"]


def lift(t: Tensor, level: Level | None, owned: bool = False) -> Tensor:
    """t at `level`: itself when it is there, else a wrapper that is the same for every example and has no tangent."""
    of = level_of(t)
    if level is None or of is level:
        return t
    if of is not None:
        of.check()
        if of.serial > level.serial:
            return t
    if level.kind == "jvp":
        return wrap(Dual(t, level, None, owned))
    if level.kind == "region":
        return level.lifted(t)  # type: ignore[attr-defined,no-any-return]
    return wrap(Batched(t, level, False, owned))


def below(level: Level) -> tuple[Level, ...]:
    """The open levels under `level`: where its rules compute, and what they create belongs."""
    levels = tls.levels
    return levels[: levels.index(level)] if level in levels else levels


def apply_batch(op: Op, args: tuple[Any, ...], params: dict[str, Any], level: Level) -> Any:
    """One op at a vmap level, or at that of a body of control flow."""
    if level.kind == "region":
        return level.apply(op, args, params)  # type: ignore[attr-defined]
    payloads = []
    batched = []
    for a in args:
        if isinstance(a, Tensor) and a._flags & LEVEL and a._data.level is level:
            payloads.append(a._data.tensor)
            batched.append(a._data.batched)
        else:
            payloads.append(a)
            batched.append(False)
    saved = tls.levels
    tls.levels = below(level)
    try:
        if any(batched):
            batch_rule = op.rules.get("batch")
            if batch_rule is None and op.body is None:
                batch_rule = rule(op, "batch")
            found = None if batch_rule is None else batch_rule(op, payloads, batched, params, level.size)
            if found is None:
                return _body_at(op, args, params, level)
            out, flags = found
        else:
            out, flags = dispatch(op, tuple(payloads), params), False
    finally:
        tls.levels = saved
    if type(out) is tuple:
        several = flags if type(flags) is tuple else (flags,) * len(out)
        return tuple(wrap(Batched(o, level, b)) for o, b in zip(out, several, strict=True))
    return wrap_outputs(
        op, args if op.spec != "view" else _at(args, level), params, Batched(out, level, flags, _owned(op, args))
    )


def _body_at(op: Op, args: tuple[Any, ...], params: dict[str, Any], level: Level) -> Any:
    """A composite through its body: called below `level`, computed at it, and not recorded there, where its own
    node will be.
    """
    tls.levels = (*tls.levels, level)
    detached_args = [a if not isinstance(a, Tensor) else detached_at(a, level) for a in args]
    out = op.body(*detached_args, **params)  # type: ignore[misc]
    return tuple([lift(o, level) for o in out]) if type(out) is tuple else lift(out, level)


def _owned(op: Op, args: tuple[Any, ...]) -> bool:
    # a view of an input of the transform is not ours to rebind
    if op.spec != "view":
        return True
    base = args[0]
    return not base._flags & LEVEL or bool(base._data.owned)


def _at(args: tuple[Any, ...], level: Level) -> tuple[Any, ...]:
    return tuple(lift(a, level) if isinstance(a, Tensor) else a for a in args)


def detached_at(a: Tensor, level: Level) -> Tensor:
    """The same value without its edge at this level; lower levels stay connected."""
    if a._flags & LEVEL and a._data.level is level and a._edge is not None:
        d = wrap(a._data)
        d._cell = a._cell
        return d
    return a


def draw_batched(name: str, operands: tuple[Any, Any], shape: tuple[int, ...], params: dict[str, Any]) -> Tensor:
    """A random creation op that differs per example of every open vmap with randomness 'different'."""
    levels = tls.levels
    out: Tensor
    different = [lv for lv in levels if lv.kind == "vmap" and lv.randomness == "different"]
    if tls.floor is not None:
        tls.floor.refuse(
            f"draws numbers that differ among the examples of a vmap ({name})", "draw them outside and pass them in"
        )
    tls.levels = ()
    try:
        out = dispatch(OPS[name], operands, {**params, "shape": (*[lv.size for lv in different], *shape)})
    finally:
        tls.levels = levels
    for level in levels:
        out = wrap(Batched(out, level, level in different) if level.kind == "vmap" else Dual(out, level, None))
    return out


class _Forward:
    """What a backward rule sees when it is applied to a tangent of an op with a diagonal Jacobian."""

    __slots__ = ("_args", "_only", "_out", "params")

    def __init__(self, args: list[Any], out: Any, params: dict[str, Any], only: int) -> None:
        self._args = args
        self._out = out
        self._only = only
        self.params = params

    @property
    def mask(self) -> int:
        return 1 << self._only

    def needs(self, i: int) -> bool:
        return i == self._only

    def x(self, i: int) -> Any:
        return self._args[i]

    def y(self, i: int) -> Any:
        return self._out

    def shape(self, i: int) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._args[i].shape
        return shape

    def dtype(self, i: int) -> Any:
        return self._args[i].dtype


def apply_jvp(op: Op, args: tuple[Any, ...], params: dict[str, Any], level: Level) -> Any:
    """One op at a jvp level."""
    primals: list[Any] = []
    tangents: list[Any] = []
    for a in args:
        if isinstance(a, Tensor) and a._flags & LEVEL and a._data.level is level:
            primals.append(a._data.tensor)
            tangents.append(a._data.tangent)
        else:
            primals.append(a)
            tangents.append(None)
    vjp = op.rules.get("vjp")
    if vjp is None:
        vjp = rule(op, "vjp")
    live = vjp is not NONDIFFERENTIABLE and any(t is not None for t in tangents)
    forward = op.rules.get("jvp")
    tangent: Any = None
    saved = tls.levels
    tls.levels = below(level)
    try:
        if live and forward is None and op.spec != "elementwise":
            if op.body is not None:
                return _body_at(op, args, params, level)
            forward = rule(op, "jvp")
        out = dispatch(op, tuple(primals), params)
        if live:
            if forward is not None:
                tangent = forward(op, primals, tangents, out, params)
            else:
                tangent = _diagonal(vjp, primals, tangents, out, params)
    finally:
        tls.levels = saved
    if type(out) is tuple:
        several = tangent if type(tangent) is tuple else (tangent,) + (None,) * (len(out) - 1)
        return tuple(wrap(Dual(o, level, t)) for o, t in zip(out, several, strict=True))
    return wrap_outputs(
        op, args if op.spec != "view" else _at(args, level), params, Dual(out, level, tangent, _owned(op, args))
    )


def _diagonal(vjp: Any, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    total = None
    for i, t in enumerate(tangents):
        if t is None:
            continue
        if t.shape != out.shape:
            t = dispatch(OPS["expand"], (t,), {"shape": tuple(out.shape)})
        part = vjp.fn(_Forward(primals, out, params, i), t)[i]
        if part._data.dtype != out._data.dtype:
            part = dispatch(OPS["cast"], (part,), {"dtype": from_numpy_dtype(out._data.dtype)})
        total = part if total is None else total + part
    return total
