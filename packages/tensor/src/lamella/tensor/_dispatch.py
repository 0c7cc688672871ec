"""The general path of an op: promotion, levels, tracing, storage kinds, recording.

An op is computed once, at the highest level among its inputs, and then recorded at that level; a composite without a
vjp of its own is only its body. The generated fast paths of `_arith` do the same for two plain arrays and fall
through to here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._base import TensorBase, cell_of, level_of, set_edge, wrap, wrap_parts, wrap_view
from ._dtype import INT
from ._engine import autograd
from ._kernels import LARGE, provided
from ._meta import MetaArray
from ._op import OPS, MissingRule, Op, rule
from ._payload import Dual
from ._promotion import fitted, meet, normalized
from ._scalar import SymScalar
from ._state import FOREIGN, GRAD, HOT, INFERENCE, LEVEL, MODE, TRACED, VIEW, Level, tls
from ._views import refresh

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["at_level", "compute", "detached", "dispatch", "mark_inference", "parts_of", "record", "view_of"]

_EMPTY: dict[str, Any] = {}
_NUMBERS = frozenset((int, float, bool, complex, type(None), SymScalar))
_PLAINLY = (
    VIEW | FOREIGN | INFERENCE
)  # nothing to record, to lift or to trace: a composite may run its kernel or shape rule
_SPECIAL = LEVEL | TRACED | FOREIGN
_ndarray = np.ndarray
_OWN = GRAD | VIEW  # a tensor with a place in a graph or over another's memory, and nothing else
_MAY_COPY = ("reshape", "as_strided")  # of some layouts these views are copies
_FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))


def dispatch(op: Op, args: tuple[Any, ...], params: dict[str, Any] = _EMPTY) -> Any:
    """Apply an op to operands (tensors, numbers, None) with canonical params.

    Returns a tensor or a tuple of tensors.
    """
    flags = HOT[0]
    first = None
    settled = True  # one dtype among the tensors, and numbers that cannot raise it
    numbers = False
    for a in args:
        if isinstance(a, TensorBase):
            f = a._flags
            flags |= f
            if f & VIEW and a._view.version != a._cell.version:  # type: ignore[union-attr]
                refresh(a)
                flags |= a._flags
            dtype = a._data.dtype
            if first is None:
                first = dtype
            elif dtype is not first:
                settled = False
        else:
            kind = type(a)
            if kind is float or kind is int:
                numbers = True
            elif a is not None:
                if kind not in _NUMBERS and not isinstance(a, SymScalar):
                    return dispatch(op, normalized(op, args), params)
                settled = False
            elif op.spec == "elementwise" and not op.optional:
                normalized(op, args)  # it says which operand None cannot be
    if op.promotes and not (settled and first in op.settled and (not numbers or first in _FLOATS)):
        target = meet(op, args)
        if target is not None:
            args = _met(op, args, target)
            for a in args:  # a number made a tensor belongs to the open level
                flags |= a._flags if isinstance(a, TensorBase) else 0
    if op.body is not None and not op.unit and (flags & ~_PLAINLY or "numpy" not in op.rules):
        if not (op.step and _stays_whole(flags)):
            return op.body(*args, **params)
    if flags & _SPECIAL or (flags >= MODE and (tls.trace is not None or tls.levels or tls.special)):
        return _general(op, args, params, flags)
    out = _plain(op, args, params)
    if flags & GRAD and (flags < MODE or tls.grad):
        autograd().record(op, args, params, out)
    return out


def _stays_whole(flags: int) -> bool:
    """Whether a step of a backward rule is one node of an open trace: nothing is recorded over it, or transforms it."""
    return tls.trace is not None and not tls.levels and not flags & LEVEL and not (flags & GRAD and tls.grad)


def view_of(op: Op, t: Any, param: Any) -> Tensor:
    """Apply an op of the view table to one tensor: `dispatch`, and sooner for a tensor without special state."""
    flags = t._flags
    if flags | HOT[0] <= _OWN and not (flags & VIEW and t._view.version != t._cell.version):
        data = t._data
        try:
            out = op.rules["numpy"](data, param)
        except (ValueError, TypeError, IndexError):
            return cast("Tensor", dispatch(op, (t,), {op.params[0]: param}))  # it says what is wrong
        if op.name in _MAY_COPY and not _shares(out, data):
            r = wrap(out)
        else:
            r = wrap_view(out, t, (op.name, param), tls.grad)
        if flags & GRAD:
            autograd().record(op, (t,), {op.params[0]: param}, r)
        return r
    return cast("Tensor", dispatch(op, (t,), {op.params[0]: param}))


def parts_of(t: Tensor, dim: int, entries: list[Any]) -> tuple[Tensor, ...]:
    """Views of a tensor at several places along a dim: `view_of` of the op `slice` for many at once.

    An entry is an index, which takes the dim away, or a (start, stop, 1); all of them known to lie inside.
    """
    op = OPS["slice"]
    data = t._data
    whole = [(0, n, 1) for n in data.shape]
    before, behind = tuple(whole[:dim]), tuple(whole[dim + 1 :])
    params = [(*before, e, *behind) for e in entries]
    flags = t._flags
    if flags | HOT[0] > _OWN or (flags & VIEW and t._view.version != t._cell.version):  # type: ignore[union-attr]
        return tuple([view_of(op, t, param) for param in params])
    front = (slice(None),) * dim
    parts = [data[(*front, e if type(e) is int else slice(e[0], e[1]), ...)] for e in entries]
    out = wrap_parts(parts, t, "slice", params, tls.grad)
    if flags & GRAD:
        record_one = autograd().record
        for r, param in zip(out, params, strict=True):
            record_one(op, (t,), {"index": param}, r)
    return out


def _met(op: Op, args: tuple[Any, ...], target: Any) -> tuple[Any, ...]:
    """The operands in one dtype; integers that do not fit it wrap, as the arithmetic on them does, or are refused."""
    out: list[Any] = []
    for a in args:
        if isinstance(a, TensorBase):
            same = a._data.dtype == target.numpy
            out.append(a if same else dispatch(OPS["cast"], (a,), {"dtype": target}))
        elif type(a) is int and target.category == INT:
            out.append(fitted(op, a, target))
        elif target.numpy.kind == "V" and a is not None:
            out.append(dispatch(OPS["full"], (a,), {"shape": (), "dtype": target}))
        else:
            out.append(a)
    if not any(isinstance(a, TensorBase) for a in out):
        out[0] = dispatch(OPS["full"], (out[0],), {"shape": (), "dtype": target})
    return tuple(out)


def _plain(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    kernel = op.rules.get("numpy")
    if kernel is None:
        return _by_body(op, args, params)
    arrays = [a._data if isinstance(a, TensorBase) else a for a in args]
    first = arrays[0] if arrays else None
    if type(first) is _ndarray and first.size >= LARGE:
        kernel = provided(op, kernel)
    try:
        out = kernel(*arrays, **params)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
        raise explained(op, args, params, error) from None
    if op.outputs == 1 and op.spec != "view":
        return wrap(out)
    return wrap_outputs(op, args, params, out)


def wrap_outputs(op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any) -> Any:
    """Tensors over the storages a kernel or a shape rule returned; a view op's result knows its base."""
    if type(out) is tuple:
        return tuple([wrap(o) for o in out])
    if op.spec == "view":
        base = args[0]
        if op.name not in _MAY_COPY or _shares(out, base._data):
            step = (op.name, params[op.params[0]] if op.params else None)
            return wrap_view(out, base, step, op.name != "detach" and tls.grad)
    return wrap(out)


def _shares(out: Any, data: Any) -> bool:
    if type(out) is _ndarray and type(data) is _ndarray:
        base = out.base  # of an array over another's memory, whose own base it takes over; a copy has none of the two
        if base is data or (base is not None and base is data.base):
            return True
        return base is not None and bool(np.may_share_memory(out, data))
    return True


def _by_body(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    if op.body is None:
        raise MissingRule(f"op {op.name!r} (of {op.package}) has no rule of kind 'numpy' and no body")
    given = [detached(a) if isinstance(a, TensorBase) and a._flags & GRAD else a for a in args]
    levels = tls.levels
    # operands of no level: what the body creates belongs to none either, whatever is open
    tls.levels = ()
    try:
        return op.body(*given, **params)
    finally:
        tls.levels = levels


def detached(t: Any) -> Any:
    """The same value without its edge at its own level; lower levels stay connected."""
    d = wrap(t._data)
    d._flags = t._flags & ~GRAD
    d._cell = cell_of(t)
    d._view = t._view
    return d


def _general(op: Op, args: tuple[Any, ...], params: dict[str, Any], flags: int) -> Any:
    level: Level | None = None
    if tls.autocast is not None:
        args = tls.autocast.operands(op, args)
    if flags & LEVEL:
        for a in args:
            if isinstance(a, TensorBase) and a._flags & LEVEL:
                of = a._data.level
                of.check()
                if level is None or of.serial > level.serial:
                    level = of
    if level is None and tls.levels and op.spec == "creation":
        level = tls.levels[-1]
    floor = tls.floor
    if floor is not None and (level is None or level.serial < floor.serial):
        level = floor
    out = compute(op, args, params, level)
    if flags & GRAD and tls.grad:
        record(op, args, params, out, level)
    if tls.inference:
        mark_inference(out)
    return out


def mark_inference(out: Any) -> None:
    """Results of inference mode are inference tensors, except views: they are what their base is."""
    for t in out if type(out) is tuple else (out,):
        if not t._flags & VIEW:
            t._flags |= INFERENCE


def record(op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Any, level: Level | None) -> None:
    """Record one op at `level` if one of its inputs there requires grad."""
    for a in args:
        if isinstance(a, TensorBase) and a._flags & GRAD and level_of(a) is level:
            autograd().record(op, args, params, out)
            return


def compute(op: Op, args: tuple[Any, ...], params: dict[str, Any], level: Level | None) -> Any:
    """The value of an op at one level, unrecorded there."""
    if level is not None:
        return at_level(op, args, params, level)
    trace = tls.trace
    if trace is not None:
        return trace.record(op, args, params)
    for a in args:
        if isinstance(a, TensorBase) and a._flags & (FOREIGN | TRACED):
            return _foreign(op, args, params)
    return _plain(op, args, params)


def at_level(op: Op, args: tuple[Any, ...], params: dict[str, Any], level: Level) -> Any:
    """Compute by the level's own rule, which the autograd package holds."""
    rules = autograd()
    if level.kind == "jvp":
        return rules.apply_jvp(op, args, params, level)
    return rules.apply_batch(op, args, params, level)


def _foreign(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    kinds: list[Any] = []
    meta = False
    for a in args:
        if isinstance(a, TensorBase):
            if a._flags & TRACED:
                raise RuntimeError(
                    f"{op.name} got a tensor whose trace has ended without giving it a value; "
                    "return it from the captured function"
                )
            if type(a._data) is MetaArray:
                meta = True
            elif a._flags & FOREIGN and type(a._data) not in kinds:
                kinds.append(type(a._data))
    if len(kinds) > 1 or (kinds and meta):
        names = [k.kind for k in kinds] + (["meta"] if meta else [])
        raise TypeError(
            f"{op.name} got tensors of different storages ({', '.join(names)}); convert them to one, e.g. with .dense()"
        )
    if meta:
        if any(isinstance(a, TensorBase) and type(a._data) is _ndarray and a._data.ndim for a in args):
            raise ValueError(f"{op.name} got tensors on devices cpu and meta; move them to one device with .to(device)")
        shapes = [a._data if isinstance(a, TensorBase) else a for a in args]
        return wrap_outputs(op, args, params, rule(op, "shape")(*shapes, **params))
    kernel = kinds[0].kernels.get(op.name)
    if kernel is None and op.name in ("detach", "alias"):
        return wrap_outputs(op, args, params, args[0]._data)
    if kernel is None and op.name == "copy":
        return wrap(copied(args[0]._data))
    if kernel is None:
        if op.body is not None:
            return _by_body(op, args, params)
        raise TypeError(
            f"{op.name} has no kernel for a tensor with {kinds[0].kind!r} storage; call .dense() on it first, "
            f"or give the storage class one in `kernels`"
        )
    return wrap_outputs(
        op, args, params, kernel(*[a._data if isinstance(a, TensorBase) else a for a in args], **params)
    )


def copied(storage: Any) -> Any:
    """A storage over fresh memory, by its protocol."""
    return storage.from_parts({name: part.copy() for name, part in storage.parts().items()}, storage.meta())


_OURS = r"[a-z][a-z0-9_.]*(:| needs| over| cannot) "
_OF_NUMBERS = frozenset(("elementwise", "creation", "scalar"))


def explained(op: Op, args: Sequence[Any], params: dict[str, Any], error: Exception) -> Exception:
    """The error of the op's shape rule, which names what was given; the kernel's own where the shapes are right."""
    if isinstance(error, AttributeError) and op.spec not in _OF_NUMBERS:  # a kernel took an operand for an array
        for i, a in enumerate(args):
            if not isinstance(a, TensorBase) and not (a is None and i in op.optional):
                name = op.operands[0 if op.variadic else i]
                return TypeError(
                    f"{op.name}: {name} must be a tensor, got {type(a).__name__}; make one with tensor(...)"
                )
    shape = op.rules.get("shape")
    if shape is not None:
        try:
            shape(
                *[MetaArray(a._data.shape, a._data.dtype) if isinstance(a, TensorBase) else a for a in args], **params
            )
        except (ValueError, TypeError, IndexError) as better:
            return better
    if re.match(_OURS, str(error)):
        return error  # a kernel of ours, which names the function and what was wrong
    given = ", ".join(f"{a._data.dtype}{list(a._data.shape)}" if isinstance(a, TensorBase) else repr(a) for a in args)
    return type(error)(f"{op.name}({given}): {error}")


def keep_edge(source: Any, target: Any) -> None:
    """Give `target` the edge of `source`."""
    set_edge(target, source._edge)


def dual_of(t: Any, level: Level) -> Dual | None:
    """The dual of a tensor at a jvp level, or None when it belongs to a lower one."""
    return t._data if t._flags & LEVEL and t._data.level is level else None
