"""Reductions over canonical dims (a sorted tuple of non-negative ints) and arg-reductions over one dim.

Half types accumulate in float32 and round once; integer sums are int64, like torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []

_INT64 = np.dtype(np.int64)
_BOOL = np.dtype(np.bool_)
_PAIRWISE_BLOCK = 128


def _narrow(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize < 4 and dtype.kind not in "biu"


def reduced_shape(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """Shape after reducing dims."""
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def _sum(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    kind = x.dtype.kind
    if kind in "biu":
        return np.add.reduce(x, axis=dims, keepdims=keepdim, dtype=np.int64)
    if _narrow(x.dtype):
        return np.add.reduce(x.astype(np.float32), axis=dims, keepdims=keepdim).astype(x.dtype)
    if x.dtype == np.float32 and x.ndim and x.size > 4096 and (x.ndim - 1) not in dims:
        return _sum_leading(x, dims, keepdim)
    return np.add.reduce(x, axis=dims, keepdims=keepdim)


def _sum_leading(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    # numpy adds the rows of a strided reduction one after the other, with an error that grows with their number: add
    # blocks of rows first and the block sums after, which is the pairwise scheme one level deep
    if len(dims) != 1 or x.shape[dims[0]] <= _PAIRWISE_BLOCK:
        return np.add.reduce(x, axis=dims, keepdims=keepdim)
    starts = np.arange(0, x.shape[dims[0]], _PAIRWISE_BLOCK)
    partial = np.add.reduceat(x, starts, axis=dims[0])
    return _sum_leading(partial, dims, keepdim)


def _prod(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    if x.dtype.kind in "biu":
        return np.multiply.reduce(x, axis=dims, keepdims=keepdim, dtype=np.int64)
    if _narrow(x.dtype):
        return np.multiply.reduce(x.astype(np.float32), axis=dims, keepdims=keepdim).astype(x.dtype)
    return np.multiply.reduce(x, axis=dims, keepdims=keepdim)


def _with_ufunc(ufunc: Any) -> Callable[..., Any]:
    def kernel(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
        return ufunc.reduce(x, axis=dims, keepdims=keepdim)

    return kernel


def _arg(fn: Callable[..., Any]) -> Callable[..., Any]:
    def kernel(x: Any, *, dim: int | None, keepdim: bool) -> Any:
        return fn(x, axis=dim, keepdims=keepdim)

    return kernel


def _shape(name: str) -> Callable[..., MetaArray]:
    def shape(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
        if name in ("amax", "amin") and any(x.shape[d] == 0 for d in dims):
            raise ValueError(f"{name} over an empty dim has no value; shape {x.shape}, dims {dims}")
        dtype = x.dtype
        if name in ("any", "all"):
            dtype = _BOOL
        elif name in ("sum", "prod") and dtype.kind in "biu":
            dtype = _INT64
        return MetaArray(reduced_shape(x.shape, dims, keepdim), dtype)

    return shape


def _arg_shape(x: Any, *, dim: int | None, keepdim: bool) -> MetaArray:
    dims = tuple(range(len(x.shape))) if dim is None else (dim,)
    if any(x.shape[d] == 0 for d in dims):
        raise ValueError(f"argmax and argmin need at least one element along dim {dim}, got shape {x.shape}")
    return MetaArray(reduced_shape(x.shape, dims, keepdim), _INT64)


_KERNELS: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "prod": _prod,
    "amax": _with_ufunc(np.maximum),
    "amin": _with_ufunc(np.minimum),
    "any": _with_ufunc(np.logical_or),
    "all": _with_ufunc(np.logical_and),
}
for _name in _KERNELS:
    Op(_name, "x; dims, keepdim", "reduce")
Op("argmax", "x; dim, keepdim", "opaque", differentiable=())
Op("argmin", "x; dim, keepdim", "opaque", differentiable=())
register_rules("numpy", _KERNELS | {"argmax": _arg(np.argmax), "argmin": _arg(np.argmin)})
register_rules("shape", {n: _shape(n) for n in _KERNELS} | {"argmax": _arg_shape, "argmin": _arg_shape})
