"""Views: other shapes, dims in another order, parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._arguments import whole
from .._dims import dim_of, dims_of, infer_shape, listed, shape_of
from .._dispatch import parts_of, view_of
from .._op import OPS
from .common import tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "expand",
    "flatten",
    "narrow",
    "narrow_copy",
    "permute",
    "reshape",
    "squeeze",
    "transpose",
    "unsqueeze",
]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "reshape",
    "permute",
    "transpose",
    "expand",
    "squeeze",
    "unsqueeze",
    "flatten",
    "narrow",
    "narrow_copy",
)
IN_PLACE: tuple[str, ...] = ()


_RESHAPE, _PERMUTE, _EXPAND = (OPS[n] for n in ("reshape", "permute", "expand"))


def reshape(x: Any, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape, one size may be -1; a view where the layout allows."""
    t = tensor_of(x, "reshape")
    old = t._data.shape
    if shape is not None:
        sizes = listed("reshape", sizes, shape)
    return view_of(_RESHAPE, t, infer_shape(sizes, math.prod(old), tuple(old)))


def permute(x: Any, *order: Any, dims: Any = None) -> Tensor:
    """A view with its dims in another order."""
    t = tensor_of(x, "permute")
    given = listed("permute", order, dims)
    rank = t._data.ndim
    places = tuple([dim_of(d, rank) for d in given])
    if len(places) != rank or len(set(places)) != rank:
        raise ValueError(f"permute of a tensor of {rank} dims needs each dim once, got {given}")
    return view_of(_PERMUTE, t, places)


def transpose(x: Any, dim0: int, dim1: int) -> Tensor:
    """A view with two dims exchanged."""
    t = tensor_of(x, "transpose")
    rank = t._data.ndim
    order = list(range(rank))
    a, b = dim_of(dim0, rank), dim_of(dim1, rank)
    if rank:
        order[a], order[b] = b, a
    return view_of(_PERMUTE, t, tuple(order))


def expand(x: Any, *sizes: Any, size: Any = None) -> Tensor:
    """A view in which dims of size 1 are repeated; -1 keeps a size."""
    t = tensor_of(x, "expand")
    given = listed("expand", sizes, size)
    old = tuple(t._data.shape)
    lead = len(given) - len(old)
    if lead < 0:
        raise ValueError(f"cannot expand {old} to {given}: it has fewer dims")
    full = tuple([old[i - lead] if s == -1 and i >= lead else s for i, s in enumerate(given)]) if -1 in given else given
    return view_of(_EXPAND, t, shape_of(full))


def unsqueeze(x: Any, dim: int) -> Tensor:
    """A view with a new dim of size 1 before `dim`."""
    t = tensor_of(x, "unsqueeze")
    at = dim_of(dim, t._data.ndim + 1)
    shape = tuple(t._data.shape)
    return view_of(_RESHAPE, t, (*shape[:at], 1, *shape[at:]))


def squeeze(x: Any, dim: Any = None) -> Tensor:
    """A view without the dims of size 1, or without the given ones where they have size 1."""
    t = tensor_of(x, "squeeze")
    dims = () if dim == () or dim == [] else dims_of(dim, t._data.ndim)
    shape = tuple([n for i, n in enumerate(t._data.shape) if n != 1 or i not in dims])
    return view_of(_RESHAPE, t, shape)


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start to end as one."""
    t = tensor_of(x, "flatten")
    shape = tuple(t._data.shape)
    first, last = dim_of(start_dim, len(shape)), dim_of(end_dim, len(shape))
    if first > last:
        raise ValueError(f"flatten from dim {start_dim} to {end_dim}: the start lies behind the end")
    merged = math.prod(shape[first : last + 1])
    return view_of(_RESHAPE, t, (*shape[:first], merged, *shape[last + 1 :]))


def narrow(x: Any, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` elements from `start` along a dim; a negative start counts from the end."""
    t = tensor_of(x, "narrow")
    shape = t._data.shape
    if not shape:
        raise ValueError("narrow needs a tensor with dims, got a 0-d tensor")
    at = dim_of(dim, len(shape))
    n = shape[at]
    begin, length = whole(start, "narrow: start"), whole(length, "narrow: length")
    if begin < 0:
        begin += n
    if not 0 <= begin <= begin + length <= n:
        raise IndexError(f"narrow from {start} by {length} leaves dim {at} of size {n}")
    return part(t, at, begin, begin + length)


def narrow_copy(x: Any, dim: int, start: Any, length: int) -> Tensor:
    """A copy of what `narrow` shows."""
    return narrow(x, dim, start, length).clone()


def part(t: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """The view [start, stop) along one dim, all three known to be right."""
    return parts_of(t, dim, [(start, stop, 1)])[0]
