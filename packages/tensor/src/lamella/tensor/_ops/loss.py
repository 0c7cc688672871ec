"""Kernels of losses: binary cross entropy of probabilities, and the element of each row that belongs to its class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._blocks import blocked, clip
from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from .composite import kept_targets, rows_of

__all__ = ["same_floats"]

_LEAST = -100.0  # what a logarithm counts at least, so that a certain and wrong prediction has a finite loss


def _logarithms(x: Any) -> tuple[Any, Any]:
    """log x and log (1 - x), bounded below."""
    yes = np.log(x)
    no = np.negative(x)
    np.log1p(no, out=no)
    clip(yes, yes, _LEAST, None)
    clip(no, no, _LEAST, None)
    return yes, no


@blocked
def _loss(out: Any, x: Any, target: Any) -> None:
    yes, no = _logarithms(x)
    # -(t yes + (1 - t) no) = t (no - yes) - no
    np.subtract(no, yes, out=out)
    out *= target
    out -= no


def _binary_cross_entropy(x: Any, target: Any) -> Any:
    same_floats(x, target)
    if x.size and not (np.minimum.reduce(x, axis=None) >= 0 and np.maximum.reduce(x, axis=None) <= 1):
        raise ValueError(
            "binary_cross_entropy needs probabilities in [0, 1]; apply a sigmoid first, or use "
            "binary_cross_entropy_with_logits"
        )
    return _loss(x, target)


def _pick_class(x: Any, target: Any, *, ignore_index: int | None, reduction: str) -> Any:
    _pick_class_shape(x, target, ignore_index=ignore_index, reduction=reduction)
    at, keep = kept_targets(target, x.shape[1], ignore_index, "nll_loss")
    picked = x[_elements(at)]
    if keep is not None:
        picked = np.where(keep, picked, np.zeros((), x.dtype))
    if reduction == "none":
        return picked
    total = np.add.reduce(picked, axis=None, dtype=_wide(x.dtype))
    if reduction == "mean":
        total = total / (at.size if keep is None else np.count_nonzero(keep))
    return np.asarray(total, x.dtype)


def _pick_class_grad(g: Any, target: Any, *, classes: int, ignore_index: int | None, reduction: str) -> Any:
    at, keep = kept_targets(target, classes, ignore_index, "nll_loss")
    out = np.zeros((*at.shape[:1], classes, *at.shape[1:]), g.dtype)
    if reduction == "mean":
        g = (g.astype(_wide(g.dtype)) / (at.size if keep is None else np.count_nonzero(keep))).astype(g.dtype)
    out[_elements(at)] = g if keep is None else np.where(keep, g, np.zeros((), g.dtype))
    return out


def _elements(at: Any) -> tuple[Any, ...]:
    """The index, in [N, C, d...], of what the classes at [N, d...] name."""
    if at.ndim == 1:
        return rows_of(len(at)), at
    first, *others = np.ogrid[tuple(slice(n) for n in at.shape)]
    return first, at, *others


def _wide(dtype: Any) -> Any:
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def same_floats(*xs: Any, name: str = "binary_cross_entropy") -> MetaArray:
    """The shape rule of losses element by element and of their backward steps."""
    for x in xs:
        if not hasattr(x, "shape") or x.dtype.kind in "biuc" or x.dtype != xs[0].dtype:
            kinds = ", ".join(str(getattr(v, "dtype", type(v).__name__)) for v in xs)
            raise TypeError(f"{name} needs real floating tensors of one dtype, got {kinds}; use .to()")
    return MetaArray(broadcast_shapes(*[x.shape for x in xs]), xs[0].dtype)


def _pick_class_shape(x: Any, target: Any, *, ignore_index: int | None, reduction: str) -> MetaArray:
    if len(x.shape) < 2 or tuple(target.shape) != (*x.shape[:1], *x.shape[2:]):
        raise ValueError(f"pick_class needs x [N, C, d...] and target [N, d...], got {x.shape} and {target.shape}")
    if target.dtype.kind not in "iu":
        raise TypeError(f"pick_class needs integer classes, got {target.dtype}; convert them with .to(int64)")
    return MetaArray(target.shape if reduction == "none" else (), x.dtype)


def _pick_class_grad_shape(g: Any, target: Any, *, classes: int, ignore_index: int | None, reduction: str) -> MetaArray:
    return MetaArray((*target.shape[:1], classes, *target.shape[1:]), g.dtype)


Op("binary_cross_entropy", "x, target", "elementwise")
Op("pick_class", "x, target; ignore_index, reduction", "opaque")
Op("pick_class_grad", "g, target; classes, ignore_index, reduction", "opaque")
register_rules(
    "numpy",
    {
        "binary_cross_entropy": _binary_cross_entropy,
        "pick_class": _pick_class,
        "pick_class_grad": _pick_class_grad,
    },
)
register_rules(
    "shape",
    {
        "binary_cross_entropy": same_floats,
        "pick_class": _pick_class_shape,
        "pick_class_grad": _pick_class_grad_shape,
    },
)
register_rules(
    "flops",
    {
        "pick_class": lambda xs, outs, params: math.prod(xs[1].shape),
        "pick_class_grad": lambda xs, outs, params: math.prod(xs[1].shape),
    },
)
