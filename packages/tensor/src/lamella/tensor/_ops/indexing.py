"""Reading and accumulating through integer indices.

Every index is checked against its dim, negative ones count from the end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []


def _checked(name: str, index: Any, size: int, dim: int) -> Any:
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} needs an integer index, got {index.dtype}; convert it with .to(int64)")
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < -size or high >= size:
            raise IndexError(
                f"{name}: index {low if low < -size else high} is out of range for dim {dim} of size {size}"
            )
        if low < 0:
            return np.where(index < 0, index + size, index)
    return index


def _take(x: Any, index: Any, *, dim: int) -> Any:
    return np.take(x, _checked("take", index, x.shape[dim], dim), axis=dim)


def _take_shape(x: Any, index: Any, *, dim: int) -> MetaArray:
    _integer("take", index)
    return MetaArray((*x.shape[:dim], *index.shape, *x.shape[dim + 1 :]), x.dtype)


def _take_grad(g: Any, index: Any, *, dim: int, size: int) -> Any:
    # a stable sort groups equal indices in their order of appearance: the sums are the same whatever the machine
    tail = g.shape[dim + index.ndim :]
    before, after = math.prod(g.shape[:dim]), math.prod(tail)
    flat = _checked("take", index, size, dim).reshape(-1)
    wide = np.float32 if g.dtype.itemsize < 4 and g.dtype.kind not in "biu" else g.dtype
    out = np.zeros((before, size, after), wide)
    if flat.size and before and after:
        rows = g.reshape(before, flat.size, after).astype(wide, copy=False)
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        out[:, ordered[starts]] = np.add.reduceat(rows[:, order], starts, axis=1)
    return out.astype(g.dtype, copy=False).reshape(*g.shape[:dim], size, *tail)


def _take_grad_shape(g: Any, index: Any, *, dim: int, size: int) -> MetaArray:
    _integer("take", index)
    return MetaArray((*g.shape[:dim], size, *g.shape[dim + len(index.shape) :]), g.dtype)


def _integer(name: str, index: Any) -> None:
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} needs an integer index, got {index.dtype}; convert it with .to(int64)")


def _gather(x: Any, index: Any, *, dim: int) -> Any:
    _gather_shape(x, index, dim=dim)
    index = _checked("gather", index, x.shape[dim], dim)
    grids = [np.arange(n).reshape([-1 if i == d else 1 for i in range(index.ndim)]) for d, n in enumerate(index.shape)]
    grids[dim] = index
    return x[tuple(grids)]


def _gather_shape(x: Any, index: Any, *, dim: int) -> MetaArray:
    _integer("gather", index)
    if len(x.shape) != len(index.shape) or any(
        i > n for d, (i, n) in enumerate(zip(index.shape, x.shape, strict=True)) if d != dim
    ):
        raise ValueError(
            f"gather along dim {dim}: index {index.shape} must have the rank of x {x.shape} and fit it elsewhere"
        )
    return MetaArray(index.shape, x.dtype)


def _scatter_add(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    _scatter_shape(x, index, src, dim=dim)
    index = _checked("scatter_add", index, x.shape[dim], dim)
    wide = np.float32 if x.dtype.itemsize < 4 and x.dtype.kind not in "biu" else x.dtype
    out = x.astype(wide)
    src = src[tuple(slice(0, n) for n in index.shape)].astype(wide, copy=False)
    grids = [np.arange(n).reshape([-1 if i == d else 1 for i in range(index.ndim)]) for d, n in enumerate(index.shape)]
    grids[dim] = index
    np.add.at(out, tuple(grids), src)
    return out.astype(x.dtype, copy=False)


def _scatter_shape(x: Any, index: Any, src: Any, *, dim: int) -> MetaArray:
    _gather_shape(x, index, dim=dim)
    if len(src.shape) != len(index.shape) or any(i > n for i, n in zip(index.shape, src.shape, strict=True)):
        raise ValueError(f"scatter_add needs src {src.shape} at least as large as index {index.shape}")
    return MetaArray(x.shape, x.dtype)


Op("take", "x, index; dim", "opaque")
Op("take_grad", "g, index; dim, size", "opaque")
Op("gather", "x, index; dim", "opaque")
Op("scatter_add", "x, index, src; dim", "opaque")
register_rules("numpy", {"take": _take, "take_grad": _take_grad, "gather": _gather, "scatter_add": _scatter_add})
register_rules(
    "shape",
    {"take": _take_shape, "take_grad": _take_grad_shape, "gather": _gather_shape, "scatter_add": _scatter_shape},
)
