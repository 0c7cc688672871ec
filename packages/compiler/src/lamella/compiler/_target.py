"""What code is generated for."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Target"]


class Target(NamedTuple):
    """What must be known of a machine: bytes in one vector register and in the last cache, and whether it has fused
    multiply-add.
    """

    vector_bytes: int
    fma: bool
    cache_bytes: int = 1 << 25
