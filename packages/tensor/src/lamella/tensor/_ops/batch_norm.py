"""Kernels of batch normalization over [N, C, ...]: few images at a time, so that their passes stay in the cache.

The sums per channel are products of BLAS: float32 (in parts of 256) or float64 within an image, float64 over images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._parts import by_images, reshaped
from .reduction import column_dots, row_dots

__all__ = ["batch_norm", "batch_norm_grad"]


def _rows(x: Any) -> Any:
    """[N, C, L], or x itself where a channel has one value an image: channels are then the rows' elements."""
    return x if x.ndim == 2 else reshaped(x, (*x.shape[:2], math.prod(x.shape[2:])))


def _channel(v: Any, rows: Any) -> Any:
    v = v.astype(rows.dtype, copy=False)
    return v if rows.ndim == 2 else v.reshape(-1, 1)


def _sum(a: Any, b: Any) -> Any:
    """The sum [C] in float64 of a, or of a * b, over a few images."""
    a = np.ascontiguousarray(a)
    b = None if b is None else np.ascontiguousarray(b)
    if a.ndim == 2:
        return column_dots(np.ones(len(a), a.dtype), a if b is None else a * b)
    flat = a.reshape(-1, a.shape[2])
    each = row_dots(flat, None if b is None else b.reshape(flat.shape))
    return np.add.reduce(each.reshape(a.shape[:2]), axis=0, dtype=np.result_type(a.dtype, np.float64))


def _sums(rows: Any, *terms: Callable[[slice], tuple[Any, Any]]) -> list[Any]:
    """The sums [C] in float64 of what each term makes of a few images: an array, and what it is multiplied by."""
    parts: dict[int, list[Any]] = {}

    def add(images: slice) -> None:
        parts[images.start] = [_sum(*term(images)) for term in terms]

    by_images(rows, add, rows.ndim == 2)
    # in one order, whichever thread was first
    return [sum(parts[start][i] for start in sorted(parts)) for i in range(len(terms))]


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """(y, mean, 1 / standard deviation) of x in float32 or float64."""
    rows, dtype = _rows(x), x.dtype
    count = x.size // x.shape[1]
    (total,) = _sums(rows, lambda images: (rows[images], None))
    mean = (total / count).astype(dtype)
    centre = _channel(mean, rows)

    def square(images: slice) -> tuple[Any, Any]:
        # the differences are made again for the result: cheaper than to read them back
        d = rows[images] - centre
        return d, d

    (squares,) = _sums(rows, square)
    rstd = (1 / np.sqrt(squares / count + eps)).astype(dtype)
    scale = _channel(rstd if weight is None else rstd * weight, rows)
    shift = None if bias is None else _channel(bias, rows)
    y = np.empty(rows.shape, dtype)

    def fill(images: slice) -> None:
        out = y[images]
        np.subtract(rows[images], centre, out=out)
        out *= scale
        if shift is not None:
            out += shift

    by_images(rows, fill)
    return y.reshape(x.shape), mean, rstd


def batch_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Gradients of x, weight and bias from that of y."""
    rows, of_y, dtype = _rows(x), _rows(g), x.dtype
    count = x.size // x.shape[1]
    centre = _channel(mean, rows)

    def product(images: slice) -> tuple[Any, Any]:
        return rows[images] - centre, of_y[images]

    of_bias, of_weight = _sums(rows, lambda images: (of_y[images], None), product)
    of_weight = of_weight * rstd
    scale = rstd.astype(np.result_type(dtype, np.float64))
    if weight is not None:
        scale *= weight
    along = _channel(-scale * rstd * of_weight / count, rows)
    constant = _channel(-scale * of_bias / count, rows)
    scale = _channel(scale, rows)
    gx = np.empty(rows.shape, dtype)

    def fill(images: slice) -> None:
        out = gx[images]
        np.subtract(rows[images], centre, out=out)
        out *= along
        out += of_y[images] * scale
        out += constant

    by_images(rows, fill)
    return gx.reshape(x.shape), of_weight.astype(dtype), of_bias.astype(dtype)
