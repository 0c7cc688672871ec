"""Python values as arguments of functions: a wrong one is an error that names the function and the argument.

`what` is both, as "topk: k". Symbolic scalars of a trace are numbers, and whole ones are ints.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._base import TensorBase
from ._dims import shape_of
from ._scalar import SymScalar, index

__all__ = ["number", "shown", "sizes", "whole"]


def whole(value: Any, what: str) -> int:
    """An int, or what Python takes for one as an index."""
    try:
        found: int = index(value)
    except TypeError:
        raise TypeError(f"{what} must be an int, got {shown(value)}") from None
    return found


def number(value: Any, what: str) -> Any:
    """A real number: Python's, numpy's, symbolic, or the only element of a tensor."""
    if isinstance(value, (int, float, SymScalar, np.integer, np.floating)):
        return value
    if isinstance(value, TensorBase) and all(n == 1 for n in value._data.shape):
        return value._real_number(what)  # type: ignore[attr-defined]
    raise TypeError(f"{what} must be a number, got {shown(value)}")


def sizes(value: Any, what: str) -> tuple[int, ...]:
    """A shape given as one argument: a tuple or list of ints, or an int for one dim."""
    if isinstance(value, (tuple, list)):
        return shape_of((tuple(value),))
    return shape_of((whole(value, what),))


def shown(value: Any) -> str:
    """A wrong value as messages show it: short ones as they are, others by their type."""
    if isinstance(value, (str, int, float, complex, tuple, list, type(None))):
        text = repr(value)
        if len(text) <= 60:
            return text
    if isinstance(value, (TensorBase, np.ndarray)):
        array = value._data if isinstance(value, TensorBase) else value
        kind = "a tensor" if isinstance(value, TensorBase) else "an array"
        return f"{kind} of shape {tuple(array.shape)}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"
