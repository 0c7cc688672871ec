"""The memory plan: which results live in the arena, from which step to which, and at what offset.

Invariant: two roots that are alive in one step never overlap, and what a step reads is alive through it, so kernels may
assume that their buffers are disjoint. Outputs of the graph are fresh arrays and never in the arena.
"""

from __future__ import annotations

from dataclasses import dataclass

ALIGN = 64


@dataclass(frozen=True, slots=True)
class Span:
    """A block of memory needed from step `first` through step `last`."""

    key: int
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Offsets by key, and the size of the arena."""

    offsets: dict[int, int]
    arena_bytes: int


def plan(spans: list[Span]) -> Plan:
    """Place spans in order of first use, each in the smallest gap that holds it."""
    offsets: dict[int, int] = {}
    free: list[tuple[int, int]] = []  # (offset, size), disjoint, by offset
    end = 0
    ending: dict[int, list[tuple[int, int]]] = {}
    starts: dict[int, list[Span]] = {}
    for span in spans:
        starts.setdefault(span.first, []).append(span)
    for step in sorted({*starts, *(s.last + 1 for s in spans)}):
        for block in ending.pop(step, []):
            _release(free, block)
        for span in sorted(starts.get(step, []), key=lambda s: -s.size_bytes):
            size = max(ALIGN, -(-span.size_bytes // ALIGN) * ALIGN)
            fitting = [block for block in free if block[1] >= size]
            if fitting:
                offset, room = min(fitting, key=lambda b: (b[1], b[0]))
                free.remove((offset, room))
                if room > size:
                    _release(free, (offset + size, room - size))
            elif free and free[-1][0] + free[-1][1] == end:
                offset, _ = free.pop()
                end = offset + size
            else:
                offset, end = end, end + size
            offsets[span.key] = offset
            ending.setdefault(span.last + 1, []).append((offset, size))
    return Plan(offsets, end)


def _release(free: list[tuple[int, int]], block: tuple[int, int]) -> None:
    """Give a block back and join it with its neighbours."""
    offset, size = block
    for other in list(free):
        if other[0] + other[1] == offset:
            free.remove(other)
            offset, size = other[0], other[1] + size
        elif offset + size == other[0]:
            free.remove(other)
            size += other[1]
    free.append((offset, size))
    free.sort()
