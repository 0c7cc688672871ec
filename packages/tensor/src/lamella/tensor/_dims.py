"""Checking dims and shapes where the user wrote them, once, so that ops see only canonical params."""

from __future__ import annotations

import math
import operator
import sys
from typing import Any

from ._scalar import index

__all__ = ["dim_of", "dims_of", "listed", "pair", "shape_of", "the_dim"]


def dim_of(dim: Any, rank: int) -> int:
    """A dim as a non-negative int; IndexError naming the valid range."""
    try:
        d = operator.index(dim)
    except TypeError:
        shown = repr(dim) if len(repr(dim)) <= 40 and not hasattr(dim, "shape") else f"a {type(dim).__name__}"
        raise TypeError(f"dim must be an int, got {shown}") from None
    span = max(rank, 1)  # a 0-d tensor takes dim 0 and -1, as in PyTorch
    if not -span <= d < span:
        raise IndexError(f"dim {d} is out of range for a tensor of {rank} dims; valid are {-span} to {span - 1}")
    return d + span if d < 0 else d


def dims_of(dim: Any, rank: int) -> tuple[int, ...]:
    """None, an int or several ints as a sorted tuple of distinct non-negative dims; None means all."""
    if dim is None:
        return tuple(range(rank))
    if isinstance(dim, (tuple, list)):
        out = sorted(dim_of(d, rank) for d in dim)
        if len(set(out)) != len(out):
            raise ValueError(f"a dim appears twice in {tuple(dim)}")
        if not rank:
            return ()
        return tuple(out) if out else tuple(range(rank))
    d = dim_of(dim, rank)
    return (d,) if rank else ()


def the_dim(dim: Any, axis: Any, default: Any = None) -> Any:
    """`dim`, or its alias `axis`; TypeError when both are given."""
    if axis is None:
        return default if dim is None else dim
    if dim is not None:
        raise TypeError("give dim or its alias axis, not both")
    return axis


def listed(name: str, given: tuple[Any, ...], keyword: Any) -> tuple[Any, ...]:
    """What is given one by one, as one tuple or list, or by keyword instead; TypeError for both."""
    if keyword is not None:
        if given:
            raise TypeError(f"{name} takes them by position or by keyword, got {given} and {keyword!r}")
        return tuple(keyword) if isinstance(keyword, (tuple, list)) else (keyword,)
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], (tuple, list)) else given


def shape_of(shape: Any) -> tuple[int, ...]:
    """`(2, 3)` or `((2, 3),)` as a tuple of ints; errors name the entry that is not a size."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    for s in shape:
        if type(s) is not int or not 0 <= s <= sys.maxsize:
            break
    else:
        return tuple(shape)
    try:
        out = tuple(index(s) for s in shape)
    except TypeError:
        raise TypeError(f"a shape is made of ints, got {tuple(shape)!r}") from None
    for s in out:
        if s < 0:
            raise ValueError(f"a size cannot be negative, got shape {out}")
        if type(s) is int and s > sys.maxsize:
            raise ValueError(f"a size is at most {sys.maxsize}, got shape {out}")
    return out


def infer_shape(shape: Any, count: int, source: tuple[int, ...]) -> tuple[int, ...]:
    """A reshape target with at most one -1 filled in."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    plain = True
    for s in shape:
        if type(s) is not int or s < -1:
            plain = False
    if plain:
        known = math.prod(shape)
        if known == count and -1 not in shape:
            return tuple(shape)
        if known < 0 and count % known == 0 and shape.count(-1) == 1:
            return tuple([count // -known if s == -1 else s for s in shape])
    try:
        out = [index(s) for s in shape]
    except TypeError:
        raise TypeError(f"a shape is made of ints, got {tuple(shape)!r}") from None
    if -1 in out:
        if out.count(-1) > 1:
            raise ValueError(f"only one size can be -1, got {tuple(out)}")
        known = math.prod(s for s in out if s != -1)
        if known == 0 or count % known:
            raise ValueError(f"cannot reshape {source} ({count} elements) to {tuple(out)}")
        out[out.index(-1)] = count // known
    if math.prod(out) != count or any(s < 0 for s in out):
        raise ValueError(f"cannot reshape {source} ({count} elements) to {tuple(out)}")
    return tuple(out)


def pair(value: Any, name: str) -> tuple[int, int]:
    """An int or two ints as (vertical, horizontal)."""
    if isinstance(value, (tuple, list)):
        if len(value) == 2:
            return operator.index(value[0]), operator.index(value[1])
        raise ValueError(f"{name} takes an int or two ints, got {value!r}")
    try:
        v = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} takes an int or two ints, got {value!r}") from None
    return v, v
