"""Division: true, rounded down, rounded towards zero, and the remainders.

A zero among the elements of an integer divisor gives 0, as in numpy; the number 0 raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _pointwise as p
from ._base import TensorBase
from ._dispatch import dispatch
from ._dtype import BOOL, COMPLEX, INT, DType
from ._op import OPS
from ._promotion import result_type

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["div", "divide", "floor_divide", "fmod", "remainder", "true_divide"]
METHODS = ("div", "divide", "floor_divide", "fmod", "remainder", "true_divide")
IN_PLACE = ("divide", "floor_divide", "fmod", "remainder", "true_divide")


def _target(name: str, a: Any, b: Any) -> DType:
    if not isinstance(a, TensorBase) and not isinstance(b, TensorBase):
        raise TypeError(f"{name} needs a tensor, got {type(a).__name__} and {type(b).__name__}")
    for v in (a, b):
        if isinstance(v, np.ndarray):
            raise TypeError(f"{name} needs tensors or numbers, got ndarray; wrap it with from_numpy(...)")
    dtype = result_type((a, b))
    if dtype.category in (BOOL, COMPLEX):
        raise TypeError(f"{name} is defined for floats and integers, not for {dtype}; cast first")
    if dtype.category == INT and not isinstance(b, TensorBase) and b == 0:
        raise ZeroDivisionError(f"{name} of an integer tensor by 0; a floating tensor gives inf or nan")
    return dtype


def _rounded(name: str, a: Any, b: Any) -> Tensor:
    _target(name, a, b)
    return cast("Tensor", dispatch(OPS[name], (a, b)))


def floor_divide(a: Any, b: Any) -> Tensor:
    """Elementwise largest integer not above a / b, in the dtype a and b meet in; ZeroDivisionError for integers by 0.

    Exact, as Python's `//`: 1.0 // 0.1 is 9, for the float 0.1 is more than a tenth.
    """
    return _rounded("floor_divide", a, b)


def remainder(a: Any, b: Any) -> Tensor:
    """Elementwise a - b * floor(a / b): it has the sign of b, as Python's %; ZeroDivisionError for integers by 0."""
    return _rounded("remainder", a, b)


def fmod(a: Any, b: Any) -> Tensor:
    """Elementwise a - b * trunc(a / b): it has the sign of a, as C's fmod; ZeroDivisionError for integers by 0."""
    return _rounded("fmod", a, b)


def div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Elementwise a / b; with rounding_mode "floor" or "trunc" the quotient is rounded so, in their dtype."""
    if rounding_mode is None:
        return p.div(a, b)
    if rounding_mode == "floor":
        return floor_divide(a, b)
    if rounding_mode != "trunc":
        raise ValueError(f"div: rounding_mode is None, 'trunc' or 'floor', got {rounding_mode!r}")
    if _target("div", a, b).category != INT:
        return p.trunc(p.div(a, b))
    return floor_divide(p.sub(a, fmod(a, b)), b)


divide = div


def true_divide(a: Any, b: Any) -> Tensor:
    """Elementwise a / b; integers become the default float."""
    return p.div(a, b)
