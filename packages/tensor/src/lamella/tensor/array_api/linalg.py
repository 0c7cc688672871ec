"""The extension `linalg`: matrices are the last two dims; a matrix that cannot be factored is numpy's LinAlgError."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _decompositions as kernels
from .._dtype import DType
from ._array import Array, pair, storage, wrap
from ._linear_algebra import matmul, matrix_transpose, tensordot, vecdot
from ._statistical import _sum_dtype

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip

_FLOATING = "floating-point"


class Eigh(NamedTuple):
    """Result of `eigh`."""

    eigenvalues: Array
    eigenvectors: Array


class QR(NamedTuple):
    """Result of `qr`."""

    Q: Array
    R: Array


class Slogdet(NamedTuple):
    """Result of `slogdet`."""

    sign: Array
    logabsdet: Array


class SVD(NamedTuple):
    """Result of `svd`."""

    U: Array
    S: Array
    Vh: Array


def _matrices(x: Any, name: str, square: bool = False, category: str = _FLOATING) -> Any:
    data = storage(x, name, category)
    if data.ndim < 2 or (square and data.shape[-1] != data.shape[-2]):
        raise ValueError(f"{name} needs {'square ' if square else ''}matrices in the last two dims, got {data.shape}")
    return data


def cholesky(x: Array, /, *, upper: bool = False) -> Array:
    """The lower triangular L of `x = L @ L^H`, or its conjugate transpose, of positive definite matrices."""
    return wrap(kernels.cholesky(_matrices(x, "cholesky", square=True), upper))


def cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Cross product along an axis of size 3, a negative number; the other dims broadcast."""
    a, b = pair(x1, x2, "cross", "numeric", scalars=False)
    return wrap(kernels.cross(a, b, axis))


def det(x: Array, /) -> Array:
    """Determinants."""
    return wrap(np.linalg.det(_matrices(x, "det", square=True)))


def diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """The diagonals of the last two dims, `offset` above the main one."""
    return wrap(np.diagonal(_matrices(x, "diagonal", category="any"), offset=offset, axis1=-2, axis2=-1))


def eigh(x: Array, /) -> Eigh:
    """Ascending eigenvalues and eigenvectors of Hermitian matrices, of which the lower triangle is read."""
    return Eigh(*map(wrap, np.linalg.eigh(_matrices(x, "eigh", square=True))))


def eigvalsh(x: Array, /) -> Array:
    """Ascending eigenvalues of Hermitian matrices, of which the lower triangle is read."""
    return wrap(np.linalg.eigvalsh(_matrices(x, "eigvalsh", square=True)))


def inv(x: Array, /) -> Array:
    """Inverses."""
    return wrap(np.linalg.inv(_matrices(x, "inv", square=True)))


def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Array:
    """A norm of matrices: "fro", "nuc", +-1 and +-inf (sums of columns or rows), +-2 (singular values)."""
    order: Any = ord
    return wrap(np.linalg.norm(_matrices(x, "matrix_norm"), ord=order, axis=(-2, -1), keepdims=keepdims))


def matrix_power(x: Array, n: int, /) -> Array:
    """Matrices times themselves, inverted first for a negative `n`."""
    return wrap(np.linalg.matrix_power(_matrices(x, "matrix_power", square=True), n))


def matrix_rank(x: Array, /, *, rtol: float | Array | None = None) -> Array:
    """How many singular values are above `rtol` (the larger size times eps by default) times the largest."""
    return wrap(kernels.matrix_rank(_matrices(x, "matrix_rank"), rtol=_tolerance(rtol, "matrix_rank")))


def outer(x1: Array, x2: Array, /) -> Array:
    """All products of the elements of two vectors."""
    a, b = pair(x1, x2, "outer", "numeric", scalars=False)
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError(f"outer needs two vectors, got shapes {a.shape} and {b.shape}")
    return wrap(np.multiply.outer(a, b))


def pinv(x: Array, /, *, rtol: float | Array | None = None) -> Array:
    """Moore-Penrose inverses, from singular values above `rtol` times the largest."""
    return wrap(kernels.pinv(_matrices(x, "pinv"), rtol=_tolerance(rtol, "pinv")))


def _tolerance(rtol: Any, name: str) -> Any:
    return storage(rtol, f"{name} (rtol)", "real floating-point") if type(rtol) is Array else rtol


def qr(x: Array, /, *, mode: str = "reduced") -> QR:
    """Orthonormal Q and upper triangular R of `x = Q @ R`; Q is square for mode="complete"."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode must be 'reduced' or 'complete', got {mode!r}")
    found: Any = np.linalg.qr(_matrices(x, "qr"), mode="reduced" if mode == "reduced" else "complete")
    return QR(*map(wrap, found))


def slogdet(x: Array, /) -> Slogdet:
    """Signs of determinants and logarithms of their sizes."""
    return Slogdet(*map(wrap, np.linalg.slogdet(_matrices(x, "slogdet", square=True))))


def solve(x1: Array, x2: Array, /) -> Array:
    """The `x` of `x1 @ x = x2`; `x2` is one vector where it has one dim, and matrices otherwise."""
    a, b = pair(x1, x2, "solve", _FLOATING, scalars=False)
    return wrap(kernels.solve(a, b, vector=b.ndim == 1))


def svd(x: Array, /, *, full_matrices: bool = True) -> SVD:
    """Singular values S, descending, with U and Vh of `x = U @ diag(S) @ Vh`."""
    return SVD(*map(wrap, np.linalg.svd(_matrices(x, "svd"), full_matrices=full_matrices)))


def svdvals(x: Array, /) -> Array:
    """Singular values, descending."""
    return wrap(np.linalg.svd(_matrices(x, "svdvals"), compute_uv=False))


def trace(x: Array, /, *, offset: int = 0, dtype: DType | None = None) -> Array:
    """Sums of the diagonals of the last two dims; integers are summed in 64 bits."""
    data = _matrices(x, "trace", category="numeric")
    return wrap(np.trace(data, offset=offset, axis1=-2, axis2=-1, dtype=_sum_dtype(data, dtype, "trace")))


def vector_norm(
    x: Array, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ord: float = 2
) -> Array:
    """`(sum |x|^ord)^(1/ord)` over axes; the largest or smallest size for +-inf, the count of nonzeros for 0."""
    return wrap(kernels.vector_norm(storage(x, "vector_norm", _FLOATING), ord, axis, keepdims))
