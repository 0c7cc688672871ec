"""Resampling along one dim: every output is a weighted sum of a few inputs.

The weights are a function of the sizes and the kind alone (a sparse matrix, kept for the last few sizes), so that
interpolation in every mode, adaptive average pooling and the gradients of both (the transposed matrix) are one op.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from ._windows import wide

__all__: list[str] = []

Taps = tuple[Any, Any]  # index [out, K] and weight [out, K]


def _source(n: int, out: int, scale: float | None, align: bool) -> Any:
    """Where each output lies among the inputs, whose centres are 0 .. n-1."""
    at = np.arange(out, dtype=np.float64)
    if align:
        return at * ((n - 1) / (out - 1) if out > 1 else 0.0)
    return (at + 0.5) * _step(n, out, scale) - 0.5


def _step(n: int, out: int, scale: float | None) -> float:
    return 1.0 / scale if scale else n / out


def _linear(n: int, out: int, scale: float | None, align: bool) -> Taps:
    source = np.maximum(_source(n, out, scale, align), 0.0)
    low = np.minimum(source.astype(np.int64), n - 1)
    part = np.minimum(source - low, 1.0)
    return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([1.0 - part, part], 1)


def _cubic_weight(distance: Any, a: float) -> Any:
    """Keys 1981, with the slope `a` at 1."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _cubic(n: int, out: int, scale: float | None, align: bool) -> Taps:
    source = _source(n, out, scale, align)
    places = np.floor(source).astype(np.int64)[:, None] + np.arange(-1, 3)
    return np.clip(places, 0, n - 1), _cubic_weight(source[:, None] - places, -0.75)


def _nearest(n: int, out: int, scale: float | None, align: bool) -> Taps:
    # in float32 as the reference computes it: which side of a border a pixel falls is its rounding
    at = np.floor(np.arange(out, dtype=np.float32) * np.float32(_step(n, out, scale))).astype(np.int64)
    return np.minimum(at, n - 1)[:, None], np.ones((out, 1))


def _nearest_exact(n: int, out: int, scale: float | None, align: bool) -> Taps:
    at = (np.arange(out, dtype=np.float32) + np.float32(0.5)) * np.float32(_step(n, out, scale))
    return np.minimum(np.floor(at).astype(np.int64), n - 1)[:, None], np.ones((out, 1))


def _ragged(first: Any, count: Any, weight: Callable[[Any, Any], Any]) -> Taps:
    """Taps of rows of different lengths: a short row repeats its last place, whose weight is shared out."""
    k = np.arange(max(int(count.max(initial=1)), 1))
    index = first[:, None] + np.minimum(k, count[:, None] - 1)
    weights = weight(index, k < count[:, None])
    last = k >= count[:, None] - 1
    shared = np.take_along_axis(weights, count[:, None] - 1, 1) / last.sum(1, keepdims=True)
    return index, np.where(last, shared, weights)


def _area(n: int, out: int, scale: float | None, align: bool) -> Taps:
    at = np.arange(out)
    first, stop = at * n // out, -(-(at + 1) * n // out)
    return _ragged(first, stop - first, lambda index, used: used / (stop - first)[:, None])


def _antialiased(reach: int, kernel: Callable[[Any], Any]) -> Callable[..., Taps]:
    def taps(n: int, out: int, scale: float | None, align: bool) -> Taps:
        step = ((n - 1) / (out - 1) if out > 1 else 0.0) if align else _step(n, out, scale)
        stretch = max(step, 1.0)  # the kernel widens where the image shrinks
        centre = (np.arange(out) + 0.5) * step
        first = np.maximum((centre - reach * stretch + 0.5).astype(np.int64), 0)
        stop = np.minimum((centre + reach * stretch + 0.5).astype(np.int64), n)

        def weight(index: Any, used: Any) -> Any:
            w = np.where(used, kernel((index - centre[:, None] + 0.5) / stretch), 0.0)
            return w / w.sum(1, keepdims=True)

        return _ragged(first, stop - first, weight)

    return taps


_KINDS: dict[str, Callable[[int, int, float | None, bool], Taps]] = {
    "nearest": _nearest,
    "nearest-exact": _nearest_exact,
    "linear": _linear,
    "cubic": _cubic,
    "area": _area,
    "antialiased-linear": _antialiased(1, lambda d: np.maximum(1.0 - np.abs(d), 0.0)),
    "antialiased-cubic": _antialiased(2, lambda d: _cubic_weight(d, -0.5)),
}


@lru_cache(maxsize=64)
def _taps(kind: str, n: int, out: int, scale: float | None, align: bool, transposed: bool) -> Taps:
    index, weight = _KINDS[kind](n, out, scale, align)
    if transposed:
        index, weight = _transposed(index, weight, n)
    return index, weight


def _transposed(index: Any, weight: Any, n: int) -> Taps:
    k = index.shape[1]
    source = index.reshape(-1)
    order = np.argsort(source, kind="stable")
    count = np.bincount(source, minlength=n)
    place = np.arange(source.size) - np.repeat(np.cumsum(count) - count, count)
    back = np.zeros((n, max(int(count.max(initial=0)), 1)), np.int64)
    weights = np.zeros(back.shape)
    back[source[order], place] = order // k
    weights[source[order], place] = weight.reshape(-1)[order]
    return back, weights


@lru_cache(maxsize=64)
def _matrix(kind: str, n: int, out: int, scale: float | None, align: bool, transposed: bool, dtype: str) -> Any:
    index, weight = _taps(kind, n, out, scale, align, transposed)
    m = np.zeros((len(index), out if transposed else n))
    np.add.at(m, (np.arange(len(index))[:, None], index), weight)
    return m.astype(dtype)


def _resample(
    x: Any, *, dim: int, n: int, out: int, kind: str, scale: float | None, align: bool, transposed: bool
) -> Any:
    meta = _resample_shape(x, dim=dim, n=n, out=out, kind=kind, scale=scale, align=align, transposed=transposed)
    (xw,) = wide(x)
    key = (kind, n, out, scale, align, transposed)
    index, weight = _taps(*key)
    taps, given = index.shape[1], x.shape[dim]
    # many taps are a product with the matrix, in which a zero weight would spread an infinity or a NaN
    if taps * 4 > given and taps > 2 and np.isfinite(np.add.reduce(xw, axis=None)):
        m = _matrix(*key, xw.dtype.str)
        if dim == x.ndim - 1:
            y = np.matmul(xw, m.T)
        else:
            inner = int(np.prod(x.shape[dim + 1 :]))
            y = np.matmul(m, xw.reshape(*x.shape[:dim], given, inner)).reshape(meta.shape)
        return y.astype(x.dtype, copy=False)
    if kind.startswith("nearest") and not transposed:
        return np.take(x, index[:, 0], axis=dim)
    y = None
    behind = (-1, *(1,) * (x.ndim - 1 - dim))
    for k in range(taps):
        part = np.take(xw, index[:, k], axis=dim)
        part *= weight[:, k].astype(xw.dtype).reshape(behind)
        if y is None:
            y = part
        else:
            y += part
    return y.astype(x.dtype, copy=False)


def _resample_shape(
    x: Any, *, dim: int, n: int, out: int, kind: str, scale: float | None, align: bool, transposed: bool
) -> MetaArray:
    if kind not in _KINDS:
        raise ValueError(f"resample: kind is one of {', '.join(_KINDS)}, got {kind!r}")
    before, after = (out, n) if transposed else (n, out)
    if x.shape[dim] != before or min(n, out) < 1:
        raise ValueError(f"resample from {before} to {after} along dim {dim} does not fit shape {x.shape}")
    if x.dtype.kind in "biu" and (transposed or not kind.startswith("nearest")):
        raise TypeError(f"resample by {kind!r} needs a floating tensor, got {x.dtype}; convert it with .to(float32)")
    return MetaArray((*x.shape[:dim], after, *x.shape[dim + 1 :]), x.dtype)


def _flops(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    args = [params[k] for k in ("kind", "n", "out", "scale", "align", "transposed")]
    return 2 * int(np.prod(outs[0].shape)) * int(_taps(*args)[0].shape[1])


Op("resample", "x; dim, n, out, kind, scale, align, transposed", "opaque")
register_rules("numpy", {"resample": _resample})
register_rules("shape", {"resample": _resample_shape})
register_rules("flops", {"resample": _flops})
