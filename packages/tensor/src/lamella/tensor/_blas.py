"""Lets idle threads of numpy's BLAS sleep, and tells kernels with threads of their own whether they do
(docs/decisions/0012-sleeping-blas.md).

Loaded before numpy, whose OpenBLAS reads the variable once. Nothing is changed that the user has set.
"""

from __future__ import annotations

import os
import sys

__all__ = ["SLEEPS"]

_VARIABLE = "OPENBLAS_THREAD_TIMEOUT"
_LONG = 20  # a thread waits 2**timeout cycles before it sleeps; OpenBLAS's own choice is 26, some 20 ms


def _sleeps() -> bool:
    if "numpy" not in sys.modules:
        os.environ.setdefault(_VARIABLE, "18")
    value = os.environ.get(_VARIABLE, "")
    return value.isdigit() and int(value) <= _LONG


SLEEPS = _sleeps()
"""Whether BLAS's threads leave the processor to others soon after a product."""
