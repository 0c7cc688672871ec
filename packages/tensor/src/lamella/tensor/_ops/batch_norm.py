"""Kernels of batch normalization over [N, C, ...]: few images at a time, so that their passes stay in the cache.

The steps of the sums per channel are float32 or float64 within one image (numpy's pairwise sums), float64 over images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._parts import by_images

__all__ = ["batch_norm", "batch_norm_grad"]


def _rows(x: Any) -> Any:
    """[N, C, L], or x itself where a channel has one value an image: channels are then the rows' elements."""
    return x if x.ndim == 2 else np.ascontiguousarray(x.reshape(*x.shape[:2], -1))


def _channel(v: Any, rows: Any) -> Any:
    v = v.astype(rows.dtype, copy=False)
    return v if rows.ndim == 2 else v.reshape(-1, 1)


def _sums(rows: Any, *terms: Callable[[slice], Any]) -> list[Any]:
    """The sums [C] in float64 of what each term makes of a few images."""
    parts: dict[int, list[Any]] = {}

    def add(images: slice) -> None:
        made = [term(images) for term in terms]
        if rows.ndim == 3:
            made = [np.add.reduce(part, axis=2) for part in made]
        parts[images.start] = [np.add.reduce(part, axis=0, dtype=np.float64) for part in made]

    by_images(rows, add)
    # in one order, whichever thread was first
    return [sum(parts[start][i] for start in sorted(parts)) for i in range(len(terms))]


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """(y, mean, 1 / standard deviation) of x in float32 or float64."""
    rows, dtype = _rows(x), x.dtype
    count = x.size // x.shape[1]
    (total,) = _sums(rows, lambda images: rows[images])
    mean = (total / count).astype(dtype)
    centre = _channel(mean, rows)

    def square(images: slice) -> Any:
        # the differences are made again for the result: cheaper than to read them back
        d = rows[images] - centre
        d *= d
        return d

    (squares,) = _sums(rows, square)
    rstd = (1 / np.sqrt(squares / count + eps)).astype(dtype)
    scale = _channel(rstd if weight is None else rstd * weight, rows)
    shift = None if bias is None else _channel(bias, rows)
    y = np.empty_like(rows)

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

    def product(images: slice) -> Any:
        d = rows[images] - centre
        d *= of_y[images]
        return d

    of_bias, of_weight = _sums(rows, lambda images: of_y[images], product)
    of_weight = of_weight * rstd
    scale = rstd.astype(np.float64) if weight is None else rstd.astype(np.float64) * weight
    along = _channel(-scale * rstd * of_weight / count, rows)
    constant = _channel(-scale * of_bias / count, rows)
    scale = _channel(scale, rows)
    gx = np.empty_like(rows)

    def fill(images: slice) -> None:
        out = gx[images]
        np.subtract(rows[images], centre, out=out)
        out *= along
        out += of_y[images] * scale
        out += constant

    by_images(rows, fill)
    return gx.reshape(x.shape), of_weight.astype(dtype), of_bias.astype(dtype)
