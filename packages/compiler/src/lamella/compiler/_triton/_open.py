"""Numbers of a kernel that follow from open sizes: they are printed as arguments, so that one text serves all sizes.

A kernel is made for numbers. What a graph with named sizes gives for other sizes has the same instructions, and where
two numbers differ, they follow from sizes. Such a number is an `Open`: what it is, and what it is for the other sizes;
numbers that agree in both are the same. Whatever is computed from one is one.

Invariant: a text holds no open number, and no decision of a schedule looks at one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from lamella.compiler._kernel import Axis, Buffer, Const, Instr, Kernel, Load, Position, Size, Stage, Store, Update
from lamella.compiler._kernel._data import counts, is_data

Number = TypeVar("Number", int, float)

_SCALE, _STEP = 13, 12  # 13 n has the rest that n has by 2, 3, 4, 6 and 12, and by every divisor of n


class Open(int):
    """An int that follows from open sizes."""

    other: int

    def __new__(cls, value: int, other: int) -> Open:
        """A number, and what it is for other sizes."""
        made = super().__new__(cls, value)
        made.other = other
        return made

    def __mul__(self, factor: int) -> Open:
        return Open(int(self) * int(factor), self.other * elsewhere(factor))

    __rmul__ = __mul__


class OpenFloat(float):
    """A float that follows from open sizes."""

    other: float

    def __new__(cls, value: float, other: float) -> OpenFloat:
        """A number, and what it is for other sizes."""
        made = super().__new__(cls, value)
        made.other = other
        return made


def is_open(number: Any) -> bool:
    """Whether a number follows from open sizes."""
    return isinstance(number, Open | OpenFloat)


def elsewhere(number: Number) -> Number:
    """What a number is for the other sizes."""
    return number.other if isinstance(number, Open | OpenFloat) else number


def fixed(number: int, value: int) -> bool:
    """Whether a number has this value for all sizes."""
    return number == value and not is_open(number)


def several(number: int, most: int = 1) -> bool:
    """Whether a number may be more than `most`: for an open one nothing less is assumed."""
    return is_open(number) or number > most


def same(a: int, b: int) -> bool:
    """Whether two numbers agree for all sizes."""
    return a == b and elsewhere(a) == elsewhere(b)


def product(numbers: Iterable[int]) -> int:
    """Product of ints; 1 for none."""
    result = 1
    for n in numbers:
        result = result * n
    return result


def computed(function: Callable[[int], int], number: int) -> int:
    """A function of a number, open where the number is."""
    return Open(function(int(number)), function(number.other)) if isinstance(number, Open) else function(number)


def other_sizes(sizes: Mapping[str, int]) -> list[dict[str, int]]:
    """Sizes for which a graph is likely to be the same but for its numbers: of the same order, another factor each."""
    ranked = sorted(sizes, key=lambda name: (sizes[name], name))
    scaled = {name: sizes[name] * (_SCALE + _STEP * k) for k, name in enumerate(ranked)}
    moved = {name: sizes[name] + _STEP * (k + 1) for k, name in enumerate(ranked)}
    return [scaled, moved]


def opened(kernel: Kernel, other: Kernel) -> Kernel | None:
    """The kernel with its open numbers marked; None where the other one does not differ by numbers alone."""
    mine, theirs = _numbers(kernel), _numbers(other)
    if len(mine) != len(theirs) or _renumbered(other, mine) != kernel:
        return None
    pairs = zip(mine, theirs, strict=True)
    return _renumbered(kernel, [a if repr(a) == repr(b) else _open(a, b) for a, b in pairs])


def all_opened(kernel: Kernel) -> Kernel:
    """The kernel with every number open that may follow from sizes, none the same as another."""
    whole = counts(kernel)

    def data(number: Any, out: int | None) -> bool:
        return number not in (0, 1) if out is None else out in whole or is_data(kernel.types[out], number)

    alone = itertools.count(1)
    return _map_numbers(kernel, lambda n, out: _open(n, -next(alone)) if data(n, out) else n)


def _open(value: Any, other: Any) -> Any:
    return OpenFloat(value, other) if isinstance(value, float) else Open(value, other)


def _numbers(kernel: Kernel) -> list[Any]:
    found: list[Any] = []

    def note(number: Any, _: int | None) -> Any:
        found.append(number)
        return number

    _map_numbers(kernel, note)
    return found


def _renumbered(kernel: Kernel, numbers: Iterable[Any]) -> Kernel:
    following = iter(numbers)
    return _map_numbers(kernel, lambda *_: next(following))


def _map_numbers(kernel: Kernel, f: Callable[[Any, int | None], Any]) -> Kernel:
    """The kernel with `f(number, value that it is)` for each number that may follow from sizes."""

    def at(p: Position) -> Position:
        strides = tuple([f(s, None) for s in p.strides])
        return Position(f(p.offset, None), strides, tuple([(v, f(s, None)) for v, s in p.indirect]))

    def mapped(instr: Instr) -> Instr:
        match instr:
            case Const(out=out, value=value) if not isinstance(value, bool):
                return Const(out, f(value, out))
            case Size(out=out, value=value):
                return Size(out, f(value, None))
            case Update(position=position, extents=extents):
                return replace(instr, position=at(position), extents=tuple([f(n, None) for n in extents]))
            case Load(position=position) | Store(position=position):
                return replace(instr, position=at(position))
            case _:
                return instr

    return replace(
        kernel,
        grid=tuple([Axis(a.name, f(a.extent, None)) for a in kernel.grid]),
        inner=tuple([Axis(a.name, f(a.extent, None)) for a in kernel.inner]),
        buffers=tuple([Buffer(b.dtype, b.output, f(b.size, None)) for b in kernel.buffers]),
        stages=tuple([Stage(s.level, tuple(map(mapped, s.body))) for s in kernel.stages]),
    )
