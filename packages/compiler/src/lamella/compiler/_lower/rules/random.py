"""Draws: element i of a call reads the word of slot offset + i, and gives the bits that the eager draw gives.

The steps are those of docs/decisions/0001-rng.md; each is rounded once. Other kernels that read what is drawn do
not draw it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import BITS, FLOATS, value_type
from lamella.compiler._lower._emit import Emitter, Rule, contiguous
from lamella.compiler._lower._refs import Counter, Operand, Ref
from lamella.tensor.extend import NORMAL_FORMULAS

FRACTION_BITS = {"f64": 53, "f32": 24, "f16": 11, "bf16": 8}
FromWord = Callable[[KernelBuilder, int], int]


def _drawn(
    e: Emitter, seed: Operand, offset: Operand, shape: tuple[int, ...], dtype: str, of: FromWord, cost: int = 24
) -> Ref:
    def body(b: KernelBuilder, values: list[int]) -> int:
        key, start, at = (b.cast(v, "u64") for v in values)
        return of(b, b.apply("philox", key, b.apply("add", start, at)))

    return e.compute(body, seed, offset, Counter(contiguous(shape)), dtype=dtype, shape=shape, cost=cost, repeats=False)


def _rand(e: Emitter, seed: Operand, offset: Operand, *, shape: tuple[int, ...], dtype: Any) -> Any:
    bits = FRACTION_BITS.get(dtype.short)
    if bits is None:
        return NotImplemented
    kind = value_type(dtype.short)

    def uniform(b: KernelBuilder, word: int) -> int:
        top = b.cast(b.apply("shr", word, b.const(64 - bits, "u64")), "i64" if kind == "f64" else "i32")
        return b.apply("mul", b.cast(top, kind), b.const(2.0**-bits, kind))

    return _drawn(e, seed, offset, shape, dtype.short, uniform)


def _bernoulli(e: Emitter, seed: Operand, offset: Operand, *, p: float, shape: tuple[int, ...], dtype: Any) -> Any:
    if not 0 <= p <= 1:
        return NotImplemented  # the kernel says what is wrong

    def coin(b: KernelBuilder, word: int) -> int:
        threshold = b.const(math.ceil(p * 2.0**53), "u64")
        return b.cast(b.apply("lt", b.apply("shr", word, b.const(11, "u64")), threshold), value_type(dtype.short))

    return _drawn(e, seed, offset, shape, dtype.short, coin)


def _randint(
    e: Emitter, seed: Operand, offset: Operand, *, low: int, high: int, shape: tuple[int, ...], dtype: Any
) -> Any:
    span = high - low
    if not 0 < span < 2**64 or low < -(2**63) or high > 2**63:
        return NotImplemented
    kind = value_type(dtype.short)

    def number(b: KernelBuilder, word: int) -> int:
        above = b.apply("mulhi", word, b.const(span, "u64"))
        return b.cast(b.cast(b.apply("add", above, b.const(low % 2**64, "u64")), "i64"), kind)

    return e.cast(_drawn(e, seed, offset, shape, dtype.short, number), dtype.short)


def _randn(e: Emitter, seed: Operand, offset: Operand, *, shape: tuple[int, ...], dtype: Any) -> Any:
    kind = value_type(dtype.short)
    if kind not in FLOATS:
        return NotImplemented
    return _drawn(e, seed, offset, shape, dtype.short, lambda b, word: _normal(b, word, kind), 50)


def _normal(b: KernelBuilder, word: int, kind: str) -> int:
    """Box and Muller's formula: the high half of a word gives the radius, the low half half a turn."""
    f = NORMAL_FORMULAS[{"f32": "float32", "f64": "float64"}[kind]]
    integer = BITS["bits"][kind]

    def number(n: float) -> int:
        return b.const(n, kind)

    def polynomial(x: int, coefficients: tuple[float, ...]) -> int:
        *rest, last = coefficients
        out = b.apply("mul", x, number(last))
        for c in reversed(rest[1:]):
            out = b.apply("mul", b.apply("add", out, number(c)), x)
        return b.apply("add", out, number(rest[0]))

    high = b.cast(b.cast(b.apply("shr", word, b.const(32, "u64")), "u32"), kind)
    x = b.apply("add", high, number(0.5))
    exponent = b.apply("sub", b.apply("bits", x), b.const(f.pivot, integer))
    exponent = b.apply("and", exponent, b.const(-(1 << f.mantissa_bits), integer))
    x = b.apply("unbits", b.apply("sub", b.apply("bits", x), exponent))
    t = b.apply("div", b.apply("sub", x, number(2.0**32)), b.apply("add", x, number(2.0**32)))
    log = b.apply("mul", polynomial(b.apply("mul", t, t), f.log), t)
    square = b.apply("add", b.apply("mul", b.cast(exponent, kind), number(f.per_exponent)), log)
    turn = b.apply("mul", b.cast(b.cast(word, "i32"), kind), number(2.0**-32))
    sine = b.apply("mul", polynomial(b.apply("mul", turn, turn), f.sine), turn)
    return b.apply("mul", b.apply("sqrt", square), sine)


RULES: dict[str, Rule] = {"rand": _rand, "randn": _randn, "randint": _randint, "bernoulli": _bernoulli}
