"""Bringing the arguments of functions to the canonical params of ops.

Every error names the function and the argument.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor

__all__ = ["need_tensor", "optional_tensor", "pair", "reduced", "reduction_of"]

_REDUCTIONS = ("none", "mean", "sum")


def need_tensor(value: Any, function: str, name: str) -> Tensor:
    """value if it is a tensor; TypeError naming the argument otherwise."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{function} needs {name} as a tensor, got {type(value).__name__}; make one with lamella.tensor.tensor(...)"
        )
    return value


def optional_tensor(value: Any, function: str, name: str) -> Tensor | None:
    """value if it is a tensor or None."""
    return None if value is None else need_tensor(value, function, name)


def pair(value: Any, function: str, name: str, low: int) -> tuple[int, int]:
    """(height, width) from an int or two of them, each at least `low`."""
    values = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(values, (tuple, list))
        or len(values) != 2
        or not all(isinstance(v, int) and not isinstance(v, bool) for v in values)
        or min(values) < low
    ):
        raise ValueError(f"{function}: {name} is an int or a pair of ints, at least {low}, got {value!r}")
    return values[0], values[1]


def reduction_of(function: str, reduction: Any, size_average: Any, reduce: Any) -> str:
    """reduction, one of 'none', 'mean' and 'sum'; TypeError for the two arguments that it has replaced."""
    if size_average is not None or reduce is not None:
        raise TypeError(f"{function} takes no size_average and no reduce; say reduction='mean', 'sum' or 'none'")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{function}: reduction is one of {', '.join(_REDUCTIONS)}, got {reduction!r}")
    return reduction  # type: ignore[no-any-return]


def reduced(x: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of all elements, or x itself for 'none'."""
    return x.mean() if reduction == "mean" else x.sum() if reduction == "sum" else x
