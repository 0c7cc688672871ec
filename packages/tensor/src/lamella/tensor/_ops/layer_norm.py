"""Kernels of layer and root-mean-square normalization over the last dims, and of the step of their backward rules.

A few rows at a time go through all passes while they are in the cache, on several threads where there is much to do.
Sums are float32 (in parts of 256) or float64 within a block of rows, float64 over blocks; half types are computed in
float32 and rounded once. Without a mean, rows are not centred: that is root-mean-square normalization.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._parts import by_images, reshaped
from .reduction import column_dots, row_dots

_dense = np.ascontiguousarray

__all__ = ["layer_norm", "layer_norm_grad", "layer_norm_input_grad", "rms_norm"]


def _rows(x: Any, ndims: int) -> Any:
    lead = x.shape[: x.ndim - ndims]
    return reshaped(x, (math.prod(lead), math.prod(x.shape[x.ndim - ndims :])))


def _normalized(x: Any, weight: Any, bias: Any, ndims: int, eps: float, centred: bool) -> tuple[Any, Any, Any]:
    dtype = x.dtype
    wide = np.dtype(np.float32) if dtype.itemsize < 4 else dtype
    rows = _rows(x, ndims)
    count, n = rows.shape
    scale, shift = (None if v is None else v.reshape(n).astype(wide, copy=False) for v in (weight, bias))
    y = np.empty(rows.shape, dtype)
    mean = np.empty((count, 1), wide) if centred else None
    rstd = np.empty((count, 1), wide)

    def fill(at: slice) -> None:
        some = _dense(rows[at]) if wide is dtype else rows[at].astype(wide)
        out = y[at] if wide is dtype else some
        if mean is not None:
            mean[at, 0] = row_dots(some, None) / n
            some = np.subtract(some, mean[at], out=out)
        rstd[at, 0] = 1 / np.sqrt(row_dots(some, some) / n + eps)
        np.multiply(some, rstd[at], out=out)
        if scale is not None:
            out *= scale
        if shift is not None:
            out += shift
        if wide is not dtype:
            y[at] = out

    by_images(rows, fill)
    stat = (*x.shape[: x.ndim - ndims], *(1,) * ndims)
    return y.reshape(x.shape), None if mean is None else mean.reshape(stat), rstd.reshape(stat)


def layer_norm(x: Any, weight: Any, bias: Any, ndims: int, eps: float) -> tuple[Any, Any, Any]:
    """(y, mean, 1 / standard deviation)."""
    return _normalized(x, weight, bias, ndims, eps, True)


def rms_norm(x: Any, weight: Any, ndims: int, eps: float) -> tuple[Any, Any]:
    """(y, 1 / root of the mean square)."""
    y, _, rstd = _normalized(x, weight, None, ndims, eps, False)
    return y, rstd


def _back(g: Any, x: Any, mean: Any, rstd: Any, weight: Any, ndims: int, parts: dict[int, Any] | None) -> Any:
    """The gradient of x; into parts, by their first row, go the sums over blocks of rows that the others are made of.

    With d = x - mean and s = g * weight it is rstd * (s - mean(s) - d * rstd**2 * mean(s * d)).
    """
    rows, of_y = _rows(x, ndims), _rows(g, ndims)
    n = rows.shape[1]
    centre, inverse = None if mean is None else mean.reshape(-1, 1), rstd.reshape(-1, 1)
    scale = None if weight is None else weight.reshape(1, n)
    gx = np.empty(rows.shape, rows.dtype)

    def fill(at: slice) -> None:
        out, r, gy = gx[at], inverse[at], _dense(of_y[at])
        d = _dense(rows[at]) if centre is None else rows[at] - centre[at]
        s = gy * d
        along = row_dots(s, scale).reshape(-1, 1)
        if parts is not None:
            parts[at.start] = column_dots(r[:, 0], s), column_dots(ones[at], gy)
        along *= r
        along *= r
        along /= n
        np.multiply(d, along, out=out)
        if centre is not None:
            out += (row_dots(gy, scale) / n).reshape(-1, 1)
        np.subtract(gy if scale is None else np.multiply(gy, scale, out=s), out, out=out)
        out *= r

    ones = np.ones(len(rows) if parts is not None else 0, x.dtype)
    by_images(rows, fill, parts is not None)
    return gx.reshape(x.shape)


def layer_norm_input_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any, *, ndims: int) -> Any:
    """Gradient of x from that of y."""
    return _back(g, x, mean, rstd, weight, ndims, None)


def layer_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any, *, ndims: int) -> tuple[Any, Any, Any]:
    """Gradients of x, weight and bias from that of y."""
    parts: dict[int, Any] = {}
    gx = _back(g, x, mean, rstd, weight, ndims, parts)
    inner = x.shape[x.ndim - ndims :]
    # in one order, whichever thread came first
    ordered = [parts[start] for start in sorted(parts)]
    of_weight, of_bias = (sum(part[i] for part in ordered).reshape(inner).astype(x.dtype) for i in (0, 1))
    return gx, of_weight, of_bias
