"""Pooling over [N, C, d1, .., dn], and patches as columns (im2col) with their transpose, for any number of dims.

Windows are compared or summed as strided views of the padded image, one pass an element of the window.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._scalar import remembered
from ._parts import by_images
from ._windows import Ints, out_sizes, padded, places, reach, tap, wide, windows

__all__: list[str] = []

_BOTH = (slice(None), slice(None))


def _pool_shape(x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool, name: str) -> Ints:
    return _pooled_shape(tuple(x.shape), kernel, stride, padding, dilation, ceil, name)


@remembered(maxsize=256)
def _pooled_shape(
    shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool, name: str
) -> Ints:
    n = len(kernel)
    if len(shape) != n + 2:
        raise ValueError(f"{name} over {n} dims needs x [N, C, {n} sizes], got {shape}")
    if any(2 * p > d * (k - 1) + 1 for p, k, d in zip(padding, kernel, dilation, strict=True)):
        raise ValueError(f"{name}: padding {padding} may be at most half of kernel {kernel} with dilation {dilation}")
    out = out_sizes(shape[2:], kernel, stride, padding, dilation, ceil)
    if min(out) <= 0:
        raise ValueError(f"{name}: kernel {kernel} is larger than the padded input {shape[2:]} + 2*{padding}")
    return (*shape[:2], *out)


def _flat_places(sizes: Ints, kernel: Ints, out: Ints, stride: Ints, padding: Ints, dilation: Ints) -> tuple[Any, Any]:
    """(flat index of every window's first element, of an element within a window): their sum is a place in x."""
    first = np.zeros(out, np.int64)
    within = np.zeros(kernel, np.int64)
    step = 1
    for d in reversed(range(len(sizes))):
        behind = (-1, *(1,) * (len(sizes) - 1 - d))
        first += ((np.arange(out[d]) * stride[d] - padding[d]) * step).reshape(behind)
        within += (np.arange(kernel[d]) * dilation[d] * step).reshape(behind)
        step *= sizes[d]
    return first, within.reshape(-1)


@lru_cache(maxsize=64)
def _max_plan(shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool) -> tuple[Any, ...]:
    """(shape of the result, how far windows reach, their elements as slices, `_flat_places`)."""
    pooled = _pooled_shape(shape, kernel, stride, padding, dilation, ceil, "max_pool")
    out = pooled[2:]
    taps = [(*_BOTH, *tap(at, stride, dilation, out)) for at in places(kernel)]
    first, within = _flat_places(shape[2:], kernel, out, stride, padding, dilation)
    return pooled, reach(out, kernel, stride, dilation), taps, first, within


def _max_pool(x: Any, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool) -> Any:
    shape, far, taps, first, within = _max_plan(x.shape, kernel, stride, padding, dilation, ceil)
    lowest = -np.inf if x.dtype.kind not in "biu" else False if x.dtype.kind == "b" else np.iinfo(x.dtype).min
    best, indices = np.empty(shape, x.dtype), np.empty(shape, np.int64)

    def run(images: slice) -> None:
        (own,) = wide(x[images])
        image = padded(own, padding, far, lowest)
        views = [image[t] for t in taps]
        high, at = _largest(views)
        if image is not own and high.size and np.minimum.reduce(high, axis=None) == lowest:
            inside = padded(np.ones(own.shape, np.bool_), padding, image.shape[2:])
            _to_inside(at, [inside[t] for t in taps], high == lowest)
        best[images] = high
        np.add(within.take(at), first, out=indices[images])

    by_images(x, run)
    return best, indices


def _largest(views: list[Any]) -> tuple[Any, Any]:
    """(largest, the number of the first view that has it)."""
    best = views[0].copy()
    for v in views[1:]:
        np.maximum(best, v, out=best)
    # by arithmetic on bytes: at = (v0 != best) * (1 + (v1 != best) * (1 + ..))
    at: Any = None
    for v in reversed(views[:-1]):
        after = np.not_equal(v, best).view(np.uint8)
        if at is not None:
            at += 1
            np.multiply(at, after, out=at)
        else:
            at = after if len(views) <= 256 else after.astype(np.int64)
    if at is None:  # a window of one element
        at = np.zeros(best.shape, np.uint8)
    if best.dtype.kind == "f" and best.size and np.isnan(np.maximum.reduce(best, axis=None)):
        _to_nan(at, views, best)
    return best, at


def _to_nan(at: Any, taps: list[Any], best: Any) -> None:
    """A window with a NaN gives its last NaN, as in torch."""
    lost = np.isnan(best)
    for k, v in enumerate(taps):
        np.copyto(at, k, where=lost & np.isnan(v), casting="unsafe")


def _max_pool_shape(
    x: Any, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> tuple[MetaArray, MetaArray]:
    shape = _pool_shape(x, kernel, stride, padding, dilation, ceil, "max_pool")
    return MetaArray(shape, x.dtype), MetaArray(shape, np.dtype(np.int64))


def _max_pool_grad(g: Any, indices: Any, *, shape: Any) -> Any:
    n, c, *sizes = shape
    size = math.prod(sizes)
    (gw,) = wide(g)
    out = np.zeros(n * c * size, gw.dtype)
    base = (np.arange(n * c) * size).reshape(n, c, *(1,) * len(sizes))
    np.add.at(out, (base + indices).reshape(-1), gw.reshape(-1))
    return out.reshape(shape).astype(g.dtype, copy=False)


def _to_inside(at: Any, inside: list[Any], lost: Any) -> None:
    """A window without anything above the padding gives its first element that is not padding."""
    for k in reversed(range(len(inside))):
        np.copyto(at, k, where=lost & inside[k], casting="unsafe")


@lru_cache(maxsize=64)
def _divisor(sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, out: Ints, count_pad: bool) -> Any:
    """How many elements each window counts, or one number where all count alike: what runs over the padding never
    counts, the padding itself where `count_pad`.
    """
    total: Any = np.ones((1,) * len(out), np.int64)
    for d, (n, k, s, p, o) in enumerate(zip(sizes, kernel, stride, padding, out, strict=True)):
        start = np.arange(o) * s - p
        stop = np.minimum(start + k, n + p)
        if not count_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        total = total * (stop - start).reshape(-1, *(1,) * (len(out) - 1 - d))
    return int(total.flat[0]) if (total == total.flat[0]).all() else total


def _shares(x: Any, kernel: Ints, stride: Ints, padding: Ints, out: Ints, count_pad: bool, divisor: Any) -> Any:
    count = divisor or _divisor(tuple(x), kernel, stride, padding, out, count_pad)
    return count if isinstance(count, int) else count.astype(np.float64)


@lru_cache(maxsize=64)
def _cuts(sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, out: Ints) -> bool:
    """Whether the windows cut the image into equal parts."""
    return kernel == stride and not any(padding) and all(k * o == n for k, o, n in zip(kernel, out, sizes, strict=True))


def _part_sums(x: Any, kernel: Ints, out: Ints) -> Any:
    """Sums of the parts [N, C, *out] that a floating image is cut into."""
    before, last = x.shape[:-1], kernel[-1]
    if x.dtype.kind == "f" and last > 1:
        total = np.ascontiguousarray(x).reshape(-1, last) @ np.ones(last, x.dtype)  # short rows are slow to reduce
    else:
        total = np.add.reduce(x.reshape(-1, last), axis=1)
    for d in reversed(range(len(kernel) - 1)):
        behind = math.prod(out[d + 1 :])
        total = np.add.reduce(total.reshape(-1, kernel[d], behind), axis=1)
    return total.reshape(*before[:2], *out)


def _avg_pool(
    x: Any, *, kernel: Ints, stride: Ints, padding: Ints, ceil: bool, count_pad: bool, divisor: int | None
) -> Any:
    shape = _avg_pool_shape(
        x, kernel=kernel, stride=stride, padding=padding, ceil=ceil, count_pad=count_pad, divisor=divisor
    ).shape
    out, rank = shape[2:], len(kernel)
    (xw,) = wide(x)
    if _cuts(x.shape[2:], kernel, stride, padding, out):
        total = _part_sums(xw, kernel, out)
        total *= total.dtype.type(1 / (divisor or math.prod(kernel)))
        return total.astype(x.dtype, copy=False)
    total = padded(xw, padding, reach(out, kernel, stride, (1,) * rank))
    for d in reversed(range(rank)):  # one dim after the other: the sum of the kernel's sizes in passes, not the product
        before = (slice(None),) * (2 + d)
        if out[d] == 1:
            total = np.add.reduce(total[(*before, slice(0, kernel[d]))], axis=2 + d, keepdims=True)
            continue
        part = None
        for k in range(kernel[d]):
            v = total[(*before, *tap((k,), stride[d : d + 1], (1,), out[d : d + 1]))]
            if part is None:
                part = v.copy()
            else:
                part += v
        total = part
    total /= np.asarray(_shares(x.shape[2:], kernel, stride, padding, out, count_pad, divisor), total.dtype)
    return total.astype(x.dtype, copy=False)


def _avg_pool_shape(
    x: Any, *, kernel: Ints, stride: Ints, padding: Ints, ceil: bool, count_pad: bool, divisor: int | None
) -> MetaArray:
    if x.dtype.kind in "biu":
        raise TypeError(f"avg_pool needs a floating tensor, got {x.dtype}; convert it with .to(float32)")
    return MetaArray(_pool_shape(x, kernel, stride, padding, (1,) * len(kernel), ceil, "avg_pool"), x.dtype)


def _avg_pool_grad(
    g: Any, *, shape: Any, kernel: Ints, stride: Ints, padding: Ints, ceil: bool, count_pad: bool, divisor: int | None
) -> Any:
    sizes, out, rank = tuple(shape[2:]), g.shape[2:], len(kernel)
    (gw,) = wide(g)
    if _cuts(sizes, kernel, stride, padding, out):
        return _spread(gw * gw.dtype.type(1 / (divisor or math.prod(kernel))), kernel, sizes, g.dtype)
    part = gw / np.asarray(_shares(sizes, kernel, stride, padding, out, count_pad, divisor), gw.dtype)
    full = reach(out, kernel, stride, (1,) * rank)
    for d in range(rank):
        length = max(padding[d] + sizes[d], full[d])
        image = np.zeros((*part.shape[: 2 + d], length, *part.shape[3 + d :]), part.dtype)
        for k in range(kernel[d]):
            image[(*(slice(None),) * (2 + d), *tap((k,), stride[d : d + 1], (1,), out[d : d + 1]))] += part
        part = image[(*(slice(None),) * (2 + d), slice(padding[d], padding[d] + sizes[d]))]
    return np.ascontiguousarray(part, dtype=g.dtype)


def _spread(part: Any, kernel: Ints, sizes: Ints, dtype: Any) -> Any:
    """Every element of a part holds the part's own value."""
    n, c, *out = part.shape
    image = np.empty((n, c, *[v for pair in zip(out, kernel, strict=True) for v in pair]), dtype)
    image[...] = part.reshape(n, c, *[v for o in out for v in (o, 1)])
    return image.reshape(n, c, *sizes)


def _given_shape(g: Any, *_: Any, shape: Any, **__: Any) -> MetaArray:
    return MetaArray(tuple(shape), g.dtype)


def _im2col(x: Any, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    meta = _im2col_shape(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    out = out_sizes(x.shape[2:], kernel, stride, padding, dilation)
    image = padded(x, padding, reach(out, kernel, stride, dilation))
    cols = np.empty((*x.shape[:2], *kernel, *out), x.dtype)
    cols[...] = windows(image, kernel, stride, dilation, out)
    return cols.reshape(meta.shape)


def _im2col_shape(x: Any, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> MetaArray:
    if len(x.shape) != len(kernel) + 2:
        raise ValueError(f"im2col over {len(kernel)} dims needs x [N, C, {len(kernel)} sizes], got {x.shape}")
    out = out_sizes(tuple(x.shape[2:]), kernel, stride, padding, dilation)
    if min(out) <= 0:
        raise ValueError(
            f"im2col: kernel {kernel} with dilation {dilation} is larger than the padded input {tuple(x.shape[2:])} + "
            f"2*{padding}"
        )
    return MetaArray((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out)), x.dtype)


def _col2im(cols: Any, *, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    n, c, *_ = _col2im_shape(cols, sizes=sizes, kernel=kernel, stride=stride, padding=padding, dilation=dilation).shape
    out = out_sizes(sizes, kernel, stride, padding, dilation)
    (wider,) = wide(cols)
    parts = wider.reshape(n, c, *kernel, *out)
    far = reach(out, kernel, stride, dilation)
    image = np.zeros((n, c, *(max(p + s, r) for p, s, r in zip(padding, sizes, far, strict=True))), wider.dtype)
    for at in places(kernel):
        image[(*_BOTH, *tap(at, stride, dilation, out))] += parts[(*_BOTH, *at)]
    inside = [slice(p, p + s) for p, s in zip(padding, sizes, strict=True)]
    return np.ascontiguousarray(image[(*_BOTH, *inside)], dtype=cols.dtype)


def _col2im_shape(cols: Any, *, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> MetaArray:
    out, taps = out_sizes(sizes, kernel, stride, padding, dilation), math.prod(kernel)
    if len(cols.shape) != 3 or cols.shape[1] % taps or min(out) <= 0 or cols.shape[2] != math.prod(out):
        raise ValueError(
            f"col2im needs columns [N, C * {taps}, {math.prod(out)}] for an image {sizes} under kernel {kernel}, got "
            f"{cols.shape}"
        )
    return MetaArray((cols.shape[0], cols.shape[1] // taps, *sizes), cols.dtype)


_AVG = "kernel, stride, padding, ceil, count_pad, divisor"
Op("max_pool", "x; kernel, stride, padding, dilation, ceil", "opaque", outputs=2, differentiable=(0,), refuses="c")
Op("max_pool_grad", "g, indices; shape", "opaque")
Op("avg_pool", f"x; {_AVG}", "opaque")
Op("avg_pool_grad", f"g; shape, {_AVG}", "opaque")
Op("im2col", "x; kernel, stride, padding, dilation", "opaque")
Op("col2im", "cols; sizes, kernel, stride, padding, dilation", "opaque")
register_rules(
    "numpy",
    {
        "max_pool": _max_pool,
        "max_pool_grad": _max_pool_grad,
        "avg_pool": _avg_pool,
        "avg_pool_grad": _avg_pool_grad,
        "im2col": _im2col,
        "col2im": _col2im,
    },
)
register_rules(
    "shape",
    {
        "max_pool": _max_pool_shape,
        "max_pool_grad": _given_shape,
        "avg_pool": _avg_pool_shape,
        "avg_pool_grad": _given_shape,
        "im2col": _im2col_shape,
        "col2im": _col2im_shape,
    },
)
