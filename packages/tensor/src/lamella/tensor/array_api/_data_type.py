"""Functions of data types: conversion, ranges, and which combine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._device import Device
from .._dtype import BY_NUMPY, DType
from ._array import Array, checked_device, storage, wrap
from ._dtypes import CATEGORIES, KINDS, checked_dtype, common_type
from ._scalars import SCALARS, scalar_dtype

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]


@dataclass(frozen=True, slots=True)
class FloatInfo:
    """The range of a floating data type, as Python floats."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True, slots=True)
class IntInfo:
    """The range of an integer data type."""

    bits: int
    max: int
    min: int
    dtype: DType


def astype(x: Array, dtype: DType, /, *, copy: bool = True, device: Device | None = None) -> Array:
    """`x` converted; itself where copy=False and it has `dtype` already; TypeError from complex to real numbers."""
    checked_device(device)
    data = storage(x, "astype")
    wanted = checked_dtype(dtype).numpy
    if data.dtype.kind == "c" and wanted.kind != "c":
        raise TypeError(
            f"astype does not drop imaginary parts ({data.dtype} to {wanted}); take real(x) or abs(x) first"
        )
    if not copy and data.dtype == wanted:
        return x
    return wrap(data.astype(wanted))


def _type_of(value: Any) -> DType:
    return value.dtype if type(value) is Array else checked_dtype(value)


def can_cast(from_: DType | Array, to: DType, /) -> bool:
    """Whether promotion leads from one data type to the other."""
    source, target = _type_of(from_), checked_dtype(to)
    both = (source, target)
    if not any(set(both) <= family for family in (CATEGORIES["integer"], CATEGORIES["floating-point"])):
        return source is target
    return bool(np.can_cast(source.numpy, target.numpy, "safe"))


def finfo(type: DType | Array, /) -> FloatInfo:
    """The range of a floating data type or of an array's; of its parts for a complex one."""
    dtype = _type_of(type)
    if dtype not in CATEGORIES["floating-point"]:
        raise TypeError(f"finfo needs a floating-point data type, got {dtype.name}; use iinfo for integers")
    found = np.finfo(dtype.numpy)
    return FloatInfo(
        bits=int(found.bits),
        eps=float(found.eps),
        max=float(found.max),
        min=float(found.min),
        smallest_normal=float(found.smallest_normal),
        dtype=BY_NUMPY[found.dtype],
    )


def iinfo(type: DType | Array, /) -> IntInfo:
    """The range of an integer data type or of an array's."""
    dtype = _type_of(type)
    if dtype not in CATEGORIES["integer"]:
        raise TypeError(f"iinfo needs an integer data type, got {dtype.name}; use finfo for floats")
    found = np.iinfo(dtype.numpy)
    return IntInfo(found.bits, int(found.max), int(found.min), dtype)


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> bool:
    """Whether a data type is another, of a kind named by a word, or one of several; ValueError for unknown words."""
    checked = checked_dtype(dtype)
    if isinstance(kind, tuple):
        if any(isinstance(item, tuple) for item in kind):
            raise TypeError("kind must be a data type, a word, or one tuple of them without tuples inside")
        return any([isdtype(dtype, item) for item in kind])  # noqa: C419  (a list: every word is looked at)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
        return checked in KINDS[kind]
    return checked is checked_dtype(kind)


def result_type(*arrays_and_dtypes: Array | DType | complex) -> DType:
    """The type in which arrays, data types and Python scalars combine; TypeError where the standard defines none."""
    found = [_type_of(value) for value in arrays_and_dtypes if type(value) not in SCALARS]
    if not found:
        raise ValueError("result_type needs at least one array or data type")
    result = found[0]
    for dtype in found[1:]:
        result = common_type(result, dtype)
    for value in arrays_and_dtypes:
        if type(value) in SCALARS:
            result = common_type(result, scalar_dtype(value, result, "result_type", "any"))
    return result
