"""Products of matrices, and of vectors in space. Operands have one dtype; half types are computed in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._integer_product import integer_product
from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from .._promotion import refusal
from .._random._parallel import split

__all__: list[str] = []

_MANY, _GRAIN = 1 << 15, 1 << 18  # elements
_FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
_TURNS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def _outer(a: Any, b: Any) -> Any:
    out = np.empty((len(a), len(b)), a.dtype)

    def fill(start: int, stop: int) -> None:
        if out.dtype in _FLOATS:  # two thirds of the time of a product that broadcasts
            np.einsum("i,j->ij", a[start:stop], b, out=out[start:stop])
        else:
            np.multiply(a[start:stop, None], b, out=out[start:stop])

    split(len(a), max(_GRAIN // len(b), 1), fill)
    return out


def _matmul(a: Any, b: Any) -> Any:
    dtype = a.dtype
    if b.dtype != dtype or dtype.kind == "b":
        _matmul_shape(a, b)  # it says what is wrong
    if a.ndim > 1 < b.ndim and a.shape[-1] == 1 == b.shape[-2]:  # columns times rows, for which BLAS is slow
        if a.ndim == b.ndim == 2 and a.size * b.size > _MANY and dtype.itemsize >= 4:
            return _outer(a[:, 0], b[0])
        return np.multiply(a, b)
    if dtype.itemsize < 4 and dtype.kind not in "iu":
        return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(dtype)
    product = integer_product if dtype.kind in "iu" else np.matmul
    if b.ndim == 2 and a.ndim > 2 and a.size and a.flags.c_contiguous:  # one product, not one for each matrix of a
        return product(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[1])
    return product(a, b)


def _matmul_shape(a: Any, b: Any) -> MetaArray:
    if not a.shape or not b.shape:
        raise ValueError(f"matmul needs at least one dim on both sides, got {a.shape} @ {b.shape}; use * for a scalar")
    if a.dtype != b.dtype:
        raise TypeError(f"matmul needs tensors of one dtype, got {a.dtype} and {b.dtype}; cast one with .to(dtype)")
    if a.dtype.kind == "b":
        raise TypeError(refusal("matmul", "b"))
    left = a.shape if len(a.shape) > 1 else (1, *a.shape)
    right = b.shape if len(b.shape) > 1 else (*b.shape, 1)
    if left[-1] != right[-2]:
        raise ValueError(f"matmul of {a.shape} @ {b.shape}: the inner dims {left[-1]} and {right[-2]} differ")
    batch = broadcast_shapes(left[:-2], right[:-2])
    out = (*batch, *(left[-2:-1] if len(a.shape) > 1 else ()), *(right[-1:] if len(b.shape) > 1 else ()))
    return MetaArray(out, a.dtype)


def _cross(x: Any, y: Any, *, dim: int) -> Any:
    shape, dtype = _cross_shape(x, y, dim=dim).shape, x.dtype
    if dtype.itemsize < 4 and dtype.kind not in "iu":
        x, y = x.astype(np.float32), y.astype(np.float32)
    behind: Any = (slice(None),) * (-dim - 1)
    a, b = ([v[(..., i, *behind)] for i in range(3)] for v in (x, y))
    out = np.empty(shape, x.dtype)
    for i, j, k in _TURNS:
        part = out[(..., i, *behind)]
        np.multiply(a[j], b[k], out=part)
        np.subtract(part, a[k] * b[j], out=part)
    return out if x.dtype == dtype else out.astype(dtype)


def _cross_shape(x: Any, y: Any, *, dim: int) -> MetaArray:
    if x.dtype != y.dtype:
        raise TypeError(f"cross needs tensors of one dtype, got {x.dtype} and {y.dtype}; cast one with .to(dtype)")
    if x.dtype.kind == "b":
        raise TypeError(refusal("cross", "b"))
    if min(len(x.shape), len(y.shape)) < -dim or x.shape[dim] != 3 or y.shape[dim] != 3:
        raise ValueError(f"cross needs size 3 along dim {dim}, got shapes {x.shape} and {y.shape}")
    return MetaArray(x.shape if x.shape == y.shape else broadcast_shapes(x.shape, y.shape), x.dtype)


Op("matmul", "a, b", "... m k, ... k n -> ... m n; reduce k")
Op("cross", "x, y; dim", "opaque")  # dim is negative: it counts from the last, as batch dims come in front
register_rules("numpy", {"matmul": _matmul, "cross": _cross})
register_rules("shape", {"matmul": _matmul_shape, "cross": _cross_shape})
register_rules("flops", {"cross": lambda xs, outs, params: 3 * math.prod(outs[0].shape)})
