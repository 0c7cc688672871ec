"""Softmax and its logarithm along a dim, and the steps of their backward rules.

Along the last dim a few rows at a time go through all passes while they are in the cache, on several threads where
there is much to do; half types are computed in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from ._parts import by_images
from .reduction import total

__all__ = ["log_softmax", "log_softmax_grad", "softmax", "softmax_grad"]

_BLOCK_BYTES = 1 << 18
_largest: Any = np.maximum.reduce
_add: Any = np.add.reduce


def _normalize(x: Any, dim: int, out: Any) -> None:
    np.subtract(x, _largest(x, axis=dim, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= total(out, (dim,), True)


def _log_normalize(x: Any, dim: int, out: Any) -> None:
    np.subtract(x, _largest(x, axis=dim, keepdims=True), out=out)
    out -= np.log(_add(np.exp(out), axis=dim, keepdims=True))


def _softmax_back(g: Any, y: Any, dim: int, out: Any) -> None:
    np.multiply(g, y, out=out)
    np.subtract(g, total(out, (dim,), True), out=out)
    out *= y


def _log_softmax_back(g: Any, y: Any, dim: int, out: Any) -> None:
    np.exp(y, out=out)
    out *= total(g, (dim,), True)
    np.subtract(g, out, out=out)


def _by_rows(fill: Callable[..., None]) -> Callable[..., Any]:
    """The kernel of an op from `fill(*arrays, dim, out)`, which works along any dim of whole arrays."""

    def kernel(*xs: Any, dim: int) -> Any:
        x = xs[-1]
        dtype = x.dtype
        wide = np.dtype(np.float32) if dtype.itemsize < 4 else dtype
        if not x.size:
            return x.copy()
        rows = x.ndim > 1 and dim == x.ndim - 1 and x.nbytes > _BLOCK_BYTES
        if not rows or any(not a.flags.c_contiguous or a.shape != x.shape for a in xs):
            out = np.empty(x.shape, wide)
            fill(*[a.astype(wide, copy=False) for a in xs], dim, out)
            return out if wide is dtype else out.astype(dtype)
        out = np.empty(x.shape, dtype)
        flat = out.reshape(-1, x.shape[-1])
        parts = [a.reshape(flat.shape) for a in xs]

        def some(at: slice) -> None:
            if wide is dtype:
                fill(*[a[at] for a in parts], 1, flat[at])
            else:
                scratch = np.empty(flat[at].shape, wide)
                fill(*[a[at].astype(wide) for a in parts], 1, scratch)
                flat[at] = scratch

        by_images(flat, some)
        return out

    return kernel


softmax = _by_rows(_normalize)
log_softmax = _by_rows(_log_normalize)
softmax_grad = _by_rows(_softmax_back)
log_softmax_grad = _by_rows(_log_softmax_back)


def _shape(name: str) -> Callable[..., MetaArray]:
    def shape(x: Any, *, dim: int) -> MetaArray:
        if x.dtype.kind in "biuc":
            raise TypeError(f"{name} needs a real floating tensor, got {x.dtype}; convert it with .to(float32)")
        return MetaArray(x.shape, x.dtype)

    return shape


Op("softmax", "x; dim", "opaque", unit=True)
Op("log_softmax", "x; dim", "opaque", unit=True)
register_rules("numpy", {"softmax": softmax, "log_softmax": log_softmax})
register_rules("shape", {n: _shape(n) for n in ("softmax", "log_softmax")})
