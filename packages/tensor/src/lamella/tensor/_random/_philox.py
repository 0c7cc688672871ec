"""The word stream: slot s of a seed is one 64-bit word of Philox 4x64-10 (docs/decisions/0001-rng.md).

Slot s is lane `s % 4` of the block with key (seed, 0) and counter (s // 4 + 1, attempt, 0, 0), so `words(seed, 0, n)`
is what `numpy.random.Philox(key=seed).random_raw(n)` gives. Seeds and slots count modulo 2**64: after the last comes 0.
numpy computes the words; this file only seeks, chunks and splits.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ._parallel import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Philox
    from numpy.typing import NDArray

    Words: TypeAlias = NDArray[np.uint64]
    Sink: TypeAlias = Callable[[int, Words], None]

__all__ = ["CHUNK", "MASK", "each_chunk", "words"]

MASK = (1 << 64) - 1
# Long enough that two threads seldom meet at the interpreter lock between numpy calls, short enough for caches: of 8192
# to 262144, this was the fastest for normals on one thread and on two. Also the least that a second thread is worth.
CHUNK = 1 << 16

_idle: list[Philox] = []  # pop and append are atomic: each user owns the one it took


def _seek(seed: int, slot: int, attempt: int) -> Philox:
    """A Philox whose next raw word is `slot`; hand it back with `_idle.append`."""
    try:
        philox = _idle.pop()
    except IndexError:
        from numpy.random import Philox  # here: importing it takes 10 ms, and not every program draws

        philox = Philox(key=0)
    # numpy counts up before it computes a block, so counter s // 4 gives the block numbered s // 4 + 1.
    state: Any = {  # numpy's stubs do not export the type
        "bit_generator": "Philox",
        "state": {
            "counter": np.array([slot >> 2, attempt, 0, 0], np.uint64),
            "key": np.array([seed, 0], np.uint64),
        },
        "buffer": np.zeros(4, np.uint64),
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
    philox.state = state
    if slot & 3:
        philox.random_raw(slot & 3)
    return philox


def _run(seed: int, slot: int, attempt: int, start: int, stop: int, sink: Sink) -> None:
    """Feed `sink` the words of elements [start, stop), element 0 being at `slot`; the range does not wrap."""
    philox = _seek(seed, slot + start, attempt)
    for begin in range(start, stop, CHUNK):
        sink(begin, philox.random_raw(min(CHUNK, stop - begin)))
    _idle.append(philox)


def each_chunk(seed: int, offset: int, n: int, sink: Sink, attempt: int = 0) -> None:
    """Call `sink(start, words)` over chunks that cover elements [0, n), possibly from several threads.

    The sink owns the words it gets and may overwrite them.
    """
    seed = operator.index(seed) & MASK
    slot = operator.index(offset) & MASK
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"a draw of {n} elements: the count must not be negative")
    if not 0 <= attempt <= MASK:
        raise ValueError(f"attempt {attempt}: expected 0 <= attempt < 2**64")
    before_wrap = min(n, MASK + 1 - slot)
    if before_wrap <= CHUNK:
        _run(seed, slot, attempt, 0, before_wrap, sink)
    else:
        split(before_wrap, CHUNK, lambda start, stop: _run(seed, slot, attempt, start, stop, sink))
    if before_wrap < n:
        each_chunk(seed, 0, n - before_wrap, lambda start, w: sink(before_wrap + start, w), attempt)


def words(seed: int, offset: int, n: int, attempt: int = 0) -> Words:
    """The uint64 words of slots offset, offset + 1, ..., n of them, modulo 2**64.

    `attempt` > 0 gives independent words for the same slots: rejection samplers draw their retries there.
    """
    out: Words = np.empty(max(n, 0), np.uint64)

    def sink(start: int, w: Words) -> None:
        out[start : start + w.size] = w

    each_chunk(seed, offset, n, sink, attempt)
    return out
