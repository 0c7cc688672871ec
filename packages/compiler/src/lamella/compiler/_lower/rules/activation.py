"""Activation functions and the steps of their gradients."""

from __future__ import annotations

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule
from lamella.compiler._lower._refs import Ref


def _gelu(e: Emitter, x: Ref, *, approximate: str) -> Ref:
    kind = value_type(x.dtype)

    def body(b: KernelBuilder, values: list[int]) -> int:
        (v,) = values

        def number(n: float) -> int:
            return b.const(n, kind)

        if approximate == "tanh":
            square = b.apply("add", b.apply("mul", b.apply("mul", v, v), number(0.044715)), number(1.0))
            inner = b.apply("mul", b.apply("mul", v, square), number(0.7978845608028654))
            gate = b.apply("tanh", inner)
        else:
            gate = b.apply("erf", b.apply("mul", v, number(0.7071067811865476)))
        return b.apply("mul", b.apply("mul", b.apply("add", gate, number(1.0)), v), number(0.5))

    return e.compute(body, x, dtype=x.dtype, cost=20)


RULES: dict[str, Rule] = {
    "gelu": _gelu,
}
