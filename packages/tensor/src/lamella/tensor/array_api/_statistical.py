"""Reductions and running sums; integers are summed in 64 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._decompositions import axes_of
from .._dtype import DType
from ._array import Array, storage, wrap
from ._dtypes import checked_dtype

__all__ = ["cumulative_prod", "cumulative_sum", "max", "mean", "min", "prod", "std", "sum", "var"]

_Axes = int | tuple[int, ...] | None


def _sum_dtype(data: Any, dtype: DType | None, name: str) -> Any:
    if dtype is not None:
        wanted = checked_dtype(dtype).numpy
        if wanted.kind == "b" or (data.dtype.kind == "c" and wanted.kind != "c"):
            raise TypeError(f"{name} of {data.dtype} cannot be taken in {wanted}; name a wider dtype")
        return wanted
    return {"i": np.dtype(np.int64), "u": np.dtype(np.uint64)}.get(data.dtype.kind, data.dtype)


def _running(x: Any, name: str, kernel: Any, start: int, axis: Any, dtype: Any, include_initial: bool) -> Array:
    data = storage(x, name, "numeric")
    if not data.ndim:
        raise ValueError(f"{name} needs at least one dim")
    if axis is None:
        if data.ndim > 1:
            raise ValueError(f"{name} needs an axis for shape {data.shape}")
        axis = 0
    wanted = _sum_dtype(data, dtype, name)
    found = kernel(data, axis=axis, dtype=wanted)
    if include_initial:
        shape = list(data.shape)
        shape[axis] = 1
        found = np.concatenate((np.full(shape, start, wanted), found), axis=axis)
    return wrap(found)


def cumulative_sum(
    x: Array, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
) -> Array:
    """Running sums along `axis`, which only vectors may leave out; with a zero before them for `include_initial`."""
    return _running(x, "cumulative_sum", np.cumsum, 0, axis, dtype, include_initial)


def cumulative_prod(
    x: Array, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
) -> Array:
    """Running products along `axis`, which only vectors may leave out; with a one before them for `include_initial`."""
    return _running(x, "cumulative_prod", np.cumprod, 1, axis, dtype, include_initial)


def max(x: Array, /, *, axis: _Axes = None, keepdims: bool = False) -> Array:
    """Largest element; ValueError where there is none."""
    return wrap(np.max(storage(x, "max", "real numeric"), axis=axis, keepdims=keepdims))


def min(x: Array, /, *, axis: _Axes = None, keepdims: bool = False) -> Array:
    """Smallest element; ValueError where there is none."""
    return wrap(np.min(storage(x, "min", "real numeric"), axis=axis, keepdims=keepdims))


def sum(x: Array, /, *, axis: _Axes = None, dtype: DType | None = None, keepdims: bool = False) -> Array:
    """Sum of the elements."""
    data = storage(x, "sum", "numeric")
    return wrap(np.sum(data, axis=axis, dtype=_sum_dtype(data, dtype, "sum"), keepdims=keepdims))


def prod(x: Array, /, *, axis: _Axes = None, dtype: DType | None = None, keepdims: bool = False) -> Array:
    """Product of the elements."""
    data = storage(x, "prod", "numeric")
    return wrap(np.prod(data, axis=axis, dtype=_sum_dtype(data, dtype, "prod"), keepdims=keepdims))


def _mean(data: Any, axis: Any, keepdims: bool, correction: float = 0.0) -> Any:
    """Sum over count minus `correction`; NaN or inf where that is not positive, without numpy's warning."""
    total = np.asarray(np.sum(data, axis=axes_of(axis, data.ndim), keepdims=keepdims))
    count = data.size // total.size if total.size else 0
    left = count - correction
    return total / data.dtype.type(left if left > 0 else 0)


def mean(x: Array, /, *, axis: _Axes = None, keepdims: bool = False) -> Array:
    """Mean of floating numbers; NaN of no elements."""
    return wrap(_mean(storage(x, "mean", "floating-point"), axis, keepdims))


def _var(x: Any, name: str, axis: Any, correction: float, keepdims: bool) -> Any:
    data = storage(x, name, "real floating-point")
    centred = data - _mean(data, axis, True)
    return _mean(np.square(centred), axis, keepdims, correction)


def var(x: Array, /, *, axis: _Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Variance: mean squared distance from the mean, the count less `correction` as divisor."""
    return wrap(_var(x, "var", axis, correction, keepdims))


def std(x: Array, /, *, axis: _Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Square root of `var`."""
    return wrap(np.sqrt(_var(x, "std", axis, correction, keepdims)))
