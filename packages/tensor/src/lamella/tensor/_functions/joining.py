"""Several tensors as one: behind one another along a dim, or along a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._dims import dim_of, the_dim
from .._dispatch import dispatch
from .._op import OPS
from .common import tensor_of
from .movement import reshape
from .views import at_least

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["cat", "column_stack", "concat", "concatenate", "dstack", "hstack", "row_stack", "stack", "vstack"]

_CAT, _STACK = OPS["cat"], OPS["stack"]


def _operands(name: str, tensors: Any) -> tuple[Tensor, ...]:
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{name} needs a tuple or list of tensors, got {type(tensors).__name__}")
    if not tensors:
        raise ValueError(f"{name} needs at least one tensor")
    return tuple([tensor_of(x, name) for x in tensors])


def cat(tensors: Sequence[Any], dim: Any = None, *, axis: Any = None) -> Tensor:
    """Tensors one behind the other along a dim (0 by default); other sizes must agree.

    Dtypes meet by promotion. A tensor of shape (0,) joins tensors of any rank and adds nothing, as in PyTorch.
    """
    xs = _operands("cat", tensors)
    for x in xs:
        if not x._data.ndim:
            raise ValueError("cat needs tensors of at least one dim; use stack for 0-d tensors")
    rank = max([x._data.ndim for x in xs])
    d = 0 if dim is None and axis is None else dim_of(the_dim(dim, axis, 0), rank)
    if rank > 1:
        xs = _without_vectors(xs, d)
    out: Tensor = dispatch(_CAT, xs, {"dim": d})
    return out


def _without_vectors(xs: tuple[Tensor, ...], dim: int) -> tuple[Tensor, ...]:
    """Empty vectors in the shape of the others, with size 0 along the dim."""
    if all(x._data.ndim > 1 for x in xs):
        return xs
    shape = list(next(x for x in xs if x._data.ndim > 1)._data.shape)
    shape[dim] = 0
    return tuple([reshape(x, shape) if tuple(x._data.shape) == (0,) else x for x in xs])


concat = cat
concatenate = cat


def stack(tensors: Sequence[Any], dim: Any = None, *, axis: Any = None) -> Tensor:
    """Tensors of one shape along a new dim (0 by default); ValueError where shapes differ."""
    xs = _operands("stack", tensors)
    rank = xs[0]._data.ndim + 1
    d = 0 if dim is None and axis is None else dim_of(the_dim(dim, axis, 0), rank)
    out: Tensor = dispatch(_STACK, xs, {"dim": d})
    return out


def hstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors side by side: along dim 1, or along dim 0 of vectors; 0-d tensors count as vectors of one element."""
    xs = [at_least(x, 1) for x in _operands("hstack", tensors)]
    return cat(xs, 0 if xs[0]._data.ndim == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors one below the other; vectors count as rows."""
    return cat([at_least(x, 2) for x in _operands("vstack", tensors)], 0)


row_stack = vstack


def dstack(tensors: Sequence[Any]) -> Tensor:
    """Tensors one behind the other along dim 2, as which a matrix has one of size 1."""
    return cat([at_least(x, 3) for x in _operands("dstack", tensors)], 2)


def column_stack(tensors: Sequence[Any]) -> Tensor:
    """Tensors side by side; vectors count as columns."""
    xs = _operands("column_stack", tensors)
    return hstack([reshape(x, (-1 if x._data.ndim else 1, 1)) if x._data.ndim < 2 else x for x in xs])
