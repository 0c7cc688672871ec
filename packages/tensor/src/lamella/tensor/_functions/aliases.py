"""Second names of elementwise functions, which PyTorch and NumPy users know."""

from __future__ import annotations

from .._pointwise import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ge,
    gt,
    le,
    lt,
    mul,
    ne,
    neg,
    sub,
    trunc,
)  # fmt: skip

__all__ = [
    "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "fix", "greater",
    "greater_equal", "less", "less_equal", "multiply", "negative", "not_equal", "subtract",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "fix", "greater",
    "greater_equal", "less", "less_equal", "multiply", "negative", "not_equal", "subtract",
)  # fmt: skip
IN_PLACE = (
    "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "fix", "greater",
    "greater_equal", "less", "less_equal", "multiply", "negative", "not_equal", "subtract",
)  # fmt: skip

absolute = abs
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctan2 = atan2
arctanh = atanh
fix = trunc
greater = gt
greater_equal = ge
less = lt
less_equal = le
multiply = mul
negative = neg
not_equal = ne
subtract = sub
