"""Optimizers' updates, in the order of operations of the eager kernels, so that both take the same steps."""

from __future__ import annotations

from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._lower._emit import Emitter, Rule, to
from lamella.compiler._lower._refs import Counter, Operand, Ref, Scalar
from lamella.compiler._lower.rules.elementwise import where


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


def _adam(e: Emitter, p: Ref, g: Ref, m: Ref, v: Ref, *rest: Any, decoupled: bool) -> tuple[Ref, ...]:
    p, m, v, _, step = _adam_like(e, p, g, m, v, None, *rest, decoupled=decoupled)
    return p, m, v, step


def _amsgrad(e: Emitter, p: Ref, g: Ref, m: Ref, v: Ref, top: Ref, *rest: Any, decoupled: bool) -> tuple[Ref, ...]:
    return _adam_like(e, p, g, m, v, top, *rest, decoupled=decoupled)


def _adam_like(
    e: Emitter,
    p: Ref,
    g: Ref,
    m: Ref,
    v: Ref,
    largest: Ref | None,
    step: Ref,
    lr: Operand,
    beta1: Operand,
    beta2: Operand,
    eps: Operand,
    weight_decay: Operand,
    *,
    decoupled: bool,
) -> tuple[Ref, ...]:
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

    def corrected(beta: Operand) -> Ref:
        return e.map("sub", one, e.map("pow", _scalar(e, beta), n), dtype="f64")

    # the order of operations of the eager kernel, so that both take the same steps
    m = e.map("add", m, e.map("mul", e.map("sub", g, m), _rest(e, beta1, p.dtype)))
    v = e.map("add", v, e.map("mul", e.map("sub", e.map("mul", g, g), v), _rest(e, beta2, p.dtype)))
    top = v if largest is None else e.map("max", largest, v)
    root = e.map("sqrt", corrected(beta2))
    small = e.cast(e.map("mul", _scalar(e, eps), root, dtype="f64"), p.dtype)
    size = e.cast(e.map("div", e.map("mul", rate, root, dtype="f64"), corrected(beta1)), p.dtype)

    def moved(b: KernelBuilder, values: list[int]) -> int:
        at, mean, square, least, length, *factors = values
        for factor in factors:
            at = b.apply("mul", at, factor)
        bottom = b.apply("add", b.apply("sqrt", square), least)
        return b.apply("sub", at, b.apply("mul", b.apply("div", mean, bottom), length))

    p = e.compute(moved, p, m, top, small, size, *shrink, dtype=p.dtype, cost=12)
    return p, m, v, top, step


def _rest(e: Emitter, part: Operand, dtype: str) -> Ref:
    """1 - part, computed in f64."""
    return e.cast(e.map("sub", 1.0, _scalar(e, part), dtype="f64"), dtype)


def _damped_momentum(
    e: Emitter,
    p: Ref,
    g: Ref,
    buf: Ref,
    step: Ref,
    lr: Operand,
    momentum: Operand,
    dampening: Operand,
    weight_decay: Operand,
    *,
    nesterov: bool,
) -> tuple[Ref, ...]:
    # the first gradient enters whole: there is nothing to damp it against
    share = where(e, e.map("ne", step, 0), _rest(e, dampening, p.dtype), 1.0)
    g = _decayed(e, p, g, weight_decay)
    buf = e.map("add", e.map("mul", buf, momentum), e.map("mul", g, share))
    move = e.map("add", g, e.map("mul", buf, momentum)) if nesterov else buf
    return e.map("sub", p, e.map("mul", move, lr)), buf, e.map("add", step, 1)


def _squares(e: Emitter, square: Ref, g: Ref, alpha: Operand) -> Ref:
    fresh = e.map("mul", e.map("mul", g, g), _rest(e, alpha, g.dtype))
    return e.map("add", e.map("mul", square, alpha), fresh)


def _scaled(e: Emitter, g: Ref, square: Ref, eps: Operand) -> Ref:
    return e.map("div", g, e.map("add", e.map("sqrt", square), eps))


def _rmsprop(
    e: Emitter, p: Ref, g: Ref, square: Ref, lr: Operand, alpha: Operand, eps: Operand, weight_decay: Operand
) -> tuple[Ref, ...]:
    g = _decayed(e, p, g, weight_decay)
    square = _squares(e, square, g, alpha)
    return e.map("sub", p, e.map("mul", _scaled(e, g, square, eps), lr)), square


def _rmsprop_momentum(
    e: Emitter,
    p: Ref,
    g: Ref,
    square: Ref,
    mean: Ref,
    buf: Ref,
    lr: Operand,
    alpha: Operand,
    eps: Operand,
    weight_decay: Operand,
    momentum: Operand,
    *,
    centered: bool,
) -> tuple[Ref, ...]:
    g = _decayed(e, p, g, weight_decay)
    square = _squares(e, square, g, alpha)
    spread = square
    if centered:
        mean = e.map("add", mean, e.map("mul", e.map("sub", g, mean), _rest(e, alpha, g.dtype)))
        spread = e.map("sub", square, e.map("mul", mean, mean))
    buf = e.map("add", e.map("mul", buf, momentum), _scaled(e, g, spread, eps))
    return e.map("sub", p, e.map("mul", buf, lr)), square, mean, buf


def _adagrad(
    e: Emitter,
    p: Ref,
    g: Ref,
    total: Ref,
    step: Ref,
    lr: Operand,
    lr_decay: Operand,
    eps: Operand,
    weight_decay: Operand,
) -> tuple[Ref, ...]:
    slowed = e.map("add", e.map("mul", e.cast(step, "f64"), _scalar(e, lr_decay)), 1.0)
    rate = e.cast(e.map("div", _scalar(e, lr), slowed), p.dtype)
    g = _decayed(e, p, g, weight_decay)
    total = e.map("add", total, e.map("mul", g, g))
    return e.map("sub", p, e.map("mul", _scaled(e, g, total, eps), rate)), total, e.map("add", step, 1)


def _ema(e: Emitter, average: Ref, value: Ref, decay: Operand) -> Ref:
    return e.map("add", average, e.map("mul", e.map("sub", value, average), _rest(e, decay, value.dtype)))


RULES: dict[str, Rule] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "damped_momentum": _damped_momentum,
    "adam": _adam,
    "amsgrad": _amsgrad,
    "rmsprop": _rmsprop,
    "rmsprop_momentum": _rmsprop_momentum,
    "adagrad": _adagrad,
    "ema": _ema,
}
