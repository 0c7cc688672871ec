"""Arguments of functions over windows: one int for all spatial dims or one a dim, and inputs without a batch dim."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor

from ._arguments import need_tensor

__all__ = ["batched", "ints"]

_FORMS = {1: "[N, C, L] or [C, L]", 2: "[N, C, H, W] or [C, H, W]", 3: "[N, C, D, H, W] or [C, D, H, W]"}


def ints(value: Any, n: int, function: str, name: str, low: int) -> tuple[int, ...]:
    """n ints from an int or n (or one) of them, each at least `low`."""
    if type(value) is int and value >= low:
        return (value,) * n
    values = (value,) * n if isinstance(value, int) else value
    if isinstance(values, (tuple, list)) and len(values) == 1:
        values = tuple(values) * n
    if (
        not isinstance(values, (tuple, list))
        or len(values) != n
        or not all(isinstance(v, int) and not isinstance(v, bool) for v in values)
        or min(values) < low
    ):
        form = {1: "an int", 2: "an int or a pair of ints"}.get(n, f"an int or {n} ints")
        raise ValueError(f"{function}: {name} is {form}, at least {low}, got {value!r}")
    return tuple(values)


def batched(x: Any, n: int, function: str) -> tuple[Tensor, bool]:
    """(x with a batch dim, whether it had none); ValueError unless x has n spatial dims."""
    t = need_tensor(x, function, "input")
    if t.ndim not in (n + 1, n + 2):
        raise ValueError(f"{function} needs input {_FORMS[n]}, got shape {t.shape}")
    return (t, False) if t.ndim == n + 2 else (t.unsqueeze(0), True)
