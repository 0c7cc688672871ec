"""The `lower` rule of every op that becomes loops: one row each, by family.

A rule takes `(emitter, *operands, **params)` with refs, host scalars, numbers or None as operands, and gives a ref or a
tuple of refs. An op without a row is decomposed if it has a body and runs its own kernel as an extern step if not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, is_float
from lamella.compiler._lower._refs import Counter, Operand, Ref, Scalar

Rule = Callable[..., Any]


# -- elementwise ------------------------------------------------------------------------------------------------------


def _plain(op: str) -> Rule:
    def rule(e: Emitter, *operands: Operand) -> Ref:
        return e.map(op, *operands)

    return rule


def _boolean(op: str) -> Rule:
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


def _where(e: Emitter, cond: Ref, a: Operand, b: Operand) -> Ref:
    dtype = next(x.dtype for x in (a, b) if isinstance(x, Ref))
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
    return _boolean("not")(e, x)  # type: ignore[no-any-return]


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


# -- reductions -------------------------------------------------------------------------------------------------------


def _reduce(combiner: str, *, wide_ints: bool = False, of_bool: str = "") -> Rule:
    def rule(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
        if wide_ints and not is_float(x.dtype):
            return e.reduce(combiner, x, dims, keepdim, dtype="i64", body=_to("i64"))
        if of_bool and x.dtype == "bool":
            return e.reduce(of_bool, x, dims, keepdim)
        return e.reduce(combiner, x, dims, keepdim)

    return rule


def _truth(combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
        return e.reduce(combiner, x, dims, keepdim, dtype="bool", body=_to("bool"))

    return rule


def _arg(combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, *, dim: int | None, keepdim: bool) -> Ref:
        dims = tuple(range(len(x.shape))) if dim is None else (dim,)
        return e.reduce(combiner, x, dims, keepdim, body=_to("u8") if x.dtype == "bool" else None)

    return rule


def _to(kind: str) -> Callable[[KernelBuilder, list[int]], int]:
    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.cast(values[0], kind)

    return body


# -- views, creation --------------------------------------------------------------------------------------------------


def _alias(e: Emitter, x: Ref) -> Ref:
    return x


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


def _flip(e: Emitter, x: Ref, *, dims: tuple[int, ...]) -> Ref:
    index = tuple((n - 1, -1, -1) if k in dims else (0, n, 1) for k, n in enumerate(x.shape))
    return e.copy(x.slice(index) if x.root.size and 0 not in x.shape else x)


# -- composites whose own form fuses better than their body -----------------------------------------------------------


# A NaN reaches the sum whatever the maximum is, so the maximum may pass over it.
def _softmax(e: Emitter, x: Ref, *, dim: int) -> Ref:
    w = e.wide(x)
    powers = e.map("exp", e.map("sub", w, e.reduce("largest", w, (dim,), True)))
    scale = e.map("reciprocal", e.reduce("sum", powers, (dim,), True))
    return e.cast(e.map("mul", powers, scale), x.dtype)


def _log_softmax(e: Emitter, x: Ref, *, dim: int) -> Ref:
    return e.cast(_log_softmax_wide(e, e.wide(x), dim), x.dtype)


def _log_softmax_wide(e: Emitter, w: Ref, dim: int) -> Ref:
    shifted = e.map("sub", w, e.reduce("largest", w, (dim,), True))
    return e.map("sub", shifted, e.map("log", e.reduce("sum", e.map("exp", shifted), (dim,), True)))


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
        right = b.apply("and", low, b.apply("lt", at, b.const(classes, "i64")))
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
    loss = _where(e, keep, loss, 0.0)
    if reduction == "none":
        return e.cast(e.reshape(loss, (rows,)), logits.dtype), logp
    loss = e.reduce("sum", loss, (0, 1))
    if reduction == "mean":
        count = e.reduce("sum", keep, (0, 1), dtype="i64", body=_to("i64"))
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


def _scalar(e: Emitter, value: Operand) -> Ref:
    """A host number as a 0-d f64, so that arithmetic on it is done once and not at every point."""
    return e.compute(_to("f64"), value, dtype="f64", shape=())


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
    if not _is_zero(weight_decay):
        if decoupled:
            shrink = e.map("sub", one, e.map("mul", rate, weight_decay), dtype="f64")
            p = e.map("mul", p, e.cast(shrink, p.dtype))
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
    bottom = e.map("add", e.map("sqrt", v), e.cast(e.map("mul", _scalar(e, eps), root, dtype="f64"), p.dtype))
    factor = e.cast(e.map("div", e.map("mul", rate, root, dtype="f64"), corrected(beta1)), p.dtype)
    p = e.map("sub", p, e.map("mul", e.map("div", m, bottom), factor))
    return p, m, v, step


_PLAIN = {
    "neg": "neg", "sign": "sign", "exp": "exp", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "sin": "sin", "cos": "cos", "tanh": "tanh", "sigmoid": "sigmoid", "erf": "erf", "reciprocal": "reciprocal",
    "floor": "floor", "sub": "sub", "div": "div", "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt",
    "ge": "ge",
}  # fmt: skip

RULES: dict[str, Rule] = {
    **{name: _plain(op) for name, op in _PLAIN.items()},
    "add": _on_bool("or", "add"),
    "mul": _on_bool("and", "mul"),
    "maximum": _on_bool("or", "max"),
    "minimum": _on_bool("and", "min"),
    "abs": _abs,
    "relu": _relu,
    "pow": _pow,
    "isnan": _isnan,
    "logical_and": _boolean("and"),
    "logical_or": _boolean("or"),
    "logical_not": _logical_not,
    "where": _where,
    "cast": _cast,
    "copy": _copy,
    "sum": _reduce("sum", wide_ints=True),
    "prod": _reduce("prod", wide_ints=True),
    "amax": _reduce("max", of_bool="any"),
    "amin": _reduce("min", of_bool="all"),
    "any": _truth("any"),
    "all": _truth("all"),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    "alias": _alias,
    "detach": _alias,
    "permute": lambda e, x, *, dims: x.permute(dims),
    "expand": lambda e, x, *, shape: x.expand(shape),
    "slice": lambda e, x, *, index: x.slice(index),
    "reshape": lambda e, x, *, shape: e.reshape(x, shape),
    "full": _full,
    "arange": _arange,
    "flip": _flip,
    "gelu": _gelu,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "sgd": _sgd,
    "momentum": _momentum,
    "adam": _adam,
}
