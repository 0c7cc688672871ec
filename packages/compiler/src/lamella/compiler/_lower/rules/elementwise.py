"""Elementwise ops: one scalar expression at every point."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule, is_float
from lamella.compiler._lower._refs import Operand, Ref
from lamella.compiler._lower.rules.movement import joined


def first_type(operands: Iterable[Operand]) -> str:
    """The storage type of tensor operands, which is one."""
    return next(x.dtype for x in operands if isinstance(x, Ref))


def plain(op: str) -> Rule:
    """One scalar operation."""

    def rule(e: Emitter, *operands: Operand) -> Ref:
        return e.map(op, *operands)

    return rule


def boolean(op: str) -> Rule:
    """Operands of any type count as true where they are not zero."""

    def rule(e: Emitter, *operands: Operand) -> Ref:
        def body(b: KernelBuilder, values: list[int]) -> int:
            return b.apply(op, *(b.cast(v, "bool") for v in values))

        return e.compute(body, *operands, dtype="bool")

    return rule


def _relu(e: Emitter, x: Ref) -> Ref:
    return e.copy(x) if x.dtype == "bool" else e.map("max", x, 0)


def _abs(e: Emitter, x: Ref) -> Ref:
    return e.copy(x) if x.dtype == "bool" else e.map("abs", x)


def _on_bool(boolean: str, op: str) -> Rule:
    """For bools, numpy's sum and maximum are or, its product and minimum and."""

    def rule(e: Emitter, a: Operand, b: Operand) -> Ref:
        first = a if isinstance(a, Ref) else b
        return e.map(boolean if isinstance(first, Ref) and first.dtype == "bool" else op, a, b)

    return rule


def _add(e: Emitter, a: Operand, b: Operand) -> Ref:
    return joined(e, a, b) or _on_bool("or", "add")(e, e.settled(a), e.settled(b))


def _pow(e: Emitter, a: Operand, b: Operand) -> Ref:
    if isinstance(a, Ref) and is_float(a.dtype) and isinstance(b, int | float) and not isinstance(b, bool):
        if b == 2:
            return e.map("mul", a, a)
        if b == 0.5:
            return e.map("sqrt", a)
        if b == 1:
            return e.copy(a)
        if b == -1:
            return e.map("reciprocal", a)
    return e.map("pow", a, b)


def where(e: Emitter, cond: Ref, a: Operand, b: Operand) -> Ref:
    dtype = first_type((a, b))
    kind = value_type(dtype)

    def body(k: KernelBuilder, values: list[int]) -> int:
        return k.apply("select", values[0], k.cast(values[1], kind), k.cast(values[2], kind))

    return e.compute(body, cond, a, b, dtype=dtype)


def _cast(e: Emitter, x: Ref, *, dtype: Any) -> Ref:
    return e.copy(x) if x.dtype == dtype.short else e.cast(x, dtype.short)


def _copy(e: Emitter, x: Ref) -> Ref:
    return e.copy(x)


def _isnan(e: Emitter, x: Ref) -> Ref:
    if is_float(x.dtype):
        return e.map("isnan", x)

    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.const(False, "bool")

    return e.compute(body, x, dtype="bool")


def _logical_not(e: Emitter, x: Ref) -> Ref:
    made: Ref = boolean("not")(e, x)
    return made


_PLAIN = {
    "neg": "neg", "sign": "sign", "exp": "exp", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "sin": "sin", "cos": "cos", "tanh": "tanh", "sigmoid": "sigmoid", "erf": "erf", "reciprocal": "reciprocal",
    "floor": "floor", "sub": "sub", "div": "div", "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt",
    "ge": "ge",
}  # fmt: skip


RULES: dict[str, Rule] = {
    **{name: plain(op) for name, op in _PLAIN.items()},
    "add": _add,
    "mul": _on_bool("and", "mul"),
    "maximum": _on_bool("or", "max"),
    "minimum": _on_bool("and", "min"),
    "abs": _abs,
    "relu": _relu,
    "pow": _pow,
    "isnan": _isnan,
    "logical_and": boolean("and"),
    "logical_or": boolean("or"),
    "logical_not": _logical_not,
    "where": where,
    "cast": _cast,
    "copy": _copy,
}
