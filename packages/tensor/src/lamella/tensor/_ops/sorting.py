"""Ops that order the elements along one dim and say where they stood: (values, indices), the dim kept.

NaN is the largest value, as in PyTorch, and -0 equals 0. `sort` is stable in both directions. `topk`, `kthvalue` and
`mode` name the first of equal elements. `place` is the transpose of reading at distinct indices. Half types are ordered
as float32, which is exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._promotion import refusal
from .reduction import reduced_shape
from .statistics import lower_median

__all__ = ["best_of", "order_of"]

_INT64 = np.dtype(np.int64)
_SMALL = 2048


def _plain(x: Any, dim: int) -> Any:
    """x with dim last, in a dtype that numpy orders quickly."""
    if x.dtype.itemsize < 4 and x.dtype.kind in "fV":
        x = x.astype(np.float32)
    return x if dim == x.ndim - 1 else np.moveaxis(x, dim, -1)


def _home(index: Any, dim: int) -> Any:
    """An index along the last axis, contiguous with that axis at dim."""
    return index if dim == index.ndim - 1 else np.ascontiguousarray(np.moveaxis(index, -1, dim))


def _taken(x: Any, index: Any, dim: int) -> Any:
    """x read at index along dim: numpy's take_along_axis for the layouts where there is a shorter way."""
    if x.ndim == 1:
        return x.take(index)
    if dim == x.ndim - 1 and x.flags.c_contiguous:
        starts = np.arange(0, x.size, x.shape[-1]) if x.size else np.zeros(0, np.int64)
        return x.reshape(-1).take(index + starts.reshape(*x.shape[:-1], 1))
    return np.take_along_axis(x, index, dim)


def order_of(rows: Any, descending: bool) -> Any:
    """Stable order along the last axis; NaN is the largest."""
    if rows.size > _SMALL:
        narrow = _sixteen(rows, descending)
        if narrow is not None:
            return narrow.argsort(axis=-1, kind="stable")
        packed = _packed(rows, descending)
        if packed is not None:
            packed.sort(axis=-1)
            packed &= (1 << _bits(rows.shape[-1])) - 1
            return packed
    if not descending:
        return rows.argsort(axis=-1, kind="stable")
    back = rows[..., ::-1].argsort(axis=-1, kind="stable")[..., ::-1]
    return (rows.shape[-1] - 1) - back


def _bits(n: int) -> int:
    return max(n - 1, 0).bit_length()


def _sixteen(rows: Any, descending: bool) -> Any:
    """Integers of a short range as 16 bits, which numpy sorts by their digits; None for others."""
    if rows.dtype.kind not in "iub":
        return None
    low, high = rows.min(), rows.max()
    if int(high) - int(low) >= 1 << 16:
        return None
    if rows.dtype.kind == "b":
        return rows ^ descending
    # a difference beyond the signed type wraps; in 16 bits its order is right again
    return np.subtract(high, rows).astype(np.uint16) if descending else np.subtract(rows, low).astype(np.uint16)


def _packed(rows: Any, descending: bool) -> Any:
    """Value and position in one int64 each: a quick sort of those is a stable one of the values. None where no room."""
    bits = _bits(rows.shape[-1])
    kind, size = rows.dtype.kind, rows.dtype.itemsize
    if kind == "f" and size == 4:
        key = (rows + np.float32(0)).view(np.int32)  # adding 0 makes -0 a 0
        key = key ^ ((key >> 31) & np.int32(0x7FFFFFFF))
        np.copyto(key, np.int32(0x7FFFFFFF), where=np.isnan(rows))
        width = 32
    elif kind in "iub" and size < 8:
        key, width = rows, 33
    elif kind in "iu":
        low, high = int(rows.min()), int(rows.max())
        width = (high - low).bit_length()
        if width > 62 - bits:
            return None
        key = rows - rows.dtype.type(low)
    else:
        return None
    if width + bits > 63:
        return None
    out = key.astype(np.int64)
    if descending:
        np.invert(out, out=out)
    out <<= bits
    out |= np.arange(rows.shape[-1])
    return out


def _argsort(x: Any, *, dim: int, descending: bool) -> Any:
    _refuse("argsort", x)
    return _home(order_of(_plain(x, dim), descending), dim)


def _argsort_shape(x: Any, *, dim: int, descending: bool) -> MetaArray:
    _refuse("argsort", x)
    return MetaArray(x.shape, _INT64)


def _sort(x: Any, *, dim: int, descending: bool) -> Any:
    index = _argsort(x, dim=dim, descending=descending)
    return _taken(x, index, dim), index


def _refuse(name: str, x: Any) -> None:
    if x.dtype.kind == "c":
        raise TypeError(refusal(name, "c"))


def _sort_shape(x: Any, *, dim: int, descending: bool) -> tuple[MetaArray, ...]:
    _refuse("sort", x)
    return MetaArray(x.shape, x.dtype), MetaArray(x.shape, _INT64)


def _topk(x: Any, *, k: int, dim: int, largest: bool) -> Any:
    if x.dtype.kind == "c" or not 0 <= k <= x.shape[dim]:
        _topk_shape(x, k=k, dim=dim, largest=largest)  # it says what is wrong
    index = _home(best_of(_plain(x, dim), k, largest), dim)
    return _taken(x, index, dim), index


def best_of(rows: Any, k: int, largest: bool) -> Any:
    """The places of the k best along the last axis, the best first; equal ones in their order."""
    n = rows.shape[-1]
    index = None
    if rows.size > _SMALL and k:
        if n > 256 and k * 16 <= n:
            index = _few(rows, k, largest)
        if index is None and n > 64 and k * 3 <= n:
            index = _partitioned(rows, k, largest)
    return np.ascontiguousarray(order_of(rows, largest)[..., :k]) if index is None else index


def _few(rows: Any, k: int, largest: bool) -> Any:
    """The order of the best k, when few of many: only what reaches the k-th best of the blocks' bests is sorted.

    None where the rows hold NaN or so many equal values that nothing is gained.
    """
    lead, n = rows.shape[:-1], rows.shape[-1]
    rows = np.ascontiguousarray(rows).reshape(-1, n)
    count = len(rows)
    width = max(8, min(256, n // (4 * k)))
    whole = n // width * width
    best = (np.maximum if largest else np.minimum).reduce(rows[:, :whole].reshape(count, -1, width), axis=2)
    if rows.dtype.kind == "f" and (np.isnan(best).any() or np.isnan(rows[:, whole:]).any()):
        return None
    blocks = best.shape[1]
    if largest:
        threshold = np.partition(best, blocks - k, axis=1)[:, blocks - k, None]
        reached = rows >= threshold
    else:
        threshold = np.partition(best, k - 1, axis=1)[:, k - 1, None]
        reached = rows <= threshold
    flat = np.flatnonzero(reached)
    if flat.size * 8 > rows.size:
        return None
    of, at = np.divmod(flat, n)
    values = rows.reshape(-1)[flat]
    # within a row by value, equal ones by position: a stable order by value, then a stable order by row
    by_value = order_of(values, largest)
    by_row = by_value[order_of(of[by_value], False)]
    starts = np.searchsorted(of, np.arange(count))
    return at[by_row[starts[:, None] + np.arange(k)]].reshape(*lead, k)


def _partitioned(rows: Any, k: int, largest: bool) -> Any:
    """The order of the best k, when many: all beyond the k-th value, and the first of those that equal it."""
    lead, n = rows.shape[:-1], rows.shape[-1]
    if rows.dtype.kind == "f" and np.isnan(rows).any():
        return None
    rows = np.ascontiguousarray(rows).reshape(-1, n)
    at = n - k if largest else k - 1
    limit = np.partition(rows, at, axis=1)[:, at, None]
    chosen = rows >= limit if largest else rows <= limit
    if np.count_nonzero(chosen) != k * len(rows):
        chosen = rows > limit if largest else rows < limit
        equal = rows == limit
        room = k - np.add.reduce(chosen, axis=1, dtype=np.int64, keepdims=True)
        equal &= np.add.accumulate(equal, axis=1, dtype=np.int64) <= room
        chosen |= equal
    places = np.flatnonzero(chosen).reshape(-1, k)
    places -= np.arange(0, rows.size, n)[:, None]
    order = order_of(_taken(rows, places, 1), largest)
    return _taken(places, order, 1).reshape(*lead, k)


def _topk_shape(x: Any, *, k: int, dim: int, largest: bool) -> tuple[MetaArray, ...]:
    _refuse("topk", x)
    if not 0 <= k <= x.shape[dim]:
        raise ValueError(f"topk needs k in [0, {x.shape[dim]}], the size of dim {dim}, got {k}")
    shape = (*x.shape[:dim], k, *x.shape[dim + 1 :])
    return MetaArray(shape, x.dtype), MetaArray(shape, _INT64)


def _extreme(name: str, arg: Any, ufunc: Any) -> tuple[Any, Any]:
    def kernel(x: Any, *, dim: int, keepdim: bool) -> Any:
        if x.dtype.kind == "c" or not x.shape[dim]:
            shape(x, dim=dim, keepdim=keepdim)  # it says what is wrong
        return ufunc.reduce(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    def shape(x: Any, *, dim: int, keepdim: bool) -> tuple[MetaArray, ...]:
        _refuse(name, x)
        _not_empty(name, x, dim)
        return _kept(x, dim, keepdim)

    return kernel, shape


def _found(rows: Any, value: Any) -> Any:
    """The first place in every row that holds its value; NaN is found too."""
    hit = rows == value[..., None]
    if rows.dtype.kind == "f":
        missing = np.isnan(value)
        if missing.any():
            hit |= np.isnan(rows) & missing[..., None]
    return np.argmax(hit, axis=-1)


def _picked(x: Any, index: Any, dim: int, keepdim: bool) -> Any:
    """(values, indices) of one element a row."""
    if x.ndim == 1 and not keepdim:
        return np.asarray(x[index]), np.asarray(index)
    # row-major, and no view of the places of all elements
    index = np.expand_dims(np.asarray(index, order="C"), dim)
    values = _taken(x, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def _kthvalue(x: Any, *, k: int, dim: int, keepdim: bool) -> Any:
    if x.dtype.kind == "c" or not 1 <= k <= x.shape[dim]:
        _kthvalue_shape(x, k=k, dim=dim, keepdim=keepdim)  # it says what is wrong
    rows = _plain(x, dim)
    if rows.size <= _SMALL:
        index = rows.argsort(axis=-1, kind="stable")[..., k - 1]
    else:
        index = _found(rows, np.partition(rows, k - 1, axis=-1)[..., k - 1])
    return _picked(x, index, dim, keepdim)


def _kept(x: Any, dim: int, keepdim: bool) -> tuple[MetaArray, ...]:
    shape = reduced_shape(tuple(x.shape), (dim,), keepdim)
    return MetaArray(shape, x.dtype), MetaArray(shape, _INT64)


def _kthvalue_shape(x: Any, *, k: int, dim: int, keepdim: bool) -> tuple[MetaArray, ...]:
    _refuse("kthvalue", x)
    if not 1 <= k <= x.shape[dim]:
        raise ValueError(f"kthvalue counts from 1 to {x.shape[dim]}, the size of dim {dim}, got k={k}")
    return _kept(x, dim, keepdim)


def _median_along(x: Any, *, dim: int, skip_nan: bool, keepdim: bool) -> Any:
    _median_along_shape(x, dim=dim, skip_nan=skip_nan, keepdim=keepdim)
    rows = _plain(x, dim)
    return _picked(x, _found(rows, lower_median(rows, skip_nan)), dim, keepdim)


def _median_along_shape(x: Any, *, dim: int, skip_nan: bool, keepdim: bool) -> tuple[MetaArray, ...]:
    _refuse("median", x)
    _not_empty("median", x, dim)
    return _kept(x, dim, keepdim)


def _not_empty(name: str, x: Any, dim: int) -> None:
    if x.shape[dim] == 0:
        raise ValueError(f"{name} over an empty dim has no value; shape {tuple(x.shape)}, dim {dim}")


def _mode(x: Any, *, dim: int, keepdim: bool) -> Any:
    _mode_shape(x, dim=dim, keepdim=keepdim)
    rows = _plain(x, dim)
    n = rows.shape[-1]
    ordered = np.sort(rows, axis=-1)
    changes = np.ones(ordered.shape, np.bool_)
    changes[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    start = np.maximum.accumulate(np.where(changes, np.arange(n), 0), axis=-1)
    # the first longest run: among equal counts the smallest value
    end = np.argmax(np.arange(n) - start, axis=-1)
    value = np.take_along_axis(ordered, end[..., None], -1)[..., 0]
    hit = (rows == value[..., None]) | ((rows != rows) & (value != value)[..., None])
    return _picked(x, n - 1 - np.argmax(hit[..., ::-1], axis=-1), dim, keepdim)


def _mode_shape(x: Any, *, dim: int, keepdim: bool) -> tuple[MetaArray, ...]:
    _refuse("mode", x)
    _not_empty("mode", x, dim)
    return _kept(x, dim, keepdim)


def _place(x: Any, index: Any, *, dim: int, size: int) -> Any:
    _place_shape(x, index, dim=dim, size=size)
    out = np.zeros((*x.shape[:dim], size, *x.shape[dim + 1 :]), x.dtype)
    np.put_along_axis(out, index, x, dim)
    return out


def _place_shape(x: Any, index: Any, *, dim: int, size: int) -> MetaArray:
    if x.shape != index.shape or index.dtype.kind not in "iu":
        raise ValueError(f"place needs an integer index of the shape {x.shape} of x, got {index.dtype} {index.shape}")
    return MetaArray((*x.shape[:dim], size, *x.shape[dim + 1 :]), x.dtype)


_KERNELS = {
    "sort": (_sort, _sort_shape, "x; dim, descending"),
    "topk": (_topk, _topk_shape, "x; k, dim, largest"),
    "kthvalue": (_kthvalue, _kthvalue_shape, "x; k, dim, keepdim"),
    "median_along": (_median_along, _median_along_shape, "x; dim, skip_nan, keepdim"),
    "mode": (_mode, _mode_shape, "x; dim, keepdim"),
    "max_along": (*_extreme("max", np.ndarray.argmax, np.maximum), "x; dim, keepdim"),
    "min_along": (*_extreme("min", np.ndarray.argmin, np.minimum), "x; dim, keepdim"),
}
for _name, (_, _, _signature) in _KERNELS.items():
    Op(_name, _signature, "opaque", outputs=2, differentiable=(0,))
Op("argsort", "x; dim, descending", "opaque", differentiable=())
Op("place", "x, index; dim, size", "opaque")


def _compares(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    n = xs[0].shape[params["dim"]]
    return int(math.prod(xs[0].shape)) * max(1, _bits(n))


register_rules("numpy", {name: row[0] for name, row in _KERNELS.items()} | {"argsort": _argsort, "place": _place})
register_rules(
    "shape", {name: row[1] for name, row in _KERNELS.items()} | {"argsort": _argsort_shape, "place": _place_shape}
)
register_rules("flops", dict.fromkeys((*_KERNELS, "argsort"), _compares) | {"place": lambda xs, outs, params: 0})
