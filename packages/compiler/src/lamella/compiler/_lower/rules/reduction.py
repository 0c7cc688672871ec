"""Reductions over dims, and positions of extremes."""

from __future__ import annotations

from lamella.compiler._lower._emit import Emitter, Rule, is_float, to
from lamella.compiler._lower._refs import Ref


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


def _arg(combiner: str) -> Rule:
    def rule(e: Emitter, x: Ref, *, dim: int | None, keepdim: bool) -> Ref:
        dims = tuple(range(len(x.shape))) if dim is None else (dim,)
        return e.reduce(combiner, x, dims, keepdim, body=to("u8") if x.dtype == "bool" else None)

    return rule


RULES: dict[str, Rule] = {
    "sum": _reduce("sum", wide_ints=True),
    "prod": _reduce("prod", wide_ints=True),
    "amax": _reduce("max", of_bool="any"),
    "amin": _reduce("min", of_bool="all"),
    "any": _truth("any"),
    "all": _truth("all"),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
}
