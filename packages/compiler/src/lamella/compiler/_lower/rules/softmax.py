"""Softmax, cross-entropy and their gradients: rows in one kernel."""

from __future__ import annotations

from collections.abc import Callable

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule, one_hot, to
from lamella.compiler._lower._refs import Counter, Ref, Subject, Table
from lamella.compiler._lower.rules.elementwise import where


# A NaN reaches the sum whatever the maximum is, so the maximum may pass over it.
def _softmax(e: Emitter, x: Ref, *, dim: int) -> Ref:
    w = e.wide(x)
    powers = e.map("exp", e.map("sub", w, e.reduce("largest", w, (dim,), True)))
    scale = e.map("reciprocal", e.reduce("sum", powers, (dim,), True))
    return e.cast(e.map("mul", powers, scale), x.dtype)


def _log_softmax(e: Emitter, x: Ref, *, dim: int) -> Ref:
    return e.cast(_log_softmax_wide(e, e.wide(x), dim), x.dtype)


def _log_softmax_wide(e: Emitter, w: Ref, dim: int) -> Ref:
    if not e.looks_once(w, (dim,)):
        shifted = e.map("sub", w, e.reduce("largest", w, (dim,), True))
        return e.map("sub", shifted, e.map("log", e.reduce("sum", e.map("exp", shifted), (dim,), True)))
    top, total = e.powers(w, (dim,), True)
    total = e.map("add", total, e.map("sub", top, top))  # an infinite largest leaves nothing but NaN
    return e.map("sub", e.map("sub", w, top), e.map("log", total))


def _cross_entropy(
    e: Emitter, logits: Ref, target: Ref, *, label_smoothing: float, ignore_index: int, reduction: str
) -> tuple[Ref, Ref]:
    rows, classes = logits.shape
    w = e.wide(logits)
    kind = w.dtype
    small = "i32" if classes < 2**31 else "i64"
    logp = _log_softmax_wide(e, w, 1)
    error = IndexError(f"cross_entropy: a target is not a class of [0, {classes}) nor ignore_index {ignore_index}")
    code = e.error(error)

    def checked(b: KernelBuilder, values: list[int]) -> int:
        at = b.cast(values[0], "i64")
        ignored = b.apply("eq", at, b.const(ignore_index, "i64"))
        low = b.apply("ge", at, b.const(0, "i64"))
        right = b.apply("and", low, b.apply("lt", at, b.size(classes)))
        b.check(b.apply("or", right, ignored), code)
        return b.apply("not", ignored)

    def picked(b: KernelBuilder, values: list[int]) -> int:
        value, at, column = values
        here = b.apply("eq", b.cast(at, small), column)
        return b.apply("select", here, value, b.const(0.0, kind))

    column = target.reshape((rows, 1))
    if column is None:
        raise AssertionError("a trailing dim of size 1 never needs a copy")
    keep = e.compute(checked, column, dtype="bool", near=logp)
    chosen = e.compute(picked, logp, column, Counter((0, 1), small), dtype=kind)
    loss = e.map("neg", e.reduce("sum", chosen, (1,), True))
    if label_smoothing:
        spread = e.map("mul", e.reduce("sum", logp, (1,), True), label_smoothing / classes)
        loss = e.map("sub", e.map("mul", loss, 1 - label_smoothing), spread)
    loss = where(e, keep, loss, 0.0)
    if reduction == "none":
        return e.cast(e.reshape(loss, (rows,)), logits.dtype), logp
    loss = e.reduce("sum", loss, (0, 1))
    if reduction == "mean":
        count = e.reduce("sum", keep, (0, 1), dtype="i64", body=to("i64"))
        loss = e.map("div", loss, e.cast(count, kind))
    return e.cast(loss, logits.dtype), logp


def _cross_entropy_grad(
    e: Emitter, g: Ref, logp: Ref, target: Ref, *, label_smoothing: float, ignore_index: int, reduction: str
) -> Ref:
    rows, classes = logp.shape
    kind = logp.dtype
    small = "i32" if classes < 2**31 else "i64"
    column = e.reshape(target, (rows, 1))

    def kept(b: KernelBuilder, values: list[int]) -> int:
        return b.apply("ne", b.cast(values[0], "i64"), b.const(ignore_index, "i64"))

    def gradient(b: KernelBuilder, values: list[int]) -> int:
        value, at, here, up = values
        keep = kept(b, [at])
        hot = b.apply("eq", b.cast(at, small), here)
        less = b.apply("select", hot, b.const(1 - label_smoothing, kind), b.const(0.0, kind))
        d = b.apply("sub", b.apply("exp", value), less)
        if label_smoothing:
            d = b.apply("sub", d, b.const(label_smoothing / classes, kind))
        return b.apply("select", keep, b.apply("mul", d, up), b.const(0.0, kind))

    if reduction == "mean":
        count = e.reduce("sum", column, (0, 1), dtype="i64", body=lambda b, v: b.cast(kept(b, v), "i64"))
        g = e.map("div", g, e.cast(count, kind))
    up = e.reshape(g, (rows, 1)) if reduction == "none" else e.reshape(g, (1, 1))
    return e.compute(gradient, logp, column, Counter((0, 1), small), up, dtype=kind, cost=12)


def _class_check(
    e: Emitter, name: str, target: Ref, classes: int, ignore_index: int | None
) -> Callable[..., tuple[int, int]]:
    """Body parts (position of a target's class, whether it counts), reporting what is neither a class nor ignored."""
    rest = "" if ignore_index is None else f" nor ignore_index {ignore_index}"
    error = IndexError(f"{name}: a target is not a class of [0, {classes}){rest}")
    code = e.error(error, Subject(target, ("class", classes, ignore_index)))

    def check(b: KernelBuilder, target: int) -> tuple[int, int]:
        at, zero = b.cast(target, "i64"), b.const(0, "i64")
        right = b.apply("and", b.apply("ge", at, zero), b.apply("lt", at, b.size(classes)))
        keep = right if ignore_index is None else b.apply("ne", at, b.const(ignore_index, "i64"))
        known = right if ignore_index is None else b.apply("or", right, b.apply("not", keep))
        b.check(known, code)
        return b.apply("select", right, at, zero), b.apply("and", keep, right)

    return check


def _kept(ignore_index: int | None) -> Callable[[KernelBuilder, list[int]], int]:
    def body(b: KernelBuilder, values: list[int]) -> int:
        at = b.cast(values[0], "i64")
        return (
            b.const(1, "i64")
            if ignore_index is None
            else b.cast(b.apply("ne", at, b.const(ignore_index, "i64")), "i64")
        )

    return body


def _pick_class(e: Emitter, x: Ref, target: Ref, *, ignore_index: int | None, reduction: str) -> Ref:
    check, kind = _class_check(e, "nll_loss", target, x.shape[1], ignore_index), value_type(x.dtype)
    strides = (x.strides[0], *x.strides[2:])

    def body(b: KernelBuilder, values: list[int]) -> int:
        table, at = values
        position, keep = check(b, at)
        return b.look(table, (position, x.strides[1]), mask=keep)

    table = Table(Ref(x.root, x.offset, target.shape, strides))
    picked = e.compute(body, table, target, dtype=x.dtype, shape=target.shape, cost=4)
    if reduction == "none":
        return picked
    dims = tuple(range(len(target.shape)))
    loss = e.reduce("sum", e.wide(picked), dims)
    if reduction == "mean":
        count = e.reduce("sum", target, dims, dtype="i64", body=_kept(ignore_index))
        loss = e.map("div", loss, e.cast(count, kind))
    return e.cast(loss, x.dtype)


def _pick_class_grad(e: Emitter, g: Ref, target: Ref, *, classes: int, ignore_index: int | None, reduction: str) -> Ref:
    check, kind = _class_check(e, "nll_loss", target, classes, ignore_index), value_type(g.dtype)
    shape = (target.shape[0], classes, *target.shape[1:])
    if reduction == "mean":
        count = e.reduce("sum", target, tuple(range(len(target.shape))), dtype="i64", body=_kept(ignore_index))
        g = e.cast(e.map("div", e.wide(g), e.cast(count, kind)), g.dtype)

    def spread(v: Ref) -> Ref:
        return Ref(v.root, v.offset, shape, (v.strides[0], 0, *v.strides[1:])) if v.shape else v

    def body(b: KernelBuilder, values: list[int]) -> int:
        up, at, here = values
        position, keep = check(b, at)
        return b.apply("select", b.apply("and", keep, b.apply("eq", position, here)), up, b.const(0.0, kind))

    return e.compute(body, spread(g), spread(target), one_hot(shape, 1), dtype=g.dtype, shape=shape, cost=4)


RULES: dict[str, Rule] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "pick_class": _pick_class,
    "pick_class_grad": _pick_class_grad,
}
