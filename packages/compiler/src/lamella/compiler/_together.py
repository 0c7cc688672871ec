"""Which neighbouring launches run side by side, as one parallel region over the chunks of all: an optimizer's updates.

Launches are independent where none writes what another one touches. That is asked twice: of values, so that scratch of
launches that may be neighbours in a region is planned apart, and of the planned memory, whose word is the last, so that
no value is kept longer for a region. A region wakes the threads once and ends once, and small launches fill the gaps
that large ones leave. What a chunk computes does not change, so results are the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Neighbour", "Touched", "side_by_side"]

MOST = 64  # launches in one region: their buffers are looked up on the stack
LEAST_BYTES = 1 << 18  # moved by a region together: below, waking a thread takes longer


@dataclass(frozen=True, slots=True)
class Touched:
    """Bytes from `start` to `end` of a buffer (or a value) that a launch reads, or writes too."""

    buffer: int
    start: int
    end: int
    written: bool

    def meets(self, other: Touched) -> bool:
        """Whether the two may not be touched at one time."""
        apart = self.buffer != other.buffer or self.end <= other.start or other.end <= self.start
        return not apart and (self.written or other.written)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A launch: its chunks, and what it touches."""

    chunks: int
    touched: list[Touched]


def side_by_side(steps: Sequence[Neighbour | None]) -> dict[int, int]:
    """How many launches from which step on run together; None stands for a step that runs alone."""
    found: dict[int, int] = {}
    first, held = 0, dict[int, list[Touched]]()
    for number, step in enumerate([*steps, None]):
        apart = step is None or number - first == MOST or _meet(step.touched, held)
        if apart:
            if _pays(steps[first:number]):
                found[first] = number - first
            first, held = number + (step is None), {}
        if step is not None:
            for touched in step.touched:
                held.setdefault(touched.buffer, []).append(touched)
    return found


def _meet(touched: list[Touched], held: dict[int, list[Touched]]) -> bool:
    return any(a.meets(b) for a in touched for b in held.get(a.buffer, ()))


def _pays(steps: Sequence[Neighbour | None]) -> bool:
    launches = [step for step in steps if step is not None]
    moved = sum(t.end - t.start for launch in launches for t in launch.touched)
    return len(launches) > 1 and sum(launch.chunks for launch in launches) > 1 and moved >= LEAST_BYTES
