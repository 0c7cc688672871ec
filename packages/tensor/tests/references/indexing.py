"""References of writing through indices: one element after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda old, new: new,
    "prod": lambda old, new: old * new,
    "amax": max,
    "amin": min,
}


def put(x: Any, index: Any, value: Any, dim: int, accumulate: bool) -> Any:
    out = np.moveaxis(x, dim, 0).copy()
    rest = value.shape[:dim], value.shape[dim + index.ndim :]
    rows = np.moveaxis(value.reshape(*rest[0], -1, *rest[1]), dim, 0)
    for i, row in zip(index.reshape(-1), rows, strict=True):
        out[i] = out[i] + row if accumulate else row
    return np.moveaxis(out, 0, dim)


def scatter_reduce(x: Any, index: Any, src: Any, dim: int, reduce: str) -> Any:
    out = x.copy()
    for at in np.ndindex(*index.shape):
        to = list(at)
        to[dim] = index[at]
        out[tuple(to)] = _COMBINE[reduce](out[tuple(to)], src[at])
    return out


def scatter(x: Any, index: Any, src: Any, dim: int) -> Any:
    return scatter_reduce(x, index, src, dim, "set")


def ravel_index(*indices: Any, sizes: Any) -> Any:
    return np.ravel_multi_index(np.broadcast_arrays(*indices), sizes)


REFERENCE: dict[str, Callable[..., Any]] = {
    "put": put, "scatter": scatter, "scatter_reduce": scatter_reduce, "ravel_index": ravel_index,
}  # fmt: skip
