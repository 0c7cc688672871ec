"""Comparing results: one tolerance a dtype, in one table, and the places of nan and inf exact.

A tolerance bounds |actual - expected| <= absolute + relative * |expected|, computed in float64. It is that of the
narrower of the two dtypes unless the caller names another dtype's, or widens it by a factor that says how many
roundings it compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella.tensor import DType, Tensor
from lamella.tensor.extend import COMPLEX, FLOAT, as_dtype, from_numpy_dtype

__all__ = ["TOLERANCES", "Tolerance", "assert_close", "tolerance_of"]


@dataclass(frozen=True)
class Tolerance:
    """How far two values of a dtype may lie apart."""

    relative: float
    absolute: float


# about eight units in the last place, and as much near zero after sums of numbers around one
TOLERANCES: Mapping[str, Tolerance] = {
    "float8_e4m3fn": Tolerance(0.25, 0.125),
    "float8_e5m2": Tolerance(0.5, 0.25),
    "float16": Tolerance(4e-3, 4e-3),
    "bfloat16": Tolerance(3.2e-2, 3.2e-2),
    "float32": Tolerance(2e-6, 2e-6),
    "float64": Tolerance(4e-15, 4e-15),
    "complex64": Tolerance(4e-6, 4e-6),
    "complex128": Tolerance(1e-14, 1e-14),
}
_EXACT = Tolerance(0.0, 0.0)


def tolerance_of(dtype: Any) -> Tolerance:
    """The tolerance of a dtype; exact for bool and integers."""
    return TOLERANCES.get(as_dtype(dtype).name, _EXACT)


def assert_close(
    actual: Any, expected: Any, *, like: Any = None, factor: float = 1.0, check_dtype: bool = False, message: str = ""
) -> None:
    """AssertionError unless two tensors, arrays or numbers have one shape, close values, and nan and inf at one place.

    `like` names the dtype whose tolerance counts, `factor` multiplies it; `check_dtype` asks for equal dtypes too.
    """
    a, b = _plain(actual), _plain(expected)
    head = f"{message}: " if message else ""
    if a.shape != b.shape:
        raise AssertionError(f"{head}shapes differ: got {a.shape}, expected {b.shape}")
    if check_dtype and a.dtype != b.dtype:
        raise AssertionError(f"{head}dtypes differ: got {a.dtype}, expected {b.dtype}")
    limit = tolerance_of(like) if like is not None else _looser(from_numpy_dtype(a.dtype), from_numpy_dtype(b.dtype))
    wide = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    if limit == _EXACT and a.dtype.kind != "b" and b.dtype.kind != "b":
        wrong = np.asarray(a != b)  # integers beyond 2**53 are compared as they are
        _report(head, a, b, wrong, limit)
        return
    with np.errstate(all="ignore"):
        x, y = a.astype(wide), b.astype(wide)
        _same_places(head, x.real, y.real)
        if wide is np.complex128:
            _same_places(f"{head}imaginary part: ", x.imag, y.imag)
        finite = np.isfinite(x) & np.isfinite(y)
        error = np.where(finite, np.abs(x - y), 0.0)
        allowed = factor * (limit.absolute + limit.relative * np.where(finite, np.abs(y), 0.0))
        wrong = error > allowed
    _report(head, x, y, wrong, limit)


def _looser(a: DType, b: DType) -> Tolerance:
    found = [tolerance_of(d) for d in (a, b) if d.category in (FLOAT, COMPLEX)]
    return max(found, key=lambda t: t.relative) if found else _EXACT


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.dense().detach().numpy()
    array = np.asarray(value)
    from_numpy_dtype(array.dtype)  # refuses what is no number
    return array


def _same_places(head: str, x: Any, y: Any) -> None:
    for word, test in (("nan", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        differ = test(x) != test(y)
        if differ.any():
            at = tuple(int(i) for i in np.argwhere(differ)[0])
            raise AssertionError(
                f"{head}{word} at different places, {int(differ.sum())} of {differ.size}; "
                f"first at {at}: got {x[at]!r}, expected {y[at]!r}"
            )


def _report(head: str, x: Any, y: Any, wrong: Any, limit: Tolerance) -> None:
    if not wrong.any():
        return
    error = np.where(wrong, np.abs(x.astype(np.complex128) - y.astype(np.complex128)), 0.0)
    at = tuple(int(i) for i in np.unravel_index(int(error.argmax()), error.shape))
    raise AssertionError(
        f"{head}{int(wrong.sum())} of {wrong.size} values differ "
        f"(relative {limit.relative:g}, absolute {limit.absolute:g}); "
        f"worst at {at}: got {x[at]!r}, expected {y[at]!r}, difference {error[at]:.3g}"
    )
