"""The step table: a compiled graph as data, which the runtime walks in one native call.

A step launches a printed kernel, calls a library kernel, or hands over to Python. The table holds addresses, places,
sizes and scalar slots as 64-bit words (see lm_step in runtime.c), so what a graph is compiled to is its kernels alone:
the same code serves other sizes when the table is filled again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DONE, _KERNEL, _LIBRARY, _PYTHON = range(4)
_HEAD = 11
END = _HEAD  # words behind the last step
FIRST = 1  # word of the first step: what the runtime returns at the end, 0, is none
FAILED = -(1 << 32)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step finds a buffer: entry `buffer` of the graph's table, plus bytes; -1 where an operand is missing."""

    buffer: int
    offset: int = 0


MISSING = Place(-1)
Number = bool | int | float


@dataclass(frozen=True, slots=True)
class Launch:
    """One use of a kernel, by the addresses of its functions; `scalars` are slots of the call's scalar table."""

    function: int
    total: int
    chunks: int
    places: tuple[Place, ...]
    dims: tuple[int, ...]
    scalars: tuple[int, ...] = ()
    partial: Place = MISSING


@dataclass(frozen=True, slots=True)
class LibraryCall:
    """A call of a library kernel; `scalars` are slots or numbers, `errors` comes before the codes of its errors."""

    function: int
    places: tuple[Place, ...]
    dims: tuple[int, ...]
    scalars: tuple[tuple[int, Number], ...] = ()
    errors: int = 0


@dataclass(frozen=True, slots=True)
class PythonStep:
    """The runtime returns to Python here."""


Step = Launch | LibraryCall | PythonStep


def fill(steps: Sequence[Step]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[int]]:
    """The table, and the word at which each step begins."""
    words, starts = [0] * FIRST, []
    for step in steps:
        starts.append(len(words))
        words += _words(step)
    words += [_DONE, _HEAD] + [0] * (_HEAD - 2)
    return np.array(words, np.int64), starts


def _words(step: Step) -> list[int]:
    if isinstance(step, PythonStep):
        return [_PYTHON, _HEAD] + [0] * (_HEAD - 2)
    tail = [word for place in step.places for word in (place.buffer, place.offset)]
    tail += step.dims
    if isinstance(step, Launch):
        tail += [word for slot in step.scalars for word in (slot, 0)]
        head = [_KERNEL, step.function, step.total, step.chunks]
        last = [step.partial.buffer, step.partial.offset, 0]
    else:
        tail += [word for slot, number in step.scalars for word in (slot, _bits(number))]
        head = [_LIBRARY, step.function, 0, 0]
        last = [-1, 0, step.errors]
    counts = [len(step.places), len(step.dims), len(step.scalars)]
    return [head[0], _HEAD + len(tail), *head[1:], *counts, *last, *tail]


def _bits(number: Number) -> int:
    """A literal as the word of an lm_scalar."""
    if isinstance(number, float):
        return int(struct.unpack("<q", struct.pack("<d", number))[0])
    return int(number)
