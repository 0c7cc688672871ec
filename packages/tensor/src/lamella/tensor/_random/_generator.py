"""Where draws get their (seed, offset): a generator hands out runs of slots and moves on.

A generator is two integers. Reserving n slots is the only thing a draw does to it, so its state after a call does not
depend on dtype, device or threads.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Mapping
from typing import Final

from .._device import CPU, Device, as_device
from ._philox import MASK

__all__ = ["Generator", "default_generator", "manual_seed"]

_ALGORITHM = "philox4x64-10"
_DEFAULT_SEED = 67280421310721  # torch's, so that a program without a seed is reproducible too


def _word(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MASK:
        raise ValueError(f"set_state: {name} is {value!r}; expected an int, 0 <= {name} < 2**64")
    return value


class Generator:
    """A stream of random slots; the same seed gives the same numbers. Safe to share between threads."""

    __slots__ = ("_lock", "_offset", "_seed")

    def __init__(self, seed: int | str | Device = _DEFAULT_SEED, *, device: str | Device | None = None) -> None:
        """A stream from slot 0 of a seed; a place by position or keyword, as in PyTorch, must be the CPU."""
        if isinstance(seed, (str, Device)):
            device = seed
            seed = _DEFAULT_SEED
        if as_device(device) is not CPU:
            raise ValueError(f"Generator: numbers are drawn on the cpu, got device {device!r}")
        self._lock = threading.Lock()
        self.manual_seed(seed)

    @property
    def device(self) -> Device:
        """Where its numbers are drawn: the CPU."""
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start again at slot 0 of `seed` (an int from -2**63 to 2**64 - 1, taken modulo 2**64) and return self."""
        try:
            value = operator.index(seed)
        except TypeError:
            raise TypeError(f"manual_seed: the seed must be an int, got {seed!r}") from None
        if not -(1 << 63) <= value <= MASK:
            raise ValueError(f"manual_seed: {seed} is out of range; expected -2**63 <= seed < 2**64")
        with self._lock:
            self._seed = value & MASK
            self._offset = 0
        return self

    def initial_seed(self) -> int:
        """The seed in use, as 0 <= seed < 2**64."""
        return self._seed

    def seed(self) -> int:
        """Start again with a seed of the system's own, and return it."""
        value = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(value)
        return value

    def clone_state(self) -> Generator:
        """A generator of its own that stands where this one does."""
        copy = Generator()
        copy.set_state(self.get_state())
        return copy

    def reserve(self, n: int) -> tuple[int, int]:
        """Take the next n slots: returns (seed, offset) of the first and moves the offset by n, modulo 2**64."""
        if n < 0:
            raise ValueError(f"reserve: n = {n}; expected n >= 0")
        with self._lock:
            offset = self._offset
            self._offset = (offset + n) & MASK
            return self._seed, offset

    def seek(self, offset: int) -> None:
        """Go to a slot of the current seed (modulo 2**64)."""
        with self._lock:
            self._offset = offset & MASK

    def position(self) -> tuple[int, int]:
        """(seed, offset) of the next slot."""
        with self._lock:
            return self._seed, self._offset

    def get_state(self) -> dict[str, int | str]:
        """The state as a dict of plain values, which `save` stores and `set_state` takes."""
        with self._lock:
            return {"algorithm": _ALGORITHM, "seed": self._seed, "offset": self._offset}

    def set_state(self, state: object) -> Generator:
        """Continue where `get_state` was called and return self; ValueError for anything else, changing nothing."""
        if not isinstance(state, Mapping) or set(state) != {"algorithm", "seed", "offset"}:
            raise ValueError(f"set_state: expected what get_state() returned (algorithm, seed, offset), got {state!r}")
        if state["algorithm"] != _ALGORITHM:
            raise ValueError(f"set_state: the state is of {state['algorithm']!r}; this generator is {_ALGORITHM!r}")
        seed, offset = _word("seed", state["seed"]), _word("offset", state["offset"])
        with self._lock:
            self._seed, self._offset = seed, offset
        return self

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, offset={self._offset})"


default_generator: Final = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return default_generator.manual_seed(seed)
