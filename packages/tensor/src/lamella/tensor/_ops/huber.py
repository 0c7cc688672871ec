"""Kernels of the huber loss and of the step of its backward rule.

With d = x - target and c = d within [-delta, delta], an element's loss is c (d - c / 2) and its slope c. Reduced, it
is the sum of c d less half of that of c c: two passes over blocks that stay in the cache, and products of BLAS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._blocks import blocked, clip
from .._meta import MetaArray
from .._op import Op, register_rules
from .._random._parallel import split
from .loss import same_floats

__all__ = ["huber_grad"]

_BLOCK = 16384  # a product of BLAS adds at least 32 sums of these side by side
_GRAIN = 8 * _BLOCK  # elements from which a second thread is worth waking


@blocked
def _each(out: Any, x: Any, target: Any, *, delta: float) -> None:
    d = np.subtract(x, target)
    clip(out, d, -delta, delta)
    d -= out * out.dtype.type(0.5)
    out *= d


@blocked
def _slope(out: Any, x: Any, target: Any, *, delta: float) -> None:
    np.subtract(x, target, out=out)
    clip(out, out, -delta, delta)


def _huber(x: Any, target: Any, *, delta: float, reduction: str) -> Any:
    _huber_shape(x, target, delta=delta, reduction=reduction)
    if reduction == "none":
        return _each(x, target, delta=delta)
    wide = np.dtype(np.float32) if x.dtype.itemsize < 4 else x.dtype
    xs, targets = np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(target).reshape(-1)
    sums: dict[int, float] = {}

    def part(start: int, stop: int) -> None:
        first, second = (np.empty(min(_BLOCK, stop - start), wide) for _ in range(2))
        for low in range(start, stop, _BLOCK):
            n = min(_BLOCK, stop - low)
            d, c, at = first[:n], second[:n], slice(low, low + n)
            np.subtract(xs[at], targets[at], out=d, dtype=wide)
            clip(c, d, -delta, delta)
            sums[low] = float(np.dot(c, d)) - float(np.dot(c, c)) / 2

    split(xs.size, _GRAIN, part)
    total = sum(sums[low] for low in sorted(sums))
    if reduction == "mean":
        total = total / xs.size if xs.size else np.nan
    return np.asarray(total, x.dtype)


def huber_grad(g: Any, x: Any, target: Any, *, delta: float, reduction: str) -> Any:
    """Gradient of x from that of the loss."""
    slope = _slope(x, target, delta=delta)
    if reduction == "mean":
        g = np.asarray(g.astype(np.float64) / max(x.size, 1), slope.dtype)
    slope *= g
    return slope


def _huber_shape(x: Any, target: Any, *, delta: float, reduction: str) -> MetaArray:
    out = same_floats(x, target, name="huber")
    if x.shape != target.shape:
        raise ValueError(f"huber needs operands of one shape, got {x.shape} and {target.shape}")
    return out if reduction == "none" else MetaArray((), x.dtype)


Op("huber", "x, target; delta, reduction", "opaque", unit=True)
register_rules("numpy", {"huber": _huber})
register_rules("shape", {"huber": _huber_shape})
