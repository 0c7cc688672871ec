"""The data types of the standard, their categories, and which of them combine.

They are the dtypes of tensors (`array_api.float32 is lamella.tensor.float32`), without the narrow floats, which the
standard does not have. Promotion stays inside a kind: bool, integers, floating (real with complex).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dtype import (
    BY_NUMPY,
    DType,
    bool_,
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)  # fmt: skip

__all__ = ["CATEGORIES", "KINDS", "checked_dtype", "common_type", "dtype_of"]

_SIGNED = (int8, int16, int32, int64)
_UNSIGNED = (uint8, uint16, uint32, uint64)
_REAL = (float32, float64)
_COMPLEX = (complex64, complex128)

# The words of `isdtype` and of `__array_namespace_info__().dtypes`.
KINDS: dict[str, tuple[DType, ...]] = {
    "bool": (bool_,),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": _SIGNED + _UNSIGNED,
    "real floating": _REAL,
    "complex floating": _COMPLEX,
    "numeric": _SIGNED + _UNSIGNED + _REAL + _COMPLEX,
}
# What a function takes, in the words of its description.
CATEGORIES: dict[str, frozenset[DType]] = {
    "any": frozenset(KINDS["bool"] + KINDS["numeric"]),
    "numeric": frozenset(KINDS["numeric"]),
    "real numeric": frozenset(KINDS["integral"] + _REAL),
    "integer": frozenset(KINDS["integral"]),
    "integer or boolean": frozenset(KINDS["integral"] + (bool_,)),
    "boolean": frozenset((bool_,)),
    "floating-point": frozenset(_REAL + _COMPLEX),
    "real floating-point": frozenset(_REAL),
    "complex floating-point": frozenset(_COMPLEX),
}
_FAMILIES = (CATEGORIES["boolean"], CATEGORIES["integer"], CATEGORIES["floating-point"])
_NAMES = ", ".join(sorted(dtype.name for dtype in CATEGORIES["any"]))


def _combined() -> dict[tuple[DType, DType], DType]:
    found = {}
    for family in _FAMILIES:
        for a in family:
            for b in family:
                both = BY_NUMPY[np.promote_types(a.numpy, b.numpy)]
                if both in family:  # uint64 with a signed type leaves the integers
                    found[a, b] = both
    return found


_COMBINED = _combined()


def common_type(a: DType, b: DType) -> DType:
    """The type in which `a` and `b` combine; TypeError where the standard defines none."""
    try:
        return _COMBINED[a, b]
    except KeyError:
        raise TypeError(
            f"{a.name} and {b.name} do not promote to a common type in the array API; convert one with astype"
        ) from None


def checked_dtype(dtype: Any) -> DType:
    """`dtype` itself where it is one of this namespace; TypeError naming them otherwise."""
    if type(dtype) is DType and dtype in CATEGORIES["any"]:
        return dtype
    raise TypeError(f"dtype must be a data type of this namespace ({_NAMES}), got {dtype!r}")


def dtype_of(array: np.ndarray[Any, Any]) -> DType:
    """The type of a numpy array; TypeError for one that the standard does not have."""
    found = BY_NUMPY.get(array.dtype)
    if found is None or found not in CATEGORIES["any"]:
        raise TypeError(f"the array API has no data type {array.dtype}; convert it to one of {_NAMES} first")
    return found
