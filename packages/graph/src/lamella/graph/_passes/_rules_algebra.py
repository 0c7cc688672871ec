"""Algebra that changes no bit: identities of IEEE arithmetic and of integers, as a table.

Two NaNs are the same. What looks right and is not (x + 0.0 where x is -0.0, x * 0, (x + y) + z, a sum of what was
expanded) is not here; `tests/test_rules.py` holds the list of such traps.
"""

from __future__ import annotations

from lamella.tensor.extend import FLOAT, INT

from ._facts import (
    fits,
    halving,
    holds,
    is_float,
    is_int,
    is_native,
    is_number,
    is_plain,
    is_signed,
    never_minus_zero,
)
from ._rewrite import Row

__all__ = ["ALGEBRA"]

_COUNTED = "a count that wraps: addition and multiplication of integers associate"


def _negated(c: float) -> float:
    return -float(c) if c == 0 else -c  # the integer 0 has no sign


ALGEBRA: tuple[Row, ...] = (
    # -- numbers that change nothing
    Row("mul(x, 1)", "x", "times 1 is exact; a complex infinity times 1+0j is NaN", is_number),
    Row("div(x, 1)", "x", "by 1 is exact", is_float),
    Row("add(x, -0.0)", "x", "-0.0 is neutral for every float, zeros of both signs included", is_float),
    Row("add(x, 0)", "x", "0 is neutral for integers", is_int),
    Row(
        "add(x, 0)",
        "x",
        "x is never -0.0, the one float that 0.0 changes",
        lambda x, walk: is_float(x) and never_minus_zero(x, walk),
    ),
    Row("sub(x, 0)", "x", "-0.0 - 0.0 is -0.0", is_number),
    Row("pow(x, 1)", "x", "the first power is exact", is_number),
    Row(
        "pow(x, 2)",
        "mul(x, x)",
        "both round the same square once",
        lambda x: is_plain(x) or is_int(x),
    ),
    Row(
        "pow(x, -1)",
        "reciprocal(x)",
        "both round the same quotient once",
        is_plain,
    ),
    # -- signs
    Row("neg(neg(x))", "x", "the sign bit twice; integers wrap back"),
    Row("mul(x, -1)", "neg(x)", "exact, and zeros change their sign in both", is_signed),
    Row("div(x, -1)", "neg(x)", "exact, and zeros change their sign in both", is_float),
    Row("sub(-0.0, x)", "neg(x)", "-0.0 - 0.0 is -0.0, as its negation", is_float),
    Row("sub(0, x)", "neg(x)", "integers have one zero", is_int),
    Row("add(x, neg(y))", "sub(x, y)", "IEEE subtraction is addition of the negation", is_number),
    Row("sub(x, neg(y))", "add(x, y)", "IEEE subtraction is addition of the negation", is_number),
    Row("mul(neg(x), neg(y))", "mul(x, y)", "rounding is symmetric", is_number),
    Row("div(neg(x), neg(y))", "div(x, y)", "rounding is symmetric", is_float),
    Row("mul(neg(x), c)", "mul(x, d)", "rounding is symmetric", is_native, {"d": _negated}),
    Row("div(neg(x), c)", "div(x, d)", "rounding is symmetric", is_native, {"d": _negated}),
    Row("neg(mul(x, c))", "mul(x, d)", "rounding is symmetric", is_native, {"d": _negated}),
    Row("neg(div(x, c))", "div(x, d)", "rounding is symmetric", is_native, {"d": _negated}),
    Row("abs(neg(x))", "abs(x)", "the sign bit is dropped either way", is_float),
    Row("mul(abs(x), abs(x))", "mul(x, x)", "rounding is symmetric", is_number),
    # -- the same thing twice
    Row("abs(abs(x))", "abs(x)", "it is not negative any more", is_float),
    Row("relu(relu(x))", "relu(x)", "it is not negative any more"),
    Row("floor(floor(x))", "floor(x)", "it is whole already"),
    Row("ceil(ceil(x))", "ceil(x)", "it is whole already"),
    Row("trunc(trunc(x))", "trunc(x)", "it is whole already"),
    Row("round(round(x))", "round(x)", "it is whole already"),
    Row("sign(sign(x))", "sign(x)", "-1, 0 and 1 are their own signs", is_number),
    Row("conj(conj(x))", "x", "the sign bit twice"),
    Row("maximum(x, x)", "x", "one of two equal values, NaN too"),
    Row("minimum(x, x)", "x", "one of two equal values, NaN too"),
    Row("where(w, x, x)", "x", "both choices are one"),
    # -- conditions
    Row("logical_not(logical_not(w))", "w", "w is a bool", lambda w: w.type.dtype.short == "bool"),
    Row("logical_and(w, w)", "w", "w is a bool", lambda w: w.type.dtype.short == "bool"),
    Row("logical_or(w, w)", "w", "w is a bool", lambda w: w.type.dtype.short == "bool"),
    Row("logical_not(eq(x, y))", "ne(x, y)", "what is not equal differs, NaN too"),
    Row("logical_not(ne(x, y))", "eq(x, y)", "what does not differ is equal; NaN always differs"),
    Row("logical_not(eq(x, c))", "ne(x, c)", "what is not equal differs, NaN too"),
    Row("logical_not(ne(x, c))", "eq(x, c)", "what does not differ is equal; NaN always differs"),
    Row("logical_not(lt(x, y))", "ge(x, y)", "integers are ordered", is_int),
    Row("logical_not(le(x, y))", "gt(x, y)", "integers are ordered", is_int),
    Row(
        "where(logical_not(w), x, y)",
        "where(w, y, x)",
        "the choices change places",
        lambda w: w.type.dtype.short == "bool",
    ),
    Row(
        "where(logical_not(w), x, c)",
        "where(w, c, x)",
        "the choices change places",
        lambda w: w.type.dtype.short == "bool",
    ),
    Row(
        "where(logical_not(w), c, x)",
        "where(w, x, c)",
        "the choices change places",
        lambda w: w.type.dtype.short == "bool",
    ),
    Row("where(w, full(1, shape=a, dtype=k), 0)", "cast(w, dtype=k)", "true is 1, false is 0"),
    # -- numbers
    Row(
        "div(x, c)",
        "mul(x, d)",
        "c is a power of two: both round the same product once",
        lambda x, c: halving(c, x) and abs(c) != 1,
        {"d": lambda c: 1.0 / c},
    ),
    Row(
        "div(1, x)",
        "reciprocal(x)",
        "both round the same quotient once",
        is_plain,
    ),
    Row(
        "add(add(x, c), d)",
        "add(x, e)",
        _COUNTED,
        lambda x, c, d: is_int(x) and fits(c + d, x),
        {"e": lambda c, d: c + d},
    ),
    Row(
        "mul(mul(x, c), d)",
        "mul(x, e)",
        _COUNTED,
        lambda x, c, d: is_int(x) and fits(c * d, x),
        {"e": lambda c, d: c * d},
    ),
    # -- casts
    Row(
        "cast(cast(x, dtype=a), dtype=b)",
        "cast(x, dtype=b)",
        "a has every value of x; x is no float on its way to an integer",
        lambda x, a, b: holds(a, x.type.dtype) and not (x.type.dtype.category >= FLOAT and b.category == INT),
    ),
)
