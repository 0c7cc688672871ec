"""View ops, the functional write through a chain of views and the transpose of one, cat."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._moves import assign
from .._op import OPS, Op, register_rules
from .._views import VIEWS, apply_chain, overlapping

__all__: list[str] = []

_LARGE = 1 << 18  # elements of the first operand from where cat goes over threads


def slice_shape(shape: tuple[int, ...], index: tuple[Any, ...]) -> tuple[int, ...]:
    """Shape of a normalized slice."""
    return tuple(extent(*i) for i in index if type(i) is tuple) + shape[len(index) :]


def extent(start: Any, stop: Any, step: int) -> Any:
    """How many elements a normalized slice of a dim has."""
    if type(start) is int and type(stop) is int:
        return len(range(start, stop, step))
    return max(0, -((start - stop) // step))  # sizes that a trace knows by name


def _reshape_shape(x: Any, *, shape: tuple[int, ...]) -> MetaArray:
    if math.prod(x.shape) != math.prod(shape):
        raise ValueError(
            f"cannot reshape {x.shape} ({math.prod(x.shape)} elements) to {shape} ({math.prod(shape)} elements)"
        )
    return MetaArray(shape, x.dtype)


def _permute_shape(x: Any, *, dims: tuple[int, ...]) -> MetaArray:
    return MetaArray(tuple(x.shape[d] for d in dims), x.dtype)


def _expand_shape(x: Any, *, shape: tuple[int, ...]) -> MetaArray:
    lead = len(shape) - len(x.shape)
    if lead < 0 or any(m not in (1, n) for m, n in zip(x.shape, shape[lead:], strict=True)):
        raise ValueError(f"cannot expand {tuple(x.shape)} to {shape}: only dims of size 1 grow")
    return MetaArray(shape, x.dtype)


def _slice_shape(x: Any, *, index: tuple[Any, ...]) -> MetaArray:
    return MetaArray(slice_shape(x.shape, index), x.dtype)


def _same_shape(x: Any) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


def chain_shape(shape: tuple[int, ...], dtype: Any, chain: Any) -> tuple[int, ...]:
    """Shape at the end of a chain of views."""
    meta = MetaArray(shape, dtype)
    for name, param in chain:
        op = OPS[name]
        meta = op.rules["shape"](meta, **({op.params[0]: param} if op.params else {}))
    return meta.shape


_VIEW_SHAPES: dict[str, Any] = {
    "reshape": _reshape_shape,
    "permute": _permute_shape,
    "expand": _expand_shape,
    "slice": _slice_shape,
    "alias": _same_shape,
    "detach": _same_shape,
}


def _view_write(base: Any, value: Any, *, chain: Any) -> Any:
    # order "K" keeps the stride order of the base, so that every reshape of the chain that was a view is one here
    out = np.array(base, copy=True, order="K")
    view = apply_chain(out, chain)
    if view.shape != value.shape:
        raise ValueError("view_write needs the shape of the view")  # the shape rule says which were given
    if out.size and not np.may_share_memory(view, out):
        # under these strides a reshape of the chain copies: write by position instead
        flat = np.array(base, copy=True, order="C").reshape(-1)
        flat[apply_chain(np.arange(flat.size).reshape(base.shape), chain)] = value
        return flat.reshape(base.shape)
    view[...] = value
    return out


def _view_write_shape(base: Any, value: Any, *, chain: Any) -> MetaArray:
    inner = chain_shape(base.shape, base.dtype, chain)
    if tuple(value.shape) != inner:
        raise ValueError(f"cannot write a value of shape {value.shape} through a view of shape {inner}")
    return MetaArray(base.shape, base.dtype)


def _view_grad(g: Any, *, shape: tuple[int, ...], chain: Any) -> Any:
    if overlapping(chain):
        return _sums(g, shape, chain)
    out = np.zeros(shape, g.dtype)
    view = apply_chain(out, chain)
    if g.size and not np.may_share_memory(view, out):
        out.reshape(-1)[apply_chain(np.arange(out.size).reshape(shape), chain)] = g
    else:
        view[...] = g
    return out


def _sums(g: Any, shape: tuple[int, ...], chain: Any) -> Any:
    """What several elements of a view give to the one they all show, summed in float32 for half types."""
    half = g.dtype.itemsize < 4 and g.dtype.kind in "fV"
    wide = g.astype(np.float32) if half else g
    out = np.zeros(shape, wide.dtype)
    if len(chain) == 1 and chain[0][0] == "unfold":
        dim, size, step = chain[0][1]
        count = g.shape[dim]
        front = (slice(None),) * dim
        for k in range(size):  # one place of all windows after the other: none of them meet
            out[(*front, slice(k, k + step * (count - 1) + 1, step))] += wide[..., k]
    else:
        index = apply_chain(np.arange(out.size).reshape(shape), chain).reshape(-1)
        if wide.dtype.kind == "f":
            out.reshape(-1)[...] = np.bincount(index, wide.reshape(-1), out.size)
        else:
            np.add.at(out.reshape(-1), index, wide.reshape(-1))
    return out.astype(g.dtype) if half else out


def _view_grad_shape(g: Any, *, shape: tuple[int, ...], chain: Any) -> MetaArray:
    inner = chain_shape(shape, g.dtype, chain)
    if tuple(g.shape) != inner:
        raise ValueError(f"view_grad needs a value of shape {inner}, got {tuple(g.shape)}")
    return MetaArray(shape, g.dtype)


def _cat(*xs: Any, dim: int) -> Any:
    first = xs[0]
    if first.size < _LARGE:
        return np.concatenate(xs, axis=dim)
    shape = first.shape
    if any(x.shape[:dim] != shape[:dim] or x.shape[dim + 1 :] != shape[dim + 1 :] for x in xs):
        raise ValueError("cat needs equal shapes elsewhere")  # the shape rule says which were given
    total = sum([x.shape[dim] for x in xs])
    out = np.empty((*shape[:dim], total, *shape[dim + 1 :]), first.dtype)
    front = (slice(None),) * dim
    at = 0
    for x in xs:
        n = x.shape[dim]
        assign(out[(*front, slice(at, at + n))], x)
        at += n
    return out


def _cat_shape(*xs: Any, dim: int) -> MetaArray:
    first = xs[0].shape
    for x in xs:
        if len(x.shape) != len(first) or any(
            m != n for i, (m, n) in enumerate(zip(x.shape, first, strict=True)) if i != dim
        ):
            raise ValueError(
                f"cat along dim {dim} needs equal shapes elsewhere, got {', '.join(str(y.shape) for y in xs)}"
            )
    return MetaArray((*first[:dim], sum(x.shape[dim] for x in xs), *first[dim + 1 :]), xs[0].dtype)


Op("reshape", "x; shape", "view")
Op("permute", "x; dims", "view")
Op("expand", "x; shape", "view")
Op("slice", "x; index", "view")
Op("alias", "x", "view")
Op("detach", "x", "view", differentiable=())
Op("view_write", "base, value; chain", "opaque")
Op("view_grad", "g; shape, chain", "opaque")
Op("cat", "*xs; dim", "opaque", promotes="same")

register_rules(
    "numpy",
    {name: VIEWS[name] for name in _VIEW_SHAPES}
    | {
        "view_write": _view_write,
        "view_grad": _view_grad,
        "cat": _cat,
    },
)
register_rules(
    "shape",
    _VIEW_SHAPES
    | {
        "view_write": _view_write_shape,
        "view_grad": _view_grad_shape,
        "cat": _cat_shape,
    },
)
