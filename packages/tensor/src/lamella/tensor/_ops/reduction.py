"""Reductions over canonical dims (a sorted tuple of non-negative ints) and arg-reductions over one dim.

Half types accumulate in float32 and round once; integer sums are int64, like torch's.
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

__all__ = ["column_dots", "reduced_shape", "row_dots", "squares", "total"]

_INT64 = np.dtype(np.int64)
_BOOL = np.dtype(np.bool_)
# numpy's stubs know no tuple of axes here
_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_FLOAT32 = np.dtype(np.float32)
_PLAIN = frozenset((_FLOAT32, np.dtype(np.float64)))
_ROW = 256
_SHORT = 32  # rows that a call of BLAS is too much for
_SHORTEST = 12  # numbers a row that are taken column by column: numpy starts anew for every row
_FEW = 512
_SMALL = 4096
_LARGE = 32768  # below, numpy's own sum takes less time than the calls that cut it up


def _narrow(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize < 4 and dtype.kind not in "biu"


def reduced_shape(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """Shape after reducing dims."""
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def _by_columns(ufunc: Any, x: Any, dims: tuple[int, ...], keepdim: bool, dtype: Any = None) -> Any:
    """The reduction of many short rows, or None where they are few, long, or not last in memory."""
    lead = x.ndim - len(dims)
    if not lead or dims[0] != lead or x.size < _FEW:
        return None
    if len(dims) > 1:
        if not x.flags.c_contiguous:
            return None
        rows = x.reshape(*x.shape[:lead], -1)
    else:
        rows = x
    n = rows.shape[-1]
    if not 2 <= n <= _SHORTEST:
        return None
    out = ufunc(rows[..., 0], rows[..., 1], dtype=dtype)
    for i in range(2, n):
        ufunc(out, rows[..., i], out=out)
    return out.reshape(reduced_shape(x.shape, dims, True)) if keepdim else out


def total(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Sum of a floating array over dims, in its dtype; float32 never adds more than 256 numbers one after another.

    The error of a float32 sum of n numbers is at most (256 * ceil(log256(n)) + 64) * 2**-24 * sum(|x|).
    """
    if x.size >= _FEW and dims and (short := _by_columns(np.add, x, dims, keepdim)) is not None:
        return short
    if x.size > _SMALL and x.dtype in _PLAIN:
        if x.size <= _LARGE:
            if len(dims) == x.ndim and x.flags.c_contiguous:
                return _add(x, axis=None if not keepdim else dims, keepdims=keepdim)
        elif (rows := _trailing(x, dims)) is not None:
            return _dotted(rows, None).reshape(reduced_shape(x.shape, dims, keepdim))
        if x.dtype == _FLOAT32 and _in_a_row(x, dims) > _ROW:
            return _blocked(x, dims, keepdim)
    return _add(x, axis=dims, keepdims=keepdim)


def squares(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Sum of x * x over dims of a floating array, within the bound of `total`, without a temporary where it can."""
    if x.size > _LARGE and x.dtype in _PLAIN:
        rows = _trailing(x, dims)
        if rows is not None:
            return _dotted(rows, rows).reshape(reduced_shape(x.shape, dims, keepdim))
    return total(x * x, dims, keepdim)


def _trailing(x: Any, dims: tuple[int, ...]) -> Any:
    """x as rows that are each summed, or None where dims are not its last ones in memory or rows are short."""
    n = math.prod(x.shape[d] for d in dims)
    if n < _SHORT or not x.flags.c_contiguous or dims != tuple(range(x.ndim - len(dims), x.ndim)):
        return None
    return x.reshape(-1, n)


def row_dots(rows: Any, others: Any) -> Any:
    """Sums [M] of floating rows [M, N], times others [M, N] or [1, N] if given, within the bound of `total`."""
    if rows.dtype in _PLAIN and rows.shape[1] >= _SHORT:
        return _dotted(rows, others)
    return _add(rows if others is None else rows * others, axis=1)


def column_dots(weights: Any, rows: Any) -> Any:
    """Sums [N], in float64, of floating rows [M, N] each times its weight, within the bound of `total`."""
    parts = [weights[at : at + _ROW] @ rows[at : at + _ROW] for at in range(0, max(len(rows), 1), _ROW)]
    return _add(parts, axis=0, dtype=np.result_type(rows.dtype, np.float64))


def _dotted(rows: Any, others: Any) -> Any:
    # one product of BLAS a block: half the time of numpy's own sum of a row
    n = rows.shape[1]
    if n <= _ROW:
        return np.vecdot(rows, _ones(n, rows.dtype) if others is None else others)
    whole = n // _ROW * _ROW
    blocks = rows[:, :whole].reshape(len(rows), -1, _ROW)
    other = _ones(_ROW, rows.dtype) if others is None else others[:, :whole].reshape(-1, *blocks.shape[1:])
    out = _add(np.vecdot(blocks, other), axis=1)
    if whole < n:
        rest = rows[:, whole:]
        out += np.vecdot(rest, _ones(n - whole, rows.dtype) if others is None else others[:, whole:])
    return out


@lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype[Any]) -> Any:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


def _in_a_row(x: Any, dims: tuple[int, ...]) -> int:
    # numpy adds pairwise along the axis of the smallest stride and otherwise one after the other
    axes = sorted((abs(stride), d) for d, (stride, n) in enumerate(zip(x.strides, x.shape, strict=True)) if n > 1)
    if not axes or axes[0][1] not in dims:
        return math.prod(x.shape[d] for d in dims)
    step, count, inner = axes[0][0], 1, True
    for stride, d in axes:
        inner = inner and d in dims and stride == step  # it walks over axes that lie end to end as over one
        step *= x.shape[d]
        if d in dims and not inner:
            count *= x.shape[d]
    return count


def _blocked(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    if len(dims) > 1 and dims[-1] - dims[0] == len(dims) - 1 and x.flags.c_contiguous:
        # dims that lie end to end are one
        first, n = dims[0], math.prod(x.shape[d] for d in dims)
        merged = x.reshape(*x.shape[:first], n, *x.shape[dims[-1] + 1 :])
        return _blocked(merged, (first,), False).reshape(reduced_shape(x.shape, dims, keepdim))
    if len(dims) == 1 and math.prod(x.shape[dims[0] + 1 :]) >= 16:
        out = _by_rows(x, dims[0])
        return np.expand_dims(out, dims[0]) if keepdim else out
    kept = [d for d in range(x.ndim) if d not in dims]
    last = np.ascontiguousarray(x.transpose(*kept, *dims)).reshape(*[x.shape[d] for d in kept], -1)
    return np.add.reduce(last, axis=-1).reshape(reduced_shape(x.shape, dims, keepdim))


def _by_rows(x: Any, dim: int) -> Any:
    n = x.shape[dim]
    if n <= _ROW:
        return np.add.reduce(x, axis=dim)
    whole = n // _ROW * _ROW
    before, after = x.shape[:dim], x.shape[dim + 1 :]
    at = (slice(None),) * dim
    blocks = x[(*at, slice(0, whole))].reshape(*before, n // _ROW, _ROW, *after)
    out = _by_rows(np.add.reduce(blocks, axis=dim + 1), dim)
    return out + np.add.reduce(x[(*at, slice(whole, n))], axis=dim) if whole < n else out


def _sum(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    dtype = x.dtype
    if dtype.kind in "biu":
        if dtype.kind == "b" and len(dims) == x.ndim:
            return _counted(x, keepdim)
        return _reduced(np.add, x, dims, keepdim, np.int64)
    if dtype.itemsize < 4:
        return total(x.astype(np.float32), dims, keepdim).astype(dtype)
    return total(x, dims, keepdim)


def _reduced(ufunc: Any, x: Any, dims: tuple[int, ...], keepdim: bool, dtype: Any = None) -> Any:
    short = _by_columns(ufunc, x, dims, keepdim, dtype) if dims else None
    return ufunc.reduce(x, axis=dims, keepdims=keepdim, dtype=dtype) if short is None else short


def _counted(x: Any, keepdim: bool) -> Any:
    return np.asarray(np.count_nonzero(x)).reshape((1,) * x.ndim if keepdim else ())


def _nansum(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    _refuse_complex("nansum", x)
    wide = x.astype(np.float32) if _narrow(x.dtype) else x
    out = _sum(wide, dims=dims, keepdim=keepdim)
    if x.dtype.kind not in "biu" and (out != out).any():
        # only then is there a NaN among the elements, or infinities of both signs
        nan = np.isnan(wide)
        if nan.any():
            out = _sum(np.where(nan, wide.dtype.type(0), wide), dims=dims, keepdim=keepdim)
    return out if wide is x else out.astype(x.dtype)


def _count_nonzero(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    if len(dims) == x.ndim:
        return _counted(x if x.dtype.kind == "b" else x != 0, keepdim)
    return _add(x != 0, axis=dims, keepdims=keepdim, dtype=np.int64)


def _prod(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    if x.dtype.kind in "biu":
        return _reduced(np.multiply, x, dims, keepdim, np.int64)
    if _narrow(x.dtype):
        return _product(x.astype(np.float32), dims, keepdim).astype(x.dtype)
    return _product(x, dims, keepdim)


def _product(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    rows = _trailing(x, dims) if x.size > _SMALL and x.dtype in _PLAIN else None
    if rows is None:
        return _reduced(np.multiply, x, dims, keepdim)
    # numpy multiplies a row number by number: whole blocks at once instead, then the numbers of one block
    n = rows.shape[1]
    block = 4096 if n > 1 << 16 else min(128, 1 << n.bit_length() - 1)
    whole = n // block * block
    out = _multiply(rows[:, :whole].reshape(len(rows), -1, block), axis=1)
    out[:, : n - whole] *= rows[:, whole:]
    return _multiply(out, axis=1).reshape(reduced_shape(x.shape, dims, keepdim))


def _with_ufunc(name: str, ufunc: Any) -> Callable[..., Any]:
    def kernel(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
        if x.dtype.kind == "c":
            _refuse_complex(name, x)
        if x.dtype.kind == "V" or (x.dtype.kind == "f" and x.dtype.itemsize < 4):  # which numpy compares one by one
            out = _reduced(ufunc, x.astype(np.float32), dims, keepdim)
            return out if out.dtype == _BOOL else out.astype(x.dtype)
        return _reduced(ufunc, x, dims, keepdim)

    return kernel


def _arg(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    def kernel(x: Any, *, dim: int | None, keepdim: bool) -> Any:
        if x.dtype.kind == "c":
            _refuse_complex(name, x)
        return fn(x.astype(np.float32) if x.dtype.kind == "V" else x, axis=dim, keepdims=keepdim)

    return kernel


def _refuse_complex(name: str, x: Any) -> None:
    if x.dtype.kind == "c" and name in ("amax", "amin", "argmax", "argmin", "nansum"):
        raise TypeError(refusal(name, "c"))


def _shape(name: str) -> Callable[..., MetaArray]:
    def shape(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
        if name in ("amax", "amin") and any(x.shape[d] == 0 for d in dims):
            raise ValueError(f"{name} over an empty dim has no value; shape {x.shape}, dims {dims}")
        _refuse_complex(name, x)
        dtype = x.dtype
        if name in ("any", "all"):
            dtype = _BOOL
        elif name == "count_nonzero" or (name in ("sum", "nansum", "prod") and dtype.kind in "biu"):
            dtype = _INT64
        return MetaArray(reduced_shape(x.shape, dims, keepdim), dtype)

    return shape


def _arg_shape(name: str) -> Callable[..., MetaArray]:
    def shape(x: Any, *, dim: int | None, keepdim: bool) -> MetaArray:
        dims = tuple(range(len(x.shape))) if dim is None else (dim,)[: len(x.shape)]
        if any(x.shape[d] == 0 for d in dims):
            where = "the whole tensor" if dim is None else f"dim {dim}"
            raise ValueError(f"{name} over {where} needs at least one element, got shape {x.shape}")
        _refuse_complex(name, x)
        return MetaArray(reduced_shape(x.shape, dims, keepdim), _INT64)

    return shape


_KERNELS: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "nansum": _nansum,
    "prod": _prod,
    "count_nonzero": _count_nonzero,
    "amax": _with_ufunc("amax", np.maximum),
    "amin": _with_ufunc("amin", np.minimum),
    "any": _with_ufunc("any", np.logical_or),
    "all": _with_ufunc("all", np.logical_and),
}
for _name in _KERNELS:
    Op(_name, "x; dims, keepdim", "reduce", differentiable=() if _name == "count_nonzero" else None)
Op("argmax", "x; dim, keepdim", "opaque", differentiable=())
Op("argmin", "x; dim, keepdim", "opaque", differentiable=())
register_rules(
    "numpy", _KERNELS | {"argmax": _arg("argmax", np.ndarray.argmax), "argmin": _arg("argmin", np.ndarray.argmin)}
)
register_rules("shape", {n: _shape(n) for n in _KERNELS} | {n: _arg_shape(n) for n in ("argmax", "argmin")})
