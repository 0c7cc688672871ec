"""Arithmetic on host scalars: Python numbers that a trace keeps symbolic (a learning rate, a step count, an RNG
offset, the element of a tensor).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from .._op import Op, register_rules

__all__ = ["SCALAR_FUNCTIONS"]


def _where(condition: bool, a: Any, b: Any) -> Any:
    return a if condition else b


def _item(x: Any) -> Any:
    return x.item()


SCALAR_FUNCTIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    "add": ("a, b", operator.add),
    "sub": ("a, b", operator.sub),
    "mul": ("a, b", operator.mul),
    "div": ("a, b", operator.truediv),
    "floordiv": ("a, b", operator.floordiv),
    "mod": ("a, b", operator.mod),
    "pow": ("a, b", operator.pow),
    "neg": ("a", operator.neg),
    "abs": ("a", abs),
    "min": ("a, b", min),
    "max": ("a, b", max),
    "sin": ("a", math.sin),
    "cos": ("a", math.cos),
    "sqrt": ("a", math.sqrt),
    "exp": ("a", math.exp),
    "log": ("a", math.log),
    "lt": ("a, b", operator.lt),
    "le": ("a, b", operator.le),
    "gt": ("a, b", operator.gt),
    "ge": ("a, b", operator.ge),
    "eq": ("a, b", operator.eq),
    "ne": ("a, b", operator.ne),
    "where": ("condition, a, b", _where),
    "item": ("x", _item),  # the one that takes a tensor: its only element
}


def _size(*, name: str) -> int:
    raise RuntimeError(f"the size {name} is not bound to a number; a graph with named sizes is bound before it runs")


for _name, (_signature, _) in SCALAR_FUNCTIONS.items():
    Op("scalar." + _name, _signature, "scalar", differentiable=())
Op("scalar.size", "; name", "scalar", differentiable=())
register_rules("numpy", {"scalar.size": _size, **{"scalar." + n: fn for n, (_, fn) in SCALAR_FUNCTIONS.items()}})
