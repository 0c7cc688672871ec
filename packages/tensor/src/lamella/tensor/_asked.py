"""What programs ask of kernels, and what lamella's keep anyway: the answers are recorded, and change nothing here.

The same inputs, seed and number of threads give the same bits, scatter and index_add included; `empty` is zeros.
Products of float32 are computed in float32.
Who adds a kernel without these properties asks here whether it may be used.
"""

from __future__ import annotations

__all__ = [
    "are_deterministic_algorithms_enabled", "get_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled", "set_float32_matmul_precision", "use_deterministic_algorithms",
]  # fmt: skip

_deterministic = [False, False]
_precision = ["highest"]
_PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for deterministic kernels, or only for a warning where one is not; TypeError unless bools."""
    if not isinstance(mode, bool) or not isinstance(warn_only, bool):
        raise TypeError(f"use_deterministic_algorithms needs bools, got {mode!r} and warn_only={warn_only!r}")
    _deterministic[:] = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """Whether a program asked for deterministic kernels."""
    return _deterministic[0]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it asked for a warning only."""
    return _deterministic[1]


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 to be less precise: "highest", "high" or "medium"; no kernel here makes use of it."""
    if precision not in _PRECISIONS:
        raise ValueError(f"set_float32_matmul_precision needs one of {', '.join(_PRECISIONS)}, got {precision!r}")
    _precision[0] = precision


def get_float32_matmul_precision() -> str:
    """The precision of float32 products that a program allows."""
    return _precision[0]
