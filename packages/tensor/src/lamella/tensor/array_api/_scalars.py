"""Python scalars beside arrays: they take the array's data type, and a kind above the array's is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dtype import BOOL, COMPLEX, FLOAT, INT, DType, complex64, complex128, float32
from ._dtypes import CATEGORIES

__all__ = ["SCALARS", "scalar_dtype"]

SCALARS: dict[type, int] = {bool: BOOL, int: INT, float: FLOAT, complex: COMPLEX}


def scalar_dtype(value: Any, dtype: DType, name: str, category: str) -> DType:
    """The data type that a Python scalar takes beside `dtype`.

    TypeError for a higher kind or a bool among numbers, OverflowError for an int out of bounds.
    """
    kind = SCALARS[type(value)]
    if kind == COMPLEX and dtype.category == FLOAT:
        dtype = complex64 if dtype is float32 else complex128
        if dtype not in CATEGORIES[category]:
            raise TypeError(f"{name} is defined for {category} data types, got a complex scalar")
    if (kind == BOOL) != (dtype.category == BOOL) or kind > dtype.category:
        raise TypeError(f"{name}: a Python {type(value).__name__} does not combine with {dtype.name}; use asarray(...)")
    if dtype.category == INT:
        info = np.iinfo(dtype.numpy)
        if not info.min <= value <= info.max:
            raise OverflowError(f"{name}: {value} is out of bounds for {dtype.name}")
    return dtype
