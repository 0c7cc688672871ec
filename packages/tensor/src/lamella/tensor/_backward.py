"""Steps of backward rules that a backend computes in one go: composites without a vjp of their own.

Where nothing is recorded, transformed or traced, the numpy kernel runs; everywhere else the body does, which is the
definition and is differentiable like any composition of ops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import _functions as f
from . import _pointwise as p
from ._blocks import blocked, clip
from ._creation import arange
from ._meta import MetaArray, broadcast_shapes
from ._op import Op, register_rules
from ._ops.batch_norm import batch_norm_grad
from ._ops.composite import kept_targets, rows_of
from ._ops.elementwise import ZERO
from ._ops.huber import huber_grad
from ._ops.layer_norm import layer_norm_grad, layer_norm_input_grad
from ._ops.loss import same_floats
from ._ops.softmax import log_softmax_grad, softmax_grad

__all__: list[str] = []


_MANY = 4096


def _relu_grad(g: Any, y: Any) -> Any:
    # not a product: 0 * inf is no 0
    if g.size < _MANY or g.shape != y.shape:
        return np.where(y > 0, g, ZERO[g.dtype])
    # `where` branches at every element; a mask of all ones or zeros over the bits takes a tenth of its time
    bits = np.dtype(f"i{g.dtype.itemsize}")
    mask = np.negative(np.greater(y, 0).view(np.int8), dtype=bits)
    return np.bitwise_and(mask, g.view(bits), out=mask).view(g.dtype)


def _relu_grad_body(g: Any, y: Any) -> Any:
    return f.where(p.gt(y, 0.0), g, 0.0)


def _relu_grad_shape(g: Any, y: Any) -> MetaArray:
    return MetaArray(broadcast_shapes(g.shape, y.shape), g.dtype)


def _linear_weight_grad(g: Any, x: Any) -> Any:
    if g.ndim != 2:
        g, x = g.reshape(-1, g.shape[-1]), x.reshape(-1, x.shape[-1])
    if g.dtype.itemsize < 4:
        return np.matmul(g.T.astype(np.float32), x.astype(np.float32)).astype(g.dtype)
    return np.matmul(g.T, x)


def _linear_weight_grad_body(g: Any, x: Any) -> Any:
    flat = g if g.ndim == 2 else f.reshape(g, -1, g.shape[-1])
    return f.matmul(f.permute(flat, 1, 0), x if x.ndim == 2 else f.reshape(x, -1, x.shape[-1]))


def _linear_weight_grad_shape(g: Any, x: Any) -> MetaArray:
    if tuple(g.shape[:-1]) != tuple(x.shape[:-1]):
        raise ValueError(
            f"linear_weight_grad needs g [..., out] and x [..., in] of one batch, got {g.shape} and {x.shape}"
        )
    return MetaArray((g.shape[-1], x.shape[-1]), g.dtype)


def _cross_entropy_grad(
    g: Any, logp: Any, target: Any, *, label_smoothing: float, ignore_index: int, reduction: str
) -> Any:
    n, classes = logp.shape
    at, keep = kept_targets(target, classes, ignore_index)
    d = np.exp(logp)
    d[rows_of(n), at] -= 1 - label_smoothing
    if label_smoothing:
        d -= label_smoothing / classes
    if reduction == "mean":
        g = g.astype(d.dtype, copy=False)[()] / (n if keep is None else np.count_nonzero(keep))
    d *= g if g.ndim == 0 else g.reshape(-1, 1)
    if keep is not None:
        d[~keep] = 0
    return d


def _cross_entropy_grad_body(
    g: Any, logp: Any, target: Any, *, label_smoothing: float, ignore_index: int, reduction: str
) -> Any:
    classes = logp.shape[1]
    keep = p.ne(target, ignore_index)
    hot = f.to_dtype(p.eq(f.reshape(target, -1, 1), arange(classes)), logp.dtype)
    d = p.sub(p.exp(logp), p.mul(hot, 1 - label_smoothing))
    if label_smoothing:
        d = p.sub(d, label_smoothing / classes)
    if reduction == "mean":
        g = p.div(g, f.to_dtype(f.sum(keep), logp.dtype))
    if reduction == "none":
        g = f.reshape(g, -1, 1)
    return f.where(f.reshape(keep, -1, 1), p.mul(d, g), 0.0)


def _cross_entropy_grad_shape(g: Any, logp: Any, target: Any, **_: Any) -> MetaArray:
    return MetaArray(logp.shape, logp.dtype)


def _batch_norm_grad(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> Any:
    return batch_norm_grad(g, x, mean, rstd, weight)


def _batch_norm_grad_body(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> Any:
    dims = (0, *range(2, g.ndim))
    count = math.prod(g.shape[d] for d in dims)

    def channel(v: Any) -> Any:
        return f.reshape(v, 1, -1, *(1,) * (g.ndim - 2))

    hat = p.mul(p.sub(x, channel(mean)), channel(rstd))
    of_weight, of_bias = f.sum(p.mul(g, hat), dims), f.sum(g, dims)
    scale = rstd if weight is None else p.mul(rstd, weight)
    inner = p.sub(g, p.add(p.mul(hat, channel(p.div(of_weight, count))), channel(p.div(of_bias, count))))
    return p.mul(inner, channel(scale)), of_weight, of_bias


def _batch_norm_grad_shape(g: Any, x: Any, mean: Any, rstd: Any, weight: Any) -> tuple[MetaArray, ...]:
    return MetaArray(x.shape, x.dtype), MetaArray(mean.shape, x.dtype), MetaArray(mean.shape, x.dtype)


def _layer_norm_input_grad_body(g: Any, x: Any, mean: Any, rstd: Any, weight: Any, *, ndims: int) -> Any:
    dims = tuple(range(x.ndim - ndims, x.ndim))
    count = math.prod(x.shape[d] for d in dims)
    hat = p.mul(x if mean is None else p.sub(x, mean), rstd)
    inner = g if weight is None else p.mul(g, weight)
    gx = p.sub(inner, p.mul(hat, p.div(f.sum(p.mul(inner, hat), dims, True), count)))
    if mean is not None:
        gx = p.sub(gx, p.div(f.sum(inner, dims, True), count))
    return p.mul(gx, rstd)


def _layer_norm_grad_body(g: Any, x: Any, mean: Any, rstd: Any, weight: Any, *, ndims: int) -> Any:
    gx = _layer_norm_input_grad_body(g, x, mean, rstd, weight, ndims=ndims)
    hat = p.mul(x if mean is None else p.sub(x, mean), rstd)
    lead = tuple(range(x.ndim - ndims))
    along = p.mul(g, hat)
    return (gx, f.sum(along, lead), f.sum(g, lead)) if lead else (gx, along, g)


def _layer_norm_input_grad_shape(g: Any, x: Any, mean: Any, rstd: Any, weight: Any, *, ndims: int) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


def _layer_norm_grad_shape(
    g: Any, x: Any, mean: Any, rstd: Any, weight: Any, *, ndims: int
) -> tuple[MetaArray, MetaArray, MetaArray]:
    inner = MetaArray(x.shape[len(x.shape) - ndims :], x.dtype)
    return MetaArray(x.shape, x.dtype), inner, inner


def _softmax_grad_body(g: Any, y: Any, *, dim: int) -> Any:
    return p.mul(y, p.sub(g, f.sum(p.mul(g, y), dim, True)))


def _log_softmax_grad_body(g: Any, y: Any, *, dim: int) -> Any:
    return p.sub(g, p.mul(p.exp(y), f.sum(g, dim, True)))


def _softmax_grad_shape(g: Any, y: Any, *, dim: int) -> MetaArray:
    return MetaArray(y.shape, y.dtype)


Op("softmax_grad", "g, y; dim", "opaque", body=_softmax_grad_body)
Op("log_softmax_grad", "g, y; dim", "opaque", body=_log_softmax_grad_body)


_TINY = 1e-12  # what x (1 - x) counts at least


@blocked
def _binary_cross_entropy_grad(out: Any, g: Any, x: Any, target: Any) -> None:
    np.subtract(1, x, out=out)
    out *= x
    clip(out, out, _TINY, None)
    slope = np.subtract(x, target)
    slope *= g
    np.divide(slope, out, out=out)


def _binary_cross_entropy_grad_body(g: Any, x: Any, target: Any) -> Any:
    return p.div(p.mul(g, p.sub(x, target)), p.maximum(p.mul(x, p.sub(1, x)), _TINY))


def _huber_grad_body(g: Any, x: Any, target: Any, *, delta: float, reduction: str) -> Any:
    slope = f.clamp(p.sub(x, target), -delta, delta)
    if reduction == "mean":
        g = p.div(g, max(math.prod(x._data.shape), 1))
    return p.mul(slope, g)


def _huber_grad_shape(g: Any, x: Any, target: Any, *, delta: float, reduction: str) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


Op("huber_grad", "g, x, target; delta, reduction", "opaque", body=_huber_grad_body)
Op("relu_grad", "g, y", "elementwise", body=_relu_grad_body)
Op("linear_weight_grad", "g, x", "opaque", body=_linear_weight_grad_body)
Op("batch_norm_grad", "g, x, mean, rstd, weight?", "opaque", outputs=3, body=_batch_norm_grad_body)
Op("layer_norm_input_grad", "g, x, mean?, rstd, weight?; ndims", "opaque", body=_layer_norm_input_grad_body)
Op("layer_norm_grad", "g, x, mean?, rstd, weight?; ndims", "opaque", outputs=3, body=_layer_norm_grad_body)
Op(
    "cross_entropy_grad",
    "g, logp, target; label_smoothing, ignore_index, reduction",
    "opaque",
    body=_cross_entropy_grad_body,
)
Op("binary_cross_entropy_grad", "g, x, target", "elementwise", body=_binary_cross_entropy_grad_body)
register_rules(
    "numpy",
    {
        "relu_grad": _relu_grad,
        "huber_grad": huber_grad,
        "softmax_grad": softmax_grad,
        "log_softmax_grad": log_softmax_grad,
        "batch_norm_grad": _batch_norm_grad,
        "layer_norm_input_grad": layer_norm_input_grad,
        "layer_norm_grad": layer_norm_grad,
        "linear_weight_grad": _linear_weight_grad,
        "cross_entropy_grad": _cross_entropy_grad,
        "binary_cross_entropy_grad": _binary_cross_entropy_grad,
    },
)
register_rules(
    "shape",
    {
        "relu_grad": _relu_grad_shape,
        "huber_grad": _huber_grad_shape,
        "softmax_grad": _softmax_grad_shape,
        "log_softmax_grad": _softmax_grad_shape,
        "batch_norm_grad": _batch_norm_grad_shape,
        "layer_norm_input_grad": _layer_norm_input_grad_shape,
        "layer_norm_grad": _layer_norm_grad_shape,
        "linear_weight_grad": _linear_weight_grad_shape,
        "cross_entropy_grad": _cross_entropy_grad_shape,
        "binary_cross_entropy_grad": same_floats,
    },
)
