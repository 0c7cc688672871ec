"""Backward rules of elementwise ops: one cotangent per operand, in the output's shape; the engine sums it to a
broadcast operand's.

Their Jacobian is diagonal, so the same rules applied to tangents are the forward rules (see `jvp`). Ties of maximum
and minimum share evenly.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

from lamella.tensor import abs as t_abs
from lamella.tensor import cos as t_cos
from lamella.tensor import exp as t_exp
from lamella.tensor import log as t_log
from lamella.tensor import sign as t_sign
from lamella.tensor import sin as t_sin
from lamella.tensor import where, zeros_like
from lamella.tensor.extend import COMPLEX, OPS, dispatch

from ._row import row

__all__ = ["JVP", "VJP"]


def add(ctx: Any, g: Any) -> Any:
    return g, g


def sub(ctx: Any, g: Any) -> Any:
    return g, (-g if ctx.needs(1) else None)


def mul(ctx: Any, g: Any) -> Any:
    mask = ctx.mask
    return (g * ctx.x(1) if mask & 1 else None, g * ctx.x(0) if mask & 2 else None)


def div(ctx: Any, g: Any) -> Any:
    b = ctx.x(1)
    a = g / b
    return a, (-(a * ctx.y(0)) if ctx.needs(1) else None)


def _log_of(a: Any, b: Any, g: Any) -> Any:
    """log(a), and 0 where a is 0 and b is not below 0."""
    if isinstance(a, (int, float)) and a > 0:
        return math.log(a)
    if isinstance(a, (int, float, complex)):
        if g.dtype.category == COMPLEX:
            return cmath.log(a) if a != 0 else 0.0
        return where(b >= 0, 0.0, -math.inf) if a == 0 else math.nan
    return where(a == 0 if g.dtype.category == COMPLEX else (a == 0) & (b >= 0), 0.0, t_log(a))


def power(ctx: Any, g: Any) -> Any:
    b = ctx.x(1)
    ga = gb = None
    if ctx.needs(0):
        a = ctx.x(0)
        if isinstance(b, (int, float, complex)):
            ga = zeros_like(g) if b == 0 else g * (a if b == 2 else a ** (b - 1)) * b
        else:
            # 0 ** -1 is infinite where b is 0, and the gradient there is 0
            ga = g * where(b == 0, 0.0, b * a ** (b - 1))
    if ctx.needs(1):
        a = ctx.x(0)
        # a ** b is flat in b at a = 0, where log is not finite; below b = 0 both are infinite
        gb = g * ctx.y(0) * _log_of(a, b, g)
    return ga, gb


def maximum(ctx: Any, g: Any) -> Any:
    a, b = ctx.x(0), ctx.x(1)
    share = where(a == b, g * 0.5, g)
    return where(a < b, 0.0, share), where(a > b, 0.0, share)


def minimum(ctx: Any, g: Any) -> Any:
    a, b = ctx.x(0), ctx.x(1)
    share = where(a == b, g * 0.5, g)
    return where(a > b, 0.0, share), where(a < b, 0.0, share)


def choose(ctx: Any, g: Any) -> Any:
    c = ctx.x(0)
    return None, (where(c, g, 0.0) if ctx.needs(1) else None), (where(c, 0.0, g) if ctx.needs(2) else None)


def same(ctx: Any, g: Any) -> Any:
    return (g,)


def flat(ctx: Any, g: Any) -> Any:
    return (zeros_like(g),)


def neg(ctx: Any, g: Any) -> Any:
    return (-g,)


def direction(x: Any) -> Any:
    """x / |x|, and 0 at 0: the sign of a real number."""
    if x.dtype.category != COMPLEX:
        return t_sign(x)
    size = t_abs(x)
    return x / where(size == 0, 1.0, size)


def absolute(ctx: Any, g: Any) -> Any:
    return (g * direction(ctx.x(0)),)


def absolute_jvp(op: Any, primals: list[Any], tangents: list[Any], out: Any, params: dict[str, Any]) -> Any:
    x, t = primals[0], tangents[0]
    if x.dtype.category != COMPLEX:
        return t * t_sign(x)
    # the part of the tangent along x; a cast takes the real part
    return dispatch(OPS["cast"], (dispatch(OPS["conj"], (direction(x),)) * t,), {"dtype": out.dtype})


def exp(ctx: Any, g: Any) -> Any:
    return (g * ctx.y(0),)


def log(ctx: Any, g: Any) -> Any:
    return (g / ctx.x(0),)


def log1p(ctx: Any, g: Any) -> Any:
    return (g / (ctx.x(0) + 1.0),)


def sqrt(ctx: Any, g: Any) -> Any:
    return (g / (ctx.y(0) * 2.0),)


def rsqrt(ctx: Any, g: Any) -> Any:
    y = ctx.y(0)
    return (g * (y * y * y) * -0.5,)


def sin(ctx: Any, g: Any) -> Any:
    return (g * t_cos(ctx.x(0)),)


def cos(ctx: Any, g: Any) -> Any:
    return (-(g * t_sin(ctx.x(0))),)


def tanh(ctx: Any, g: Any) -> Any:
    y = ctx.y(0)
    return (g * (1.0 - y * y),)


def sigmoid(ctx: Any, g: Any) -> Any:
    y = ctx.y(0)
    return (g * (y * (1.0 - y)),)


def erf(ctx: Any, g: Any) -> Any:
    x = ctx.x(0)
    return (g * t_exp(-(x * x)) * (2 / math.sqrt(math.pi)),)


def reciprocal(ctx: Any, g: Any) -> Any:
    y = ctx.y(0)
    return (-(g * y * y),)


def relu(ctx: Any, g: Any) -> Any:
    return (dispatch(OPS["relu_grad"], (g, ctx.y(0))),)


VJP = {
    "add": row(add, "", ""),
    "sub": row(sub, "", ""),
    "mul": row(mul, "1", "0"),
    "div": row(div, "1", "1 o0"),
    "pow": row(power, "0 1", "0 1 o0"),
    "maximum": row(maximum, "0 1", "0 1"),
    "minimum": row(minimum, "0 1", "0 1"),
    "where": row(choose, "", "0", "0"),
    "cast": row(same, ""),
    "copy": row(same, ""),
    "neg": row(neg, ""),
    "abs": row(absolute, "0"),
    "sign": row(flat, ""),
    "floor": row(flat, ""),
    "exp": row(exp, "o0"),
    "log": row(log, "0"),
    "log1p": row(log1p, "0"),
    "sqrt": row(sqrt, "o0"),
    "rsqrt": row(rsqrt, "o0"),
    "sin": row(sin, "0"),
    "cos": row(cos, "0"),
    "tanh": row(tanh, "o0"),
    "sigmoid": row(sigmoid, "o0"),
    "erf": row(erf, "0"),
    "reciprocal": row(reciprocal, "o0"),
    "relu": row(relu, "o0"),
}
JVP = {"abs": absolute_jvp}
