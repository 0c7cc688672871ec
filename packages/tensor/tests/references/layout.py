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


def diagonal(x: Any, place: tuple[int, int, int]) -> Any:
    return np.diagonal(x, *place)


def unfold(x: Any, window: tuple[int, int, int]) -> Any:
    dim, size, step = window
    starts = range(0, x.shape[dim] - size + 1, step)
    return np.stack([np.moveaxis(x.take(range(i, i + size), dim), dim, -1) for i in starts], dim)


def as_strided(x: Any, layout: Any) -> Any:
    shape, strides, start = layout
    out = np.empty(shape, x.dtype)
    for at in np.ndindex(*shape):
        out[at] = x.reshape(-1)[start + int(np.dot(at, strides))]
    return out


VIEWS: dict[str, Callable[..., Any]] = {
    "diagonal": diagonal,
    "unfold": unfold,
    "as_strided": as_strided,
    "permute": np.transpose,
}


def view_grad(g: Any, shape: Any, chain: Any) -> Any:
    seen = np.arange(np.prod(shape)).reshape(shape)
    for name, param in chain:
        seen = VIEWS[name](seen, param)
    out = np.zeros(shape, g.dtype)
    np.add.at(out.reshape(-1), seen, g)
    return out


def block_diag(a: Any, b: Any) -> Any:
    return np.block([[a, np.zeros((a.shape[0], b.shape[1]))], [np.zeros((b.shape[0], a.shape[1])), b]])


REFERENCE: dict[str, Callable[..., Any]] = {
    "pad": lambda x, pads, value: np.pad(x, pads, constant_values=value),
    "pad_around": pad_around, "pad_around_grad": pad_around_grad,
    "flip": lambda x, dims: np.flip(x, dims), "roll": lambda x, shifts, dims: np.roll(x, shifts, dims),
    "diagonal": diagonal, "unfold": unfold, "as_strided": as_strided, "view_grad": view_grad,
    "block_diag": block_diag,
    "stack": lambda *xs, dim: np.stack(xs, dim),
    "tril": lambda x, diagonal: np.tril(x, diagonal), "triu": lambda x, diagonal: np.triu(x, diagonal),
}  # fmt: skip
