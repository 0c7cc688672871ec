"""Elementwise functions that are more than one op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from .. import _pointwise as p
from .._base import TensorBase
from .._promotion import result_type
from .common import run, tensor_of, to_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["clamp", "square", "where"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "clamp",
    "square",
)
IN_PLACE: tuple[str, ...] = ("clamp",)


@overload
def where(condition: Any, a: Any, b: Any) -> Tensor: ...
@overload
def where(condition: Any) -> tuple[Tensor, ...]: ...
def where(condition: Any, a: Any = None, b: Any = None) -> Any:
    """a where the bool condition holds, else b; a and b meet in one dtype. Without both, nonzero(as_tuple=True)."""
    if a is None or b is None:
        if a is not b:
            raise TypeError("where takes a condition and two values, or a condition alone")
        from .indexing import nonzero

        return nonzero(condition, as_tuple=True)
    dtype = result_type((a, b))
    if not isinstance(a, TensorBase) and not isinstance(b, TensorBase):
        b = run("full", (b,), shape=(), dtype=dtype)
    a, b = (to_dtype(v, dtype) if isinstance(v, TensorBase) else v for v in (a, b))
    return run("where", (tensor_of(condition, "where"), a, b))


def clamp(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """x limited to [min, max]; NaN stays NaN."""
    if min is None and max is None:
        raise ValueError("clamp needs min or max")
    if min is not None:
        x = p.maximum(x, min)
    return x if max is None else p.minimum(x, max)


def square(x: Any) -> Tensor:
    """x * x."""
    return p.mul(x, x)
