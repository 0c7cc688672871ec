"""The array that only knows its shape and dtype: what shape rules return and what a trace computes on."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["MetaArray", "broadcast_shapes"]


class MetaArray:
    """Shape and numpy dtype without memory."""

    __slots__ = ("__weakref__", "dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for s in self.shape:
            n *= s
        return n

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes the elements would take."""
        return self.size * self.dtype.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """Row-major strides in bytes: a meta array stands for a contiguous one."""
        out = []
        step = self.dtype.itemsize
        for s in reversed(self.shape):
            out.append(step)
            step *= max(s, 1)
        return tuple(reversed(out))

    def __repr__(self) -> str:
        return f"MetaArray({self.shape}, {self.dtype})"


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of broadcasting operands; ValueError naming the shapes that do not fit."""
    first = shapes[0] if shapes else ()
    rank = max(map(len, shapes), default=0)
    if all(len(s) == rank and s == first for s in shapes):
        return first
    out = [1] * rank
    for shape in shapes:
        offset = rank - len(shape)
        for i, n in enumerate(shape):
            if n != 1:
                if out[offset + i] not in (1, n):
                    raise ValueError(
                        f"shapes {' and '.join(map(str, shapes))} do not broadcast: dim {offset + i - rank} differs"
                    )
                out[offset + i] = n
    return tuple(out)
