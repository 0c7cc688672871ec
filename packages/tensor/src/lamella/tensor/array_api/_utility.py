"""`all`, `any` and differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import Array, pair, storage, wrap

__all__ = ["all", "any", "diff"]

_Axes = int | tuple[int, ...] | None


def all(x: Array, /, *, axis: _Axes = None, keepdims: bool = False) -> Array:
    """Whether all elements are other than zero."""
    return wrap(np.all(storage(x, "all"), axis=axis, keepdims=keepdims))


def any(x: Array, /, *, axis: _Axes = None, keepdims: bool = False) -> Array:
    """Whether an element is other than zero."""
    return wrap(np.any(storage(x, "any"), axis=axis, keepdims=keepdims))


def diff(
    x: Array, /, *, axis: int = -1, n: int = 1, prepend: Array | None = None, append: Array | None = None
) -> Array:
    """`n`-th differences of neighbours along `axis`, with arrays of the same kind put before or after first."""
    data = storage(x, "diff", "numeric")
    if not data.ndim:
        raise ValueError("diff needs at least one dim")
    if n < 0:
        raise ValueError(f"diff needs n >= 0, got {n}")
    more: dict[str, Any] = {}
    for name, other in (("prepend", prepend), ("append", append)):
        if other is not None:
            more[name] = pair(x, other, f"diff ({name})", "numeric", scalars=False)[1]
    return wrap(np.diff(data, n=n, axis=axis, **more))
