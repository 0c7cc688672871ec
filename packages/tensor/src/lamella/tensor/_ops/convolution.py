"""Two-dimensional convolution and pooling in NCHW, through patches and matrix products.

The patches of one image group are gathered into a matrix (im2col) so that BLAS does the arithmetic; the two gradients
are ops of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []

Pair = tuple[int, int]


def out_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Output length of a window sliding over one dim."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _padded(x: Any, padding: Pair, value: float = 0.0) -> Any:
    ph, pw = padding
    if not ph and not pw:
        return x
    n, c, h, w = x.shape
    out = (
        np.full((n, c, h + 2 * ph, w + 2 * pw), value, x.dtype)
        if value
        else np.zeros((n, c, h + 2 * ph, w + 2 * pw), x.dtype)
    )
    out[:, :, ph : ph + h, pw : pw + w] = x
    return out


def _windows(x: Any, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    # view [N, C, kh, kw, oh, ow] of a padded input
    n, c, h, w = x.shape
    sn, sc, sh, sw = x.strides
    oh = out_size(h, kernel[0], stride[0], 0, dilation[0])
    ow = out_size(w, kernel[1], stride[1], 0, dilation[1])
    return as_strided(
        x,
        (n, c, kernel[0], kernel[1], oh, ow),
        (sn, sc, sh * dilation[0], sw * dilation[1], sh * stride[0], sw * stride[1]),
        writeable=False,
    )


def _patches(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    # [G, C/G*kh*kw, N*oh*ow]: one large product a group instead of one small product an image
    win = _windows(_padded(x, padding), kernel, stride, dilation)
    n, c, kh, kw, oh, ow = win.shape
    cols = np.empty((c, kh, kw, n, oh, ow), x.dtype)
    cols[...] = win.transpose(1, 2, 3, 0, 4, 5)
    return cols.reshape(groups, c // groups * kh * kw, n * oh * ow)


def _wide(*arrays: Any) -> tuple[Any, ...]:
    if arrays[0].dtype.itemsize < 4:
        return tuple(a.astype(np.float32) for a in arrays)
    return arrays


def _conv2d(x: Any, w: Any, *, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    meta = _conv2d_shape(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    n, o, oh, ow = meta.shape
    xw, ww = _wide(x, w)
    cols = _patches(xw, w.shape[2:], stride, padding, dilation, groups)
    y = np.matmul(ww.reshape(groups, o // groups, -1), cols)
    y = y.reshape(o, n, oh, ow).transpose(1, 0, 2, 3)
    return np.ascontiguousarray(y, dtype=x.dtype)


def _conv2d_shape(x: Any, w: Any, *, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> MetaArray:
    if len(x.shape) != 4 or len(w.shape) != 4:
        raise ValueError(f"conv2d needs x [N, C, H, W] and w [O, C/groups, kh, kw], got {x.shape} and {w.shape}")
    n, c, h, width = x.shape
    o, cg, kh, kw = w.shape
    if x.dtype != w.dtype:
        raise TypeError(f"conv2d needs one dtype, got {x.dtype} and {w.dtype}; cast one with .to(dtype)")
    if c != cg * groups or o % groups:
        raise ValueError(f"conv2d: x has {c} channels, w takes {cg} x groups {groups} and makes {o}; these must fit")
    oh = out_size(h, kh, stride[0], padding[0], dilation[0])
    ow = out_size(width, kw, stride[1], padding[1], dilation[1])
    if oh <= 0 or ow <= 0:
        raise ValueError(
            f"conv2d: kernel {(kh, kw)} with dilation {dilation} is larger than the padded input {(h, width)} + "
            f"2*{padding}"
        )
    return MetaArray((n, o, oh, ow), x.dtype)


def _conv2d_input_grad(g: Any, w: Any, *, shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    n, c, h, width = shape
    o, _, kh, kw = w.shape
    oh, ow = g.shape[2:]
    gw, ww = _wide(g, w)
    g2 = np.ascontiguousarray(gw.transpose(1, 0, 2, 3)).reshape(groups, o // groups, n * oh * ow)
    cols = np.matmul(ww.reshape(groups, o // groups, -1).transpose(0, 2, 1), g2).reshape(c, kh, kw, n, oh, ow)
    out = np.zeros((c, n, h + 2 * padding[0], width + 2 * padding[1]), gw.dtype)
    for i in range(kh):
        r = slice(i * dilation[0], i * dilation[0] + oh * stride[0], stride[0])
        for j in range(kw):
            out[:, :, r, j * dilation[1] : j * dilation[1] + ow * stride[1] : stride[1]] += cols[:, i, j]
    inner = out[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + width]
    return np.ascontiguousarray(inner.transpose(1, 0, 2, 3), dtype=g.dtype)


def _conv2d_weight_grad(g: Any, x: Any, *, shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    o = shape[0]
    n = g.shape[0]
    gw, xw = _wide(g, x)
    # the windows that the output size leaves out (stride remainder) are not part of the product
    cols = _patches(xw, shape[2:], stride, padding, dilation, groups)
    g2 = np.ascontiguousarray(gw.transpose(1, 0, 2, 3)).reshape(groups, o // groups, n * g.shape[2] * g.shape[3])
    return np.matmul(g2, cols.transpose(0, 2, 1)).reshape(shape).astype(g.dtype, copy=False)


def _given_shape(g: Any, _: Any, *, shape: Any, **__: Any) -> MetaArray:
    return MetaArray(tuple(shape), g.dtype)


def _pool_shape(x: Any, kernel: Pair, stride: Pair, padding: Pair, name: str) -> tuple[int, int, int, int]:
    if len(x.shape) != 4:
        raise ValueError(f"{name} needs x [N, C, H, W], got {x.shape}")
    if padding[0] * 2 > kernel[0] or padding[1] * 2 > kernel[1]:
        raise ValueError(f"{name}: padding {padding} may be at most half of the kernel {kernel}")
    n, c, h, w = x.shape
    oh, ow = out_size(h, kernel[0], stride[0], padding[0], 1), out_size(w, kernel[1], stride[1], padding[1], 1)
    if oh <= 0 or ow <= 0:
        raise ValueError(f"{name}: kernel {kernel} is larger than the padded input {(h, w)} + 2*{padding}")
    return n, c, oh, ow


def _max_pool2d(x: Any, *, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    _, _, oh, ow = _pool_shape(x, kernel, stride, padding, "max_pool2d")
    lowest = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    win = _windows(_padded(x, padding, lowest), kernel, stride, (1, 1))
    best = win[:, :, 0, 0].copy()
    at = np.zeros(best.shape, np.int64)
    for k in range(1, kernel[0] * kernel[1]):
        v = win[:, :, k // kernel[1], k % kernel[1]]
        # a NaN wins and stays: v > best is false for it, v == v too
        better = (v > best) | ((v != v) & (best == best))
        np.copyto(best, v, where=better)
        np.copyto(at, k, where=better)
    rows = np.arange(oh).reshape(-1, 1) * stride[0] - padding[0] + at // kernel[1]
    cols = np.arange(ow) * stride[1] - padding[1] + at % kernel[1]
    return best, rows * x.shape[3] + cols


def _max_pool2d_shape(x: Any, *, kernel: Pair, stride: Pair, padding: Pair) -> tuple[MetaArray, MetaArray]:
    shape = _pool_shape(x, kernel, stride, padding, "max_pool2d")
    return MetaArray(shape, x.dtype), MetaArray(shape, np.dtype(np.int64))


def _max_pool2d_grad(g: Any, indices: Any, *, shape: Any) -> Any:
    n, c, h, w = shape
    out = np.zeros(n * c * h * w, g.dtype)
    base = (np.arange(n * c) * (h * w)).reshape(n, c, 1, 1)
    np.add.at(out, (base + indices).reshape(-1), g.reshape(-1))
    return out.reshape(shape)


def _avg_pool2d(x: Any, *, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    _pool_shape(x, kernel, stride, padding, "avg_pool2d")
    (xw,) = _wide(x)
    win = _windows(_padded(xw, padding), kernel, stride, (1, 1))
    total = win[:, :, 0, 0].copy()
    for k in range(1, kernel[0] * kernel[1]):
        total += win[:, :, k // kernel[1], k % kernel[1]]
    total /= kernel[0] * kernel[1]
    return total.astype(x.dtype, copy=False)


def _avg_pool2d_shape(x: Any, *, kernel: Pair, stride: Pair, padding: Pair) -> MetaArray:
    return MetaArray(_pool_shape(x, kernel, stride, padding, "avg_pool2d"), x.dtype)


def _avg_pool2d_grad(g: Any, *, shape: Any, kernel: Pair, stride: Pair, padding: Pair) -> Any:
    n, c, h, w = shape
    oh, ow = g.shape[2:]
    part = g / (kernel[0] * kernel[1])
    out = np.zeros((n, c, h + 2 * padding[0], w + 2 * padding[1]), part.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            out[:, :, i : i + oh * stride[0] : stride[0], j : j + ow * stride[1] : stride[1]] += part
    return np.ascontiguousarray(out[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w], dtype=g.dtype)


def _unary_given_shape(g: Any, *, shape: Any, **_: Any) -> MetaArray:
    return MetaArray(tuple(shape), g.dtype)


_WINDOW = "stride, padding, dilation, groups"
Op("conv2d", f"x, w; {_WINDOW}", "opaque")
Op("conv2d_input_grad", f"g, w; shape, {_WINDOW}", "opaque")
Op("conv2d_weight_grad", f"g, x; shape, {_WINDOW}", "opaque")
Op("max_pool2d", "x; kernel, stride, padding", "opaque", outputs=2, differentiable=(0,))
Op("max_pool2d_grad", "g, indices; shape", "opaque")
Op("avg_pool2d", "x; kernel, stride, padding", "opaque")
Op("avg_pool2d_grad", "g; shape, kernel, stride, padding", "opaque")
register_rules(
    "numpy",
    {
        "conv2d": _conv2d,
        "conv2d_input_grad": _conv2d_input_grad,
        "conv2d_weight_grad": _conv2d_weight_grad,
        "max_pool2d": _max_pool2d,
        "max_pool2d_grad": _max_pool2d_grad,
        "avg_pool2d": _avg_pool2d,
        "avg_pool2d_grad": _avg_pool2d_grad,
    },
)
register_rules(
    "shape",
    {
        "conv2d": _conv2d_shape,
        "conv2d_input_grad": _given_shape,
        "conv2d_weight_grad": _given_shape,
        "max_pool2d": _max_pool2d_shape,
        "max_pool2d_grad": _given_shape,
        "avg_pool2d": _avg_pool2d_shape,
        "avg_pool2d_grad": _unary_given_shape,
    },
)
