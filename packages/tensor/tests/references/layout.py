"""References of ops that copy elements to other places: numpy's functions, transposes element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad_around(x: Any, pads: Any, mode: str) -> Any:
    return np.pad(x, pads, mode=_NAMES[mode])  # type: ignore[call-overload]


def pad_around_grad(g: Any, pads: Any, mode: str) -> Any:
    shape = tuple(n - lo - hi for n, (lo, hi) in zip(g.shape, pads, strict=True))
    came_from = pad_around(np.arange(np.prod(shape)).reshape(shape), pads, mode)
    out = np.zeros(shape, g.dtype)
    np.add.at(out.reshape(-1), came_from, g)
    return out


REFERENCE: dict[str, Callable[..., Any]] = {
    "pad": lambda x, pads, value: np.pad(x, pads, constant_values=value),
    "pad_around": pad_around, "pad_around_grad": pad_around_grad,
    "flip": lambda x, dims: np.flip(x, dims), "roll": lambda x, shifts, dims: np.roll(x, shifts, dims),
    "stack": lambda *xs, dim: np.stack(xs, dim),
    "tril": lambda x, diagonal: np.tril(x, diagonal), "triu": lambda x, diagonal: np.triu(x, diagonal),
}  # fmt: skip
