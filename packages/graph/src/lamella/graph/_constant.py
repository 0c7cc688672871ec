"""Constants in graphs: which Python values may stand in args, params and outputs, and when two of them are the same.

Sameness is exact: 1, 1.0 and True differ, 0.0 and -0.0 differ, and every NaN is the same NaN. Subclasses (numpy's
float64, enums) are refused: a constant must mean the same to Python, to the text and to C.
"""

from __future__ import annotations

from typing import Any, Final

from lamella.tensor.extend import DType

from ._polynomial import Polynomial

__all__ = ["MAX_INT_DIGITS", "MAX_TUPLE_DEPTH", "NUMBERS", "is_static", "key"]

NUMBERS: Final = frozenset({bool, int, float, complex})
MAX_INT_DIGITS: Final = 400
MAX_TUPLE_DEPTH: Final = 32
_MAX_INT: Final = 10**MAX_INT_DIGITS
_ATOMS: Final = frozenset({type(None), bool, float, str, DType, Polynomial})


def is_static(value: Any, depth: int = 0) -> bool:
    """True for what a param may be: None, bool, int, float, str, DType, a named size, or a tuple of these.

    Tuples nest at most 32 deep.
    """
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is int:
        return bool(-_MAX_INT < value < _MAX_INT)
    return kind is tuple and depth < MAX_TUPLE_DEPTH and all(is_static(v, depth + 1) for v in value)


def key(value: Any) -> Any:
    """A hashable stand-in, equal exactly where two constants are the same; values stand for themselves."""
    kind = type(value)
    if kind is int or kind is bool:
        return (kind, value)
    if kind is float:
        return (float, value.hex())
    if kind is tuple:
        return (tuple, *map(key, value))
    if kind is complex:
        return (complex, value.real.hex(), value.imag.hex())
    return value
