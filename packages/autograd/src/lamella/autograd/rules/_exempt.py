"""Ops without a rule of a kind, and why: with the tables and what is derived, every cell of op x kind is accounted
for.
"""

from __future__ import annotations

__all__ = ["EXEMPT"]

_INTEGER = "the result is bool or integer"
_CREATION = "makes an array from host scalars"
_UPDATE = "an optimizer's update of plain parameters"
_UPDATES = (
    "sgd", "momentum", "damped_momentum", "adam", "amsgrad", "rmsprop", "rmsprop_momentum", "adagrad", "ema",
)  # fmt: skip
_CUT = "cuts the graph: that is what it is for"

_NOT_DIFFERENTIABLE = {
    **dict.fromkeys(
        ("logical_not", "isnan", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"), _INTEGER
    ),
    **dict.fromkeys(("any", "all", "argmax", "argmin"), _INTEGER),
    **dict.fromkeys(("full", "arange", "rand", "randn", "bernoulli", "randint", "randperm"), _CREATION),
    **dict.fromkeys(_UPDATES, _UPDATE),
    "detach": _CUT,
}

EXEMPT: dict[str, dict[str, str]] = {
    "vjp": _NOT_DIFFERENTIABLE,
    "jvp": _NOT_DIFFERENTIABLE,
    "batch": dict.fromkeys(_UPDATES, _UPDATE),
}
