"""References of cross products, and of distances from their definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["REFERENCE"]


def cdist(x: Any, y: Any, p: float, mm: bool) -> Any:
    out = np.zeros((*x.shape[:-1], y.shape[-2]))
    for *at, i, j in np.ndindex(*out.shape):
        size = np.abs(x[(*at, i)] - y[(*at, j)])
        if math.isinf(p):
            out[(*at, i, j)] = size.max()
        else:
            out[(*at, i, j)] = (size != 0).sum() if p == 0 else (size**p).sum() ** (1 / p)
    return out


def cross(x: Any, y: Any, dim: int) -> Any:
    first, second = np.broadcast_arrays(x, y)
    return np.cross(first, second, axis=dim)


REFERENCE: dict[str, Callable[..., Any]] = {"cdist": cdist, "cross": cross}
