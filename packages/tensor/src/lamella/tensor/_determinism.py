"""Whether a program asks for deterministic kernels. All of lamella's are: the answer is recorded and changes nothing.

The same inputs, seed and number of threads give the same bits, scatter and index_add included; `empty` is zeros. Who
adds a kernel without this property asks `are_deterministic_algorithms_enabled()` first.
"""

from __future__ import annotations

__all__ = [
    "are_deterministic_algorithms_enabled", "is_deterministic_algorithms_warn_only_enabled",
    "use_deterministic_algorithms",
]  # fmt: skip

_asked = [False, False]


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for deterministic kernels, or only for a warning where one is not; TypeError unless bools."""
    if not isinstance(mode, bool) or not isinstance(warn_only, bool):
        raise TypeError(f"use_deterministic_algorithms needs bools, got {mode!r} and warn_only={warn_only!r}")
    _asked[:] = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether a program asked for deterministic kernels."""
    return _asked[0]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it asked for a warning only."""
    return _asked[1]
