"""The products of the main namespace, which the extension `linalg` repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _decompositions as kernels
from ._array import Array, pair, storage, wrap

__all__ = ["matmul", "matrix_transpose", "tensordot", "vecdot"]


def matmul(x1: Array, x2: Array, /) -> Array:
    """Matrix product; ValueError for an operand without dims."""
    return wrap(np.matmul(*pair(x1, x2, "matmul", "numeric", scalars=False)))


def matrix_transpose(x: Array, /) -> Array:
    """The transpose of the last two dims; ValueError for fewer."""
    data = storage(x, "matrix_transpose")
    if data.ndim < 2:
        raise ValueError(f"matrix_transpose needs at least two dims, got shape {data.shape}")
    return wrap(data.mT)


def tensordot(x1: Array, x2: Array, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Sum of products over the last `axes` dims of `x1` with the first of `x2`, or over named ones of equal size."""
    a, b = pair(x1, x2, "tensordot", "numeric", scalars=False)
    if isinstance(axes, int):
        count = axes
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot over {count} dims of shapes {a.shape} and {b.shape}")
        sides: tuple[Sequence[int], Sequence[int]] = (range(a.ndim - count, a.ndim), range(count))
    else:
        sides = axes
    first, second = (kernels.axes_of(tuple(side), data.ndim) for side, data in zip(sides, (a, b), strict=True))
    if [a.shape[i] for i in first] != [b.shape[i] for i in second]:  # numpy would broadcast sizes of 1
        raise ValueError(f"tensordot needs equal sizes along {first} of {a.shape} and {second} of {b.shape}")
    return wrap(np.tensordot(a, b, axes=(first, second)))


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Sum of `conj(x1) * x2` along `axis`, a negative number; the other dims broadcast."""
    a, b = pair(x1, x2, "vecdot", "numeric", scalars=False)
    return wrap(kernels.vecdot(a, b, axis))
