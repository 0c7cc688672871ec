"""Running reductions along one dim, in order: a point's value is what all before it and itself combine to.

Sums and products of floats are carried in f64, as logarithms of sums are, and rounded once; of integers in i64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.compiler._kernel import KernelBuilder
from lamella.compiler._kernel._ir import value_type
from lamella.compiler._lower._emit import Emitter, Rule, is_float, one_hot, to
from lamella.compiler._lower._refs import Ref


def _running(combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, *, dim: int) -> Ref:
        wide, dtype = ("f64", x.dtype) if is_float(x.dtype) else ("i64", "i64")
        return _scanned(e, combiner, x, dim, wide, dtype)

    return rule


def _scanned(e: Emitter, combiner: str, x: Ref, dim: int, wide: str, dtype: str) -> Ref:
    return e.cast(e.scan(combiner, dim, to(wide), x, dtype=wide), dtype)


def _extreme(combiner: str, of_bool: str) -> Callable[..., Any]:
    """(best so far, its place): of equal values the last; a NaN stays from where it stands."""

    def rule(e: Emitter, x: Ref, *, dim: int) -> Any:
        kind, how = value_type(x.dtype), of_bool if x.dtype == "bool" else combiner
        best = _scanned(e, how, x, dim, kind, x.dtype)

        def place(b: KernelBuilder, values: list[int]) -> int:
            value, top, at = values
            reached = b.apply("eq", value, top)
            if is_float(x.dtype):
                reached = b.apply("or", reached, b.apply("isnan", value))
            return b.apply("select", reached, at, b.const(0, "i64"))

        return best, e.scan("max", dim, place, x, best, one_hot(x.shape, dim), dtype="i64")

    return rule


RULES: dict[str, Rule] = {
    "cumsum": _running("sum"),
    "cumprod": _running("prod"),
    "logcumsumexp": _running("logaddexp"),
    "cummax": _extreme("max", "any"),
    "cummin": _extreme("min", "all"),
}
