"""Running reductions along one dim.

Running products of float32 and half types are carried in float64 and rounded once an element. Long running sums are
made of blocks of 32, each a product with a triangle of ones, on top of totals carried in float64: an element's error is
at most 34 * 2**-24 (2**-53 for float64) times the running sum of |x|, whatever its position; half types are summed as
float32 and rounded once. `cummax` and `cummin` also give the position of the last largest (smallest) element so far; a
NaN stays from where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._promotion import refusal

__all__: list[str] = []

_INT64 = np.dtype(np.int64)
_SMALL = 2048
_BLOCK = 32
_WIDE = 64


def _cumsum(x: Any, *, dim: int) -> Any:
    dtype = x.dtype
    if dtype.kind not in "biuc" and x.size > _SMALL and x.shape[dim] >= 2 * _BLOCK:
        out = _sum_by_blocks(x if dtype.itemsize > 2 else x.astype(np.float32), dim)
        if out is not None:
            return out.astype(dtype, copy=False)
    return _carried(np.add, x, dim)


def _cumprod(x: Any, *, dim: int) -> Any:
    return _carried(np.multiply, x, dim)


def _carried(ufunc: Any, x: Any, dim: int) -> Any:
    dtype = x.dtype
    if dtype.kind in "biu":
        return ufunc.accumulate(x, axis=dim, dtype=np.int64)
    if dtype.itemsize == 8 or dtype.kind == "c":
        return ufunc.accumulate(x, axis=dim)
    if dtype.kind == "V":  # what ml_dtypes adds has no loop of mixed types
        x = x.astype(np.float32)
    return ufunc.accumulate(x, axis=dim, dtype=np.float64).astype(dtype)


def _sum_by_blocks(x: Any, dim: int) -> Any:
    """The running sum of a float32 or float64 array; None where it is not finite, which a product would spread."""
    n, after = x.shape[dim], math.prod(x.shape[dim + 1 :])
    if 1 < after < _BLOCK:
        moved = _sum_by_blocks(np.ascontiguousarray(np.moveaxis(x, dim, -1)), x.ndim - 1)
        return None if moved is None else np.ascontiguousarray(np.moveaxis(moved, -1, dim))
    v = np.ascontiguousarray(x).reshape(-1, n, after)
    whole = n // _BLOCK * _BLOCK
    blocks = v[:, :whole].reshape(len(v), -1, _BLOCK, after)
    inner = _along_rows(blocks[..., 0])[..., None] if after == 1 else _down_columns(blocks)
    totals = np.add.accumulate(inner[:, :, -1], axis=1, dtype=np.float64)
    if not np.isfinite(totals[:, -1]).all():
        return None
    before = np.zeros(totals.shape, x.dtype)
    before[:, 1:] = totals[:, :-1]
    out = np.empty_like(v)
    np.add(inner, before[:, :, None], out=out[:, :whole].reshape(inner.shape))
    if whole < n:
        rest = np.add.accumulate(v[:, whole:], axis=1, dtype=np.float64)
        rest += totals[:, -1:]
        out[:, whole:] = rest
    return out.reshape(x.shape)


# Both in pieces that BLAS does not split: waiting for its other threads would take longer than the product.


def _along_rows(blocks: Any) -> Any:
    out = np.empty_like(blocks)
    triangle = _triangle(blocks.dtype, True)
    rows, count = blocks.shape[:2]
    whole = count // 256 * 256
    if whole:
        pieces = (rows, -1, 256, _BLOCK)
        np.matmul(blocks[:, :whole].reshape(pieces), triangle, out=out[:, :whole].reshape(pieces))
    np.matmul(blocks[:, whole:], triangle, out=out[:, whole:])
    return out


def _down_columns(blocks: Any) -> Any:
    out = np.empty_like(blocks)
    triangle = _triangle(blocks.dtype, False)
    for start in range(0, blocks.shape[-1], 256):
        part = (..., slice(start, start + 256))
        np.matmul(triangle, blocks[part], out=out[part])
    return out


@lru_cache(maxsize=4)
def _triangle(dtype: np.dtype[Any], upper: bool) -> Any:
    ones = np.tri(_BLOCK, dtype=dtype)
    if upper:
        ones = np.ascontiguousarray(ones.T)
    ones.flags.writeable = False
    return ones


def _running_shape(x: Any, *, dim: int) -> MetaArray:
    return MetaArray(x.shape, _INT64 if x.dtype.kind in "biu" else x.dtype)


def _logcumsumexp(x: Any, *, dim: int) -> Any:
    _logcumsumexp_shape(x, dim=dim)
    wide = x.astype(np.float64) if x.dtype.itemsize < 8 else x
    return np.logaddexp.accumulate(wide, axis=dim).astype(x.dtype, copy=False)


def _logcumsumexp_shape(x: Any, *, dim: int) -> MetaArray:
    if x.dtype.kind == "c":
        raise TypeError(refusal("logcumsumexp", "c"))
    if x.dtype.kind in "biu":
        raise TypeError(f"logcumsumexp needs a floating tensor, got {x.dtype}; convert it with .to(float32)")
    return MetaArray(x.shape, x.dtype)


def _extreme(name: str, ufunc: Any) -> Callable[..., Any]:
    shape = _extreme_shape(name)

    def kernel(x: Any, *, dim: int) -> Any:
        if x.dtype.kind == "c":
            shape(x, dim=dim)  # it says what is wrong
        wide = x.astype(np.float32) if x.dtype.kind == "V" else x
        n = x.shape[dim]
        if n < 4 * _BLOCK:
            best = ufunc.accumulate(wide, axis=dim)
            at = np.arange(n)
            if dim != x.ndim - 1:
                at = at.reshape([-1 if d == dim else 1 for d in range(x.ndim)])
            index = np.maximum.accumulate(np.multiply(_reached(wide, best), at), axis=dim)
            return best.astype(x.dtype, copy=False), index
        rows = np.ascontiguousarray(np.moveaxis(wide, dim, -1))
        best, index = (np.moveaxis(o.reshape(rows.shape), -1, dim) for o in _records(rows.reshape(-1, n), ufunc))
        return np.ascontiguousarray(best.astype(x.dtype, copy=False)), np.ascontiguousarray(index)

    return kernel


def _reached(x: Any, best: Any) -> Any:
    hit = x == best
    if x.dtype.kind == "f":
        hit |= x != x
    return hit


def _records(rows: Any, ufunc: Any) -> tuple[Any, Any]:
    """Best so far and its place: a block without a record repeats what came before, and records are few as a rule."""
    count, n = rows.shape
    best = np.empty_like(rows)
    whole = n // _WIDE * _WIDE
    blocks = rows[:, :whole].reshape(count, -1, _WIDE)
    totals = ufunc.accumulate(ufunc.reduce(blocks, axis=2), axis=1)
    filled = best[:, :whole].reshape(blocks.shape)
    filled[:, 1:] = totals[:, :-1, None]
    record = np.ones(totals.shape, np.bool_)
    record[:, 1:] = ~(totals[:, 1:] == totals[:, :-1])
    of, at = np.nonzero(record)
    inside = ufunc.accumulate(blocks[of, at], axis=1)
    later = at > 0
    inside[later] = ufunc(inside[later], totals[of[later], at[later] - 1, None])
    filled[of, at] = inside
    if whole < n:
        tail = ufunc.accumulate(rows[:, whole:], axis=1)
        best[:, whole:] = ufunc(tail, totals[:, -1:]) if whole else tail
    places = np.flatnonzero(_reached(rows, best))
    lasts = np.append(places[1:], rows.size)
    return best, np.repeat(places % n, lasts - places)


def _extreme_shape(name: str) -> Callable[..., tuple[MetaArray, ...]]:
    def shape(x: Any, *, dim: int) -> tuple[MetaArray, ...]:
        if x.dtype.kind == "c":
            raise TypeError(refusal(name, "c"))
        return MetaArray(x.shape, x.dtype), MetaArray(x.shape, _INT64)

    return shape


Op("cumsum", "x; dim", "opaque")
Op("cumprod", "x; dim", "opaque")
Op("logcumsumexp", "x; dim", "opaque")
Op("cummax", "x; dim", "opaque", outputs=2, differentiable=(0,))
Op("cummin", "x; dim", "opaque", outputs=2, differentiable=(0,))
register_rules(
    "numpy",
    {
        "cumsum": _cumsum,
        "cumprod": _cumprod,
        "logcumsumexp": _logcumsumexp,
        "cummax": _extreme("cummax", np.maximum),
        "cummin": _extreme("cummin", np.minimum),
    },
)
register_rules(
    "shape",
    {
        "cumsum": _running_shape,
        "cumprod": _running_shape,
        "logcumsumexp": _logcumsumexp_shape,
        "cummax": _extreme_shape("cummax"),
        "cummin": _extreme_shape("cummin"),
    },
)
_ONE_STEP = ("cumprod", "cummax", "cummin", "logcumsumexp")
register_rules("flops", {name: lambda xs, outs, params: int(np.prod(xs[0].shape)) for name in _ONE_STEP})
