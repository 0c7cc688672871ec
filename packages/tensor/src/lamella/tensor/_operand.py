"""What may stand beside a tensor in an operator, and the `alpha` of sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._arguments import shown
from ._base import TensorBase
from ._scalar import SymScalar

__all__ = ["is_operand", "scaled"]


def is_operand(x: Any) -> bool:
    """Whether an operator takes x on: tensors, Python's, numpy's and symbolic numbers; and numpy arrays, to refuse them
    with advice. Everything else is left to the other operand.
    """
    return isinstance(x, (TensorBase, int, float, complex, SymScalar, np.generic, np.ndarray))


def scaled(name: str, a: Any, b: Any, alpha: Any) -> Any:
    """alpha * b, the second operand of a sum; TypeError for a fraction of integers and for what is no number."""
    if not is_operand(alpha):
        raise TypeError(f"{name}: alpha must be a number, got {shown(alpha)}")
    if isinstance(alpha, float) and not any(_fractional(x) for x in (a, b)):
        raise TypeError(f"{name}: alpha of integer tensors must be an integer, got {alpha}; cast the tensors first")
    return b * alpha


def _fractional(x: Any) -> bool:
    return x._data.dtype.kind in "fVc" if isinstance(x, TensorBase) else isinstance(x, (float, complex))
