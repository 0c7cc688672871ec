"""Convolution over [N, C, d1, .., dn] for any number n of spatial dims, through patches and matrix products.

The patches of a few images (or of a few rows of a large one) at a time are gathered into a matrix that stays in the
cache, so that BLAS does the arithmetic and memory does not grow with the batch. The two gradients are ops of their own.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._random._parallel import get_num_threads
from ._parts import with_products
from ._windows import Ints, out_sizes, padded, places, reach, tap, wide, windows

__all__: list[str] = []

_BOTH = (slice(None), slice(None))
# Patches gathered at a time: large enough for BLAS to run at speed, small enough to stay in the cache.
_CHUNK_BYTES = 1 << 21
# Patches of a batch from which a second thread is worth waking.
_SHARED_BYTES = 1 << 20
Piece = tuple[slice, slice]  # images, rows of the output


def _pieces(n: int, out: Ints, patch_bytes: int) -> list[list[Piece]]:
    """Pieces whose patches are about a chunk, those of one image together; `patch_bytes` is of one window."""
    row = max(math.prod(out[1:]) * patch_bytes, 1)
    image = row * out[0]
    if image <= _CHUNK_BYTES:
        count = -(-n * image // _CHUNK_BYTES)
        if n * image >= _SHARED_BYTES:  # as many for each thread
            threads = get_num_threads()
            count = -(-count // threads) * threads
        images = -(-n // max(count, 1))
        return [[(slice(start, min(start + images, n)), slice(0, out[0]))] for start in range(0, n, max(images, 1))]
    rows = max(_CHUNK_BYTES // row, 1)
    tops = [slice(top, min(top + rows, out[0])) for top in range(0, out[0], rows)]
    return [[(slice(i, i + 1), top) for top in tops] for i in range(n)]


class _Patches:
    """The patches of pieces of a batch in one buffer, for one thread."""

    def __init__(self, x: Any, kernel: Ints, out: Ints, window: dict[str, Any]) -> None:
        self.x = x
        self.kernel = kernel
        self.out = out
        self.padding, self.stride, self.dilation = window["padding"], window["stride"], window["dilation"]
        self.sizes = reach(out, kernel, self.stride, self.dilation)
        rank = len(out)
        # channels and the places of a window in front, the images of a piece side by side
        self._side_by_side = (1, *range(2, 2 + rank), 0, *range(2 + rank, 2 + 2 * rank))
        self._rows = (slice(None),) * (2 + rank)
        self._images: slice | None = None
        self._view: Any = None
        self._buffer = np.empty(0, x.dtype)

    def piece(self, images: slice, rows: slice, side_by_side: bool = False) -> Any:
        """The patches [images, C, *kernel, rows, ...] of a piece, or [C, *kernel, images, rows, ...]."""
        if images != self._images:  # an image cut into rows is padded once
            part = padded(self.x[images], self.padding, self.sizes)
            self._view = windows(part, self.kernel, self.stride, self.dilation, self.out)
            self._images = images
        view = self._view[(*self._rows, rows)]
        if side_by_side:
            view = view.transpose(self._side_by_side)
        if self._buffer.size < view.size:
            self._buffer = np.empty(view.size, view.dtype)
        cols = self._buffer[: view.size].reshape(view.shape)
        cols[...] = view
        return cols


def _conv(x: Any, w: Any, bias: Any, *, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    meta = _conv_shape(x, w, bias, **window)
    n, o, *spatial = meta.shape
    out, kernel = tuple(spatial), w.shape[2:]
    xw, ww = wide(x, w)
    shift = None if bias is None else wide(bias)[0].reshape(groups, o // groups, 1)
    y = np.empty(meta.shape, xw.dtype)
    inner, length = math.prod(w.shape[1:]), math.prod(out)
    w2 = np.ascontiguousarray(ww).reshape(groups, o // groups, inner)
    y2 = y.reshape(n, groups, o // groups, length)
    if _is_pointwise(kernel, stride, padding):
        np.matmul(w2, np.ascontiguousarray(xw).reshape(n, groups, inner, length), out=y2)
        if shift is not None:
            y2 += shift
        return y.astype(x.dtype, copy=False)
    pieces = _pieces(n, out, x.shape[1] * math.prod(kernel) * xw.itemsize)
    rest = math.prod(out[1:])

    def run(start: int, stop: int) -> None:
        patches = _Patches(xw, kernel, out, window)
        for images, rows in itertools.chain(*pieces[start:stop]):
            cols = patches.piece(images, rows)
            columns = y2[images, :, :, rows.start * rest : rows.stop * rest]
            np.matmul(w2, cols.reshape(len(cols), groups, inner, -1), out=columns)
            if shift is not None:
                columns += shift

    with_products(len(pieces), run)
    return y.astype(x.dtype, copy=False)


def _is_pointwise(kernel: Ints, stride: Ints, padding: Ints) -> bool:
    return all(k == 1 for k in kernel) and all(s == 1 for s in stride) and not any(padding)


def _check_ranks(x: Any, w: Any, stride: Ints) -> None:
    n = len(stride)
    if len(x.shape) != n + 2 or len(w.shape) != n + 2:
        raise ValueError(
            f"conv over {n} dims needs x [N, C, {n} sizes] and w [O, C/groups, {n} sizes], got {x.shape} and {w.shape}"
        )


def _conv_shape(x: Any, w: Any, bias: Any, *, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> MetaArray:
    _check_ranks(x, w, stride)
    n, c, *sizes = x.shape
    o, per_group, *kernel = w.shape
    if x.dtype != w.dtype:
        raise TypeError(f"conv needs one dtype, got {x.dtype} and {w.dtype}; cast one with .to(dtype)")
    if c != per_group * groups or o % groups:
        raise ValueError(
            f"conv: x has {c} channels, w takes {per_group} x groups {groups} and makes {o}; these must fit"
        )
    if bias is not None and (tuple(bias.shape) != (o,) or bias.dtype != x.dtype):
        raise ValueError(f"conv: bias must be {x.dtype} [{o}] for w {w.shape}, got {bias.dtype} {bias.shape}")
    out = out_sizes(tuple(sizes), tuple(kernel), stride, padding, dilation)
    if min(out) <= 0:
        raise ValueError(
            f"conv: kernel {tuple(kernel)} with dilation {dilation} is larger than the padded input {tuple(sizes)} + "
            f"2*{padding}"
        )
    return MetaArray((n, o, *out), x.dtype)


def _conv_input_grad(g: Any, w: Any, *, shape: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    _check_ranks(g, w, stride)
    n, c, *sizes = shape
    o, out, kernel = w.shape[0], g.shape[2:], w.shape[2:]
    gw, ww = wide(g, w)
    gw = np.ascontiguousarray(gw)
    inner, length = math.prod(w.shape[1:]), math.prod(out)
    w2 = ww.reshape(groups, o // groups, inner).swapaxes(1, 2)
    g2 = gw.reshape(n, groups, o // groups, length)
    if _is_pointwise(kernel, stride, padding):
        return np.matmul(w2, g2).reshape(shape).astype(g.dtype, copy=False)
    far = reach(out, kernel, stride, dilation)
    total = [max(p + s, r) for p, s, r in zip(padding, sizes, far, strict=True)]
    image: Any = np.zeros((n, c, *total), gw.dtype)
    pieces = _pieces(n, out, c * math.prod(kernel) * gw.itemsize)
    rest = math.prod(out[1:])

    def run(start: int, stop: int) -> None:
        buffer = np.empty(0, gw.dtype)
        for images, rows in itertools.chain(*pieces[start:stop]):
            part = g2[images, :, :, rows.start * rest : rows.stop * rest]
            count = len(part) * groups * inner * part.shape[-1]
            if buffer.size < count:
                buffer = np.empty(count, gw.dtype)
            np.matmul(w2, part, out=buffer[:count].reshape(len(part), groups, inner, part.shape[-1]))
            piece = (rows.stop - rows.start, *out[1:])
            cols: Any = buffer[:count].reshape(len(part), c, *kernel, *piece)
            target = image[images, :, rows.start * stride[0] :]
            for at in places(kernel):
                target[(*_BOTH, *tap(at, stride, dilation, piece))] += cols[(*_BOTH, *at)]

    with_products(len(pieces), run)
    inside = [slice(p, p + s) for p, s in zip(padding, sizes, strict=True)]
    return np.ascontiguousarray(image[(*_BOTH, *inside)], dtype=g.dtype)


def _conv_weight_grad(g: Any, x: Any, *, shape: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    _check_ranks(g, x, stride)
    n, o = g.shape[:2]
    out, kernel = g.shape[2:], tuple(shape[2:])
    gw, xw = wide(g, x)
    inner = math.prod(shape[1:])
    window = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    pieces = _pieces(n, out, x.shape[1] * math.prod(kernel) * xw.itemsize)
    totals: dict[int, Any] = {}

    def run(start: int, stop: int) -> None:
        patches = _Patches(xw, kernel, out, window)
        total = np.zeros((groups, o // groups, inner), gw.dtype)
        for images, rows in itertools.chain(*pieces[start:stop]):
            # the images of a piece lie side by side: one product sums over all of them
            cols = patches.piece(images, rows, side_by_side=True).reshape(groups, inner, -1)
            part = np.ascontiguousarray(gw[images, :, rows].swapaxes(0, 1)).reshape(groups, o // groups, -1)
            total += np.matmul(part, cols.swapaxes(1, 2))
        totals[start] = total

    with_products(len(pieces), run)
    total = sum(totals[start] for start in sorted(totals))  # in one order, whichever thread was first
    return total.reshape(shape).astype(g.dtype, copy=False)


def _given_shape(g: Any, _: Any, *, shape: Any, **__: Any) -> MetaArray:
    return MetaArray(tuple(shape), g.dtype)


_WINDOW = "stride, padding, dilation, groups"
Op("conv", f"x, w, bias?; {_WINDOW}", "opaque")
Op("conv_input_grad", f"g, w; shape, {_WINDOW}", "opaque")
Op("conv_weight_grad", f"g, x; shape, {_WINDOW}", "opaque")
register_rules("numpy", {"conv": _conv, "conv_input_grad": _conv_input_grad, "conv_weight_grad": _conv_weight_grad})
register_rules("shape", {"conv": _conv_shape, "conv_input_grad": _given_shape, "conv_weight_grad": _given_shape})
