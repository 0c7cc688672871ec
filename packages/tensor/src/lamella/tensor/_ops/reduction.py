"""Reductions over canonical dims (a sorted tuple of non-negative ints) and arg-reductions over one dim.

Half types accumulate in float32 and round once; integer sums are int64, like torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._promotion import refusal

__all__ = ["total"]

_INT64 = np.dtype(np.int64)
_BOOL = np.dtype(np.bool_)
# numpy's stubs know no tuple of axes here
_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_FLOAT32 = np.dtype(np.float32)
_ROW = 256
_SMALL = 4096


def _narrow(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize < 4 and dtype.kind not in "biu"


def reduced_shape(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """Shape after reducing dims."""
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def total(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Sum of a floating array over dims, in its dtype; float32 never adds more than 256 numbers one after another.

    The error of a float32 sum of n numbers is at most (256 * ceil(log256(n)) + 64) * 2**-24 * sum(|x|).
    """
    if x.size > _SMALL and x.dtype == _FLOAT32 and _in_a_row(x, dims) > _ROW:
        return _blocked(x, dims, keepdim)
    return _add(x, axis=dims, keepdims=keepdim)


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
        return _add(x, axis=dims, keepdims=keepdim, dtype=np.int64)
    if dtype.itemsize < 4:
        return total(x.astype(np.float32), dims, keepdim).astype(dtype)
    return total(x, dims, keepdim)


def _prod(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    if x.dtype.kind in "biu":
        return _multiply(x, axis=dims, keepdims=keepdim, dtype=np.int64)
    if _narrow(x.dtype):
        return _multiply(x.astype(np.float32), axis=dims, keepdims=keepdim).astype(x.dtype)
    return _multiply(x, axis=dims, keepdims=keepdim)


def _with_ufunc(name: str, ufunc: Any) -> Callable[..., Any]:
    def kernel(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
        if x.dtype.kind == "c":
            _refuse_complex(name, x)
        return ufunc.reduce(x, axis=dims, keepdims=keepdim)

    return kernel


def _arg(name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
    def kernel(x: Any, *, dim: int | None, keepdim: bool) -> Any:
        if x.dtype.kind == "c":
            _refuse_complex(name, x)
        return fn(x, axis=dim, keepdims=keepdim)

    return kernel


def _refuse_complex(name: str, x: Any) -> None:
    if x.dtype.kind == "c" and name in ("amax", "amin", "argmax", "argmin"):
        raise TypeError(refusal(name, "c"))


def _shape(name: str) -> Callable[..., MetaArray]:
    def shape(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
        if name in ("amax", "amin") and any(x.shape[d] == 0 for d in dims):
            raise ValueError(f"{name} over an empty dim has no value; shape {x.shape}, dims {dims}")
        _refuse_complex(name, x)
        dtype = x.dtype
        if name in ("any", "all"):
            dtype = _BOOL
        elif name in ("sum", "prod") and dtype.kind in "biu":
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
    "prod": _prod,
    "amax": _with_ufunc("amax", np.maximum),
    "amin": _with_ufunc("amin", np.minimum),
    "any": _with_ufunc("any", np.logical_or),
    "all": _with_ufunc("all", np.logical_and),
}
for _name in _KERNELS:
    Op(_name, "x; dims, keepdim", "reduce")
Op("argmax", "x; dim, keepdim", "opaque", differentiable=())
Op("argmin", "x; dim, keepdim", "opaque", differentiable=())
register_rules("numpy", _KERNELS | {"argmax": _arg("argmax", np.argmax), "argmin": _arg("argmin", np.argmin)})
register_rules("shape", {n: _shape(n) for n in _KERNELS} | {n: _arg_shape(n) for n in ("argmax", "argmin")})
