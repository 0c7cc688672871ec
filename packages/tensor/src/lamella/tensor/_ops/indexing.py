"""Reading and writing through integer indices.

Every index is checked against its dim, negative ones count from the end. What is read or written lies at flat
positions of memory in row-major order; repeated ones are served in their order, so that sums are the same whatever the
machine, and the last of several values stays.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules

__all__: list[str] = []

_UNSIGNED = {np.dtype(f"i{n}"): np.dtype(f"u{n}") for n in (1, 2, 4, 8)}
_INT64, _UINT64 = np.dtype(np.int64), np.dtype(np.uint64)
_greatest = np.maximum.reduce
# Offsets of a shape up to this many are kept for the next call.
_KEPT = 4096
# From here on rows are added whole, in as many passes as the most frequent index has repetitions.
_ROWS_SIZE, _ROW_WIDTH, _PASSES = 32768, 16, 16


def _integer(name: str, index: Any) -> None:
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} needs an integer index, got {index.dtype}; convert it with .to(int64)")


def _checked(name: str, index: Any, size: int, dim: int) -> Any:
    """The index without negative entries; IndexError for one out of range."""
    kind = index.dtype
    # one pass: read as unsigned, a negative number is larger than any size
    if kind is _INT64:
        over = index.size and _greatest(index.view(_UINT64), None) >= size
    else:
        _integer(name, index)
        over = index.size and _greatest(index.view(_UNSIGNED.get(kind, kind)), None) >= size
    if over:
        low, high = int(index.min()), int(index.max())
        if low < -size or high >= size:
            raise IndexError(
                f"{name}: index {low if low < -size else high} is out of range for dim {dim} of size {size}"
            )
        return np.where(index < 0, index + size, index)
    return index


def _size(shape: tuple[int, ...], dim: int) -> int:
    return shape[dim] if shape else 1


def _take(x: Any, index: Any, *, dim: int) -> Any:
    try:
        return x.take(index, dim)  # it checks every index and counts negative ones from the end
    except (IndexError, TypeError):
        _checked("take", index, _size(x.shape, dim), dim)
        raise


def _take_shape(x: Any, index: Any, *, dim: int) -> MetaArray:
    _integer("take", index)
    return MetaArray((*x.shape[:dim], *index.shape, *x.shape[dim + 1 :]), x.dtype)


@lru_cache(64)
def _small_range(n: int) -> Any:
    return np.arange(n)


def _wide(dtype: Any) -> Any:
    return np.float32 if dtype.itemsize < 4 and dtype.kind not in "biu" else dtype


def _add_rows(out: Any, at: Any, rows: Any, fresh: bool) -> None:
    """out[:, at[k]] += rows[:, k], in the order of k; out [b, n, a] contiguous, at [m], rows [b, m, a].

    `fresh` says that out is 0.
    """
    before, size, after = out.shape
    if after < _ROW_WIDTH or rows.size < _ROWS_SIZE:
        if after != 1:
            at = (at[:, None] * after + _small_range(after)).reshape(-1)
        if before != 1:
            at = ((_small_range(before) * (size * after))[:, None] + at).reshape(-1)
        np.add.at(out.reshape(-1), at, rows.reshape(-1))
        return
    out, rows = (a[0] if before == 1 else a.swapaxes(0, 1) for a in (out, rows))
    order = np.argsort(at, kind="stable")  # equal indices stand together, in their order of appearance
    ordered = at[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(starts, append=at.size)
    most = int(counts.max())
    if most > _PASSES:
        sums = np.add.reduceat(rows[order], starts, axis=0)
    else:
        starts = starts[np.argsort(-counts, kind="stable")]
        sums = rows[order[starts]]
        for k in range(1, most):
            still = int(np.count_nonzero(counts > k))
            sums[:still] += rows[order[starts[:still] + k]]
    if fresh:
        out[ordered[starts]] = sums
    else:
        out[ordered[starts]] += sums


def _take_grad(g: Any, index: Any, *, dim: int, size: int) -> Any:
    tail = g.shape[dim + index.ndim :]
    before, after = math.prod(g.shape[:dim]), math.prod(tail)
    flat = _checked("take", index, size, dim).reshape(-1)
    wide = _wide(g.dtype)
    out = np.zeros((before, size, after), wide)
    if flat.size and before and after:
        _add_rows(out, flat, g.reshape(before, flat.size, after).astype(wide, copy=False), True)
    return out.astype(g.dtype, copy=False).reshape(*g.shape[:dim], size, *tail)


def _take_grad_shape(g: Any, index: Any, *, dim: int, size: int) -> MetaArray:
    _integer("take", index)
    return MetaArray((*g.shape[:dim], size, *g.shape[dim + len(index.shape) :]), g.dtype)


def _put(x: Any, index: Any, value: Any, *, dim: int, accumulate: bool) -> Any:
    _put_shape(x, index, value, dim=dim, accumulate=accumulate)
    out = x.astype(_wide(x.dtype) if accumulate else x.dtype, order="C")
    try:
        _put_into(out, index, value, dim, accumulate)
    except IndexError:
        _checked("index_put", index, _size(x.shape, dim), dim)
        raise
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def _put_into(out: Any, index: Any, value: Any, dim: int, accumulate: bool) -> None:
    # where numpy takes the indices as they are, it checks them and counts negative ones from the end
    if out.ndim == 1:
        if not accumulate:
            out[index] = value
        elif value.size:
            np.add.at(out, index.reshape(-1), value.astype(out.dtype, copy=False).reshape(-1))
    elif not accumulate:
        out[(slice(None),) * dim + (index,)] = value
    else:
        size = _size(out.shape, dim)
        at = _checked("index_put", index, size, dim).reshape(-1)
        if value.size:
            whole = out.reshape(math.prod(out.shape[:dim]), size, -1)
            rows = value.reshape(len(whole), at.size, -1).astype(out.dtype, copy=False)
            _add_rows(whole, at, rows, False)


def _put_shape(x: Any, index: Any, value: Any, *, dim: int, accumulate: bool) -> MetaArray:
    _integer("index_put", index)
    wanted = (*x.shape[:dim], *index.shape, *x.shape[dim + 1 :])
    if tuple(value.shape) != wanted:
        raise ValueError(
            f"index_put along dim {dim} of {tuple(x.shape)} with an index of shape {tuple(index.shape)} needs values "
            f"of shape {wanted}, got {tuple(value.shape)}"
        )
    return MetaArray(x.shape, x.dtype)


def _ravel_index(*indices: Any, sizes: tuple[int, ...]) -> Any:
    """One index over the merged dims of these sizes for an index into each of them."""
    _ravel_index_shape(*indices, sizes=sizes)
    flat: Any = 0
    for d, (index, size) in enumerate(zip(indices, sizes, strict=True)):
        flat = flat * size + _checked("index", index, size, d).astype(np.int64, copy=False)
    return np.asarray(flat)


def _ravel_index_shape(*indices: Any, sizes: tuple[int, ...]) -> MetaArray:
    shape: tuple[int, ...] = ()
    for index in indices:
        _integer("index", index)
        try:
            shape = broadcast_shapes(shape, index.shape)
        except ValueError:
            given = ", ".join(str(tuple(i.shape)) for i in indices)
            raise IndexError(f"index tensors of one expression are broadcast together, which {given} are not") from None
    return MetaArray(shape, _INT64)


def _offsets(kept: tuple[int, ...], shape: tuple[int, ...], dim: int) -> Any:
    """Flat positions in an array of `shape` of the elements [kept] whose index along dim is 0."""
    out: Any = np.zeros((1,) * len(kept), np.int64)
    stride = 1
    for d in range(len(shape) - 1, -1, -1):
        if d != dim:
            out = out + (np.arange(kept[d]) * stride).reshape((-1,) + (1,) * (len(kept) - 1 - d))
        stride *= shape[d]
    return out


_small_offsets = lru_cache(256)(_offsets)


def _positions(name: str, x: Any, index: Any, dim: int) -> Any:
    """Flat positions in x (row-major) of the elements that an index of x's rank names along dim."""
    shape = x.shape
    if not shape:
        return _checked(name, index, 1, 0)
    index = _checked(name, index, shape[dim], dim)
    if index.dtype is not _INT64:
        index = index.astype(np.int64)
    if len(shape) == 1:
        return index
    few = index.size <= _KEPT * index.shape[dim]
    offsets = (_small_offsets if few else _offsets)(index.shape, shape, dim)
    return index + offsets if dim == len(shape) - 1 else index * math.prod(shape[dim + 1 :]) + offsets


def _gather(x: Any, index: Any, *, dim: int) -> Any:
    if index.shape != x.shape:
        _gather_shape(x, index, dim=dim)
    return x.reshape(-1).take(_positions("gather", x, index, dim))


def _gather_shape(x: Any, index: Any, *, dim: int, name: str = "gather") -> MetaArray:
    _integer(name, index)
    if len(x.shape) != len(index.shape) or any(
        i > n for d, (i, n) in enumerate(zip(index.shape, x.shape, strict=True)) if d != dim
    ):
        raise ValueError(
            f"{name} along dim {dim}: index {index.shape} must have the rank of x {x.shape} and fit it elsewhere"
        )
    return MetaArray(index.shape, x.dtype)


def _scatter_shape(x: Any, index: Any, src: Any, *, dim: int, name: str = "scatter") -> MetaArray:
    _gather_shape(x, index, dim=dim, name=name)
    if len(src.shape) != len(index.shape) or any(i > n for i, n in zip(index.shape, src.shape, strict=True)):
        raise ValueError(f"{name} needs src {src.shape} at least as large as index {index.shape}")
    return MetaArray(x.shape, x.dtype)


def _scattered(name: str, x: Any, index: Any, src: Any, dim: int, wide: Any) -> tuple[Any, Any, Any]:
    """A copy of x in dtype `wide`, flat positions [m] in it, and what of src goes to each of them [m]."""
    if not x.shape == index.shape == src.shape:
        _scatter_shape(x, index, src, dim=dim, name=name)
        if src.shape != index.shape:
            src = src[tuple([slice(0, n) for n in index.shape])]
    values = src.reshape(-1)
    if values.dtype is not wide:
        values = values.astype(wide, copy=False)
    return x.astype(wide, order="C"), _positions(name, x, index, dim).reshape(-1), values


def _scatter(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    out, positions, values = _scattered("scatter", x, index, src, dim, x.dtype)
    out.reshape(-1)[positions] = values
    return out


def _scatter_add(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    out, positions, values = _scattered("scatter_add", x, index, src, dim, _wide(x.dtype))
    np.add.at(out.reshape(-1), positions, values)
    return out if out.dtype is x.dtype else out.astype(x.dtype)


def _scatter_add_shape(x: Any, index: Any, src: Any, *, dim: int) -> MetaArray:
    return _scatter_shape(x, index, src, dim=dim, name="scatter_add")


_COMBINED: dict[str, Any] = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _scatter_reduce(x: Any, index: Any, src: Any, *, dim: int, reduce: str) -> Any:
    out, positions, values = _scattered("scatter_reduce", x, index, src, dim, _wide(x.dtype))
    _COMBINED[reduce].at(out.reshape(-1), positions, values)
    return out if out.dtype is x.dtype else out.astype(x.dtype)


def _scatter_reduce_shape(x: Any, index: Any, src: Any, *, dim: int, reduce: str) -> MetaArray:
    return _scatter_shape(x, index, src, dim=dim, name="scatter_reduce")


Op("take", "x, index; dim", "opaque")
Op("take_grad", "g, index; dim, size", "opaque")
Op("put", "x, index, value; dim, accumulate", "opaque")
Op("ravel_index", "*indices; sizes", "opaque", differentiable=())
Op("gather", "x, index; dim", "opaque")
Op("scatter", "x, index, src; dim", "opaque")
Op("scatter_add", "x, index, src; dim", "opaque")
Op("scatter_reduce", "x, index, src; dim, reduce", "opaque")
register_rules(
    "numpy",
    {
        "take": _take,
        "take_grad": _take_grad,
        "put": _put,
        "ravel_index": _ravel_index,
        "gather": _gather,
        "scatter": _scatter,
        "scatter_add": _scatter_add,
        "scatter_reduce": _scatter_reduce,
    },
)
register_rules(
    "shape",
    {
        "take": _take_shape,
        "take_grad": _take_grad_shape,
        "put": _put_shape,
        "ravel_index": _ravel_index_shape,
        "gather": _gather_shape,
        "scatter": _scatter_shape,
        "scatter_add": _scatter_add_shape,
        "scatter_reduce": _scatter_reduce_shape,
    },
)


def _written(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    """One step for an element that is added to another."""
    return int(math.prod(xs[2].shape)) if params.get("accumulate", True) else 0


register_rules(
    "flops",
    {
        "put": _written,
        "scatter": lambda xs, outs, params: 0,
        "scatter_reduce": lambda xs, outs, params: int(math.prod(xs[1].shape)),
        "ravel_index": lambda xs, outs, params: 2 * len(xs) * int(math.prod(outs[0].shape)),
    },
)
