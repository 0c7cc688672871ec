"""Distances between all rows of two matrices.

With `mm` (p = 2 only) squares come from one matrix product, x2 + y2 - 2 x.y: quick, and inexact where rows are near
each other beside their size. Without it differences are taken, a block of rows at a time. Half types are computed in
float32 and rounded once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .reduction import squares, total

__all__: list[str] = []

_BLOCK = 1 << 15  # elements of a block and its temporaries, which stay in the cache
_SHORT = 32  # columns that are added one after the other, unless
_SMALL = 8192  # there are so few differences that calls count


def _cdist(x: Any, y: Any, *, p: float, mm: bool) -> Any:
    shape = _cdist_shape(x, y, p=p, mm=mm).shape
    dtype = x.dtype
    if dtype.itemsize < 4:
        x, y = x.astype(np.float32), y.astype(np.float32)
    if mm:
        return _by_product(x, y).astype(dtype, copy=False)
    out = np.empty(shape, x.dtype)
    for at in np.ndindex(*shape[:-2]):
        _by_difference(x[at], y[at], p, out[at])
    return out.astype(dtype, copy=False)


def _by_product(x: Any, y: Any) -> Any:
    last = (x.ndim - 1,)
    out = np.matmul(x, y.swapaxes(-1, -2))
    out *= x.dtype.type(-2)
    out += squares(x, last, True)
    out += np.expand_dims(squares(y, last, False), -2)
    np.maximum(out, x.dtype.type(0), out=out)  # rounding may leave less
    return np.sqrt(out, out=out)


def _by_difference(x: Any, y: Any, p: float, out: Any) -> None:
    """Distances of rows [P, M] and [R, M] into out [P, R]."""
    (rows, columns), count = x.shape, len(y)
    if columns <= _SHORT and rows * count * columns > _SMALL:
        step = max(_BLOCK // max(count, 1), 1)
        turned = np.ascontiguousarray(y.T)
        for low in range(0, rows, step):
            _column_by_column(x[low : low + step], turned, p, out[low : low + step])
        return
    step = max(_BLOCK // max(count * columns, 1), 1)
    for low in range(0, rows, step):
        parts = _part(np.subtract(x[low : low + step, None, :], y), p)
        if math.isinf(p):
            np.maximum.reduce(parts, axis=2, initial=0, out=out[low : low + step])
        else:
            out[low : low + step] = _rooted(total(parts, (2,), False), p)


def _column_by_column(x: Any, turned: Any, p: float, out: Any) -> None:
    out.fill(0)
    add = np.maximum if math.isinf(p) else np.add
    for m in range(x.shape[1]):
        add(out, _part(np.subtract(x[:, m, None], turned[m]), p), out=out)
    if not math.isinf(p):
        out[...] = _rooted(out, p)


def _part(difference: Any, p: float) -> Any:
    """What one coordinate adds."""
    if p == 2:
        return np.multiply(difference, difference, out=difference)
    if p == 0:
        return (difference != 0).astype(difference.dtype)
    np.abs(difference, out=difference)
    return difference if p == 1 or math.isinf(p) else difference ** difference.dtype.type(p)


def _rooted(sums: Any, p: float) -> Any:
    if p in (0, 1):
        return sums
    return np.sqrt(sums) if p == 2 else sums ** sums.dtype.type(1 / p)


def _cdist_shape(x: Any, y: Any, *, p: float, mm: bool) -> MetaArray:
    if x.dtype.kind in "biuc" or x.dtype != y.dtype:
        raise TypeError(f"cdist needs real floating tensors of one dtype, got {x.dtype} and {y.dtype}; use .to(dtype)")
    if len(x.shape) < 2 or x.shape[-1] != y.shape[-1] or x.shape[:-2] != y.shape[:-2]:
        raise ValueError(f"cdist needs rows [..., P, M] and [..., R, M], got shapes {x.shape} and {y.shape}")
    if mm and p != 2:
        raise ValueError(f"cdist by a matrix product is for p = 2, got {p}")
    return MetaArray((*x.shape[:-1], y.shape[-2]), x.dtype)


def _cdist_flops(xs: Any, outs: Any, params: dict[str, Any]) -> int:
    count: int = (2 if params["mm"] else 3) * math.prod(outs[0].shape) * xs[0].shape[-1]
    return count


Op("cdist", "x, y; p, mm", "opaque", unit=True)
register_rules("numpy", {"cdist": _cdist})
register_rules("shape", {"cdist": _cdist_shape})
register_rules("flops", {"cdist": _cdist_flops})
