"""Copies with elements or whole tensors repeated."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base import TensorBase, wrap
from .._dims import dim_of, listed, shape_of
from .._dispatch import view_of
from .._op import OPS
from .common import tensor_of
from .indexing import take
from .movement import reshape
from .reduction import sum as total

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["repeat_interleave", "tile"]
# What the class Tensor has too (`nox -s generate` reads this).
METHODS = ("repeat", "repeat_interleave", "sum_to_size", "tile")

_EXPAND, _RESHAPE = OPS["expand"], OPS["reshape"]


def repeat(x: Any, *times: Any, repeats: Any = None) -> Tensor:
    """A copy with the tensor laid side by side so often along each dim; further dims stand in front."""
    t = tensor_of(x, "repeat")
    times = shape_of((listed("repeat", times, repeats),))
    shape = tuple(t._data.shape)
    lead = len(times) - len(shape)
    if lead < 0:
        raise ValueError(f"repeat needs a number for each of the {len(shape)} dims, got {times}")
    shape = (1,) * lead + shape
    if all(r == 1 for r in times):
        return reshape(t, shape).clone()
    before: list[int] = []
    wide: list[int] = []
    for r, n in zip(times, shape, strict=True):
        if r != 1:  # the copies are a dim of their own before that of the elements
            before.append(1)
            wide.append(r)
        before.append(n)
        wide.append(n)
    full = tuple([r * n for r, n in zip(times, shape, strict=True)])
    copies = any(r > 1 < n for r, n in zip(times, shape, strict=True))
    return _merged(view_of(_EXPAND, view_of(_RESHAPE, t, tuple(before)), tuple(wide)), full, copies)


def _merged(t: Tensor, shape: tuple[int, ...], copies: bool) -> Tensor:
    """The repeated elements in fresh memory: a reshape that merges a dim with its repetition copies by itself."""
    return view_of(_RESHAPE, t if copies and 0 not in shape else t.clone(), shape)


def tile(x: Any, *times: Any, dims: Any = None) -> Tensor:
    """repeat, with missing numbers as ones in front."""
    t = tensor_of(x, "tile")
    times = shape_of((listed("tile", times, dims),))
    return repeat(t, (1,) * (t._data.ndim - len(times)) + times)


def sum_to_size(x: Any, *size: Any) -> Tensor:
    """What `expand` from this shape to that of x repeats added up; ValueError where it does not go there."""
    t = tensor_of(x, "sum_to_size")
    goal, shape = shape_of(size), tuple(t._data.shape)
    lead = len(shape) - len(goal)
    if lead < 0 or any(m not in (1, n) for m, n in zip(goal, shape[lead:], strict=True)):
        raise ValueError(f"sum_to_size: {goal} does not expand to the shape {shape}")
    dims = tuple([d for d, n in enumerate(shape) if d < lead or (goal[d - lead] == 1 and n != 1)])
    return reshape(total(t, dims), goal) if dims else t


def repeat_interleave(x: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Every element repeated along a dim, or all elements in one dim without one: as often as an int says, or an
    integer tensor with a number for each.

    With one argument, a tensor of such numbers: the index of each, so often. output_size, if given, must be the size
    that comes out.
    """
    t = tensor_of(x, "repeat_interleave")
    if repeats is None:
        if t._data.ndim != 1:
            raise ValueError(f"repeat_interleave of numbers needs a vector of them, got shape {t.shape}")
        return _checked(_places(t, t._data.shape[0]), 0, output_size)
    if dim is None:
        t, dim = reshape(t, -1), 0
    elif not t._data.ndim:
        dim_of(dim, 0)
        t = reshape(t, 1)
    shape = tuple(t._data.shape)
    at = dim_of(dim, len(shape))
    if isinstance(repeats, TensorBase) and repeats._data.shape not in ((), (1,)):
        return _checked(take(t, _places(repeats, shape[at]), at), at, output_size)
    try:
        times = int(repeats.item()) if isinstance(repeats, TensorBase) else operator.index(repeats)  # type: ignore[attr-defined]
    except TypeError:
        raise TypeError(f"repeat_interleave takes an int or an integer tensor, got {repeats!r}") from None
    if times < 0:
        raise ValueError(f"repeat_interleave needs repeats of at least 0, got {times}")
    n = shape[at]
    before, behind = shape[: at + 1], shape[at + 1 :]
    inner = view_of(_EXPAND, view_of(_RESHAPE, t, (*before, 1, *behind)), (*before, times, *behind))
    return _checked(_merged(inner, (*before[:at], n * times, *behind), times > 1 < n), at, output_size)


def _places(repeats: Any, n: int) -> Tensor:
    """The index of each number, so often."""
    counts = repeats._real("repeat_interleave with a tensor of repeats")
    if counts.dtype.kind not in "iu":
        raise TypeError(f"repeat_interleave needs repeats as integers, got {repeats.dtype}")
    if counts.ndim != 1 or counts.shape[0] != n:
        raise ValueError(f"repeat_interleave needs {n} repeats, one for each element, got shape {tuple(counts.shape)}")
    if counts.size and counts.min() < 0:
        raise ValueError(f"repeat_interleave needs repeats of at least 0, got {counts.min()}")
    return wrap(np.repeat(np.arange(n), counts))


def _checked(out: Tensor, dim: int, output_size: int | None) -> Tensor:
    if output_size is not None and out._data.shape[dim] != output_size:
        raise ValueError(
            f"repeat_interleave: output_size is {output_size}, and the repeats make {out._data.shape[dim]}"
        )
    return out
