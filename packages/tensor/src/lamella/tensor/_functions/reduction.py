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
from .._state import GRAD, HOT
from .common import require_float, run, tensor_of, to_dtype, wide
from .elementwise import where
from .movement import reshape

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["all", "amax", "amin", "any", "argmax", "argmin", "logsumexp", "mean", "prod", "std", "sum", "var"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "sum",
    "prod",
    "mean",
    "var",
    "std",
    "amax",
    "amin",
    "any",
    "all",
    "argmax",
    "argmin",
    "logsumexp",
)
IN_PLACE: tuple[str, ...] = ()

_SUM, _PROD, _AMAX, _AMIN, _ANY, _ALL = (OPS[n] for n in ("sum", "prod", "amax", "amin", "any", "all"))
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


def prod(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Product over dims (all by default); integers and bools give int64."""
    return _reduce(_PROD, x, dim, keepdim, axis, keepdims)


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
    dims, kept = dims_of(the_dim(dim, axis), t._data.ndim), bool(keepdim if keepdims is None else keepdims)
    return wide("mean", t, lambda w: _mean(w, dims, kept))


def _mean(t: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    shape = t._data.shape
    total = cast("Tensor", dispatch(_SUM, (t,), {"dims": dims, "keepdim": keepdim}))
    count: int = math.prod([shape[d] for d in dims])
    return total / count


def _var(t: Tensor, dims: tuple[int, ...], correction: int, keepdim: bool) -> Tensor:
    shape = t._data.shape
    centred = p.sub(t, _mean(t, dims, True))
    total = run("sum", (p.mul(centred, centred),), dims=dims, keepdim=keepdim)
    return p.div(total, max(math.prod([shape[d] for d in dims]) - correction, 0))


def var(x: Any, dim: Any = None, correction: int = 1, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Variance over dims, with `correction` subtracted from the count; NaN where nothing is left to divide by."""
    t = require_float(x, "var")
    dims = dims_of(the_dim(dim, axis), t._data.ndim)
    return wide("var", t, lambda w: _var(w, dims, correction, bool(keepdim)))


def std(x: Any, dim: Any = None, correction: int = 1, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Standard deviation over dims: the root of `var`."""
    t = require_float(x, "std")
    dims = dims_of(the_dim(dim, axis), t._data.ndim)
    return wide("std", t, lambda w: p.sqrt(_var(w, dims, correction, bool(keepdim))))


def logsumexp(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """log(sum(exp(x))) over dims, without overflow; -inf over an empty dim."""
    t = require_float(x, "logsumexp")
    dims = dims_of(the_dim(dim, axis), t._data.ndim)
    out = wide("logsumexp", t, lambda w: _logsumexp(w, dims))
    return out if keepdim else reshape(out, tuple(n for i, n in enumerate(t._data.shape) if i not in dims))


def _logsumexp(t: Tensor, dims: tuple[int, ...]) -> Tensor:
    if 0 in [t._data.shape[d] for d in dims]:
        return p.log(run("sum", (t,), dims=dims, keepdim=True))
    top = run("amax", (t,), dims=dims, keepdim=True).detach()
    top = where(p.eq(p.abs(top), math.inf), 0.0, top)
    return p.add(p.log(run("sum", (p.exp(p.sub(t, top)),), dims=dims, keepdim=True)), top)


def argmax(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Index (int64) of the first largest element along dim, or in the flattened tensor."""
    t = tensor_of(x, "argmax")
    at = the_dim(dim, axis)
    return run("argmax", (t,), dim=None if at is None else dim_of(at, t._data.ndim), keepdim=bool(keepdim))


def argmin(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Index (int64) of the first smallest element along dim, or in the flattened tensor."""
    t = tensor_of(x, "argmin")
    at = the_dim(dim, axis)
    return run("argmin", (t,), dim=None if at is None else dim_of(at, t._data.ndim), keepdim=bool(keepdim))
