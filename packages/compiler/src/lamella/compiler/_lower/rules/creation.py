"""Arrays made of numbers and positions."""

from __future__ import annotations

from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule
from lamella.compiler._lower._refs import Counter, Operand, Ref


def _full(e: Emitter, value: Operand, *, shape: tuple[int, ...], dtype: Any) -> Ref:
    kind = value_type(dtype.short)

    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.cast(values[0], kind)

    return e.compute(body, value, dtype=dtype.short, shape=shape)


def _arange(e: Emitter, start: int, stop: int, step: int, *, dtype: Any) -> Ref:
    kind = value_type(dtype.short)

    def body(b: KernelBuilder, values: list[int]) -> int:
        at = b.apply("add", b.apply("mul", values[0], b.const(step, "i64")), b.const(start, "i64"))
        return b.cast(at, kind)

    return e.compute(body, Counter((1,)), dtype=dtype.short, shape=(len(range(start, stop, step)),))


RULES: dict[str, Rule] = {
    "full": _full,
    "arange": _arange,
}
