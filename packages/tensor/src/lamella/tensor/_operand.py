"""What may stand beside a tensor in an op: Python numbers and the symbolic scalars of a trace."""

from __future__ import annotations

from typing import Any

from ._base import TensorBase
from ._scalar import SymScalar

__all__ = ["is_operand"]


def is_operand(x: Any) -> bool:
    """Whether x can be an operand: a tensor, a bool, int, float or complex, or a symbolic scalar."""
    return isinstance(x, (TensorBase, int, float, complex, SymScalar))
