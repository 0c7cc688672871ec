"""Unit composites over dims: mean, variance, standard deviation, norms and logsumexp; and the median.

Half types are computed in float32 and rounded once. Sums are those of `reduction.total`, so a float32 result of n
numbers has the relative error of such a sum: `var` and `std` subtract the mean first, so nothing cancels, and `norm` of
p = 2 adds squares. Residuals are outputs: the mean that the gradients of `var` and `std` need, with its dims kept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._promotion import refusal
from .reduction import reduced_shape, squares, total

__all__: list[str] = []

_FLOAT32 = np.dtype(np.float32)
# numpy's stubs know no tuple of axes here
_add: Any = np.add.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_REAL = {"F": np.dtype(np.float32), "D": np.dtype(np.float64)}


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x


def _stat(dtype: Any) -> Any:
    return _FLOAT32 if dtype.itemsize < 4 else dtype


def _real(dtype: Any) -> Any:
    return _REAL.get(dtype.char, dtype)


def _energy(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    """Sum of |x|**2."""
    if x.dtype.kind == "c":
        return squares(x.real, dims, keepdim) + squares(x.imag, dims, keepdim)
    return squares(x, dims, keepdim)


def _mean(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    if x.dtype.kind in "biu":
        _floating("mean", x)
    xw = _wide(x)
    out = total(xw, dims, keepdim) / math.prod([x.shape[d] for d in dims])
    return out if xw is x else out.astype(x.dtype)


def _mean_shape(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
    _floating("mean", x)
    return MetaArray(reduced_shape(x.shape, dims, keepdim), x.dtype)


def _var(x: Any, *, dims: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    _floating("var", x)
    xw = _wide(x)
    n = math.prod(x.shape[d] for d in dims)
    mean = np.asarray(total(xw, dims, True) / xw.dtype.type(n))
    real = _real(xw.dtype)
    out = _energy(xw - mean, dims, keepdim) / real.type(max(n - correction, 0.0))
    return np.asarray(out, _real(x.dtype)), mean


def _std(x: Any, *, dims: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    _floating("std", x)
    var, mean = _var(_wide(x), dims=dims, correction=correction, keepdim=keepdim)
    return np.sqrt(var).astype(_real(x.dtype), copy=False), mean


def _spread_shape(name: str) -> Any:
    def shape(x: Any, *, dims: tuple[int, ...], correction: float, keepdim: bool) -> tuple[MetaArray, ...]:
        _floating(name, x)
        out = MetaArray(reduced_shape(x.shape, dims, keepdim), _real(x.dtype))
        return out, MetaArray(reduced_shape(x.shape, dims, True), _stat(x.dtype))

    return shape


def _floating(name: str, x: Any) -> None:
    if x.dtype.kind in "biu":
        raise TypeError(f"{name} needs a floating tensor, got {x.dtype}; convert it with .to(float32)")


def _norm(x: Any, *, p: float, dims: tuple[int, ...], keepdim: bool) -> Any:
    _norm_shape(x, p=p, dims=dims, keepdim=keepdim)
    xw = _wide(x)
    if p == 2:
        out = np.sqrt(_energy(xw, dims, keepdim))
    elif p == 0:
        out = _add(xw != 0, axis=dims, keepdims=keepdim, dtype=np.int64)
    else:
        size = np.abs(xw)
        if p == math.inf:
            out = _maximum(size, axis=dims, keepdims=keepdim)
        elif p == -math.inf:
            out = _minimum(size, axis=dims, keepdims=keepdim)
        elif p == 1:
            out = total(size, dims, keepdim)
        else:
            out = total(size ** size.dtype.type(p), dims, keepdim) ** size.dtype.type(1 / p)
    return np.asarray(out, _real(x.dtype))


def _norm_shape(x: Any, *, p: float, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
    _floating("norm", x)
    if math.isinf(p) and any(x.shape[d] == 0 for d in dims):
        raise ValueError(f"norm of p={p} over an empty dim has no value; shape {x.shape}, dims {dims}")
    return MetaArray(reduced_shape(x.shape, dims, keepdim), _real(x.dtype))


def _logsumexp(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
    _real_floating("logsumexp", x)
    xw = _wide(x)
    if any(x.shape[d] == 0 for d in dims):
        return np.full(reduced_shape(x.shape, dims, keepdim), -np.inf).astype(x.dtype)
    top = _maximum(xw, axis=dims, keepdims=True)
    top = np.where(np.isinf(top), xw.dtype.type(0), top)
    y = np.asarray(xw - top)
    np.exp(y, out=y)
    out = np.log(total(y, dims, keepdim))
    out = out + top.reshape(out.shape)
    return np.asarray(out, x.dtype)


def _logsumexp_shape(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
    _real_floating("logsumexp", x)
    return MetaArray(reduced_shape(x.shape, dims, keepdim), x.dtype)


def _real_floating(name: str, x: Any) -> None:
    if x.dtype.kind == "c":
        raise TypeError(refusal(name, "c"))
    _floating(name, x)


def _median(name: str, skip_nan: bool) -> Any:
    def median(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> Any:
        if x.dtype.kind == "c" or not x.size:
            meta = median_shape(x, dims=dims, keepdim=keepdim)  # it says what is wrong
            return np.full(meta.shape, np.nan, meta.dtype)
        if len(dims) == x.ndim:
            out = np.asarray(lower_median(x.reshape(-1), skip_nan), x.dtype)
            return out.reshape((1,) * x.ndim) if keepdim else out
        kept = [d for d in range(x.ndim) if d not in dims]
        rows = x.transpose(*kept, *dims).reshape(*[x.shape[d] for d in kept], -1)
        found = lower_median(rows, skip_nan).astype(x.dtype, order="C", copy=False)  # no view of all the sorted rows
        return found.reshape(reduced_shape(x.shape, dims, keepdim))

    def median_shape(x: Any, *, dims: tuple[int, ...], keepdim: bool) -> MetaArray:
        if x.dtype.kind == "c":
            raise TypeError(refusal(name, "c"))
        if x.dtype.kind in "biu" and any(x.shape[d] == 0 for d in dims):
            raise ValueError(f"{name} over an empty dim has no value among integers; shape {x.shape}, dims {dims}")
        return MetaArray(reduced_shape(x.shape, dims, keepdim), x.dtype)

    return median, median_shape


def lower_median(rows: Any, skip_nan: bool) -> Any:
    """The lower of the two middle values of every row; NaN if the row holds one, unless they are skipped."""
    rows = _wide(rows) if rows.dtype.kind == "V" else rows
    n = rows.shape[-1]
    if rows.size <= 2048 and not skip_nan:
        ordered = rows.copy()
        ordered.sort(axis=-1)  # NaN come last
        out = ordered[..., (n - 1) // 2]
        last = ordered[..., -1]
        return out if rows.dtype.kind in "biu" else np.where(np.isnan(last), last, out)
    if rows.dtype.kind in "biu":
        if rows.ndim == 1 and int(rows.max()) - int(rows.min()) < 1 << 16:
            return _counted_median(rows)
        return np.partition(rows, (n - 1) // 2, axis=-1)[..., (n - 1) // 2]
    nan = np.isnan(rows)
    if skip_nan and nan.any():
        count = n - np.add.reduce(nan, axis=-1, dtype=np.int64)
        ordered = np.sort(rows, axis=-1)  # NaN come last
        at = np.maximum(count - 1, 0) // 2
        return np.take_along_axis(ordered, at[..., None], -1)[..., 0]
    out = np.partition(rows, (n - 1) // 2, axis=-1)[..., (n - 1) // 2]
    return np.where(nan.any(axis=-1), rows.dtype.type(np.nan), out) if nan.any() else out


def _counted_median(row: Any) -> Any:
    """The lower median of integers of a short range: how many there are of each says where the middle lies."""
    row = row.view(np.uint8) if row.dtype.kind == "b" else row
    low = row.min()
    # a difference beyond the signed type has wrapped: as an unsigned one it is right
    above = (row - low).view(f"u{row.dtype.itemsize}").astype(np.uint16, copy=False)
    below = np.cumsum(np.bincount(above))
    return np.asarray(int(low) + int(np.searchsorted(below, (len(row) + 1) // 2)), row.dtype)


Op("mean", "x; dims, keepdim", "reduce", unit=True)
Op("var", "x; dims, correction, keepdim", "reduce", outputs=2, unit=True)
Op("std", "x; dims, correction, keepdim", "reduce", outputs=2, unit=True)
Op("norm", "x; p, dims, keepdim", "reduce", unit=True)
Op("logsumexp", "x; dims, keepdim", "reduce", unit=True)
Op("median", "x; dims, keepdim", "reduce")
Op("nanmedian", "x; dims, keepdim", "reduce")
_median_kernel, _median_shape = _median("median", False)
_nanmedian_kernel, _nanmedian_shape = _median("nanmedian", True)
register_rules(
    "numpy",
    {
        "mean": _mean,
        "var": _var,
        "std": _std,
        "norm": _norm,
        "logsumexp": _logsumexp,
        "median": _median_kernel,
        "nanmedian": _nanmedian_kernel,
    },
)
register_rules(
    "shape",
    {
        "mean": _mean_shape,
        "var": _spread_shape("var"),
        "std": _spread_shape("std"),
        "norm": _norm_shape,
        "logsumexp": _logsumexp_shape,
        "median": _median_shape,
        "nanmedian": _nanmedian_shape,
    },
)
