"""Further views: dims moved, split and merged, diagonals, sliding windows, shapes made equal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _meta
from .._arguments import sizes, whole
from .._dims import dim_of
from .._dispatch import view_of
from .._op import OPS
from .common import tensor_of
from .movement import expand, narrow, permute, reshape, transpose

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "detach",
    "diagonal", "moveaxis", "movedim", "ravel", "swapaxes", "swapdims", "t", "unflatten",
]  # fmt: skip
# What the class Tensor has too (`nox -s generate` reads this).
METHODS = (
    "broadcast_to", "diagonal", "expand_as", "moveaxis", "movedim", "ravel", "reshape_as", "swapaxes", "swapdims", "t",
    "unflatten", "unfold",
)  # fmt: skip

_DIAGONAL, _PERMUTE, _UNFOLD = (OPS[n] for n in ("diagonal", "permute", "unfold"))

swapdims = transpose


def swapaxes(x: Any, axis0: int, axis1: int) -> Tensor:
    """Same as transpose."""
    return transpose(x, axis0, axis1)


def t(x: Any) -> Tensor:
    """The transpose of a matrix; a vector or a number is itself."""
    m = tensor_of(x, "t")
    if m._data.ndim > 2:
        raise ValueError(f"t() needs at most 2 dims, got shape {tuple(m._data.shape)}; use transpose or mT")
    return permute(m, *range(m._data.ndim - 1, -1, -1))


def detach(x: Any) -> Tensor:
    """The same memory, which autograd does not follow."""
    return tensor_of(x, "detach").detach()


def movedim(x: Any, source: Any, destination: Any) -> Tensor:
    """A view with some dims at other places, the rest in their order; one dim or a tuple of them each."""
    m = tensor_of(x, "movedim")
    rank = m._data.ndim
    if isinstance(source, int) and isinstance(destination, int) and rank:
        dims = list(range(rank))
        dims.insert(dim_of(destination, rank), dims.pop(dim_of(source, rank)))
        return view_of(_PERMUTE, m, tuple(dims))
    start, goal = (
        [dim_of(d, rank) for d in (dims if isinstance(dims, (tuple, list)) else (dims,))]
        for dims in (source, destination)
    )
    if len(start) != len(goal):
        raise ValueError(f"movedim needs as many sources as destinations, got {source} and {destination}")
    if len(set(start)) != len(start) or len(set(goal)) != len(goal):
        raise ValueError(f"movedim needs each dim once, got {source} to {destination}")
    if not rank:
        return permute(m)
    rest = iter([d for d in range(rank) if d not in start])
    target = dict(zip(goal, start, strict=True))
    return permute(m, *[target[d] if d in target else next(rest) for d in range(rank)])


moveaxis = movedim


def ravel(x: Any) -> Tensor:
    """All elements in one dim, row by row; a view where the layout allows."""
    return reshape(tensor_of(x, "ravel"), -1)


def unflatten(x: Any, dim: int, sizes: Any) -> Tensor:
    """One dim as several, whose sizes multiply to its own; one of them may be -1."""
    m = tensor_of(x, "unflatten")
    shape = tuple(m._data.shape)
    if not shape:
        raise ValueError("unflatten needs a tensor with dims, got a 0-d tensor")
    at = dim_of(dim, len(shape))
    each = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
    given = tuple([whole(s, "unflatten: a size") for s in each])
    n = shape[at]
    known = math.prod(s for s in given if s != -1)
    if not given:
        raise ValueError("unflatten needs at least one size")
    if given.count(-1) == 1 and known > 0 and n % known == 0:
        given = tuple([n // known if s == -1 else s for s in given])
    if math.prod(given) != n or any(s < 0 for s in given):
        raise ValueError(f"unflatten: sizes {given} do not multiply to the size {n} of dim {at}")
    return reshape(m, (*shape[:at], *given, *shape[at + 1 :]))


def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonals of the matrices in two dims, as a last dim; offset > 0 lies above the main one."""
    m = tensor_of(x, "diagonal")
    rank = m._data.ndim
    first, second = dim_of(dim1, rank), dim_of(dim2, rank)
    if first == second:
        raise ValueError(f"diagonal needs two different dims, got {dim1} and {dim2} of {rank}")
    return view_of(_DIAGONAL, m, (whole(offset, "diagonal: offset"), first, second))


def unfold(x: Any, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` elements along a dim, `step` apart, as a last dim."""
    m = tensor_of(x, "unfold")
    rank = m._data.ndim
    at = dim_of(dimension, rank)
    n = m._data.shape[at] if rank else 1
    size, step = whole(size, "unfold: size"), whole(step, "unfold: step")
    if step <= 0:
        raise ValueError(f"unfold needs a positive step, got {step}")
    if not 0 <= size <= n:
        raise ValueError(f"unfold: windows of {size} elements do not fit dim {at} of size {n}")
    if not rank:
        return narrow(reshape(m, 1), 0, 0, size)
    return view_of(_UNFOLD, m, (at, size, step))


def expand_as(x: Any, other: Any) -> Tensor:
    """expand(other.shape)."""
    return expand(x, tuple(tensor_of(other, "expand_as")._data.shape))


def reshape_as(x: Any, other: Any) -> Tensor:
    """reshape(other.shape)."""
    return reshape(x, tuple(tensor_of(other, "reshape_as")._data.shape))


def broadcast_to(x: Any, size: Any) -> Tensor:
    """A view in which dims of size 1 are repeated to a shape; -1 keeps a size."""
    return expand(
        tensor_of(x, "broadcast_to"), size if isinstance(size, (tuple, list)) else whole(size, "broadcast_to: size")
    )


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape to which tensors of these shapes broadcast; an int is a shape of one dim."""
    given = [sizes(s, "broadcast_shapes: a shape") for s in shapes]
    return _meta.broadcast_shapes(*given) if given else ()


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors in the shape to which they broadcast: views, or themselves where they have that shape."""
    xs = _several("broadcast_tensors", tensors)
    shape = broadcast_shapes(*[x._data.shape for x in xs])
    return tuple([x if tuple(x._data.shape) == shape else expand(x, shape) for x in xs])


def _several(name: str, tensors: tuple[Any, ...]) -> list[Tensor]:
    """Tensors given one by one or as one tuple or list."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    return [tensor_of(x, name) for x in given]


def at_least(x: Tensor, rank: int) -> Tensor:
    """With dims of size 1 added: before the others, but the third one behind them."""
    shape = tuple(x._data.shape)
    if len(shape) >= rank:
        return x
    if rank < 3 or not shape:
        return reshape(x, (1,) * (rank - len(shape)) + shape)
    return reshape(x, (1, *shape, 1) if len(shape) == 1 else (*shape, 1))


def _each_at_least(name: str, tensors: tuple[Any, ...], rank: int) -> Any:
    out = tuple([at_least(x, rank) for x in _several(name, tensors)])
    return out[0] if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)) else out


def atleast_1d(*tensors: Any) -> Any:
    """A tensor with at least one dim: a number becomes a vector. Several tensors give a tuple."""
    return _each_at_least("atleast_1d", tensors, 1)


def atleast_2d(*tensors: Any) -> Any:
    """A tensor with at least two dims: a vector becomes a row. Several tensors give a tuple."""
    return _each_at_least("atleast_2d", tensors, 2)


def atleast_3d(*tensors: Any) -> Any:
    """A tensor with at least three dims: a matrix gets a last one. Several tensors give a tuple."""
    return _each_at_least("atleast_3d", tensors, 3)
