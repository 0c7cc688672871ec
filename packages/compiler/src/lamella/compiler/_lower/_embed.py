"""A small array as a region of a larger one: what padding gives, and the transpose of a slice.

A `Region` says where an element of the larger array finds its value: in a ref whose strides run along the dims of the
larger array, inside bounds. Views are undone one after the other, and only what is no region needs a pass of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, one_hot
from lamella.compiler._lower._refs import Operand, Ref, Table

Bounds = tuple[tuple[int, int], ...]
Index = tuple[int | tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Region:
    """`ref` has the shape of the whole array; its offset and strides hold only inside `bounds` (low, high) per dim."""

    ref: Ref
    bounds: Bounds

    @property
    def whole(self) -> bool:
        """Whether there is nothing around it."""
        return all(b == (0, n) for b, n in zip(self.bounds, self.ref.shape, strict=True))


def region(ref: Ref) -> Region:
    """All of a tensor."""
    return Region(ref, tuple((0, n) for n in ref.shape))


def before_slice(inner: Region, shape: tuple[int, ...], index: Index) -> Region | None:
    """The region of an array of `shape` whose slice `inner` is; None where elements between are left out."""
    offset, at = inner.ref.offset, 0
    strides: list[int] = []
    bounds: list[tuple[int, int]] = []
    for d, n in enumerate(shape):
        entry = index[d] if d < len(index) else (0, n, 1)
        if isinstance(entry, int):
            strides.append(0)
            bounds.append((entry, entry + 1))
            continue
        start, stop, step = entry
        stride, (low, high), count = inner.ref.strides[at], inner.bounds[at], len(range(start, stop, step))
        at += 1
        if count > 1 and step not in (1, -1):
            return None
        back = step == -1 and count > 1
        strides.append(-stride if back else stride)
        offset -= strides[-1] * start
        bounds.append((start - high + 1, start - low + 1) if back else (start + low, start + high))
    return Region(Ref(inner.ref.root, offset, shape, tuple(strides)), tuple(bounds))


def before_reshape(inner: Region, shape: tuple[int, ...]) -> Region | None:
    """The region in another shape; where it is bounded, only dims of size 1 may come and go."""
    old = inner.ref.shape
    if inner.whole:
        view = inner.ref.reshape(shape)
        return None if view is None else region(view)
    long = [d for d, n in enumerate(old) if n != 1]
    alike = [old[d] for d in long] == [n for n in shape if n != 1]
    if not alike or any(inner.bounds[d] != (0, 1) for d, n in enumerate(old) if n == 1):
        return None
    found = iter(long)
    sources = [next(found) if n != 1 else None for n in shape]
    strides = tuple(0 if d is None else inner.ref.strides[d] for d in sources)
    bounds = tuple((0, 1) if d is None else inner.bounds[d] for d in sources)
    return Region(Ref(inner.ref.root, inner.ref.offset, shape, strides), bounds)


def before_permute(inner: Region, dims: tuple[int, ...]) -> Region:
    """The region of the array whose dims were put in another order."""
    back = tuple(dims.index(d) for d in range(len(dims)))
    return Region(inner.ref.permute(back), tuple(inner.bounds[d] for d in back))


def embedded(e: Emitter, inner: Region, around: Operand = 0) -> Ref:
    """The whole array, with `around` (a tensor of its shape, or a number) outside of the region."""
    shape, dtype = inner.ref.shape, inner.ref.dtype
    kind = value_type(dtype)
    if inner.whole:
        return inner.ref
    if math.prod(high - low for low, high in inner.bounds) == 0:
        return e.compute(lambda b, v: b.cast(v[0], kind), around, dtype=dtype, shape=shape)
    word = "i32" if max(shape) < 2**31 else "i64"
    bounded = [d for d, n in enumerate(shape) if inner.bounds[d] != (0, n)]

    def body(b: KernelBuilder, values: list[int]) -> int:
        table, rest, *at = values
        truth = b.const(True, "bool")
        for d, position in zip(bounded, at, strict=True):
            low, high = inner.bounds[d]
            if low > 0:
                truth = b.apply("and", truth, b.apply("ge", position, b.size(low, word)))
            if high < shape[d]:
                truth = b.apply("and", truth, b.apply("lt", position, b.size(high, word)))
        return b.apply("select", truth, b.look(table, mask=truth), b.cast(rest, kind))

    where = [one_hot(shape, d, word) for d in bounded]
    return e.compute(body, Table(inner.ref), around, *where, dtype=dtype, shape=shape)
