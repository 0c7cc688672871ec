"""Linear algebra over tensors: `import lamella.tensor.linalg`. Matrices are the last two dims, all before are batch.

Products, `diagonal`, `vector_norm` and the Frobenius norm are made of other functions and have derivatives; the
decompositions have none yet and refuse a tensor that requires grad. A matrix that cannot be factored is LinAlgError.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from . import _decompositions as kernels
from . import _pointwise as p
from ._arguments import number, shown
from ._dims import dim_of
from ._dtype import DType
from ._functions import views
from ._functions.common import tensor_of, to_dtype
from ._functions.movement import reshape
from ._functions.product import cross_along, matmul, matrix_power, multi_dot, outer, tensordot, vecdot
from ._functions.reduction import amax, amin, sum
from ._functions.statistics import vector_norm
from ._outside import back, memory, numbers
from ._tensor import Tensor

__all__ = [
    "LinAlgError", "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "vecdot", "vector_norm",
]  # fmt: skip


class Eigh(NamedTuple):
    """Result of `eigh`."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QR(NamedTuple):
    """Result of `qr`."""

    Q: Tensor
    R: Tensor


class Slogdet(NamedTuple):
    """Result of `slogdet`."""

    sign: Tensor
    logabsdet: Tensor


class SVD(NamedTuple):
    """Result of `svd`."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _matrices(x: Any, name: str, square: bool = False) -> Any:
    data = numbers(x, f"linalg.{name}")
    if data.ndim < 2 or (square and data.shape[-1] != data.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ValueError(f"linalg.{name} needs {kind} in the last two dims, got shape {data.shape}")
    return data


# -- decompositions


def cholesky(A: Any, *, upper: bool = False) -> Tensor:
    """The lower triangular L of `A = L @ L^H`, or its conjugate transpose, of positive definite matrices."""
    return back(kernels.cholesky(_matrices(A, "cholesky", square=True), upper))


def det(A: Any) -> Tensor:
    """Determinants of square matrices."""
    return back(np.linalg.det(_matrices(A, "det", square=True)))


def slogdet(A: Any) -> Slogdet:
    """Signs of determinants and logarithms of their sizes."""
    return Slogdet(*map(back, np.linalg.slogdet(_matrices(A, "slogdet", square=True))))


def _triangle(UPLO: str, name: str) -> Any:
    if UPLO not in ("L", "U"):
        raise ValueError(f"linalg.{name}: UPLO must be 'L' or 'U', the triangle that is read, got {UPLO!r}")
    return UPLO


def eigh(A: Any, UPLO: str = "L") -> Eigh:
    """Ascending eigenvalues and eigenvectors of Hermitian matrices, of which one triangle is read."""
    return Eigh(*map(back, np.linalg.eigh(_matrices(A, "eigh", square=True), _triangle(UPLO, "eigh"))))


def eigvalsh(A: Any, UPLO: str = "L") -> Tensor:
    """Ascending eigenvalues of Hermitian matrices, of which one triangle is read."""
    return back(np.linalg.eigvalsh(_matrices(A, "eigvalsh", square=True), _triangle(UPLO, "eigvalsh")))


def inv(A: Any) -> Tensor:
    """Inverses of square matrices."""
    return back(np.linalg.inv(_matrices(A, "inv", square=True)))


def _tolerance(value: Any, name: str, which: str) -> Any:
    if isinstance(value, Tensor):
        return memory(value, name)
    return None if value is None else number(value, f"{name}: {which}")


def matrix_rank(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """How many singular values are above `max(atol, rtol * largest)`.

    Without both, rtol is the larger size times eps.
    """
    low, share = _tolerance(atol, "linalg.matrix_rank", "atol"), _tolerance(rtol, "linalg.matrix_rank", "rtol")
    return back(kernels.matrix_rank(_matrices(A, "matrix_rank"), low, share, hermitian))


def pinv(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """Moore-Penrose inverses, from singular values above `max(atol, rtol * largest)`."""
    low, share = _tolerance(atol, "linalg.pinv", "atol"), _tolerance(rtol, "linalg.pinv", "rtol")
    return back(kernels.pinv(_matrices(A, "pinv"), low, share, hermitian))


def qr(A: Any, mode: str = "reduced") -> QR:
    """Q and R of `A = Q @ R`: "reduced", "complete" with square Q, or "r" with an empty Q."""
    data = _matrices(A, "qr")
    if mode == "r":
        return QR(back(np.empty((0,), data.dtype)), back(np.linalg.qr(data, mode="r")))
    if mode not in ("reduced", "complete"):
        raise ValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    found: Any = np.linalg.qr(data, mode="reduced" if mode == "reduced" else "complete")
    return QR(*map(back, found))


def solve(A: Any, B: Any, *, left: bool = True) -> Tensor:
    """X of `A @ X = B`, or of `X @ A = B` for left=False; B has vectors or matrices, as its shape beside A's says."""
    a, b = _matrices(A, "solve", square=True), numbers(B, "linalg.solve")
    if a.dtype != b.dtype:
        raise TypeError(f"linalg.solve needs one dtype, got {a.dtype} and {b.dtype}")
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])
    if left:
        return back(kernels.solve(a, b, vector))
    if vector:
        raise ValueError(f"linalg.solve with left=False needs matrices on the right, got shape {b.shape}")
    if b.shape[-1] != a.shape[-1]:
        raise ValueError(f"linalg.solve with left=False needs {a.shape[-1]} columns on the right, got shape {b.shape}")
    return back(kernels.solve(a.mT, b.mT, vector=False).mT)


def svd(A: Any, full_matrices: bool = True) -> SVD:
    """Descending singular values S, with U and Vh of `A = U @ diag(S) @ Vh`."""
    return SVD(*map(back, np.linalg.svd(_matrices(A, "svd"), full_matrices=full_matrices)))


def svdvals(A: Any) -> Tensor:
    """Singular values, descending."""
    return back(np.linalg.svd(_matrices(A, "svdvals"), compute_uv=False))


# -- norms


def matrix_norm(
    A: Any, ord: Any = "fro", dim: tuple[int, int] = (-2, -1), keepdim: bool = False, *, dtype: DType | None = None
) -> Tensor:
    """A norm of the matrices in two dims: "fro", "nuc", +-1 and +-inf (sums of columns or rows), +-2."""
    t = tensor_of(A, "linalg.matrix_norm")
    if dtype is not None:
        t = to_dtype(t, dtype)
    if not isinstance(dim, (tuple, list)) or len(dim) != 2 or t.ndim < 2:
        raise ValueError(f"linalg.matrix_norm needs two dims of a matrix, got dim={dim} of shape {t.shape}")
    rows, columns = (dim_of(d, t.ndim) for d in dim)
    if rows == columns:
        raise ValueError(f"linalg.matrix_norm needs two different dims, got {dim}")
    if not any(isinstance(ord, kind) for kind in (str, int, float)):
        raise TypeError(f"linalg.matrix_norm: ord must be 'fro', 'nuc', +-1, +-2 or +-inf, got {shown(ord)}")
    if ord == "fro":
        return vector_norm(t, 2, (rows, columns), keepdim)
    if not isinstance(ord, str) and abs(ord) in (1, math.inf):
        summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = sum(p.abs(t), dim=summed, keepdim=True)
        found = (amax if ord > 0 else amin)(sums, dim=kept, keepdim=True)
        return found if keepdim else reshape(found, _without(t.shape, rows, columns))
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        values = np.linalg.svd(
            np.moveaxis(numbers(t, "linalg.matrix_norm"), (rows, columns), (-2, -1)), compute_uv=False
        )
        extreme = values.sum(-1) if ord == "nuc" else values.max(-1) if ord > 0 else values.min(-1)
        return back(np.expand_dims(extreme, (rows, columns)) if keepdim else extreme)
    raise ValueError(f"linalg.matrix_norm: ord must be 'fro', 'nuc', +-1, +-2 or +-inf, got {ord!r}")


def _without(shape: tuple[int, ...], *dims: int) -> tuple[int, ...]:
    return tuple(size for at, size in enumerate(shape) if at not in dims)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: DType | None = None) -> Tensor:
    """`matrix_norm` where ord names one or dim has two dims, `vector_norm` otherwise; 2-norm of all without both."""
    t = tensor_of(A, "linalg.norm")
    if ord is None:
        return vector_norm(t, 2, dim, keepdim, dtype=dtype)
    if dim is None and t.ndim not in (1, 2):
        raise ValueError(f"linalg.norm with ord={ord!r} and no dim needs one or two dims, got shape {t.shape}")
    if (dim is None and t.ndim == 2) or (isinstance(dim, (tuple, list)) and len(dim) == 2):
        return matrix_norm(t, ord, (0, 1) if dim is None else (dim[0], dim[1]), keepdim, dtype=dtype)
    return vector_norm(t, ord, dim, keepdim, dtype=dtype)


# -- products


def cross(input: Any, other: Any, *, dim: int = -1) -> Tensor:
    """Cross product along a dim of size 3; the other dims broadcast."""
    return cross_along("linalg.cross", input, other, dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of two dims, `offset` above the main one, as a new last dim."""
    t = tensor_of(A, "linalg.diagonal")
    if t.ndim < 2:
        raise ValueError(f"linalg.diagonal needs at least two dims, got shape {t.shape}")
    return views.diagonal(t, offset, dim1, dim2)
