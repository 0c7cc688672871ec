"""Kernels of batch normalization over [N, C, ...]: few images at a time, so that their passes stay in the cache.

The steps of the sums per channel are float32 or float64 within one image (numpy's pairwise sums), float64 over images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._parts import by_images

__all__ = ["batch_norm", "batch_norm_grad"]


def _rows(x: Any) -> Any:
    """[N, C, L], or [1, C, N] where a channel has one value an image: sums go along the last dim."""
    x3 = x.reshape(*x.shape[:2], -1)
    return np.ascontiguousarray(x3 if x3.shape[2] > 1 else x3.transpose(2, 1, 0))


def _back(y: Any, x: Any) -> Any:
    """A result over `_rows(x)` in the shape of x."""
    if y.shape[0] == x.shape[0]:
        return y.reshape(x.shape)
    return np.ascontiguousarray(y.transpose(2, 1, 0)).reshape(x.shape)


def _over_images(sums: Any) -> Any:
    return np.add.reduce(sums, axis=0, dtype=np.float64)


def _column(v: Any, dtype: Any) -> Any:
    return v.astype(dtype, copy=False).reshape(-1, 1)


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """(y, mean, 1 / standard deviation) of x in float32 or float64."""
    x3, dtype = _rows(x), x.dtype
    count = x3.shape[0] * x3.shape[2]
    sums = np.empty(x3.shape[:2], dtype)

    def add(images: slice) -> None:
        np.add.reduce(x3[images], axis=2, out=sums[images])

    by_images(x3, add)
    mean = (_over_images(sums) / count).astype(dtype)
    centre = _column(mean, dtype)
    y = np.empty_like(x3)

    def square(images: slice) -> None:
        # the differences are made again for the result: cheaper than to read them back
        d = x3[images] - centre
        np.vecdot(d, d, out=sums[images])

    by_images(x3, square)
    rstd = (1 / np.sqrt(_over_images(sums) / count + eps)).astype(dtype)
    scale = _column(rstd if weight is None else rstd * weight, dtype)
    shift = None if bias is None else _column(bias, dtype)

    def fill(images: slice) -> None:
        out = y[images]
        np.subtract(x3[images], centre, out=out)
        out *= scale
        if shift is not None:
            out += shift

    by_images(x3, fill)
    return _back(y, x), mean, rstd


def batch_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Gradients of x, weight and bias from that of y."""
    x3, g3, dtype = _rows(x), _rows(g), x.dtype
    count = x3.shape[0] * x3.shape[2]
    centre = _column(mean, dtype)
    sums, products = np.empty(x3.shape[:2], dtype), np.empty(x3.shape[:2], dtype)

    def add(images: slice) -> None:
        np.add.reduce(g3[images], axis=2, out=sums[images])
        np.vecdot(g3[images], x3[images] - centre, out=products[images])

    by_images(x3, add)
    of_bias, of_weight = _over_images(sums), _over_images(products) * rstd
    scale = rstd.astype(np.float64) if weight is None else rstd.astype(np.float64) * weight
    along = _column(-scale * rstd * of_weight / count, dtype)
    constant = _column(-scale * of_bias / count, dtype)
    scale = _column(scale, dtype)
    gx = np.empty_like(x3)

    def fill(images: slice) -> None:
        out = gx[images]
        np.subtract(x3[images], centre, out=out)
        out *= along
        out += g3[images] * scale
        out += constant

    by_images(x3, fill)
    return _back(gx, x), of_weight.astype(dtype), of_bias.astype(dtype)
