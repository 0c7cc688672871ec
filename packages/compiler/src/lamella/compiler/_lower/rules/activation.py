"""Activation functions and element losses: one pass each, in f32 for half types; their gradients have bodies."""

from __future__ import annotations

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule
from lamella.compiler._lower._refs import Ref
from lamella.compiler._lower.rules.pointwise import composed


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


def _silu(b: KernelBuilder, kind: str, values: list[int]) -> int:
    (x,) = values
    return b.apply("div", x, b.apply("add", b.apply("exp", b.apply("neg", x)), b.const(1.0, kind)))


def _leaky_relu(b: KernelBuilder, kind: str, values: list[int], *, negative_slope: float) -> int:
    (x,) = values
    down = b.apply("mul", x, b.const(negative_slope, kind))
    return b.apply("select", b.apply("gt", x, b.const(0.0, kind)), x, down)


def _elu(b: KernelBuilder, kind: str, values: list[int], *, alpha: float, scale: float, input_scale: float) -> int:
    (x,) = values
    zero = b.const(0.0, kind)
    low = b.apply("min", x, zero)
    low = low if input_scale == 1 else b.apply("mul", low, b.const(input_scale, kind))
    down = b.apply("mul", b.apply("expm1", low), b.const(alpha * scale, kind))
    up = x if scale == 1 else b.apply("mul", x, b.const(scale, kind))
    return b.apply("select", b.apply("gt", x, zero), up, down)


def _softplus(b: KernelBuilder, kind: str, values: list[int], *, beta: float, threshold: float) -> int:
    """max(z, 0) + log1p(exp(-|z|)) with z = beta x; x itself from the threshold on."""
    (x,) = values
    z = x if beta == 1 else b.apply("mul", x, b.const(beta, kind))
    rest = b.apply("log1p", b.apply("exp", b.apply("neg", b.apply("abs", z))))
    y = b.apply("add", rest, b.apply("max", z, b.const(0.0, kind)))
    y = y if beta == 1 else b.apply("div", y, b.const(beta, kind))
    return b.apply("select", b.apply("gt", z, b.const(threshold, kind)), x, y)


def _band(b: KernelBuilder, kind: str, x: int, low: float, high: float) -> int:
    return b.apply("min", b.apply("max", x, b.const(low, kind)), b.const(high, kind))


def _hardtanh(b: KernelBuilder, kind: str, values: list[int], *, min_val: float, max_val: float) -> int:
    return _band(b, kind, values[0], min_val, max_val)


def _hardsigmoid(b: KernelBuilder, kind: str, values: list[int]) -> int:
    wide = _band(b, kind, b.apply("add", values[0], b.const(3.0, kind)), 0.0, 6.0)
    return b.apply("mul", wide, b.const(1 / 6, kind))


def _hardswish(b: KernelBuilder, kind: str, values: list[int]) -> int:
    return b.apply("mul", _hardsigmoid(b, kind, values), values[0])


_LEAST = -100.0  # what a logarithm counts at least, so that a certain and wrong prediction has a finite loss


def _binary_cross_entropy(e: Emitter, x: Ref, target: Ref) -> Ref:
    kind = value_type(x.dtype)
    code = e.error(
        ValueError(
            "binary_cross_entropy needs probabilities in [0, 1]; apply a sigmoid first, or use "
            "binary_cross_entropy_with_logits"
        )
    )

    def body(b: KernelBuilder, values: list[int]) -> int:
        v, t = values
        inside = b.apply("and", b.apply("ge", v, b.const(0.0, kind)), b.apply("le", v, b.const(1.0, kind)))
        b.check(inside, code)
        yes = b.apply("max", b.apply("log", v), b.const(_LEAST, kind))
        no = b.apply("max", b.apply("log1p", b.apply("neg", v)), b.const(_LEAST, kind))
        return b.apply("sub", b.apply("mul", b.apply("sub", no, yes), t), no)

    return e.compute(body, x, target, dtype=x.dtype, cost=25)


RULES: dict[str, Rule] = {
    "gelu": _gelu,
    "silu": composed(_silu, 12),
    "leaky_relu": composed(_leaky_relu),
    "elu": composed(_elu, 25),
    "softplus": composed(_softplus, 25),
    "hardtanh": composed(_hardtanh),
    "hardsigmoid": composed(_hardsigmoid),
    "hardswish": composed(_hardswish),
    "binary_cross_entropy": _binary_cross_entropy,
}
