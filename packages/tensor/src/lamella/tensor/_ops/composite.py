"""Unit composites: ops with a vjp of their own, whose residuals are outputs. Here are their numpy kernels and shape
rules.

Their bodies over other ops, which a backend without a kernel and the compiler use, are in `_bodies`; both return the
same values.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .. import _random
from .._meta import MetaArray
from .._op import Op, register_rules
from .activation import gelu
from .batch_norm import batch_norm
from .layer_norm import layer_norm, rms_norm
from .softmax import log_softmax

__all__: list[str] = []

_INT64 = np.dtype(np.int64)
_UINT64 = np.dtype(np.uint64)


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x


def _linear(x: Any, w: Any, bias: Any) -> Any:
    if w.ndim != 2 or x.dtype != w.dtype or (bias is not None and (bias.shape != w.shape[:1] or bias.dtype != w.dtype)):
        _linear_shape(x, w, bias)  # it says what is wrong; sizes that do not fit are refused by the product
    y = _product(_wide(x), _wide(w).T)
    if bias is not None:
        y += bias
    return y if y.dtype == x.dtype else y.astype(x.dtype)


def _product(x: Any, w: Any) -> Any:
    # matmul of more than two dims is a call of BLAS for each of the first ones
    if x.ndim < 3:
        return np.matmul(x, w)
    return np.matmul(x.reshape(-1, x.shape[-1]) if x.size else x, w).reshape(*x.shape[:-1], w.shape[1])


def _linear_shape(x: Any, w: Any, bias: Any) -> MetaArray:
    if len(w.shape) != 2 or not x.shape or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear needs x [..., in] and w [out, in], got {x.shape} and {w.shape}")
    if bias is not None and tuple(bias.shape) != (w.shape[0],):
        raise ValueError(f"linear: bias must be [{w.shape[0]}] for w {w.shape}, got {bias.shape}")
    if x.dtype != w.dtype or (bias is not None and bias.dtype != w.dtype):
        raise TypeError(f"linear needs one dtype, got x {x.dtype} and w {w.dtype}; cast one with .to(dtype)")
    return MetaArray((*x.shape[:-1], w.shape[0]), x.dtype)


def _float_like(name: str) -> Any:
    def shape(x: Any, **_: Any) -> MetaArray:
        if x.dtype.kind in "biuc":
            raise TypeError(f"{name} needs a real floating tensor, got {x.dtype}; convert it with .to(float32)")
        return MetaArray(x.shape, x.dtype)

    return shape


def _layer_norm(x: Any, weight: Any, bias: Any, *, ndims: int, eps: float) -> Any:
    _layer_norm_shape(x, weight, bias, ndims=ndims, eps=eps)
    return layer_norm(x, weight, bias, ndims, eps)


def _rms_norm(x: Any, weight: Any, *, ndims: int, eps: float) -> Any:
    _rms_norm_shape(x, weight, ndims=ndims, eps=eps)
    return rms_norm(x, weight, ndims, eps)


def _rms_norm_shape(x: Any, weight: Any, *, ndims: int, eps: float) -> tuple[MetaArray, ...]:
    y, stat, _ = _layer_norm_shape(x, weight, None, ndims=ndims, eps=eps, name="rms_norm")
    return y, stat


def _stat_dtype(dtype: Any) -> Any:
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def _layer_norm_shape(
    x: Any, weight: Any, bias: Any, *, ndims: int, eps: float, name: str = "layer_norm"
) -> tuple[MetaArray, ...]:
    if not 1 <= ndims <= len(x.shape):
        raise ValueError(f"{name} over the last {ndims} dims needs at least that many, got shape {x.shape}")
    inner = tuple(x.shape[len(x.shape) - ndims :])
    for operand, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != inner:
            raise ValueError(f"{name}: {operand} must have shape {inner} for x {x.shape}, got {p.shape}")
    stat = MetaArray((*x.shape[: len(x.shape) - ndims], *(1,) * ndims), _stat_dtype(x.dtype))
    return MetaArray(x.shape, x.dtype), stat, stat


def kept_targets(target: Any, classes: int, ignore_index: int | None, name: str = "cross_entropy") -> tuple[Any, Any]:
    """(indices safe to index with, which targets count or None for all); IndexError for a target that is no class."""
    # seen as unsigned, a negative target is larger than any class: one pass answers for the usual case
    if target.dtype == _INT64 and target.size and np.maximum.reduce(target.view(_UINT64), axis=None) < classes:
        if ignore_index is None or not 0 <= ignore_index < classes:
            return target, None
    keep = np.not_equal(target, ignore_index) if ignore_index is not None else np.ones(target.shape, np.bool_)
    at = np.where(keep, target, 0)
    if at.size and (at.min() < 0 or at.max() >= classes):
        bad = int(at[(at < 0) | (at >= classes)][0])
        other = "" if ignore_index is None else f" nor ignore_index {ignore_index}"
        raise IndexError(f"{name}: target {bad} is not a class of [0, {classes}){other}")
    return at, None if keep.all() else keep


def _cross_entropy(logits: Any, target: Any, *, label_smoothing: float, ignore_index: int, reduction: str) -> Any:
    _check_cross_entropy(logits, target)
    n, classes = logits.shape
    logp = log_softmax(_wide(logits), dim=1)
    at, keep = kept_targets(target, classes, ignore_index)
    loss = np.negative(logp[rows_of(n), at])
    if label_smoothing:
        loss = (1 - label_smoothing) * loss - (label_smoothing / classes) * logp.sum(axis=1)
    if keep is not None:
        loss = np.where(keep, loss, 0)
    if loss.dtype != logp.dtype:
        loss = loss.astype(logp.dtype)
    if reduction != "none":
        loss = np.add.reduce(loss)
        if reduction == "mean":
            # a numpy scalar by a Python int stays in its dtype, and costs a tenth of an array's division
            loss = loss / (n if keep is None else np.count_nonzero(keep))
    return np.asarray(loss, logits.dtype), logp


@lru_cache(maxsize=32)
def rows_of(n: int) -> Any:
    """0 .. n-1, read-only: the row index of the target of each example, the same at every step."""
    rows = np.arange(n)
    rows.flags.writeable = False
    return rows


def _check_cross_entropy(logits: Any, target: Any) -> None:
    if len(logits.shape) != 2 or target.shape != logits.shape[:1]:
        raise ValueError(f"cross_entropy needs logits [N, C] and target [N], got {logits.shape} and {target.shape}")
    if target.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy needs integer class targets, got {target.dtype}; convert them with .to(int64)")
    if logits.dtype.kind in "biu":
        raise TypeError(f"cross_entropy needs floating logits, got {logits.dtype}")


def _cross_entropy_shape(
    logits: Any, target: Any, *, label_smoothing: float, ignore_index: int, reduction: str
) -> tuple[MetaArray, ...]:
    _check_cross_entropy(logits, target)
    out = tuple(target.shape) if reduction == "none" else ()
    return MetaArray(out, logits.dtype), MetaArray(logits.shape, _stat_dtype(logits.dtype))


def _batch_norm(x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    _batch_norm_shape(x, weight, bias, eps=eps)
    w, b = (None if p is None else _wide(p) for p in (weight, bias))
    y, mean, rstd = batch_norm(_wide(x), w, b, eps)
    return y.astype(x.dtype, copy=False), mean, rstd


def _batch_norm_shape(x: Any, weight: Any, bias: Any, *, eps: float) -> tuple[MetaArray, ...]:
    if len(x.shape) < 2:
        raise ValueError(f"batch_norm needs x [N, C, ...], got {x.shape}")
    if math.prod(x.shape) // max(x.shape[1], 1) <= 1:
        raise ValueError(f"batch_norm needs more than one value per channel in training, got x {x.shape}")
    for name, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != (x.shape[1],):
            raise ValueError(f"batch_norm: {name} must be [{x.shape[1]}] for x {x.shape}, got {p.shape}")
    stat = MetaArray((x.shape[1],), _stat_dtype(x.dtype))
    return MetaArray(x.shape, x.dtype), stat, stat


def _dropout(x: Any, seed: int, offset: int, *, p: float) -> Any:
    mask = _random.bernoulli(seed, offset, 1 - p, x.shape)
    y = np.multiply(x, mask)
    if p < 1:
        y *= x.dtype.type(1 / (1 - p))
    return y, mask


def _dropout_shape(x: Any, seed: int, offset: int, *, p: float) -> tuple[MetaArray, ...]:
    return MetaArray(x.shape, x.dtype), MetaArray(x.shape, np.dtype(np.bool_))


Op("linear", "x, w, bias?", "opaque", unit=True)
Op("gelu", "x; approximate", "elementwise", unit=True)
Op("layer_norm", "x, weight?, bias?; ndims, eps", "opaque", outputs=3, unit=True)
Op("rms_norm", "x, weight?; ndims, eps", "opaque", outputs=2, unit=True)
Op("cross_entropy", "logits, target; label_smoothing, ignore_index, reduction", "opaque", outputs=2, unit=True)
Op("batch_norm", "x, weight?, bias?; eps", "opaque", outputs=3, unit=True)
Op("dropout", "x, seed, offset; p", "opaque", outputs=2, unit=True, differentiable=(0,))
register_rules(
    "numpy",
    {
        "linear": _linear,
        "gelu": gelu,
        "layer_norm": _layer_norm,
        "rms_norm": _rms_norm,
        "cross_entropy": _cross_entropy,
        "batch_norm": _batch_norm,
        "dropout": _dropout,
    },
)
register_rules(
    "shape",
    {
        "linear": _linear_shape,
        "gelu": _float_like("gelu"),
        "layer_norm": _layer_norm_shape,
        "rms_norm": _rms_norm_shape,
        "cross_entropy": _cross_entropy_shape,
        "batch_norm": _batch_norm_shape,
        "dropout": _dropout_shape,
    },
)
