"""disable(): functions that are never captured, and run as written."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from lamella.graph import CaptureError
from lamella.tensor.extend import describe, tls, user_location

__all__ = ["DISABLED", "disable", "is_disabled"]

DISABLED = [0]  # how many recursively disabled calls are running, in all threads
_lock = threading.Lock()
_state = threading.local()


def is_disabled() -> bool:
    """Whether this thread is inside a recursively disabled function."""
    return getattr(_state, "depth", 0) > 0


def _count(step: int) -> None:
    _state.depth = getattr(_state, "depth", 0) + step
    with _lock:
        DISABLED[0] += step


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A version of a function that is never captured; usable as a decorator.

    A compiled function that calls it runs uncompiled, with a warning that gives the `reason`, or raises CaptureError
    under fullgraph. Compiled functions that it calls run uncompiled too, unless `recursive` is False. TypeError for
    what is not callable.
    """
    if not isinstance(recursive, bool):
        raise TypeError(f"recursive is True or False, got {recursive!r}")
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    if not callable(fn):
        raise TypeError(f"disable needs a function or a module, got {type(fn).__name__}")
    function: Callable[..., Any] = getattr(fn, "original", fn)
    name = getattr(function, "__qualname__", type(function).__qualname__)

    @functools.wraps(function if hasattr(function, "__name__") else type(function).__call__)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if tls.trace is not None:
            place = describe(user_location(2))
            words = "" if reason is None else f" ({reason})"
            raise CaptureError(f"{name} is disabled for capture{words} and was called at {place}", place)
        if not recursive:
            return function(*args, **kwargs)
        _count(1)
        try:
            return function(*args, **kwargs)
        finally:
            _count(-1)

    return wrapped
