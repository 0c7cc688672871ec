"""The state of the default generator as a tensor, so that it goes wherever tensors go; a block that leaves it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import TensorBase
from ._creation import place
from ._device import CPU
from ._random import default_generator
from ._state import tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "seed", "set_rng_state"]


def _outside_a_trace(name: str) -> None:
    if tls.trace is not None:
        raise RuntimeError(f"{name} in a captured program would keep the state of this run; call it outside")


def get_rng_state() -> Tensor:
    """The state of the default generator as a uint8 tensor: name of the algorithm, seed, offset."""
    _outside_a_trace("get_rng_state")
    state = default_generator.get_state()
    words = np.array([state["seed"], state["offset"]], "<u8").tobytes()
    out: Tensor = place(np.frombuffer(str(state["algorithm"]).encode().ljust(16, b"\0") + words, np.uint8).copy(), CPU)
    return out


def set_rng_state(new_state: Any) -> None:
    """Continue where `get_rng_state` was called; it takes what a generator's `get_state` gives too.

    ValueError for another state, and then nothing changes.
    """
    _outside_a_trace("set_rng_state")
    if not isinstance(new_state, TensorBase):
        default_generator.set_state(new_state)
        return
    array = new_state._real("set_rng_state")  # type: ignore[attr-defined]
    if array.dtype != np.uint8 or array.shape != (32,):
        raise ValueError(
            f"set_rng_state needs the 32 bytes that get_rng_state() returned, got {array.dtype}{list(array.shape)}"
        )
    raw = array.tobytes()
    words = np.frombuffer(raw[16:], "<u8").tolist()
    algorithm = raw[:16].rstrip(b"\0").decode("latin-1")
    default_generator.set_state({"algorithm": algorithm, "seed": words[0], "offset": words[1]})


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def seed() -> int:
    """Seed the default generator with a number of the system's own, and return that number."""
    _outside_a_trace("seed")
    return default_generator.seed()


@contextmanager
def fork_rng(*, enabled: bool = True) -> Iterator[None]:
    """A block (or a decorated function) after which the default generator stands where it stood before."""
    if not enabled:
        yield
        return
    _outside_a_trace("fork_rng")
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)
