"""Kinds of host scalars: what a scalar op gives for which operands, and how a Python number is brought to its declared
kind.

The kind is a function of the operand kinds alone, where Python sometimes looks at values: `min(1, 2.0)` is an int in
Python and f64 here. A result may be widened to its declared kind (bool to i64 to f64), never narrowed: `2 ** -1` under
i64 is an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from lamella.tensor.extend import COMPLEX, MetaArray, MissingRule, Op, from_numpy_dtype

from ._errors import GraphError
from ._types import SCALAR_KINDS, ScalarType

__all__ = ["ITEM", "scalar_type", "widened"]

ITEM: Final = "scalar.item"
_BY_CATEGORY: Final = (ScalarType("bool"), ScalarType("i64"), ScalarType("f64"))
_CATEGORY: Final = {bool: 0, int: 1, float: 2}
# op -> the lowest category its result may have, and the first operand that counts
_JOINED: Final = {
    f"scalar.{name}": (1, 0) for name in ("add", "sub", "mul", "floordiv", "mod", "pow", "neg", "abs")
} | {
    "scalar.min": (0, 0),
    "scalar.max": (0, 0),
    "scalar.where": (0, 1),
}
# op -> the category its result always has
_FIXED: Final = {f"scalar.{name}": 2 for name in ("div", "sin", "cos", "sqrt", "exp", "log")} | {
    f"scalar.{name}": 0 for name in ("lt", "le", "gt", "ge", "eq", "ne")
}
_FIXED["scalar.size"] = 1


def scalar_type(op: Op, operands: Sequence[Any]) -> ScalarType:
    """The type of a scalar op over numbers and ScalarTypes; TypeError for a tensor, MissingRule for an unknown op.

    `scalar.item` alone takes a tensor, of one element.
    """
    if op.name == ITEM:
        return _item_type(operands[0])
    categories = [_category(op, o) for o in operands]
    fixed = _FIXED.get(op.name)
    if fixed is not None:
        return _BY_CATEGORY[fixed]
    joined = _JOINED.get(op.name)
    if joined is None:
        raise MissingRule(f"the scalar op {op.name!r} (of {op.package}) has no rule for the kind of its result")
    low, start = joined
    return _BY_CATEGORY[max(low, *categories[start:])]


def _item_type(operand: Any) -> ScalarType:
    if not isinstance(operand, MetaArray):
        raise TypeError(f"{ITEM} takes a tensor, got {operand!r}")
    if math.prod(operand.shape) != 1:
        raise TypeError(f"{ITEM} takes a tensor of one element, got shape {operand.shape}")
    category = from_numpy_dtype(operand.dtype).category
    if category == COMPLEX:
        raise TypeError(f"{ITEM} gives a bool, an int or a float; take the real or imaginary part of {operand.dtype}")
    return _BY_CATEGORY[category]


def widened(op: Op, result: Any, declared: str) -> Any:
    """A result of `op` as a number of the declared kind; GraphError where that would lose its kind."""
    kind = SCALAR_KINDS[declared]
    if type(result) is kind:
        return result
    if _CATEGORY.get(type(result), 3) < _CATEGORY[kind]:
        return kind(result)
    raise GraphError(f"{op.name} gave {result!r} of type {type(result).__name__}, declared is {declared}")


def _category(op: Op, operand: Any) -> int:
    if type(operand) is ScalarType:
        return operand.category
    category = _CATEGORY.get(type(operand))
    if category is None:
        raise TypeError(f"{op.name} takes host scalars, got {operand!r}")
    return category
