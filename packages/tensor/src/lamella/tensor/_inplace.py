"""Writing into a tensor: the memory or payload, the version, and what autograd and the views see afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._base import TensorBase, cell_of, level_of, set_edge
from ._dispatch import compute, detached, dispatch, record
from ._dtype import from_numpy_dtype
from ._engine import autograd
from ._meta import MetaArray
from ._op import OPS, Op
from ._payload import Batched, Dual
from ._promotion import meet, normalized
from ._state import FOREIGN, GRAD, HOT, INFERENCE, LEVEL, TRACED, VIEW, tls
from ._version import user_location
from ._views import apply_chain, overlapping, refresh, replay

__all__ = ["assign", "inplace", "overwrite", "put_plainly", "update_each", "write"]


def inplace(op: Op, t: Any, others: tuple[Any, ...], params: dict[str, Any] | None = None) -> Any:
    """t := op(t, *others; params), in t's own memory; returns t. Shape and dtype of t cannot change."""
    check_target(t)
    if _plain(t, others):
        kernel = op.rules.get("numpy")
        if isinstance(kernel, np.ufunc) and (not op.promotes or meet(op, (t, *others)) is None):
            if others and others[-1] is None:
                normalized(op, (t, *others))  # it says which operand None cannot be
            try:
                kernel(t._data, *[o._data if isinstance(o, TensorBase) else o for o in others], out=t._data)
            except ValueError:
                _check_writable(t)
                raise _no_fit(op.name, t, others) from None
            _bump(t)
            return t
    source = _before(t, others)
    new = dispatch(op, (source, *[source if o is t else o for o in others]), params or {})
    return _replaced(op.name, t, new[0] if isinstance(new, tuple) else new, others)


def assign(fn: Callable[..., Any], t: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """t := fn(t, *args, **kwargs), in t's own memory; returns t. Shape and dtype of t cannot change."""
    check_target(t)
    source = _before(t, (*args, *kwargs.values()))
    new = fn(
        source, *[source if a is t else a for a in args], **{k: source if a is t else a for k, a in kwargs.items()}
    )
    return _replaced(fn.__name__, t, new, args)


def overwrite(t: Any, entries: tuple[Any, ...], value: Any, indices: tuple[Any, ...]) -> bool:
    """t[entries] = value by numpy where nothing follows t, the value or the index tensors; False where something
    does, or where numpy refuses.
    """
    check_target(t)
    if not _plain(t, (value, *indices)) or not t._data.flags.writeable:
        return False
    data = value._data
    try:
        t._data[entries] = data.copy() if np.may_share_memory(data, t._data) else data
    except (IndexError, ValueError):
        return False  # the general path says what is wrong
    _bump(t)
    return True


def put_plainly(t: Any, index: Any, value: Any) -> bool:
    """t[index] = value by numpy, for a basic index and a number or a tensor of the dtype of t, where nothing follows
    either; False where something does, or where numpy refuses.
    """
    check_target(t)
    target, data = t._data, value
    others: tuple[Any, ...] = ()
    if isinstance(value, TensorBase):
        data, others = value._data, (value,)
        if data.dtype != target.dtype:
            return False
    if not _plain(t, others) or not target.flags.writeable:
        return False
    try:
        target[index] = data
    except (IndexError, ValueError):
        return False  # the general path says what is wrong
    _bump(t)
    return True


def _before(t: Any, others: tuple[Any, ...]) -> Any:
    """t, or a copy of it where a rule may need the value from before the write: the memory is about to change."""
    if tls.grad and any(isinstance(a, TensorBase) and _followed(a) for a in (t, *others)):
        return dispatch(OPS["copy"], (t,))
    return t


def _replaced(name: str, t: Any, new: Any, others: tuple[Any, ...]) -> Any:
    if new._data.dtype != t._data.dtype:
        if from_numpy_dtype(new._data.dtype).category > from_numpy_dtype(t._data.dtype).category:
            raise TypeError(
                f"{name}_ would put {new._data.dtype} values into a {t._data.dtype} tensor; "
                f"use {name} and keep its result"
            )
        new = dispatch(OPS["cast"], (new,), {"dtype": from_numpy_dtype(t._data.dtype)})
    if tuple(new._data.shape) != tuple(t._data.shape):
        raise _no_fit(name, t, others)
    write(t, new)
    return t


def _followed(t: Any) -> bool:
    """Whether autograd follows a tensor at its own level or at one below."""
    while not t._flags & GRAD:
        if not t._flags & LEVEL:
            return False
        if type(t._data) is Dual and t._data.tangent is not None and _followed(t._data.tangent):
            return True
        t = t._data.tensor
    return True


def _no_fit(name: str, t: Any, others: Any) -> Exception:
    shapes = ", ".join(str(tuple(o._data.shape)) for o in others if isinstance(o, TensorBase))
    return ValueError(f"{name}_ on a tensor of shape {tuple(t._data.shape)} cannot take operands of shape {shapes}")


def _check_writable(t: Any) -> None:
    if not t._data.flags.writeable:
        raise RuntimeError("this tensor lies over read-only numpy memory and cannot be written; write into a clone()")


def _plain(t: Any, others: tuple[Any, ...]) -> bool:
    flags = t._flags
    for o in others:
        if isinstance(o, TensorBase):
            flags |= o._flags
            if o._flags & VIEW and o._view.version != o._cell.version:  # type: ignore[union-attr]
                return False
    if flags & (LEVEL | TRACED | FOREIGN):
        return False
    return not (HOT[0] and (tls.trace is not None)) and not (flags & GRAD and tls.grad)


def check_target(t: Any) -> None:
    if t._flags & INFERENCE and not tls.inference:
        raise RuntimeError(
            "a tensor made under inference_mode is written in place outside it; write into a clone(), "
            "or make it under no_grad"
        )
    if t._flags & VIEW:
        if t._view.version != t._cell.version:
            refresh(t)
        if overlapping(t._view.chain):
            what = "an expanded tensor" if any(n == "expand" for n, _ in t._view.chain) else "a tensor of windows"
            raise RuntimeError(
                f"{what} shares memory among its elements and cannot be written; write into x.contiguous()"
            )
    if t._flags & GRAD and tls.grad:
        root = t._view.base if t._view is not None and t._view.differentiable else t
        if root._edge is not None and autograd().is_leaf_edge(root._edge):
            what = "a view of a leaf tensor" if root is not t else "a leaf tensor"
            raise RuntimeError(f"{what} that requires grad is written in place; do it under no_grad(), or on a copy")


def _bump(t: Any) -> None:
    cell = t._cell
    if cell is not None:
        cell.version += 1
        cell.writer = user_location(2)
        if t._view is not None:
            t._view.version = cell.version


def write(t: Any, value: Any) -> None:
    """Put the value of a tensor of the same shape and dtype into t's memory."""
    if value._flags & VIEW and value._view.version != value._cell.version:
        refresh(value)  # `y[0] += 1` assigns a view of y that the addition has just written
    level = level_of(t)
    other = level_of(value)
    if other is not None and (level is None or other.serial > level.serial):
        if other.kind == "region":
            other.refuse("writes in place into a tensor from outside it")
        raise RuntimeError(
            f"a value of an open {other.kind} is written into a tensor from outside it, which cannot hold it; "
            f"make the tensor inside the transformed function, or return the value"
        )
    view = t._view
    # the old edges are read before the memory changes: a stale view would be refreshed from the new values
    track = tls.grad and (t._flags & GRAD or value._flags & GRAD or (view is not None and view.base._flags & GRAD))
    old = detached(view.base) if view is not None else None
    if old is not None:
        set_edge(old, view.base._edge)
    _store(t, value, level)
    if t._cell is not None:
        t._cell.writer = user_location(2)
    if not track:
        if view is not None and not (tls.trace is not None or level is not None):
            view.version = t._cell.version
        return
    mine = value if other is level else detached(value)
    if view is None or not view.differentiable:
        before = t._edge
        set_edge(t, mine._edge)
        if before is not None:
            autograd().moved(before, t._edge)
        if view is not None:
            view.version = t._cell.version
    else:
        # t itself is refreshed from its base at the next use
        before = view.base._edge
        record(OPS["view_write"], (old, mine), {"chain": view.chain}, view.base, level)
        if before is not None:
            autograd().moved(before, view.base._edge)


def _store(t: Any, value: Any, level: Any) -> None:
    if level is None:
        if tls.trace is not None:
            tls.trace.write(t, value)
        elif type(t._data) is MetaArray:
            pass  # a meta array has no memory; the version still moves
        elif type(t._data) is np.ndarray:
            _check_writable(t)
            np.copyto(t._data, value._data, casting="unsafe")
        else:
            raise TypeError(f"a tensor with {t._data.kind!r} storage cannot be written in place; make a new one")
        if t._cell is not None:
            t._cell.version += 1
    elif type(t._data) is Batched:
        _store_batched(t, value, level)
    else:
        _store_dual(t, value, level)


def _store_batched(t: Any, value: Any, level: Any) -> None:
    payload: Batched = t._data
    source = value._data if level_of(value) is level else Batched(value, level, False)
    if payload.batched or not source.batched:
        new = source.tensor
        if payload.batched and not source.batched:
            new = dispatch(OPS["expand"], (new,), {"shape": tuple(payload.tensor._data.shape)})
        write(payload.tensor, new)
        if t._view is not None:
            t._view.version = -1  # its payload may have been rebased below
        return
    root = t._view.base if t._view is not None else t
    if not root._data.owned:
        raise RuntimeError(
            "a per-example value is written in place into a tensor that is the same for every example; "
            "map over that tensor too (in_dims), or write into a clone"
        )
    if t._view is None:
        t._data = source
    else:
        fresh = compute(OPS["view_write"], (detached(root), detached(value)), {"chain": t._view.chain}, level)
        root._data = fresh._data
        t._view.version = -1
    cell_of(t).version += 1


def _store_dual(t: Any, value: Any, level: Any) -> None:
    payload: Dual = t._data
    source = value._data if level_of(value) is level else Dual(value, level, None)
    root = t._view.base if t._view is not None else t
    write(payload.tensor, source.tensor)
    if t._view is None:
        t._data = Dual(payload.tensor, level, source.tangent, payload.owned)
        return
    old = root._data
    if old.tangent is None and source.tangent is None:
        return
    levels = tls.levels
    # tangents are values of the level below, and so is the zero that stands for a missing one
    tls.levels = levels[: levels.index(level)] if level in levels else levels
    try:
        new = dispatch(OPS["view_write"], (_tangent_of(old), _tangent_of(source)), {"chain": t._view.chain})
        mine = replay(new, t._view.chain)
    finally:
        tls.levels = levels
    root._data = Dual(old.tensor, level, new, old.owned)
    t._data = Dual(payload.tensor, level, mine, payload.owned)


def _tangent_of(d: Dual) -> Any:
    if d.tangent is not None:
        return d.tangent
    params = {"shape": tuple(d.tensor._data.shape), "dtype": from_numpy_dtype(d.tensor._data.dtype)}
    return dispatch(OPS["full"], (0.0,), params)


def update_each(
    op: Op, rows: list[tuple[Any, ...]], shared: tuple[Any, ...] = (), params: dict[str, Any] | None = None
) -> None:
    """Run a functional update op over rows of tensors, each followed by the operands they share, and put its outputs
    into the operands it mutates, without recording.

    Plain tensors are updated by one call of the op's rule `inplace`, which takes all rows.
    """
    params = params or {}
    flags = 0
    for row in rows:
        for t in row:
            flags |= t._flags
    each = op.rules.get("inplace")
    if each is not None and not flags & (LEVEL | TRACED | FOREIGN) and tls.trace is None:
        each([tuple([t._data for t in row]) for row in rows], shared, params)
        for row in rows:
            for i in op.mutates:
                if row[i]._cell is not None:
                    _bump(row[i])
        return
    for row in rows:
        _update_by_op(op, (*row, *shared), params)


def _update_by_op(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> None:
    new = dispatch(op, tuple(detached(a) if isinstance(a, TensorBase) else a for a in args), params)
    outs = new if isinstance(new, tuple) else (new,)
    saved = tls.grad
    tls.grad = False
    try:
        for i, out in zip(op.mutates, outs, strict=True):
            write(args[i], out)
    finally:
        tls.grad = saved


def write_through(base: Any, chain: Any, value: Any) -> None:
    """Write into plain memory through a chain of views."""
    np.copyto(apply_chain(base, chain), value, casting="unsafe")
