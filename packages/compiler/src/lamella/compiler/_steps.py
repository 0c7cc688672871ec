"""The step table: a compiled graph as data, which the runtime walks in one native call.

A step launches a printed kernel, calls a library kernel, or hands over to Python; launches that may run side by side
have a head in front of them, which says how many there are. The table holds addresses, places,
sizes and scalar slots as 64-bit words (see lm_step in runtime.c), so what a graph is compiled to is its kernels alone:
the same code serves other sizes when the table is filled again.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

_DONE, _KERNEL, _LIBRARY, _PYTHON, _TOGETHER = range(5)
_HEAD = 11
END = _HEAD  # words behind the last step
FIRST = 1  # word of the first step: what the runtime returns at the end, 0, is none
FAILED = -(1 << 32)


class Place(NamedTuple):
    """Where a step finds a buffer: entry `buffer` of the graph's table, plus bytes; -1 where an operand is missing."""

    buffer: int
    offset: int = 0


MISSING = Place(-1)
Number = bool | int | float


class Launch(NamedTuple):
    """One use of a kernel, by its number; `scalars` are slots of the call's scalar table."""

    kernel: int
    chunks: int
    places: tuple[Place, ...]
    dims: tuple[int, ...]
    scalars: tuple[int, ...] = ()
    partial: Place = MISSING


class LibraryCall(NamedTuple):
    """A call of a library kernel for reals of `dims[0]` bytes, which is in the object `home`, or "" for the runtime.

    `scalars` are slots, or -1 with a number; `errors` comes before the codes of its errors. `holds` says that BLAS
    would use threads of its own.
    """

    symbol: str
    home: str
    places: tuple[Place, ...]
    dims: tuple[int, ...]
    scalars: tuple[tuple[int, Number], ...] = ()
    errors: int = 0
    holds: bool = False


class PythonStep(NamedTuple):
    """The runtime returns to Python here: an op's own kernel on whole arrays.

    `operands` are Views, Slots and constants; `results` are shapes and storage types.
    """

    op: Any
    params: Mapping[str, Any]
    operands: tuple[Any, ...]
    results: tuple[tuple[tuple[int, ...], str], ...]


Step = Launch | LibraryCall | PythonStep
Addresses = Sequence[tuple[int, int]]  # of the functions of each kernel: its chunks, and its total or 0


def fill(
    steps: Sequence[Step],
    kernels: Addresses,
    library: Mapping[tuple[str, str], int] | None = None,
    together: Sequence[tuple[int, int]] = (),
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[int]]:
    """The table, and the word at which each step begins; `library` has functions by home and symbol.

    `together` lists launches that run side by side: the number of the first, and how many they are.
    """
    made: list[list[int]] = []
    for step in steps:
        if isinstance(step, PythonStep):
            made.append([_PYTHON, _HEAD] + [0] * (_HEAD - 2))
        elif isinstance(step, Launch):
            made.append(_launch(step, *kernels[step.kernel]))
        else:
            made.append(_call(step, (library or {})[step.home, step.symbol]))
    words, starts, regions = [0] * FIRST, [], dict(together)
    for number, own in enumerate(made):
        if number in regions:
            launches = slice(number, number + regions[number])
            words += _region([s for s in steps[launches] if isinstance(s, Launch)], sum(map(len, made[launches])))
        starts.append(len(words))
        words += own
    words += [_DONE, _HEAD] + [0] * (_HEAD - 2)
    return np.array(words, np.int64), starts


def _region(launches: list[Launch], size: int) -> list[int]:
    """What stands before launches that run side by side: their words, chunks, and how much the runtime looks up."""
    chunks, places = sum(s.chunks for s in launches), sum(len(s.places) for s in launches)
    counts = (places, len(launches), sum(len(s.scalars) for s in launches))
    return [_TOGETHER, _HEAD + size, 0, 0, chunks, *counts, *MISSING, 0]


def _launch(step: Launch, function: int, total: int) -> list[int]:
    tail = [word for place in step.places for word in place]
    tail += step.dims
    tail += [word for slot in step.scalars for word in (slot, 0)]
    counts = (len(step.places), len(step.dims), len(step.scalars))
    return [_KERNEL, _HEAD + len(tail), function, total, step.chunks, *counts, *step.partial, 0, *tail]


def _call(step: LibraryCall, function: int) -> list[int]:
    tail = [word for place in step.places for word in place]
    tail += step.dims
    tail += [word for slot, number in step.scalars for word in (slot, _bits(number))]
    counts = (len(step.places), len(step.dims), len(step.scalars))
    return [_LIBRARY, _HEAD + len(tail), function, 0, 0, *counts, -1, 0, step.errors, *tail]


def _bits(number: Number) -> int:
    """A literal as the word of an lm_scalar."""
    if isinstance(number, float):
        return int(struct.unpack("<q", struct.pack("<d", number))[0])
    return int(number)
