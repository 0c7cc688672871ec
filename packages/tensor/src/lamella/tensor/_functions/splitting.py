"""One tensor as several views of its parts along a dim."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._arguments import whole
from .._base import TensorBase
from .._dims import dim_of
from .._dispatch import parts_of
from .common import tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "chunk", "dsplit", "hsplit", "select", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk",
    "unsafe_split", "unsafe_split_with_sizes", "vsplit",
]  # fmt: skip
# What the class Tensor has too (`nox -s generate` reads this).
METHODS = (
    "chunk", "dsplit", "hsplit", "select", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk",
    "unsafe_split", "unsafe_split_with_sizes", "vsplit",
)  # fmt: skip

Parts = tuple["Tensor", ...]


def _along(x: Any, name: str, dim: int) -> tuple[Tensor, int, int]:
    """The tensor, its dim and the size of that; ValueError for a 0-d tensor."""
    t = tensor_of(x, name)
    shape = t._data.shape
    if not shape:
        raise ValueError(f"{name} needs a tensor with dims, got a 0-d tensor")
    at = dim_of(dim, len(shape))
    return t, at, shape[at]


def _between(t: Tensor, dim: int, bounds: list[int]) -> Parts:
    """The parts between neighbouring bounds."""
    return parts_of(t, dim, [(a, max(a, b), 1) for a, b in itertools.pairwise(bounds)])


def split(x: Any, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> Parts:
    """Views of so many elements each along a dim, the last perhaps smaller, or of the sizes in a list.

    split_size is the name that the method has in PyTorch for the same.
    """
    if split_size is not None:
        if split_size_or_sections is not None:
            raise TypeError("split: give split_size_or_sections or split_size, not both")
        split_size_or_sections = split_size
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(x, split_size_or_sections, dim)
    t, at, n = _along(x, "split", dim)
    size = split_size_or_sections
    if size <= 0 and (size or n):
        raise ValueError(f"split needs a positive size, got {size}")
    return _between(t, at, [*range(0, n, size), n] if n else [0, 0])


def split_with_sizes(x: Any, split_sizes: Any, dim: int = 0) -> Parts:
    """Views of the given sizes along a dim; ValueError unless they add up to its size."""
    t, at, n = _along(x, "split", dim)
    try:
        sizes = [operator.index(s) for s in split_sizes]
    except TypeError:
        raise TypeError(f"split takes a size or a list of sizes, got {split_sizes!r}") from None
    if any(s < 0 for s in sizes) or sum(sizes) != n:
        raise ValueError(f"split: sizes {sizes} do not add up to the size {n} of dim {at}")
    bounds = [0]
    for s in sizes:
        bounds.append(bounds[-1] + s)
    return _between(t, at, bounds)


def chunk(x: Any, chunks: int, dim: int = 0) -> Parts:
    """At most so many views of one size along a dim, the last perhaps smaller."""
    t, at, n = _along(x, "chunk", dim)
    chunks = whole(chunks, "chunk: chunks")
    if chunks <= 0:
        raise ValueError(f"chunk needs a positive number of chunks, got {chunks}")
    if not n:
        return _between(t, at, [0] * (chunks + 1))
    size = -(-n // chunks)
    return _between(t, at, [*range(0, n, size), n])


# PyTorch's names of those whose parts may be written in place: here all may
unsafe_chunk = chunk
unsafe_split = split
unsafe_split_with_sizes = split_with_sizes


def tensor_split(x: Any, indices_or_sections: Any, dim: int = 0) -> Parts:
    """So many views along a dim, whose sizes differ by at most 1, or the views between the given indices.

    Indices are a tuple, a list or a tensor of one dim, which reach as slices do.
    """
    return _parted(x, "tensor_split", indices_or_sections, dim, False)


def _parted(x: Any, name: str, given: Any, dim: int, even: bool) -> Parts:
    t, at, n = _along(x, name, dim)
    if isinstance(given, TensorBase):
        if given._data.dtype.kind not in "iu" or given._data.ndim > 1:
            raise TypeError(f"{name} takes an integer tensor of at most one dim, got {given!r}")
        given = given.tolist()  # type: ignore[attr-defined]
    if isinstance(given, (tuple, list)):
        places = [whole(i, f"{name}: an index") for i in given]
        inner = [max(min(i + n if i < 0 else i, n), 0) for i in places]
        return _between(t, at, [0, *inner, n])
    try:
        count = operator.index(given)
    except TypeError:
        raise TypeError(f"{name} takes a number of parts or a list of indices, got {given!r}") from None
    if count <= 0:
        raise ValueError(f"{name} needs a positive number of parts, got {count}")
    if even and n % count:
        raise ValueError(f"{name}: dim {at} of size {n} is not cut into {count} equal parts; use tensor_split")
    small, larger = divmod(n, count)
    return _between(t, at, [i * small + min(i, larger) for i in range(count + 1)])


def hsplit(x: Any, indices_or_sections: Any) -> Parts:
    """Side by side: tensor_split along dim 1, or dim 0 of a vector, into equal parts or between indices."""
    rank = tensor_of(x, "hsplit")._data.ndim
    return _parted(x, "hsplit", indices_or_sections, 0 if rank == 1 else 1, True) if rank else _too_few("hsplit", 1, x)


def vsplit(x: Any, indices_or_sections: Any) -> Parts:
    """One below the other: tensor_split of a tensor of two dims or more along dim 0."""
    rank = tensor_of(x, "vsplit")._data.ndim
    return _parted(x, "vsplit", indices_or_sections, 0, True) if rank > 1 else _too_few("vsplit", 2, x)


def dsplit(x: Any, indices_or_sections: Any) -> Parts:
    """One behind the other: tensor_split of a tensor of three dims or more along dim 2."""
    rank = tensor_of(x, "dsplit")._data.ndim
    return _parted(x, "dsplit", indices_or_sections, 2, True) if rank > 2 else _too_few("dsplit", 3, x)


def _too_few(name: str, rank: int, x: Any) -> Parts:
    raise ValueError(f"{name} needs a tensor of at least {rank} dims, got shape {tuple(x._data.shape)}")


def select(x: Any, dim: int, index: Any) -> Tensor:
    """The view at one index along a dim, without that dim."""
    t, at, n = _along(x, "select", dim)
    i = whole(index, "select: index")
    if not -n <= i < n:
        raise IndexError(f"select: index {i} is out of range for dim {at} of size {n}")
    return parts_of(t, at, [i + n if i < 0 else i])[0]


def rows_of(t: Tensor) -> Iterator[Tensor]:
    """The views along dim 0 one after the other, made a few hundred at a time: alone each takes twice as long."""
    n = t._data.shape[0]
    for start in range(0, n, 256):
        yield from parts_of(t, 0, list(range(start, min(start + 256, n))))


def unbind(x: Any, dim: int = 0) -> Parts:
    """The views at every index along a dim, without that dim."""
    t, at, n = _along(x, "unbind", dim)
    return parts_of(t, at, list(range(n)))
