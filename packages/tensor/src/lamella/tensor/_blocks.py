"""Kernels of several passes over memory, run block by block.

`@blocked` turns `kernel(out, *xs, **params)`, which fills `out` from operands of its own shape, into a kernel of an op:
a block and its temporaries stay in the cache, several threads take large arrays, half types are computed in float32
and rounded once. Element i of a result comes from the elements i of the operands alone, so blocks change no value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from ._random._parallel import split

__all__ = ["BITS", "blocked", "choose", "clip", "in_double", "masked", "select"]

_BLOCK = 16384
_BLOCK_BYTES = 1 << 17  # of one operand: with a few of them and of temporaries a block fits a second-level cache
_GRAIN = 8 * _BLOCK
_FLOAT32 = np.dtype(np.float32)
# the signed integers as wide as a dtype, to work on its bits
BITS = {n: np.dtype(f"i{n}") for n in (1, 2, 4, 8)}


def blocked(kernel: Callable[..., None]) -> Callable[..., Any]:
    """The kernel of an op from one that fills `out`; operands broadcast, real and complex floats keep their dtype."""

    @wraps(kernel)
    def run(*xs: Any, **params: Any) -> Any:
        x = xs[0]
        dtype = x.dtype
        if len(xs) > 1 and any(other.shape != x.shape for other in xs):
            xs = tuple(np.broadcast_arrays(*xs))
        out = np.empty(xs[0].shape, dtype)
        half = dtype.itemsize < 4 and dtype.kind in "fV"
        step = _BLOCK_BYTES // max(dtype.itemsize, 4)
        if out.size <= step and not half:
            if out.ndim:
                kernel(out, *xs, **params)
            else:  # a ufunc makes a scalar of an array without dims, which no temporary could be
                kernel(out.reshape(1), *[v.reshape(1) for v in xs], **params)
            return out
        flat = out.reshape(-1)
        parts = [np.ascontiguousarray(v).reshape(-1) for v in xs]

        def fill(start: int, stop: int) -> None:
            for low in range(start, stop, step):
                high = min(low + step, stop)
                block = [v[low:high] for v in parts]
                if half:
                    wide = np.empty(high - low, _FLOAT32)
                    kernel(wide, *[v.astype(_FLOAT32) for v in block], **params)
                    flat[low:high] = wide
                else:
                    kernel(flat[low:high], *block, **params)

        split(out.size, _GRAIN, fill)
        return out

    return run


def in_double(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of an op from `kernel(x, **params)`, which returns its values for a flat float64 array."""

    @wraps(kernel)
    def run(x: Any, **params: Any) -> Any:
        if x.size <= _BLOCK:
            return kernel(x.reshape(-1).astype(np.float64), **params).reshape(x.shape).astype(x.dtype, copy=False)
        out = np.empty(x.shape, x.dtype)
        flat, source = out.reshape(-1), np.ascontiguousarray(x).reshape(-1)

        def fill(start: int, stop: int) -> None:
            for low in range(start, stop, _BLOCK):
                block = slice(low, min(low + _BLOCK, stop))
                flat[block] = kernel(source[block].astype(np.float64), **params)

        split(out.size, _BLOCK, fill)
        return out

    return run


@lru_cache(maxsize=128)
def _bound(value: float | None, highest: bool, dtype: Any) -> Any:
    """An array without dims: a number would be converted at every call."""
    if value is None:
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        if limits is None:
            value = math.inf if highest else -math.inf
        else:
            value = limits.max if highest else limits.min
    return np.asarray(dtype.type(value))


def clip(out: Any, x: Any, low: float | None, high: float | None) -> None:
    """out = min(max(x, low), high) of real numbers, where None sets no bound and NaN stays.

    numpy's clip is one pass of vector instructions; its maximum and minimum of an array and a number are not.
    """
    x.clip(_bound(low, False, x.dtype), _bound(high, True, x.dtype), out=out)


def select(out: Any, mask: Any, a: Any, b: Any) -> None:
    """out = a where mask else b, for real arrays of one dtype and shape (b may be `out` itself).

    `where` branches at every element; b + (a - b) * mask is exact in the integers that the bits make.
    """
    if out.size < 256:
        np.copyto(out, np.where(mask, a, b))
        return
    bits = BITS[out.dtype.itemsize]
    other = b.view(bits)
    chosen = np.subtract(a.view(bits), other)
    chosen *= mask.view(np.int8).astype(bits)
    np.add(chosen, other, out=out.view(bits))


def masked(out: Any, mask: Any, a: Any) -> None:
    """out = a where mask else 0, also where a is not finite."""
    if out.size < 256:
        np.copyto(out, np.where(mask, a, out.dtype.type(0)))
        return
    bits = BITS[out.dtype.itemsize]
    np.multiply(a.view(bits), mask.view(np.int8).astype(bits), out=out.view(bits))


def choose(mask: Any, a: Any, b: Any) -> Any:
    """A new array: a where mask else b, for arrays of one dtype of at most 8 bytes; a and b have mask's shape or no
    dims.
    """
    bits = BITS[a.dtype.itemsize]
    out = np.empty(mask.shape, a.dtype)
    into = out.reshape(-1).view(bits)
    keep = np.ascontiguousarray(mask).reshape(-1).view(np.int8)
    x, y = ((np.ascontiguousarray(v).reshape(-1) if v.ndim else v).view(bits) for v in (a, b))

    def fill(start: int, stop: int) -> None:
        for low in range(start, stop, _BLOCK):
            part = slice(low, min(low + _BLOCK, stop))
            o, p, q = into[part], x[part] if x.ndim else x, y[part] if y.ndim else y
            np.subtract(p, q, out=o)
            np.multiply(o, keep[part].astype(bits), out=o)
            np.add(o, q, out=o)

    split(out.size, _GRAIN, fill)
    return out
