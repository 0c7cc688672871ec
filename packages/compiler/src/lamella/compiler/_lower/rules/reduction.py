"""Reductions over dims, and positions of extremes."""

from __future__ import annotations

import math
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule, broadcast, is_float, one_hot, to
from lamella.compiler._lower._refs import Ref, Table


def _reduce(combiner: str, *, wide_ints: bool = False, of_bool: str = "") -> Rule:
    def rule(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
        if wide_ints and not is_float(x.dtype):
            return e.reduce(combiner, x, dims, keepdim, dtype="i64", body=to("i64"))
        if of_bool and x.dtype == "bool":
            return e.reduce(of_bool, x, dims, keepdim)
        return e.reduce(combiner, x, dims, keepdim)

    return rule


def _truth(combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
        return e.reduce(combiner, x, dims, keepdim, dtype="bool", body=to("bool"))

    return rule


def _nansum(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
    if not is_float(x.dtype):
        made: Ref = _reduce("sum", wide_ints=True)(e, x, dims=dims, keepdim=keepdim)
        return made
    kind = value_type(x.dtype)

    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.apply("select", b.apply("isnan", values[0]), b.const(0.0, kind), values[0])

    return e.reduce("sum", x, dims, keepdim, body=body)


def _count_nonzero(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
    def body(b: KernelBuilder, values: list[int]) -> int:
        return b.cast(b.cast(values[0], "bool"), "i64")

    return e.reduce("sum", x, dims, keepdim, dtype="i64", body=body)


def _along(combiner: str, of_bool: str) -> Rule:
    """(values, indices) along one dim; the first of equal ones, and of NaN."""

    def rule(e: Emitter, x: Ref, *, dim: int, keepdim: bool) -> Any:
        best = e.reduce(of_bool if x.dtype == "bool" else combiner, x, (dim,), keepdim)
        return best, _arg(f"arg{combiner}")(e, x, dim=dim, keepdim=keepdim)

    return rule


def _arg(combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, *, dim: int | None, keepdim: bool) -> Ref:
        dims = tuple(range(len(x.shape))) if dim is None or not x.shape else (dim,)
        return e.reduce(combiner, x, dims, keepdim, body=to("u8") if x.dtype == "bool" else None)

    return rule


def _spread(e: Emitter, x: Ref, dims: tuple[int, ...], correction: float, keepdim: bool) -> tuple[Ref, Ref]:
    """(variance, mean with its dims kept), both as wide as they are computed."""
    mean, squares = e.moments(e.wide(x), dims, keepdim)
    count = math.prod(x.shape[d] for d in dims)
    return e.map("div", squares, max(count - correction, 0.0)), mean


def _var(e: Emitter, x: Ref, *, dims: tuple[int, ...], correction: float, keepdim: bool) -> tuple[Ref, Ref]:
    out, mean = _spread(e, x, dims, correction, keepdim)
    return e.cast(out, x.dtype), mean


def _std(e: Emitter, x: Ref, *, dims: tuple[int, ...], correction: float, keepdim: bool) -> tuple[Ref, Ref]:
    out, mean = _spread(e, x, dims, correction, keepdim)
    return e.cast(e.map("sqrt", out), x.dtype), mean


def _logsumexp(e: Emitter, x: Ref, *, dims: tuple[int, ...], keepdim: bool) -> Ref:
    top, total = e.powers(e.wide(x), dims, keepdim)
    return e.cast(e.map("add", e.map("log", total), top), x.dtype)


def _cross(e: Emitter, x: Ref, y: Ref, *, dim: int) -> Ref:
    """Vectors of three along dim (negative): a component is made of the other two of each."""
    shape = broadcast([x.shape, y.shape])
    axis, kind = len(shape) + dim, value_type(x.dtype)

    def body(b: KernelBuilder, values: list[int]) -> int:
        left, right, at = values
        one, three = b.const(1, "i64"), b.const(3, "i64")
        first = b.apply("mod", b.apply("add", at, one), three)
        second = b.apply("mod", b.apply("add", first, one), three)

        def product(i: int, j: int) -> int:
            return b.apply("mul", b.look(left, (i, steps[0])), b.look(right, (j, steps[1])))

        return b.cast(b.apply("sub", product(first, second), product(second, first)), kind)

    spread = [v.expand(shape) for v in (x, y)]
    steps = [v.strides[axis] for v in spread]
    tables = [Table(Ref(v.root, v.offset, shape, (*v.strides[:axis], 0, *v.strides[axis + 1 :]))) for v in spread]
    return e.compute(body, *tables, one_hot(shape, axis), dtype=x.dtype, shape=shape, cost=12)


RULES: dict[str, Rule] = {
    "sum": _reduce("sum", wide_ints=True),
    "prod": _reduce("prod", wide_ints=True),
    "amax": _reduce("max", of_bool="any"),
    "amin": _reduce("min", of_bool="all"),
    "nansum": _nansum,
    "count_nonzero": _count_nonzero,
    "var": _var,
    "std": _std,
    "logsumexp": _logsumexp,
    "any": _truth("any"),
    "all": _truth("all"),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    "cross": _cross,
    "max_along": _along("max", "any"),
    "min_along": _along("min", "all"),
}
