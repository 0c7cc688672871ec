"""Backward rules of the second row of elementwise ops: elementary and special functions, rounding, pairs.

They are written as for real numbers: the engine conjugates around them where a result is complex.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamella.tensor import (
    conj,
    copysign,
    cos,
    cosh,
    digamma,
    exp,
    floor_divide,
    isfinite,
    isnan,
    log,
    polygamma,
    reciprocal,
    rsqrt,
    sigmoid,
    sinh,
    trunc,
    view_as_complex,
    view_as_real,
    where,
    zeros_like,
)  # fmt: skip
from lamella.tensor.extend import OPS, Op, dispatch

from ._forward import linear_in
from ._row import row

__all__ = ["BATCH", "EXEMPT", "JVP", "VJP"]

_LN2 = math.log(2)


def _by_output(slope: Callable[[Any], Any]) -> Any:
    return row(lambda ctx, g: (g * slope(ctx.y(0)),), "o0")


def _by_operand(slope: Callable[[Any], Any]) -> Any:
    return row(lambda ctx, g: (g * slope(ctx.x(0)),), "0")


def _acosh(x: Any) -> Any:
    # the two roots apart: for complex numbers their product is not the root of the product
    return rsqrt(x + 1.0) * rsqrt(x - 1.0) if x.is_complex() else rsqrt(x * x - 1.0)


def _sinc(x: Any) -> Any:
    safe = where(x == 0, 1.0, x)
    t = safe * math.pi
    return where(x == 0, 0.0, (cos(t) - dispatch(OPS["sinc"], (safe,))) / safe)


def _i1(x: Any) -> Any:
    return dispatch(OPS["i1"], (x,))


def _i1_slope(x: Any) -> Any:
    safe = where(x == 0, 1.0, x)
    return where(x == 0, 0.5, dispatch(OPS["i0"], (x,)) - _i1(safe) / safe)


def _flat(ctx: Any, g: Any) -> Any:
    return (zeros_like(g),)


def conjugate(ctx: Any, g: Any) -> Any:
    return (conj(g),)


def from_pairs(ctx: Any, g: Any) -> Any:
    return (view_as_complex(g.contiguous()),)


def to_pairs(ctx: Any, g: Any) -> Any:
    return (view_as_real(g),)


def poly(ctx: Any, g: Any) -> Any:
    return (g * polygamma(ctx.params["n"] + 1, ctx.x(0)),)


def angle(ctx: Any, g: Any) -> Any:
    a, b = ctx.x(0), ctx.x(1)
    squares = a * a + b * b
    g = where(squares == 0, 0.0, g / squares)
    return (g * b if ctx.needs(0) else None), (-(g * a) if ctx.needs(1) else None)


def hypot(ctx: Any, g: Any) -> Any:
    g = g / ctx.y(0)
    return (g * ctx.x(0) if ctx.needs(0) else None), (g * ctx.x(1) if ctx.needs(1) else None)


def signed(ctx: Any, g: Any) -> Any:
    ga = None
    if ctx.needs(0):
        a = ctx.x(0)
        # 1 where a and the result have one sign, -1 where not, 0 at 0
        ga = g * where(a == 0, 0.0, copysign(1.0, a) * copysign(1.0, ctx.y(0)))
    return ga, (zeros_like(g) if ctx.needs(1) else None)


def log_sum(ctx: Any, g: Any) -> Any:
    d = ctx.x(0) - ctx.x(1)
    return (g * sigmoid(d) if ctx.needs(0) else None), (g * sigmoid(-d) if ctx.needs(1) else None)


def log_sum2(ctx: Any, g: Any) -> Any:
    d = (ctx.x(0) - ctx.x(1)) * _LN2
    return (g * sigmoid(d) if ctx.needs(0) else None), (g * sigmoid(-d) if ctx.needs(1) else None)


def xlogy(ctx: Any, g: Any) -> Any:
    a, b = ctx.x(0), ctx.x(1)
    ga = None
    if ctx.needs(0):
        if isinstance(b, (int, float)):
            ga = g * (math.log(b) if b > 0 else math.nan)
        else:
            nothing = (a == 0) & (b <= 0)
            ga = g * where(nothing, 0.0, log(where(nothing, 1.0, b)))
    return ga, (g * a / b if ctx.needs(1) else None)


def remainder_to_zero(ctx: Any, g: Any) -> Any:
    return g, (-(g * trunc(ctx.x(0) / ctx.x(1))) if ctx.needs(1) else None)


def remainder_to_floor(ctx: Any, g: Any) -> Any:
    return g, (-(g * floor_divide(ctx.x(0), ctx.x(1))) if ctx.needs(1) else None)


def flat_pair(ctx: Any, g: Any) -> Any:
    return (zeros_like(g) if ctx.needs(0) else None), (zeros_like(g) if ctx.needs(1) else None)


def _pick(first: Callable[[Any, Any], Any]) -> Any:
    """All of the cotangent to the operand that is taken: of two equal ones the first, a NaN never beside a number."""

    def rule(ctx: Any, g: Any) -> Any:
        a, b = ctx.x(0), ctx.x(1)
        mine = first(a, b)
        if not isinstance(b, (int, float)):
            mine = mine | isnan(b)
        return where(mine, g, 0.0), where(mine, 0.0, g)

    return row(rule, "0 1", "0 1")


def clamp(ctx: Any, g: Any) -> Any:
    x, low, high = ctx.x(0), ctx.x(1), ctx.x(2)
    gx = g_low = g_high = None
    below = None if low is None else x < low
    above = None if high is None else x > high
    if ctx.needs(0):
        outside = above if below is None else below if above is None else below | above
        gx = where(outside, 0.0, g)
    if ctx.needs(1):
        g_low = where(below if high is None else below & (low < high), g, 0.0)
    if ctx.needs(2):
        g_high = where(above if low is None else above | (high < low), g, 0.0)
    return gx, g_low, g_high


def finite(ctx: Any, g: Any) -> Any:
    return (where(isfinite(ctx.x(0)), g, 0.0),)


VJP = {
    "exp2": _by_output(lambda y: y * _LN2),
    "expm1": _by_output(lambda y: y + 1.0),
    "tan": _by_output(lambda y: y * y + 1.0),
    "log2": _by_operand(lambda x: reciprocal(x * _LN2)),
    "log10": _by_operand(lambda x: reciprocal(x * math.log(10))),
    "asin": _by_operand(lambda x: rsqrt(1.0 - x * x)),
    "acos": _by_operand(lambda x: -rsqrt(1.0 - x * x)),
    "atan": _by_operand(lambda x: reciprocal(x * x + 1.0)),
    "sinh": _by_operand(cosh),
    "cosh": _by_operand(sinh),
    "asinh": _by_operand(lambda x: rsqrt(x * x + 1.0)),
    "acosh": _by_operand(_acosh),
    "atanh": _by_operand(lambda x: reciprocal(1.0 - x * x)),
    "sinc": _by_operand(_sinc),
    "erfc": _by_operand(lambda x: exp(-(x * x)) * (-2 / math.sqrt(math.pi))),
    "erfinv": _by_output(lambda y: exp(y * y) * (math.sqrt(math.pi) / 2)),
    "lgamma": _by_operand(digamma),
    "digamma": _by_operand(lambda x: polygamma(1, x)),
    "polygamma": row(poly, "0"),
    "i0": _by_operand(_i1),
    "i1": _by_operand(_i1_slope),
    "ceil": row(_flat, ""),
    "trunc": row(_flat, ""),
    "round": row(_flat, ""),
    "conj": row(conjugate, ""),
    "view_as_real": row(from_pairs, ""),
    "view_as_complex": row(to_pairs, ""),
    "nan_to_num": row(finite, "0"),
    "atan2": row(angle, "0 1", "0 1"),
    "hypot": row(hypot, "0 o0", "1 o0"),
    "copysign": row(signed, "0 o0", ""),
    "logaddexp": row(log_sum, "0 1", "0 1"),
    "logaddexp2": row(log_sum2, "0 1", "0 1"),
    "xlogy": row(xlogy, "0 1", "0 1"),
    "fmod": row(remainder_to_zero, "", "0 1"),
    "remainder": row(remainder_to_floor, "", "0 1"),
    "floor_divide": row(flat_pair, "", ""),
    "fmax": _pick(lambda a, b: a >= b),
    "fmin": _pick(lambda a, b: a <= b),
    "clamp": row(clamp, "0 1 2", "0 1 2", "0 1 2"),
}

_INTEGER = "the result is bool or integer"
_STEP = "the next floating number is no smooth function of its operands"
_NONE = {
    **dict.fromkeys(
        (
            "isfinite", "isinf", "signbit", "logical_xor", "bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor",
            "bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm", "exponent",
        ),
        _INTEGER,
    ),
    "nextafter": _STEP,
}  # fmt: skip
_NONE["view_dtype"] = "bits of one dtype read as another"


def _whole_pairs(op: Op, xs: list[Any], batched: list[bool], params: dict[str, Any], size: int) -> Any:
    """The batch dim may stand innermost in memory, where the elements that are read together must be neighbours."""
    return dispatch(op, (xs[0].contiguous(),), params), True


EXEMPT = {"vjp": _NONE, "jvp": _NONE}
JVP = {"view_as_real": linear_in(0), "view_as_complex": linear_in(0)}
BATCH = {"view_as_complex": _whole_pairs, "view_dtype": _whole_pairs}
