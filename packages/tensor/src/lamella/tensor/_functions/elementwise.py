"""Elementwise functions that are more than one op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from .. import _pointwise as p
from .._arguments import number
from .._base import TensorBase
from .._dtype import BOOL, FLOAT, from_numpy_dtype, int64, limits
from .._promotion import result_type
from .common import run, tensor_of, to_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "masked_fill", "nan_to_num", "square", "where"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("clamp", "clamp_max", "clamp_min", "clip", "masked_fill", "nan_to_num", "square")
IN_PLACE = ("clamp", "clamp_max", "clamp_min", "clip", "masked_fill", "nan_to_num", "square")


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
    """x limited to [min, max], numbers or tensors that broadcast; `max` where they cross; NaN stays NaN."""
    if min is None and max is None:
        raise ValueError("clamp needs min or max")
    return run("clamp", (tensor_of(x, "clamp"), min, max))


def clip(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """Same as clamp."""
    return clamp(x, min, max)


def clamp_min(x: Any, min: Any) -> Tensor:
    """x, at least min."""
    return clamp(x, min)


def clamp_max(x: Any, max: Any) -> Tensor:
    """x, at most max."""
    return clamp(x, None, max)


def masked_fill(x: Any, mask: Any, value: Any) -> Tensor:
    """value, a number or a 0-d tensor, where the bool mask holds, else x, whose dtype it keeps.

    As in PyTorch, a fraction loses its fractional part in an integer tensor.
    """
    t = tensor_of(x, "masked_fill")
    if isinstance(value, TensorBase) and value._data.ndim:
        raise ValueError(f"masked_fill needs a number or a 0-d tensor as value, got shape {tuple(value._data.shape)}")
    if isinstance(value, (int, float)) and t.dtype.category < FLOAT:
        try:
            value = bool(value) if t.dtype.category == BOOL else int(value)
        except (OverflowError, ValueError):
            raise OverflowError(f"masked_fill: {value} is no value of {t.dtype}; cast the tensor first") from None
    if result_type((t, value)) is not t.dtype:
        given = value.dtype if isinstance(value, TensorBase) else type(value).__name__  # type: ignore[attr-defined]
        raise TypeError(f"masked_fill cannot put a {given} into a {t.dtype} tensor; cast the tensor first")
    return where(mask, value, t)


def nan_to_num(x: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with NaN as `nan` (0 by default), infinities as the largest and smallest numbers of the dtype, or as given."""
    t = tensor_of(x, "nan_to_num")
    dtype = t._data.dtype
    for value, what in ((nan, "nan"), (posinf, "posinf"), (neginf, "neginf")):
        if value is not None:
            number(value, f"nan_to_num: {what}")
    if dtype.kind in "biu":
        return t.clone()
    if dtype.kind == "c":
        pairs = nan_to_num(run("view_as_real", (t,)), nan, posinf, neginf)
        return run("view_as_complex", (pairs,))
    low, high = limits(from_numpy_dtype(dtype))
    given = (0.0 if nan is None else nan, high if posinf is None else posinf, low if neginf is None else neginf)
    return run("nan_to_num", (t,), nan=float(given[0]), posinf=float(given[1]), neginf=float(given[2]))


def square(x: Any) -> Tensor:
    """x * x; of bools in int64."""
    if isinstance(x, TensorBase) and x._data.dtype.kind == "b":
        x = to_dtype(x, int64)
    return p.mul(x, x)
