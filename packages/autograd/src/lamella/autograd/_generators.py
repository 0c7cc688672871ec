"""Where generators stand, in eager code and under a trace, which keeps what a run has drawn symbolic."""

from __future__ import annotations

from typing import Any

from lamella.tensor.extend import Generator, tls

__all__ = ["standing", "swapped"]


def standing(g: Generator) -> Any:
    """The state of a generator."""
    return g.get_state() if tls.trace is None else tls.trace.read_offset(g)


def swapped(g: Generator, state: Any) -> Any:
    """Put a generator to a state, returning the one it was in."""
    if tls.trace is not None:
        return tls.trace.swap_offset(g, state)
    current = g.get_state()
    g.set_state(state)
    return current
