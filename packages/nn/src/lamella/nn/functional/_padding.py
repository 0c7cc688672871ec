"""Padding: a constant around a tensor, or its own values mirrored, repeated or wrapped around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor

from ._arguments import need_tensor

__all__ = ["pad"]


def _reflect(lo: int, hi: int, n: int) -> list[int]:
    if max(lo, hi) >= n:
        raise ValueError(f"pad: mode 'reflect' needs padding smaller than the size {n} of the dim, got {(lo, hi)}")
    return [abs(i) if i < n else 2 * (n - 1) - i for i in range(-lo, n + hi)]


def _replicate(lo: int, hi: int, n: int) -> list[int]:
    if n < 1:
        raise ValueError("pad: mode 'replicate' needs at least one element to repeat")
    return [min(max(i, 0), n - 1) for i in range(-lo, n + hi)]


def _circular(lo: int, hi: int, n: int) -> list[int]:
    if max(lo, hi) > n:
        raise ValueError(f"pad: mode 'circular' wraps around once: padding {(lo, hi)} is more than the size {n}")
    # a negative pad cuts from the end of what wraps
    return [i % n for i in range(-lo, n + hi)]


_MODES: dict[str, Callable[[int, int, int], list[int]]] = {
    "reflect": _reflect,
    "replicate": _replicate,
    "circular": _circular,
}


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Padding by (left, right) of the last dim, then of the one before it, and so on; negative pads cut.

    mode is 'constant' (value, 0 unless given), 'reflect', 'replicate' or 'circular'; the last three take the last one,
    two or three dims of a tensor with one or two more.
    """
    x = need_tensor(input, "pad", "input")
    amounts = tuple(pad)
    if len(amounts) % 2 or len(amounts) > 2 * x.ndim or not all(isinstance(p, int) for p in amounts):
        raise ValueError(f"pad needs pairs of ints for up to {x.ndim} dims of input {x.shape}, got {pad!r}")
    pairs = [(amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)]
    for i, (lo, hi) in enumerate(pairs):
        n = x.shape[-1 - i]
        if n + lo + hi < 0 or max(-lo, -hi) > n:
            raise ValueError(f"pad: {(lo, hi)} cuts more than the size {n} of dim {x.ndim - 1 - i}")
    if mode == "constant":
        return _constant(x, pairs, 0.0 if value is None else value)
    if mode not in _MODES:
        raise ValueError(f"pad: mode is one of constant, {', '.join(_MODES)}, got {mode!r}")
    if value is not None and value != 0:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value!r}")
    if not 1 <= len(pairs) <= 3 or x.ndim - len(pairs) not in (1, 2):
        raise ValueError(
            f"pad: mode {mode!r} pads the last 1 to 3 dims of a tensor with one or two more, got {pad!r} for {x.shape}"
        )
    y = x
    for i, (lo, hi) in enumerate(pairs):
        dim = x.ndim - 1 - i
        if lo or hi:
            y = lt.take(y, lt.tensor(_MODES[mode](lo, hi, x.shape[dim]), dtype=lt.int64), dim)
    return y if y is not x else x.clone()


def _constant(x: Tensor, pairs: list[tuple[int, int]], value: float) -> Tensor:
    y = x
    for i, (lo, hi) in enumerate(pairs):
        if lo < 0 or hi < 0:
            dim, n = x.ndim - 1 - i, x.shape[-1 - i]
            y = y.narrow(dim, max(-lo, 0), n - max(-lo, 0) - max(-hi, 0))
    grow = tuple(max(p, 0) for pair in pairs for p in pair)
    if not any(grow):
        return y if y is not x else x.clone()
    out = lt.pad(y, grow)
    if not value:
        return out
    return lt.where(lt.pad(lt.ones_like(y, dtype=lt.bool_), grow), out, value)
