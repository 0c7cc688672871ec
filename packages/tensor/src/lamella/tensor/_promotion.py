"""Where operands of several dtypes meet: the casts that the dispatcher inserts, so that kernels and graphs never see
a mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._base import TensorBase
from ._dtype import (
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    DType,
    bool_,
    complex64,
    complex128,
    float32,
    float64,
    from_numpy_dtype,
    int64,
    promote,
)

__all__ = ["default_float", "get_default_dtype", "meet", "number_category", "result_type", "set_default_dtype"]

_default: list[DType] = [float32]


def get_default_dtype() -> DType:
    """The floating dtype that Python floats and integer division become."""
    return _default[0]


def set_default_dtype(dtype: DType) -> None:
    """Set it; TypeError unless floating."""
    if not isinstance(dtype, DType) or dtype.category != FLOAT:
        raise TypeError(f"the default dtype must be a floating lamella dtype, got {dtype!r}")
    _default[0] = dtype


def default_float() -> DType:
    """Same as get_default_dtype, for internal readers."""
    return _default[0]


def number_category(x: Any) -> int:
    """The category of a Python number or a symbolic scalar (which says it as `.category`)."""
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int):
        return INT
    if isinstance(x, float):
        return FLOAT
    if isinstance(x, complex):
        return COMPLEX
    category: int = x.category
    return category


def _of_category(category: int) -> DType:
    if category == BOOL:
        return bool_
    if category == INT:
        return int64
    if category == FLOAT:
        return _default[0]
    return complex128 if _default[0] is float64 else complex64


def result_type(args: Sequence[Any]) -> DType:
    """The dtype in which tensors and numbers combine: dims before 0-d before numbers; each raises only the category."""
    dims: DType | None = None
    zero: DType | None = None
    number = -1
    for a in args:
        if isinstance(a, TensorBase):
            dtype = from_numpy_dtype(a._data.dtype)
            if a._data.ndim:
                dims = dtype if dims is None else promote(dims, dtype)
            else:
                zero = dtype if zero is None else promote(zero, dtype)
        elif a is not None:
            number = max(number, number_category(a))
    result = dims
    if zero is not None and (result is None or zero.category > result.category):
        result = zero if result is None else _raise_to(result, zero)
    if number >= 0 and (result is None or number > result.category):
        result = _of_category(number) if result is None else _raise_to(result, _of_category(number))
    if result is None:
        raise TypeError("no operand to take a dtype from")
    return result


def _raise_to(low: DType, high: DType) -> DType:
    # a complex raises a float64 tensor to complex128, not to complex64
    return promote(low, high) if high.category == COMPLEX else high


def meet(promotes: str, args: Sequence[Any]) -> DType | None:
    """The dtype the operands must be cast to, or None when they already are of it."""
    first = None
    same = True
    number = -1
    for a in args:
        if isinstance(a, TensorBase):
            dtype = a._data.dtype
            if first is None:
                first = dtype
            elif dtype is not first and dtype != first:
                same = False
        elif a is not None:
            number = max(number, number_category(a))
    if first is None:
        target = result_type(args)
        return _default[0] if promotes == "float" and target.category < FLOAT else target
    if same:
        category = from_numpy_dtype(first).category
        if number <= category and (promotes != "float" or category >= FLOAT):
            return None
    target = result_type(args)
    if promotes == "float" and target.category < FLOAT:
        target = _default[0]
    return None if same and target.numpy == first else target
