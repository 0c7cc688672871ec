"""Reductions over dims."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import _pointwise as p
from .._base import TensorBase, wrap
from .._dims import dim_of, dims_of, the_dim
from .._dispatch import dispatch
from .._dtype import DType
from .._engine import autograd
from .._op import OPS, Op
from .._promotion import default_float
from .._results import MinMax
from .._state import GRAD, HOT
from .common import run, selected, tensor_of, to_dtype, wide

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "max", "mean", "min", "nanmean",
    "nansum", "prod", "sum",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "sum", "prod", "mean", "amax", "amin", "aminmax", "any", "all", "argmax", "argmin", "count_nonzero", "max", "min",
    "nansum", "nanmean",
)  # fmt: skip
IN_PLACE: tuple[str, ...] = ()

_SUM, _PROD, _AMAX, _AMIN, _ANY, _ALL, _NANSUM, _COUNT = (
    OPS[n] for n in ("sum", "prod", "amax", "amin", "any", "all", "nansum", "count_nonzero")
)
_PLAIN_FLOATS = frozenset(map(np.dtype, (np.float32, np.float64)))
_SMALL_SUM = 4096
_add_reduce = np.add.reduce


def _reduce(op: Op, x: Any, dim: Any, keepdim: bool, axis: Any, keepdims: bool | None) -> Tensor:
    t = x if isinstance(x, TensorBase) else tensor_of(x, op.name)
    rank = t._data.ndim
    dims = tuple(range(rank)) if dim is None and axis is None else dims_of(the_dim(dim, axis), rank)
    params = {"dims": dims, "keepdim": bool(keepdim if keepdims is None else keepdims)}
    return cast("Tensor", dispatch(op, (t,), params))


def sum(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Sum over dims (all by default); integers and bools give int64, half types accumulate in float32."""
    if dim is None and axis is None and dtype is None and not keepdim and not keepdims and isinstance(x, TensorBase):
        # the end of most losses: a small plain tensor is summed without the general path
        flags = x._flags | HOT[0]
        data = x._data
        if flags <= GRAD and data.size <= _SMALL_SUM and data.dtype in _PLAIN_FLOATS:
            out = wrap(_add_reduce(data, axis=None))
            if flags:
                autograd().record(_SUM, (x,), {"dims": tuple(range(data.ndim)), "keepdim": False}, out)
            return out
    return _reduce(_SUM, x if dtype is None else to_dtype(x, dtype), dim, keepdim, axis, keepdims)


def nansum(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Sum over dims (all by default) with NaN counted as 0; TypeError for complex."""
    t = tensor_of(x, "nansum")
    return _reduce(_NANSUM, t if dtype is None else to_dtype(t, dtype), dim, keepdim, axis, keepdims)


def nanmean(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Mean over dims (all by default) of the elements that are not NaN; NaN where there are none."""
    t = tensor_of(x, "nanmean")
    if dtype is not None:
        t = to_dtype(t, dtype)
    dims, kept = dims_of(the_dim(dim, axis), t._data.ndim), bool(keepdim if keepdims is None else keepdims)

    def compute(w: Tensor) -> Tensor:
        count = run("sum", (p.eq(w, w),), dims=dims, keepdim=kept)
        return p.div(run("nansum", (w,), dims=dims, keepdim=kept), count)

    return wide("nanmean", t, compute)


def count_nonzero(x: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """How many elements over dims (all by default) are not 0, as int64; NaN is not 0."""
    return _reduce(_COUNT, x, dim, False, axis, None)


def prod(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Product over dims (all by default); integers and bools give int64, half types multiply in float32."""
    t = tensor_of(x, "prod")
    return _reduce(_PROD, t if dtype is None else to_dtype(t, dtype), dim, keepdim, axis, keepdims)


def amax(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Largest value over dims; NaN wins; equal maxima share the gradient evenly."""
    return _reduce(_AMAX, x, dim, keepdim, axis, keepdims)


def amin(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Smallest value over dims; NaN wins; equal minima share the gradient evenly."""
    return _reduce(_AMIN, x, dim, keepdim, axis, keepdims)


def any(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Whether any element over dims is true, as bool."""
    return _reduce(_ANY, x, dim, keepdim, axis, keepdims)


def all(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Whether every element over dims is true, as bool."""
    return _reduce(_ALL, x, dim, keepdim, axis, keepdims)


def mean(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Mean over dims (all by default) of a floating tensor; TypeError for integers unless a floating dtype is given."""
    t = tensor_of(x, "mean")
    if dtype is not None:
        t = to_dtype(t, dtype)
    if t._data.dtype.kind in "biu":
        raise TypeError(f"mean needs a floating tensor, got {t.dtype}; convert it with .to({default_float().name})")
    return _reduce(_MEAN, t, dim, keepdim, axis, keepdims)


def _mean_body(x: Tensor, *, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    shape = x._data.shape
    count: int = math.prod([shape[d] for d in dims])
    return wide("mean", x, lambda w: p.div(run("sum", (w,), dims=dims, keepdim=keepdim), count))


_MEAN = OPS["mean"]
_MEAN.body = _mean_body


def max(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Any:
    """Largest value of all, or Selected(values, indices) along a dim, or the larger of two tensors; NaN wins.

    The value of all shares its gradient among equal maxima; along a dim it goes to the first of them.
    """
    if isinstance(dim, TensorBase):
        _of_two("max", "maximum", keepdim, axis, keepdims)
        return p.maximum(x, dim)
    return _extreme("max", _AMAX, x, the_dim(dim, axis), keepdim if keepdims is None else keepdims)


def min(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Any:
    """Smallest value of all, or Selected(values, indices) along a dim, or the smaller of two tensors; NaN wins.

    The value of all shares its gradient among equal minima; along a dim it goes to the first of them.
    """
    if isinstance(dim, TensorBase):
        _of_two("min", "minimum", keepdim, axis, keepdims)
        return p.minimum(x, dim)
    return _extreme("min", _AMIN, x, the_dim(dim, axis), keepdim if keepdims is None else keepdims)


def _of_two(name: str, other: str, keepdim: Any, axis: Any, keepdims: Any) -> None:
    if keepdim is not False or axis is not None or keepdims is not None:
        raise TypeError(f"{name} of two tensors takes nothing more; it is {other}(a, b)")


def _extreme(name: str, over_all: Op, x: Any, dim: Any, keepdim: Any) -> Any:
    t = tensor_of(x, name)
    if dim is None:
        if 0 in t._data.shape:
            raise ValueError(f"{name} of an empty tensor has no value; got shape {tuple(t._data.shape)}")
        return _reduce(over_all, t, None, bool(keepdim), None, None)
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"{name} takes one dim and gives indices too; over several dims use a{name}")
    return selected(f"{name}_along", t, dim, keepdim=bool(keepdim))


def aminmax(
    x: Any, *, dim: Any = None, keepdim: bool = False, axis: Any = None, keepdims: bool | None = None
) -> MinMax:
    """MinMax(min, max) of all, or along a dim; NaN wins."""
    given = {"dim": the_dim(dim, axis), "keepdim": bool(keepdim if keepdims is None else keepdims)}
    return MinMax(amin(x, **given), amax(x, **given))


def argmax(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Index (int64) of the first largest element along dim, or in the flattened tensor."""
    t = tensor_of(x, "argmax")
    at = the_dim(dim, axis)
    kept = bool(keepdim if keepdims is None else keepdims)
    return run("argmax", (t,), dim=None if at is None else dim_of(at, t._data.ndim), keepdim=kept)


def argmin(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Index (int64) of the first smallest element along dim, or in the flattened tensor."""
    t = tensor_of(x, "argmin")
    at = the_dim(dim, axis)
    kept = bool(keepdim if keepdims is None else keepdims)
    return run("argmin", (t,), dim=None if at is None else dim_of(at, t._data.ndim), keepdim=kept)
