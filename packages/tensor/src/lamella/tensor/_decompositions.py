"""Linear algebra of numpy arrays under `linalg` and `array_api.linalg`: what numpy's own functions do otherwise.

Shapes: matrices are the last two dims, all before them are batch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["axes_of", "cholesky", "cross", "matrix_rank", "pinv", "solve", "vecdot", "vector_norm"]


def cholesky(a: Any, upper: bool) -> Any:
    """The lower factor L of `a = L @ L^H`, or its conjugate transpose; LinAlgError where `a` is not positive."""
    try:
        factor = np.linalg.cholesky(a)
    except np.linalg.LinAlgError as error:
        raise np.linalg.LinAlgError(f"cholesky: {error}") from None
    return factor.mT.conj() if upper else factor


def cross(a: Any, b: Any, axis: int) -> Any:
    """Cross product along `axis` (negative, counted after broadcasting), whose size is 3 on both sides."""
    for part in (a, b):
        if not -part.ndim <= axis < 0 or part.shape[axis] != 3:
            raise ValueError(f"cross needs size 3 along axis {axis} (negative), got shapes {a.shape} and {b.shape}")
    first, second = np.broadcast_arrays(a, b)
    return np.cross(first, second, axis=axis)


def vecdot(a: Any, b: Any, axis: int) -> Any:
    """Sum of `conj(a) * b` along `axis` (negative, counted after broadcasting), whose size is equal on both sides."""
    for part in (a, b):
        if not -part.ndim <= axis < 0:
            raise ValueError(f"vecdot needs an axis between -{part.ndim} and -1 for shape {part.shape}, got {axis}")
    if a.shape[axis] != b.shape[axis]:
        raise ValueError(f"vecdot needs equal sizes along axis {axis}, got shapes {a.shape} and {b.shape}")
    first, second = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    return np.matmul(first.conj()[..., None, :], second[..., None])[..., 0, 0]


def solve(a: Any, b: Any, vector: bool) -> Any:
    """`x` of `a @ x = b`, with `b` a batch of vectors or of matrices; LinAlgError where `a` is singular."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"solve needs square matrices, got shape {a.shape}")
    right = b[..., None] if vector else b
    if right.ndim < 2 or right.shape[-2] != a.shape[-1]:
        raise ValueError(f"solve of matrices {a.shape} needs as many rows on the right, got shape {b.shape}")
    found = np.linalg.solve(a, right)
    return found[..., 0] if vector else found


def _tolerance(values: Any, shape: tuple[int, ...], atol: Any, rtol: Any) -> Any:
    """Below what a singular value counts as zero, a number a matrix with a last dim of 1."""
    largest = values.max(axis=-1, keepdims=True, initial=0)
    if rtol is None:
        rtol = max(shape[-2:]) * np.finfo(values.dtype).eps if atol is None else 0.0
    found = largest * np.asarray(rtol, values.dtype)[..., None]
    return found if atol is None else np.maximum(found, np.asarray(atol, values.dtype)[..., None])


def matrix_rank(a: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """How many singular values are above `max(atol, rtol * largest)`; rtol is the larger size times eps by default."""
    if a.ndim < 2:
        raise ValueError(f"matrix_rank needs at least two dims, got shape {a.shape}")
    values = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    return np.count_nonzero(values > _tolerance(values, a.shape, atol, rtol), axis=-1)


def pinv(a: Any, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """The Moore-Penrose inverse, from singular values above `max(atol, rtol * largest)`."""
    if a.ndim < 2:
        raise ValueError(f"pinv needs at least two dims, got shape {a.shape}")
    u, values, vh = np.linalg.svd(a, full_matrices=False, hermitian=hermitian)
    kept = values > _tolerance(values, a.shape, atol, rtol)
    inverse = np.where(kept, 1 / np.where(kept, values, 1), 0)
    return np.matmul(vh.mT.conj(), inverse[..., None] * u.mT.conj())


def axes_of(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front, all for None; ValueError where one is out of bounds or named twice."""
    named: Any = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    if not isinstance(named, (tuple, range)) or not all(isinstance(one, int) for one in named):
        raise TypeError(f"axis must be an int, a tuple of ints or None, got {axis!r}")
    for one in named:
        if not -ndim <= one < ndim:
            raise ValueError(f"axis {one} is out of bounds for {ndim} dims")
    found = tuple(one % ndim for one in named)
    if len(set(found)) != len(found):
        raise ValueError(f"an axis is named twice in {axis}")
    return found


def vector_norm(a: Any, order: float, axis: int | tuple[int, ...] | None, keepdims: bool) -> Any:
    """`(sum |a|^order)^(1/order)` over axes: largest or smallest for +-inf, the count of nonzeros for 0."""
    if not isinstance(order, (int, float)) or isinstance(order, bool):
        raise ValueError(f"the order of a vector norm is a number, got {order!r}")
    axes = axes_of(axis, a.ndim)
    if order == 0:
        return np.sum(a != 0, axis=axes, keepdims=keepdims, dtype=np.abs(a[:0] if a.ndim else a).dtype)
    size = np.abs(a)
    if order == math.inf:
        return np.max(size, axis=axes, keepdims=keepdims, initial=0)
    if order == -math.inf:
        return np.min(size, axis=axes, keepdims=keepdims)
    if order == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    if order == 2:
        return np.sqrt(np.sum(np.square(size), axis=axes, keepdims=keepdims))
    return np.power(np.sum(np.power(size, order), axis=axes, keepdims=keepdims), 1 / order).astype(
        size.dtype, copy=False
    )
