"""Arrays as lowering sees them: a root is contiguous memory that may or may not come to exist, a ref is a strided look
at one. View ops only change refs; whether a read needs memory at all is settled by comparing strides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella.compiler._lower._steps import Item, Step


@dataclass(eq=False, slots=True)
class Root:
    """A contiguous array: an input, or what a step makes. `stored` says that it must exist in memory.

    A `generator` makes its elements from their position alone, so readers compute them and need no memory. A `formula`
    is a single number made of few others, which readers compute for themselves. A root that is put together has
    `parts`, each a root `inside` it, which has no memory of its own.
    """

    shape: tuple[int, ...]
    dtype: str
    step: Step | None  # None for inputs
    number: int
    stored: bool = False
    generator: Item | None = None
    parts: list[Root] = field(default_factory=list)
    inside: Ref | None = None
    formula: Item | None = None
    pending: Item | None = None  # either of them, until somebody reads it from memory
    strides: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.strides = contiguous(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def ref(self) -> Ref:
        """All of it, as it lies."""
        return Ref(self, 0, self.shape, self.strides)


@dataclass(frozen=True, slots=True)
class Ref:
    """A strided look at a root, in elements; dims of size 1 have stride 0."""

    root: Root
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """Storage type of the elements."""
        return self.root.dtype

    @property
    def size(self) -> int:
        """Number of elements it shows."""
        return math.prod(self.shape)

    @property
    def whole(self) -> bool:
        """Whether this is the root itself, up to dims of size 1."""
        return self.offset == 0 and self.strides == contiguous(self.shape) and math.prod(self.shape) == self.root.size

    @property
    def distinct(self) -> bool:
        """Whether no two of its elements are one: every dim steps over the reach of those with smaller strides."""
        reach = 0
        for stride, n in sorted((abs(s), n) for n, s in zip(self.shape, self.strides, strict=True) if n > 1):
            if stride <= reach:
                return 0 in self.shape
            reach += stride * (n - 1)
        return True

    def permute(self, dims: tuple[int, ...]) -> Ref:
        """Dims in another order."""
        return Ref(self.root, self.offset, tuple(self.shape[d] for d in dims), tuple(self.strides[d] for d in dims))

    def expand(self, shape: tuple[int, ...]) -> Ref:
        """Broadcast to a shape."""
        if shape == self.shape:
            return self
        lead = len(shape) - len(self.shape)
        strides = (0,) * lead + tuple(
            s if n == m else 0 for n, m, s in zip(self.shape, shape[lead:], self.strides, strict=True)
        )
        return Ref(self.root, self.offset, shape, strides)

    def slice(self, index: tuple[int | tuple[int, int, int], ...]) -> Ref:
        """Ints drop a dim, (start, stop, step) walk along it; both in normalized form."""
        offset, shape, strides = self.offset, [], []
        for entry, stride in zip(index, self.strides, strict=False):
            if isinstance(entry, tuple):
                start, stop, step = entry
                length = len(range(start, stop, step))
                shape.append(length)
                strides.append(stride * step if length > 1 else 0)
                offset += stride * start if length else 0
            else:
                offset += stride * entry
        shape += self.shape[len(index) :]
        strides += self.strides[len(index) :]
        return Ref(self.root, offset if math.prod(shape) else 0, tuple(shape), tuple(strides))

    def diagonal(self, place: tuple[int, int, int]) -> Ref:
        """The elements whose index along the second dim is `offset` more than along the first, as a last dim."""
        offset, first, second = place
        rows, columns = self.shape[first], self.shape[second]
        n = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
        start = self.strides[second] * offset if offset >= 0 else -self.strides[first] * offset
        kept = [d for d in range(len(self.shape)) if d not in (first, second)]
        step = self.strides[first] + self.strides[second] if n > 1 else 0
        shape = (*(self.shape[d] for d in kept), n)
        at = self.offset + start if math.prod(shape) else 0
        return Ref(self.root, at, shape, (*(self.strides[d] for d in kept), step))

    def unfold(self, window: tuple[int, int, int]) -> Ref:
        """Windows of `size` elements along a dim, each `step` after the one before, as a last dim."""
        dim, size, step = window
        count = (self.shape[dim] - size) // step + 1
        stride = self.strides[dim]
        shape = (*self.shape[:dim], count, *self.shape[dim + 1 :], size)
        moved = (*self.strides[:dim], stride * step if count > 1 else 0, *self.strides[dim + 1 :])
        return Ref(self.root, self.offset, shape, (*moved, stride if size > 1 else 0))

    def as_strided(self, layout: tuple[tuple[int, ...], tuple[int, ...], int]) -> Ref | None:
        """Any shape and strides over the elements in row-major order, or None where they do not lie so."""
        if self.strides != contiguous(self.shape):
            return None
        shape, strides, start = layout
        at = self.offset + start if math.prod(shape) else 0
        return Ref(self.root, at, shape, tuple(s if n > 1 else 0 for n, s in zip(shape, strides, strict=True)))

    def scalar(self) -> Ref:
        """The one element of a ref of size 1, without dims."""
        return Ref(self.root, self.offset, (), ())

    def reshape(self, shape: tuple[int, ...]) -> Ref | None:
        """The same elements in another shape, or None where that needs a copy."""
        if shape == self.shape:
            return self
        if math.prod(shape) == 0:
            return Ref(self.root, 0, shape, contiguous(shape))
        strides = [0] * len(shape)
        old = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        new = [(k, n) for k, n in enumerate(shape) if n != 1]
        i = j = 0
        while i < len(old) or j < len(new):
            left, right, i0, j0 = old[i][0], new[j][1], i, j
            i, j = i + 1, j + 1
            while left != right:
                if left < right:
                    left *= old[i][0]
                    i += 1
                else:
                    right *= new[j][1]
                    j += 1
            for k in range(i0, i - 1):
                if old[k][1] != old[k + 1][1] * old[k + 1][0]:
                    return None
            stride = old[i - 1][1]
            for k in range(j - 1, j0 - 1, -1):
                strides[new[k][0]] = stride
                stride *= new[k][1]
        return Ref(self.root, self.offset, shape, tuple(strides))


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major element strides, 0 for dims of size 1."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(0 if n == 1 else step)
        step *= n
    return tuple(reversed(strides))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check is about: the values it looks at, and what it wants of each of them."""

    looks: Ref
    wants: tuple[Any, ...]

    @property
    def everywhere(self) -> bool:
        """Whether it looks at every element of the array."""
        steps = [(n, s) for n, s in zip(self.looks.shape, self.looks.strides, strict=True) if s or n == 0]
        once = Ref(self.looks.root, self.looks.offset, tuple(n for n, _ in steps), tuple(s for _, s in steps))
        return once.distinct and once.size == once.root.size


@dataclass(frozen=True, slots=True)
class Scalar:
    """A host scalar: its slot in the call's scalar table and its kind ("i64", "f64" or "bool")."""

    slot: int
    kind: str


@dataclass(frozen=True, slots=True)
class Counter:
    """The position itself: the sum of strides times index along each dim, an i64 (or i32 where that holds it)."""

    strides: tuple[int, ...]
    dtype: str = "i64"


@dataclass(frozen=True, slots=True)
class Table:
    """An array that a body reads where it says: `ref` gives what follows from the position in the item's space.

    The body receives a handle for `KernelBuilder.look`. The array must be complete before the kernel starts.
    """

    ref: Ref


Operand = Ref | Table | Scalar | Counter | bool | int | float
