"""Optimizers' updates, in the order of operations of the eager kernels, so that both take the same steps."""

from __future__ import annotations

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._lower._emit import Emitter, Rule, to
from lamella.compiler._lower._refs import Counter, Operand, Ref, Scalar


def _scalar(e: Emitter, value: Operand) -> Ref:
    """A host number as a 0-d f64, so that arithmetic on it is done once and not at every point."""
    return e.compute(to("f64"), value, dtype="f64", shape=())


def _is_zero(value: Operand) -> bool:
    return not isinstance(value, Ref | Scalar | Counter) and value == 0


def _sgd(e: Emitter, p: Ref, g: Ref, lr: Operand, weight_decay: Operand) -> Ref:
    return e.map("sub", p, e.map("mul", _decayed(e, p, g, weight_decay), lr))


def _decayed(e: Emitter, p: Ref, g: Ref, weight_decay: Operand) -> Ref:
    return g if _is_zero(weight_decay) else e.map("add", g, e.map("mul", p, weight_decay))


def _momentum(
    e: Emitter, p: Ref, g: Ref, buf: Ref, lr: Operand, momentum: Operand, weight_decay: Operand, *, nesterov: bool
) -> tuple[Ref, Ref]:
    g = _decayed(e, p, g, weight_decay)
    buf = e.map("add", e.map("mul", buf, momentum), g)
    step = e.map("add", g, e.map("mul", buf, momentum)) if nesterov else buf
    return e.map("sub", p, e.map("mul", step, lr)), buf


def _adam(
    e: Emitter,
    p: Ref,
    g: Ref,
    m: Ref,
    v: Ref,
    step: Ref,
    lr: Operand,
    beta1: Operand,
    beta2: Operand,
    eps: Operand,
    weight_decay: Operand,
    *,
    decoupled: bool,
) -> tuple[Ref, Ref, Ref, Ref]:
    step = e.map("add", step, 1)
    n = e.cast(step, "f64")
    one, rate = 1.0, _scalar(e, lr)
    shrink: list[Ref] = []
    if not _is_zero(weight_decay):
        if decoupled:
            factor = e.map("sub", one, e.map("mul", rate, weight_decay), dtype="f64")
            shrink.append(e.cast(factor, p.dtype))
        else:
            g = e.map("add", g, e.map("mul", p, weight_decay))

    def rest(beta: Operand) -> Ref:
        return e.cast(e.map("sub", one, _scalar(e, beta), dtype="f64"), p.dtype)

    def corrected(beta: Operand) -> Ref:
        return e.map("sub", one, e.map("pow", _scalar(e, beta), n), dtype="f64")

    # the order of operations of the eager kernel, so that both take the same steps
    m = e.map("add", m, e.map("mul", e.map("sub", g, m), rest(beta1)))
    v = e.map("add", v, e.map("mul", e.map("sub", e.map("mul", g, g), v), rest(beta2)))
    root = e.map("sqrt", corrected(beta2))
    small = e.cast(e.map("mul", _scalar(e, eps), root, dtype="f64"), p.dtype)
    size = e.cast(e.map("div", e.map("mul", rate, root, dtype="f64"), corrected(beta1)), p.dtype)

    def moved(b: KernelBuilder, values: list[int]) -> int:
        at, mean, square, least, length, *factors = values
        for factor in factors:
            at = b.apply("mul", at, factor)
        bottom = b.apply("add", b.apply("sqrt", square), least)
        return b.apply("sub", at, b.apply("mul", b.apply("div", mean, bottom), length))

    p = e.compute(moved, p, m, v, small, size, *shrink, dtype=p.dtype, cost=12)
    return p, m, v, step


RULES: dict[str, Rule] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "adam": _adam,
}
