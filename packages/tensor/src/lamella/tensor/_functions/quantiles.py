"""Quantiles: sort, then read between the neighbours of a rank."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _pointwise as pw
from .._arguments import number
from .._base import TensorBase
from .._creation import tensor
from .._dims import dim_of, the_dim
from .._dtype import DType, float32, float64, from_numpy_dtype, int64
from .._state import tls
from .common import along, run, tensor_of, to_dtype
from .elementwise import where
from .movement import expand, narrow, permute, reshape

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["nanquantile", "quantile"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("nanquantile", "quantile")
IN_PLACE: tuple[str, ...] = ()

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear", axis: Any = None
) -> Tensor:
    """The q-quantiles over a dim (all elements by default), q a number or 1-d tensor in [0, 1]; NaN wins.

    Several quantiles are the first dim of the result. Between two elements `interpolation` decides: linear, lower,
    higher, midpoint or nearest.
    """
    return _quantile("quantile", x, q, the_dim(dim, axis), keepdim, interpolation)


def nanquantile(
    x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear", axis: Any = None
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN where there are none."""
    return _quantile("nanquantile", x, q, the_dim(dim, axis), keepdim, interpolation)


def _quantile(name: str, x: Any, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Tensor:
    t = tensor_of(x, name)
    dtype = from_numpy_dtype(t._data.dtype)
    if dtype not in (float32, float64):
        raise TypeError(f"{name} needs a float32 or float64 tensor, got {dtype}; convert it with .to(float32)")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(f"{name}: interpolation is one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}")
    shape = tuple(t._data.shape)
    rank = len(shape)
    at = None if dim is None else dim_of(dim, rank)
    if at is None:
        rows = reshape(t, -1) if rank != 1 else t
    else:
        rows = (
            reshape(t, 1) if not rank else t if at == rank - 1 else permute(t, *[d for d in range(rank) if d != at], at)
        )
    if rows._data.shape[-1] == 0:
        raise ValueError(f"{name} over no elements has no value; got shape {shape}")
    kept = (1,) * rank if at is None else tuple(1 if d == at else n for d, n in enumerate(shape))
    inner = kept if keepdim else () if at is None else tuple(n for d, n in enumerate(shape) if d != at)
    ordered = along("sort", rows, -1, descending=False)[0]
    if name == "quantile" and not isinstance(q, TensorBase):
        if not 0 <= number(q, f"{name}: q") <= 1:
            raise ValueError(f"{name}: q lies in [0, 1], got {q}")
        return reshape(_at_fraction(ordered, q, interpolation), inner)
    several = isinstance(q, TensorBase) and q._data.ndim == 1
    q = _fractions(name, q, dtype)
    out = _of_rows(ordered, q, name == "nanquantile", interpolation)
    lead = out._data.ndim - 1
    return reshape(permute(out, lead, *range(lead)), (int(q._data.shape[0]), *inner) if several else inner)


def _at_fraction(ordered: Any, q: float, interpolation: str) -> Any:
    """One quantile by a number: its neighbours stand at known places."""
    n = ordered._data.shape[-1]
    one = ordered._data.dtype.type
    rank = one(q) * one(n - 1)
    low, high = math.floor(rank), math.ceil(rank)
    if interpolation in ("lower", "nearest"):
        low = round(float(rank)) if interpolation == "nearest" else low
        out = narrow(ordered, -1, low, 1)
    elif interpolation == "higher" or low == high:
        out = narrow(ordered, -1, high, 1)
    else:
        weight = 0.5 if interpolation == "midpoint" else float(rank - one(low))
        below, above = narrow(ordered, -1, low, 1), narrow(ordered, -1, high, 1)
        out = _between(below, above, weight)
    last = narrow(ordered, -1, n - 1, 1)  # NaN are the last
    return where(pw.eq(last, last), out, last)


def _between(below: Any, above: Any, weight: float) -> Any:
    # equal infinities have no distance
    gap = where(pw.eq(below, above), 0.0, pw.sub(above, below))
    return pw.add(below, pw.mul(gap, weight)) if weight < 0.5 else pw.sub(above, pw.mul(gap, 1.0 - weight))


def _fractions(name: str, q: Any, dtype: DType) -> Tensor:
    if not isinstance(q, TensorBase):
        if not 0 <= number(q, f"{name}: q") <= 1:
            raise ValueError(f"{name}: q lies in [0, 1], got {q}")
        return tensor([q], dtype=dtype)
    if q._data.ndim > 1 or q._data.dtype != dtype.numpy:
        raise TypeError(
            f"{name}: q is a number, or a 0-d or 1-d tensor of the dtype {dtype} of x, got "
            f"{from_numpy_dtype(q._data.dtype)} of shape {tuple(q._data.shape)}"
        )
    # what a trace follows has no values yet
    if tls.trace is None and type(q._data) is np.ndarray and not ((q._data >= 0) & (q._data <= 1)).all():
        raise ValueError(f"{name}: q lies in [0, 1], got {q._data.tolist()}")
    return reshape(q, -1)


def _of_rows(ordered: Any, q: Any, skip_nan: bool, interpolation: str) -> Any:
    """Quantiles [..., Q] of the sorted last dim."""
    n = ordered._data.shape[-1]
    shape = (*ordered._data.shape[:-1], int(q._data.shape[0]))
    if skip_nan:
        count = run("sum", (pw.eq(ordered, ordered),), dims=(len(shape) - 1,), keepdim=True)
        last = to_dtype(pw.sub(count, 1), from_numpy_dtype(q._data.dtype))
        rank = pw.maximum(pw.mul(q, last), 0.0)
    else:
        whole = pw.eq(narrow(ordered, -1, n - 1, 1), narrow(ordered, -1, n - 1, 1))  # NaN are the last
        rank = where(whole, pw.mul(q, float(n - 1)), float(n - 1))
    rank = expand(rank, shape)
    if interpolation == "nearest":
        rank = _half_even(rank)
    low = pw.floor(rank)
    if interpolation in ("lower", "nearest"):
        return _read(ordered, low)
    high = pw.neg(pw.floor(pw.neg(rank)))
    if interpolation == "higher":
        return _read(ordered, high)
    weight: Any = 0.5 if interpolation == "midpoint" else pw.sub(rank, low)
    below, above = _read(ordered, low), _read(ordered, high)
    if interpolation == "linear":
        # from the nearer end, so that a weight of 0 or 1 gives the element itself
        near = weight < 0.5
        gap = where(pw.eq(below, above), 0.0, pw.sub(above, below))
        return where(near, pw.add(below, pw.mul(weight, gap)), pw.sub(above, pw.mul(pw.sub(1.0, weight), gap)))
    return pw.add(below, pw.mul(pw.sub(above, below), weight))


def _half_even(rank: Any) -> Any:
    low = pw.floor(rank)
    rest = pw.sub(rank, low)
    odd = pw.ne(pw.sub(low, pw.mul(pw.floor(pw.mul(low, 0.5)), 2.0)), 0.0)
    up = pw.logical_or(pw.gt(rest, 0.5), pw.logical_and(pw.eq(rest, 0.5), odd))
    return pw.add(low, to_dtype(up, from_numpy_dtype(rank._data.dtype)))


def _read(ordered: Any, rank: Any) -> Any:
    return run("gather", (ordered, to_dtype(rank.detach(), int64)), dim=ordered._data.ndim - 1)
