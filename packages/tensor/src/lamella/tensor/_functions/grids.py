"""Combinations of the elements of vectors, places of triangles, blocks on a diagonal."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import sizes as sizes_of
from .._arguments import whole
from .._creation import constant
from .._device import as_device
from .._dispatch import view_of
from .._division import floor_divide, remainder
from .._dtype import INT, as_dtype, int64
from .._op import OPS
from .common import run, tensor_of
from .indexing import take
from .joining import stack
from .movement import reshape
from .views import at_least

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["block_diag", "cartesian_prod", "combinations", "meshgrid", "tril_indices", "triu_indices", "unravel_index"]


_EXPAND, _RESHAPE = OPS["expand"], OPS["reshape"]


def _vectors(name: str, tensors: tuple[Any, ...]) -> list[Tensor]:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    xs = [tensor_of(x, name) for x in given]
    for x in xs:
        if x._data.ndim > 1:
            raise ValueError(f"{name} needs vectors, got a tensor of shape {x.shape}")
    return xs


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Views of vectors over the grid that they span: element [i, j, ...] of the k-th is that of the k-th vector.

    indexing 'xy' exchanges the first two dims. Dtypes must be equal.
    """
    xs = _vectors("meshgrid", tensors)
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing is 'ij' or 'xy', got {indexing!r}")
    if not xs:
        raise ValueError("meshgrid needs at least one tensor")
    first = xs[0]._data.dtype
    if any(x._data.dtype != first for x in xs):
        raise TypeError(f"meshgrid needs one dtype, got {', '.join(x.dtype.name for x in xs)}")
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]
    shape = [0] * len(xs)
    for d, x in zip(order, xs, strict=True):
        shape[d] = math.prod(x._data.shape)
    full = tuple(shape)
    out = []
    for d, x in zip(order, xs, strict=True):
        behind = len(xs) - 1 - d
        line = view_of(_RESHAPE, x, (shape[d], *(1,) * behind)) if behind or not x._data.ndim else x
        out.append(view_of(_EXPAND, line, full))
    return tuple(out)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples of one element of each vector as rows, the last running fastest; one vector is itself."""
    xs = [tensor_of(x, "cartesian_prod") for x in tensors]
    for x in xs:
        if x._data.ndim != 1:
            raise ValueError(f"cartesian_prod needs vectors, got a tensor of shape {x.shape}")
    if not xs:
        raise ValueError("cartesian_prod needs at least one vector")
    if len(xs) == 1:
        return xs[0]
    return stack([reshape(g, -1) for g in meshgrid(*xs)], 1)


def combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, in their order, as rows."""
    t = tensor_of(x, "combinations")
    if t._data.ndim != 1:
        raise ValueError(f"combinations needs a vector, got shape {t.shape}")
    r = whole(r, "combinations: r")
    if r < 0:
        raise ValueError(f"combinations needs r of at least 0, got {r}")
    if not r:
        return constant(np.empty(0, t._data.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.fromiter(itertools.chain.from_iterable(choose(range(t._data.shape[0]), r)), np.int64)
    return take(t, constant(places.reshape(-1, r)), 0)


def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a large one, zeros around; vectors count as rows. Dtypes meet by promotion."""
    given = [tensor_of(x, "block_diag") for x in tensors]
    for x in given:
        if x._data.ndim > 2:
            raise ValueError(f"block_diag needs tensors of at most two dims, got shape {x.shape}")
    if not given:
        return constant(np.empty((1, 0), np.float32))
    return run("block_diag", tuple([at_least(x, 2) for x in given]))


def _triangle(name: str, row: int, col: int, offset: int, dtype: Any, device: Any, lower: bool) -> Tensor:
    rows, cols, at = (whole(v, f"{name}: {what}") for v, what in ((row, "row"), (col, "col"), (offset, "offset")))
    if rows < 0 or cols < 0:
        raise ValueError(f"{name} needs sizes of at least 0, got {row} and {col}")
    kind = int64 if dtype is None else as_dtype(dtype)
    if kind.category != INT:
        raise TypeError(f"{name} gives integers, got dtype {kind}")
    kept = np.tri(rows, cols, at, bool) if lower else ~np.tri(rows, cols, at - 1, bool)
    out = constant(np.stack(np.nonzero(kept)).astype(kind.numpy))
    return out if device is None else out.to(as_device(device))


def unravel_index(indices: Any, shape: Any) -> tuple[Tensor, ...]:
    """The index along each dim of a shape that row-major positions stand for; they wrap around its size."""
    t = tensor_of(indices, "unravel_index")
    if t._data.dtype.kind not in "iu":
        raise TypeError(f"unravel_index needs integer positions, got {t.dtype}")
    sizes = sizes_of(shape, "unravel_index: shape")
    out = []
    step = 1
    for n in reversed(sizes):
        out.append(remainder(floor_divide(t, step), n))
        step *= n
    return tuple(out[::-1])


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Rows and columns [2, count] of the lower triangle of a matrix, up to the diagonal at `offset`."""
    return _triangle("tril_indices", row, col, offset, dtype, device, True)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Rows and columns [2, count] of the upper triangle of a matrix, from the diagonal at `offset` on."""
    return _triangle("triu_indices", row, col, offset, dtype, device, False)
