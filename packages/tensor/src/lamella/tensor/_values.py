"""Python values as elements of a dtype: what `tensor`, `full`, `fill_` and the like make of numbers and nested lists.

A number must fit its dtype: integers truncate floats, unsigned ones wrap negative integers, and everything else that a
dtype cannot hold is an error here. Tensors and numpy arrays are cast instead, and casts wrap (see `_ops/elementwise`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._dtype import BOOL, BY_NUMPY, COMPLEX, FLOAT, INT, DType, from_numpy_dtype, int64, limits
from ._op import OPS
from ._promotion import default_complex, default_float
from ._scalar import SymScalar

__all__ = ["array_of", "int_range", "number_in"]


def int_range(kind: DType) -> tuple[int, int]:
    """The smallest and the largest integer of an integer dtype."""
    bits = 8 * kind.itemsize
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind.is_signed else (0, (1 << bits) - 1)


def number_in(value: Any, kind: DType, name: str) -> Any:
    """A number as one of a dtype; OverflowError naming the function where it does not fit, TypeError for other values.

    Symbolic numbers are taken as they are.
    """
    if isinstance(value, SymScalar):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (int, float, complex)):
        raise TypeError(f"{name} needs a number, got {type(value).__name__}")
    if kind.category == BOOL:
        return bool(value)
    if kind.category == COMPLEX:
        for part in (value.real, value.imag):
            _check_float(part, kind, name)
        return value
    if isinstance(value, complex):
        if value.imag:
            raise TypeError(f"{name}: the complex number {value} is no {kind}; take its real part or abs")
        value = value.real
    if kind.category == FLOAT:
        _check_float(value, kind, name)
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError(f"{name}: {value} is no {kind}")
    whole = int(value)
    low, high = int_range(kind)
    if low <= whole <= high:
        return whole
    if isinstance(value, int) and not kind.is_signed and -high <= whole < 0:
        return whole + high + 1
    raise OverflowError(f"{name}: {value} does not fit {kind}, which holds {low} to {high}")


def _check_float(value: float, kind: DType, name: str) -> None:
    largest = limits(kind.to_real())[1]
    if abs(value) > largest and value not in (math.inf, -math.inf):
        raise OverflowError(f"{name}: {value} does not fit {kind}, whose largest number is {largest}")


def array_of(data: Any, kind: DType | None) -> Any:
    """A fresh array of numbers in a regular nesting, of a dtype or of the one that the numbers suggest.

    Floats suggest the default dtype, integers int64; OverflowError where a number does not fit.
    """
    try:
        found = np.array(data, order="C")
    except ValueError as error:
        raise ValueError(f"tensor(...) needs a regular nesting of numbers: {error}") from None
    if found.dtype not in BY_NUMPY or (found.dtype.kind == "f" and type(data) is not float and _large(found)):
        found = _exact(data, found)
    python = not _has_numpy(data)
    if kind is None:
        kind = _suggested(found, python)
    return _converted(found, kind) if python else _fresh(found, kind)


def _large(found: Any) -> bool:
    """Whether integers beyond int64 may have become floats."""
    return bool(found.size) and bool(found.max() >= 2.0**63 or found.min() < -(2.0**63))


def _exact(data: Any, found: Any) -> Any:
    """What numpy has made objects, strings or floats of: integers as they are, or an error."""
    exact = np.array(data, dtype=object)
    flat = exact.reshape(-1).tolist()
    if all(isinstance(v, (int, np.integer)) for v in flat):
        return exact
    if found.dtype in BY_NUMPY:
        return found
    native = found.dtype.newbyteorder("=") if found.dtype.kind in "iufc" else found.dtype
    if native in BY_NUMPY:
        return found.astype(native)
    wrong = next((v for v in flat if not isinstance(v, (int, float, complex, np.number))), flat[0] if flat else data)
    raise TypeError(f"tensor(...) needs numbers in a regular nesting, got {wrong!r:.80} in {data!r:.80}")


def _has_numpy(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


def _suggested(found: Any, python: bool) -> DType:
    if found.dtype.kind == "O":
        return int64
    if not python:
        return from_numpy_dtype(found.dtype)
    if found.dtype.kind == "f" or not found.size:
        return default_float()
    if found.dtype.kind == "c":
        return default_complex()
    return int64 if found.dtype.kind in "iu" else from_numpy_dtype(found.dtype)


def _fresh(found: Any, kind: DType) -> Any:
    if found.dtype == kind.numpy:
        return found
    return OPS["cast"].rules["numpy"](found, dtype=kind)


def _converted(found: Any, kind: DType) -> Any:
    """Numbers of Python in a dtype; the array is ours, so that it may be given as it is."""
    of = found.dtype.kind
    if of == "c" and kind.category in (INT, FLOAT):
        raise TypeError(f"tensor(...) cannot make {kind} of complex numbers; take their real part or abs")
    if kind.category == INT and of in "iufO" and not np.can_cast(found.dtype, kind.numpy):
        _check_ints(found, kind)
        if of == "O":
            low, high = int_range(kind)
            found = np.array([v if v >= low else v + high + 1 for v in found.reshape(-1).tolist()], kind.numpy).reshape(
                found.shape
            )
    elif of == "O":
        found = found.astype(np.float64)
    return _fresh(found, kind)


def _check_ints(found: Any, kind: DType) -> None:
    if not found.size:
        return
    low, high = int_range(kind)
    if found.dtype.kind == "f":
        # high + 1 is a power of two, and so a float, where low - 1 may be none; a float does not wrap
        above = found >= float(low) if low < -(2**62) else found > low - 1
        bad = ~(above & (found < float(high + 1)))
    else:
        bad = (found < (low if low else -high)) | (found > high)
    if np.any(bad):
        first = found[bad].reshape(-1)[0]
        first = first if isinstance(first, int) else first.item()
        raise OverflowError(f"tensor(...): {first} does not fit {kind}, which holds {low} to {high}")
