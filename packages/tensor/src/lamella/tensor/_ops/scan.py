"""Running reductions along one dim.

Running sums and products of float32 and half types are carried in float64 and rounded once an element, so that the
error of every element is one rounding of the result, whatever its position. `cummax` and `cummin` also give the
position of the last largest (smallest) element so far; a NaN stays from where it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._promotion import refusal

__all__: list[str] = []

_INT64 = np.dtype(np.int64)


def _carried(ufunc: Any) -> Callable[..., Any]:
    def kernel(x: Any, *, dim: int) -> Any:
        dtype = x.dtype
        if dtype.kind in "biu":
            return ufunc.accumulate(x, axis=dim, dtype=np.int64)
        if dtype.itemsize == 8 or dtype.kind == "c":
            return ufunc.accumulate(x, axis=dim)
        if dtype.kind == "V":  # what ml_dtypes adds has no loop of mixed types
            x = x.astype(np.float32)
        return ufunc.accumulate(x, axis=dim, dtype=np.float64).astype(dtype)

    return kernel


def _running_shape(x: Any, *, dim: int) -> MetaArray:
    return MetaArray(x.shape, _INT64 if x.dtype.kind in "biu" else x.dtype)


def _logcumsumexp(x: Any, *, dim: int) -> Any:
    _logcumsumexp_shape(x, dim=dim)
    wide = x.astype(np.float64) if x.dtype.itemsize < 8 else x
    return np.logaddexp.accumulate(wide, axis=dim).astype(x.dtype, copy=False)


def _logcumsumexp_shape(x: Any, *, dim: int) -> MetaArray:
    if x.dtype.kind == "c":
        raise TypeError(refusal("logcumsumexp", "c"))
    if x.dtype.kind in "biu":
        raise TypeError(f"logcumsumexp needs a floating tensor, got {x.dtype}; convert it with .to(float32)")
    return MetaArray(x.shape, x.dtype)


def _extreme(name: str, ufunc: Any) -> Callable[..., Any]:
    shape = _extreme_shape(name)

    def kernel(x: Any, *, dim: int) -> Any:
        shape(x, dim=dim)
        wide = x.astype(np.float32) if x.dtype.kind == "V" else x
        best = ufunc.accumulate(wide, axis=dim)
        hit = wide == best
        if x.dtype.kind not in "biu":
            hit |= np.isnan(wide)
        at = np.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
        index = np.maximum.accumulate(np.multiply(hit, at), axis=dim)
        return best.astype(x.dtype, copy=False), index

    return kernel


def _extreme_shape(name: str) -> Callable[..., tuple[MetaArray, ...]]:
    def shape(x: Any, *, dim: int) -> tuple[MetaArray, ...]:
        if x.dtype.kind == "c":
            raise TypeError(refusal(name, "c"))
        return MetaArray(x.shape, x.dtype), MetaArray(x.shape, _INT64)

    return shape


Op("cumsum", "x; dim", "opaque")
Op("cumprod", "x; dim", "opaque")
Op("logcumsumexp", "x; dim", "opaque")
Op("cummax", "x; dim", "opaque", outputs=2, differentiable=(0,))
Op("cummin", "x; dim", "opaque", outputs=2, differentiable=(0,))
register_rules(
    "numpy",
    {
        "cumsum": _carried(np.add),
        "cumprod": _carried(np.multiply),
        "logcumsumexp": _logcumsumexp,
        "cummax": _extreme("cummax", np.maximum),
        "cummin": _extreme("cummin", np.minimum),
    },
)
register_rules(
    "shape",
    {
        "cumsum": _running_shape,
        "cumprod": _running_shape,
        "logcumsumexp": _logcumsumexp_shape,
        "cummax": _extreme_shape("cummax"),
        "cummin": _extreme_shape("cummin"),
    },
)
_ONE_STEP = ("cumprod", "cummax", "cummin", "logcumsumexp")
register_rules("flops", {name: lambda xs, outs, params: int(np.prod(xs[0].shape)) for name in _ONE_STEP})
