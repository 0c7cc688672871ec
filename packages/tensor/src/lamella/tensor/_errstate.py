"""Keeps numpy silent about inf and nan in our ops, in every thread (docs/decisions/0002-errstate.md).

numpy's error state belongs to a thread: it is set at import, and in another thread at the first look at that thread's
modes. What runs in a thread before that, or after the user turned numpy's warnings on again, is caught by a filter for
exactly these messages from exactly our modules.
"""

from __future__ import annotations

import warnings

import numpy as np

__all__ = ["silence"]

warnings.filterwarnings(
    "ignore",
    message="(divide by zero|overflow|underflow|invalid value) encountered",
    category=RuntimeWarning,
    module=r"lamella\.",
)


def silence() -> None:
    """Tell numpy, for this thread, that inf and nan are values like others."""
    np.seterr(all="ignore")
