"""Diagonals put into matrices, and copies of a tensor with another one in a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._arguments import whole
from .._dims import dim_of
from .common import run, tensor_of, to_dtype
from .movement import reshape
from .views import diagonal as diagonal_view

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["diag", "diag_embed", "diagflat", "diagonal_scatter", "select_scatter", "slice_scatter"]
# What the class Tensor has too (`nox -s generate` reads this).
METHODS = ("diag", "diag_embed", "diagflat", "diagonal_scatter", "select_scatter", "slice_scatter")


def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in two new dims with the last dim on the diagonal at `offset`, which counts upwards; zeros elsewhere."""
    t = tensor_of(x, "diag_embed")
    shape = tuple(t._data.shape)
    if not shape:
        raise ValueError("diag_embed needs a tensor with dims, got a 0-d tensor")
    shift, rank = whole(offset, "diag_embed: offset"), len(shape) + 1
    first, second = dim_of(dim1, rank), dim_of(dim2, rank)
    if first == second:
        raise ValueError(f"diag_embed needs two different dims, got {dim1} and {dim2} of {rank}")
    n = shape[-1] + abs(shift)
    rest = iter(shape[:-1])
    full = tuple([n if d in (first, second) else next(rest) for d in range(rank)])
    return run("view_grad", (t,), shape=full, chain=(("diagonal", (shift, first, second)),))


def diag(x: Any, diagonal: int = 0) -> Tensor:
    """The matrix with a vector on its diagonal, or a copy of the diagonal of a matrix."""
    t, diagonal = tensor_of(x, "diag"), whole(diagonal, "diag: diagonal")
    if t._data.ndim == 1:
        return diag_embed(t, diagonal)
    if t._data.ndim != 2:
        raise ValueError(f"diag needs a vector or a matrix, got shape {t.shape}; use diagonal or diag_embed")
    return diagonal_view(t, diagonal).clone()


def diagflat(x: Any, offset: int = 0) -> Tensor:
    """The matrix with all elements on its diagonal, zeros elsewhere."""
    return diag_embed(reshape(tensor_of(x, "diagflat"), -1), whole(offset, "diagflat: offset"))


def _written(t: Tensor, src: Any, name: str, chain: Any) -> Tensor:
    return run("view_write", (t, to_dtype(tensor_of(src, name), t.dtype)), chain=chain)


def diagonal_scatter(x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of x with src at the elements that `diagonal` shows."""
    t = tensor_of(x, "diagonal_scatter")
    rank = t._data.ndim
    first, second = dim_of(dim1, rank), dim_of(dim2, rank)
    if first == second:
        raise ValueError(f"diagonal_scatter needs two different dims, got {dim1} and {dim2} of {rank}")
    return _written(
        t, src, "diagonal_scatter", (("diagonal", (whole(offset, "diagonal_scatter: offset"), first, second)),)
    )


def _index(t: Tensor, dim: int, entry: Any) -> Any:
    index: list[Any] = [(0, n, 1) for n in t._data.shape]
    index[dim] = entry
    return (("slice", tuple(index)),)


def select_scatter(x: Any, src: Any, dim: int, index: int) -> Tensor:
    """A copy of x with src at one index along a dim."""
    t = tensor_of(x, "select_scatter")
    if not t._data.ndim:
        raise ValueError("select_scatter needs a tensor with dims, got a 0-d tensor")
    at = dim_of(dim, t._data.ndim)
    n, i = t._data.shape[at], whole(index, "select_scatter: index")
    if not -n <= i < n:
        raise IndexError(f"select_scatter: index {i} is out of range for dim {at} of size {n}")
    return _written(t, src, "select_scatter", _index(t, at, i + n if i < 0 else i))


def slice_scatter(
    x: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of x with src at start:end:step along a dim."""
    t = tensor_of(x, "slice_scatter")
    if not t._data.ndim:
        raise ValueError("slice_scatter needs a tensor with dims, got a 0-d tensor")
    start, end = (None if v is None else whole(v, f"slice_scatter: {n}") for v, n in ((start, "start"), (end, "end")))
    if whole(step, "slice_scatter: step") < 1:
        raise ValueError(f"slice_scatter needs a positive step, got {step}")
    at = dim_of(dim, t._data.ndim)
    first, last, by = slice(start, end, step).indices(t._data.shape[at])
    return _written(t, src, "slice_scatter", _index(t, at, (first, max(first, last), by)))
