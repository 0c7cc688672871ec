"""The cyclic collector, which pauses while something is captured.

What it finds, such as a suspended generator that it closes, would run inside the program; and nearly all that a capture
makes stays, so looking through it again and again finds nothing.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]

_LOCK = threading.Lock()
_captures = 0  # that are under way, in all threads
_resumes = False  # whether it was on before the first of them


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the collector, until the last of those that ask for this at once is done."""
    global _captures, _resumes
    with _LOCK:
        if not _captures:
            _resumes = gc.isenabled()
            gc.disable()
        _captures += 1
    try:
        yield
    finally:
        with _LOCK:
            _captures -= 1
            if not _captures and _resumes:
                gc.enable()
