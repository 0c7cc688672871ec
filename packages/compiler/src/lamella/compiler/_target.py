"""What code is generated for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CACHE_BYTES", "Target"]

CACHE_BYTES = 32 << 20  # of a last cache that the system does not tell


class Target(NamedTuple):
    """What must be known of a machine: bytes in one vector register and in the last cache, and whether it has fused
    multiply-add.
    """

    vector_bytes: int
    fma: bool
    cache_bytes: int = CACHE_BYTES
