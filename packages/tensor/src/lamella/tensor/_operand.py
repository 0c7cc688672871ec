"""What may stand beside a tensor in an operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._base import TensorBase
from ._scalar import SymScalar

__all__ = ["is_operand"]


def is_operand(x: Any) -> bool:
    """Whether an operator takes x on: tensors, Python's, numpy's and symbolic numbers; and numpy arrays, to refuse them
    with advice. Everything else is left to the other operand.
    """
    return isinstance(x, (TensorBase, int, float, complex, SymScalar, np.generic, np.ndarray))
