"""Which index keys the standard defines, turned into what numpy takes; IndexError for all others.

Defined are: one int, slice, ellipsis or None a dim; one boolean array alone; integer arrays mixed with ints alone, one
for every dim. Not defined, and refused here though numpy takes them: fewer indices than dims without an ellipsis,
slices that reach over the ends, integer arrays beside slices, writes through integer arrays or None.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .._base import TensorBase

__all__ = ["storage_key"]


def storage_key(key: Any, data: Any, array_class: Any, writes: bool = False) -> Any:
    """The numpy form of `key` for the array `data`; `writes` refuses what only reading has."""
    parts = key if type(key) is tuple else (key,)
    arrays = [part for part in parts if type(part) is array_class]
    if len(parts) == 1 and arrays and arrays[0]._data.dtype.kind == "b":
        return arrays[0]._data
    for part in parts:
        _check_part(part, array_class, writes)
    _check_count(parts, data)
    wide = [part for part in arrays if part._data.ndim]
    if wide:
        _check_arrays(parts, array_class, writes)
    _check_bounds(parts, data.shape)
    return tuple(part._data if type(part) is array_class else part for part in parts)


def _check_part(part: Any, array_class: Any, writes: bool) -> None:
    if part is Ellipsis or type(part) is slice:
        return
    if part is None:
        if writes:
            raise IndexError("None adds a dim when reading; a write through it is not defined")
        return
    if type(part) is array_class:
        kind = part._data.dtype.kind
        if kind == "b":
            raise IndexError("a boolean array must be the only index")
        if kind not in "iu":
            raise IndexError(f"an index array has a boolean or integer data type, got {part._data.dtype}")
        return
    if isinstance(part, (bool, np.ndarray, TensorBase)) or not hasattr(part, "__index__"):
        raise IndexError(
            f"an index is an int, slice, ellipsis, None or an array of this namespace, got {type(part).__name__}"
        )


def _check_count(parts: tuple[Any, ...], data: Any) -> None:
    ellipses = sum(part is Ellipsis for part in parts)
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if ellipses > 1:
        raise IndexError(f"one ellipsis at most stands in an index, got {ellipses}")
    if used > data.ndim or (used < data.ndim and not ellipses):
        raise IndexError(f"shape {data.shape} needs {data.ndim} indices or an ellipsis (x[i, ...]), got {used}")


def _check_arrays(parts: tuple[Any, ...], array_class: Any, writes: bool) -> None:
    if writes:
        raise IndexError("a write through integer arrays is not defined; use a boolean mask or where")
    for part in parts:
        if type(part) is not array_class and not hasattr(part, "__index__"):
            raise IndexError("integer arrays combine with ints and integer arrays alone; use take for one dim")


def _check_bounds(parts: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    taken = [part for part in parts if part is not None]
    if Ellipsis in [part for part in taken if part is Ellipsis]:
        at = next(i for i, part in enumerate(taken) if part is Ellipsis)
        sizes = shape[:at] + shape[len(shape) - (len(taken) - at - 1) :]
        taken = taken[:at] + taken[at + 1 :]
    else:
        sizes = shape
    for part, size in zip(taken, sizes, strict=True):
        if type(part) is slice:
            for end in (part.start, part.stop):
                if end is not None and not -size - 1 <= _as_int(end) <= size:
                    raise IndexError(f"{part} reaches over the ends of a dim of size {size}, which is not defined")


def _as_int(end: Any) -> int:
    try:
        return operator.index(end)
    except TypeError:
        raise IndexError(f"the ends of a slice are ints or None, got {end!r}") from None
