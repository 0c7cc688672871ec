"""Objects through shared memory: what is pickled goes first, the arrays lie beside it and are mapped, not copied.

Pickle travels between a process and the workers that it started, and nowhere else.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella.data._workers._segments import Bytes, aligned


@dataclass(frozen=True, slots=True)
class Parcel:
    """An object taken apart: its pickle and the arrays' bytes that the pickle leaves out."""

    pickled: bytes
    buffers: tuple[memoryview, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each array."""
        return tuple(buffer.nbytes for buffer in self.buffers)

    @property
    def size(self) -> int:
        """Bytes that `write` needs."""
        return aligned(len(self.pickled)) + sum(map(aligned, self.sizes))

    def write(self, target: Bytes) -> None:
        """Lay everything one after the other, each part aligned."""
        at = 0
        for part in (memoryview(self.pickled), *self.buffers):
            if part.nbytes:
                target[at : at + part.nbytes] = np.frombuffer(part, np.uint8)
            at += aligned(part.nbytes)


def pack(subject: Any) -> Parcel:
    """Take an object apart; arrays that are contiguous stay where they are."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(subject, protocol=5, buffer_callback=buffers.append)
    return Parcel(pickled, tuple([buffer.raw() for buffer in buffers]))


def unpack(source: Bytes, pickled: int, sizes: tuple[int, ...]) -> Any:
    """The object whose parts lie in `source`: its arrays lie over that memory and keep it."""
    whole = source.data  # arrays over its slices keep `source` itself, where views of numpy would keep its base
    parts: list[memoryview] = []
    at = 0
    for size in (pickled, *sizes):
        parts.append(whole[at : at + size])
        at += aligned(size)
    return pickle.loads(parts[0], buffers=parts[1:])
