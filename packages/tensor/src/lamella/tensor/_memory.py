"""Freed memory stays with the process, up to a bound, where the C library can be told so (glibc).

By default glibc hands the top of its heap back as soon as a few MB are free, and asks the system for it again at the
next large array: a training step then spends a third of its time on page faults. Set LAMELLA_KEEP_MB to another bound
in MB, or to 0 to leave the C library alone (docs/decisions/0009-freed-memory.md).
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD = -1  # names and numbers of <malloc.h>
_M_MMAP_THRESHOLD = -3
_LARGEST_MMAP_THRESHOLD = 32 << 20  # what mallopt takes at most on 64-bit systems
_DEFAULT_MB = 256


def keep_freed_memory() -> bool:
    """Apply the bound of LAMELLA_KEEP_MB, 256 where unset; whether the C library took it.

    ValueError where the variable is no whole number.
    """
    text = os.environ.get("LAMELLA_KEEP_MB", str(_DEFAULT_MB))
    if not text.isdecimal():
        raise ValueError(f"LAMELLA_KEEP_MB must be a whole number of megabytes, got {text!r}")
    keep = int(text) << 20
    if not keep or sys.platform != "linux" or sys.maxsize < 1 << 32:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # a C library without it, such as musl
        return False
    small = min(keep, _LARGEST_MMAP_THRESHOLD)
    return bool(mallopt(_M_MMAP_THRESHOLD, small)) and bool(mallopt(_M_TRIM_THRESHOLD, min(keep, (1 << 31) - 1)))
