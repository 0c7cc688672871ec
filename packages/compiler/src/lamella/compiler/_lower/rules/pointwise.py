"""Elementwise ops of the second row: elementary functions, rounding, tests, bits and pairs.

f32 and f64 functions are the C library's, within its bounds (about 1 ULP); half types are computed in f32. Integer
division by zero raises what the eager kernel raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule, broadcast, is_float
from lamella.compiler._lower._refs import Operand, Ref
from lamella.compiler._lower.rules.elementwise import boolean, first_type, plain
from lamella.compiler._schedule import HEAVY

Make = Callable[..., int]  # (builder, type, values of that type, **params)


def composed(make: Make, cost: int = 4) -> Rule:
    """An op made of several scalar ones: `make(builder, type, values)` on operands of one type."""

    def rule(e: Emitter, *operands: Operand, **params: float) -> Ref:
        dtype = first_type(operands)
        kind = value_type(dtype)

        def body(b: KernelBuilder, values: list[int]) -> int:
            return make(b, kind, [b.cast(v, kind) for v in values], **params)

        return e.compute(body, *operands, dtype=dtype, cost=cost)

    return rule


def test(make: Make) -> Rule:
    """A test of a float; what it says of integers is `make` of their values as f64."""

    def rule(e: Emitter, x: Ref) -> Ref:
        kind = value_type(x.dtype) if is_float(x.dtype) else "f64"

        def body(b: KernelBuilder, values: list[int]) -> int:
            return make(b, kind, [b.cast(values[0], kind)])

        return e.compute(body, x, dtype="bool")

    return rule


def _rounding(op: str) -> Rule:
    def rule(e: Emitter, x: Ref) -> Ref:
        return e.map(op, x) if is_float(x.dtype) else e.copy(x)

    return rule


def _bits(op: str) -> Rule:
    def rule(e: Emitter, *operands: Operand) -> Ref:
        return e.map(op, *operands)

    return rule


def _divided(name: str, op: str) -> Rule:
    def rule(e: Emitter, a: Operand, b: Operand) -> Any:
        dtype = first_type((a, b))
        if dtype == "bool":
            return NotImplemented
        if is_float(dtype):
            return e.map(op, a, b)
        kind = value_type(dtype)
        error = ZeroDivisionError(f"{name} of an integer tensor by 0; a floating tensor gives inf or nan")
        code = e.error(error)

        def body(k: KernelBuilder, values: list[int]) -> int:
            x, y = (k.cast(v, kind) for v in values)
            k.check(k.apply("ne", y, k.const(0, kind)), code)
            return k.apply(op, x, y)

        return e.compute(body, a, b, dtype=dtype, cost=HEAVY[op])

    return rule


def _is_finite(b: KernelBuilder, kind: str, values: list[int]) -> int:
    return b.apply("lt", b.apply("abs", values[0]), b.const(math.inf, kind))


def _is_infinite(b: KernelBuilder, kind: str, values: list[int]) -> int:
    return b.apply("eq", b.apply("abs", values[0]), b.const(math.inf, kind))


def _sign_bit(b: KernelBuilder, kind: str, values: list[int]) -> int:
    word = "i32" if kind == "f32" else "i64"
    return b.apply("lt", b.apply("bits", values[0]), b.const(0, word))


def _sinc(b: KernelBuilder, kind: str, values: list[int]) -> int:
    t = b.apply("mul", values[0], b.const(math.pi, kind))
    here = b.apply("eq", t, b.const(0.0, kind))
    return b.apply("select", here, b.const(1.0, kind), b.apply("div", b.apply("sin", t), t))


def _logaddexp(exp: str, scale: float) -> Make:
    def make(b: KernelBuilder, kind: str, values: list[int]) -> int:
        x, y = values
        less = b.apply("neg", b.apply("abs", b.apply("sub", x, y)))
        less = b.apply("select", b.apply("eq", x, y), b.const(0.0, kind), less)  # inf - inf
        more = b.apply("log1p", b.apply(exp, less))
        more = more if scale == 1 else b.apply("mul", more, b.const(scale, kind))
        return b.apply("add", more, b.apply("max", x, y))

    return make


def _xlogy(b: KernelBuilder, kind: str, values: list[int]) -> int:
    x, y = values
    zero = b.apply("and", b.apply("eq", x, b.const(0.0, kind)), b.apply("not", b.apply("isnan", y)))
    return b.apply("select", zero, b.const(0.0, kind), b.apply("mul", b.apply("log", y), x))


def _but_nan(op: str) -> Rule:
    """The larger or smaller, of a number and NaN the number."""

    def rule(e: Emitter, a: Operand, b: Operand) -> Ref:
        dtype = first_type((a, b))
        if not is_float(dtype):
            return e.map({"max": "or", "min": "and"}[op] if dtype == "bool" else op, a, b)

        def make(k: KernelBuilder, kind: str, values: list[int]) -> int:
            x, y = values
            rest = k.apply("select", k.apply("isnan", y), x, k.apply(op, x, y))
            return k.apply("select", k.apply("isnan", x), y, rest)

        made: Ref = composed(make)(e, a, b)
        return made

    return rule


def _next_after(e: Emitter, a: Operand, b: Operand) -> Any:
    """Half types step in bits of their own."""
    dtype = first_type((a, b))
    return e.map("nextafter", a, b) if dtype in ("f32", "f64") else NotImplemented


def _nan_to_num(b: KernelBuilder, kind: str, values: list[int], **params: float) -> int:
    (x,) = values
    for test_, number in ((math.inf, params["posinf"]), (-math.inf, params["neginf"])):
        x = b.apply("select", b.apply("eq", x, b.const(test_, kind)), b.const(number, kind), x)
    return b.apply("select", b.apply("isnan", values[0]), b.const(params["nan"], kind), x)


def _exponent(e: Emitter, x: Ref) -> Ref:
    """The e of x = m * 2**e with m in [1/2, 1); 0 for 0, infinities and NaN."""

    def body(b: KernelBuilder, values: list[int]) -> int:
        v = b.cast(values[0], "f64")
        tiny = b.apply("lt", b.apply("abs", v), b.const(2.0**-1022, "f64"))
        bits = b.apply("bits", b.apply("select", tiny, b.apply("mul", v, b.const(2.0**54, "f64")), v))
        field = b.apply("and", b.apply("shr", bits, b.const(52, "i64")), b.const(2047, "i64"))
        less = b.apply("select", tiny, b.const(1022 + 54, "i64"), b.const(1022, "i64"))
        none = b.apply("or", b.apply("eq", field, b.const(0, "i64")), b.apply("eq", field, b.const(2047, "i64")))
        return b.cast(b.apply("select", none, b.const(0, "i64"), b.apply("sub", field, less)), "i32")

    return e.compute(body, x, dtype="i32", cost=12)


def _clamp(e: Emitter, x: Operand, low: Operand | None, high: Operand | None) -> Ref:
    given = [o for o in (x, low, high) if o is not None]
    dtype = first_type(given)
    kind, names = value_type(dtype), (low is not None, high is not None)

    def body(b: KernelBuilder, values: list[int]) -> int:
        out, *bounds = (b.cast(v, kind) for v in values)
        if names[0]:
            out = b.apply("max", out, bounds.pop(0))
        return b.apply("min", out, bounds.pop(0)) if names[1] else out

    return e.compute(body, *given, dtype=dtype, shape=broadcast([o.shape for o in given if isinstance(o, Ref)]))


_FUNCTIONS = (
    "exp2", "expm1", "log2", "log10", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "erfc",
    "lgamma", "atan2", "copysign", "hypot", "gcd", "lcm",
)  # fmt: skip

RULES: dict[str, Rule] = {
    **{name: plain(name) for name in _FUNCTIONS},
    "ceil": _rounding("ceil"),
    "trunc": _rounding("trunc"),
    "round": _rounding("round"),
    "isfinite": test(_is_finite),
    "isinf": test(_is_infinite),
    "signbit": test(_sign_bit),
    "bitwise_not": _bits("not"),
    "bitwise_and": _bits("and"),
    "bitwise_or": _bits("or"),
    "bitwise_xor": _bits("xor"),
    "bitwise_left_shift": _bits("shl"),
    "bitwise_right_shift": _bits("shr"),
    "logical_xor": boolean("xor"),
    "conj": lambda e, x: e.copy(x),
    "sinc": composed(_sinc, 25),
    "logaddexp": composed(_logaddexp("exp", 1), 25),
    "logaddexp2": composed(_logaddexp("exp2", 1 / math.log(2)), 40),
    "xlogy": composed(_xlogy, 14),
    "fmod": _divided("fmod", "fmod"),
    "floor_divide": _divided("floor_divide", "floordiv"),
    "remainder": _divided("remainder", "mod"),
    "fmax": _but_nan("max"),
    "fmin": _but_nan("min"),
    "nextafter": _next_after,
    "nan_to_num": composed(_nan_to_num),
    "exponent": _exponent,
    "clamp": _clamp,
}
