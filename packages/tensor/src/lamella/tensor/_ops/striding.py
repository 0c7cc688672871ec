"""Views that walk over memory with other strides: diagonals, windows, and any shape and strides at all.

The last one is defined on the elements in row-major order, whatever the layout of the tensor in memory: so it means
the same to a kernel, to a rule and in a graph.
"""

from __future__ import annotations

from typing import Any

from .._meta import MetaArray
from .._op import Op, register_rules
from .._views import VIEWS

__all__: list[str] = []


def _diagonal_shape(x: Any, *, place: tuple[int, int, int]) -> MetaArray:
    offset, first, second = place
    rows, cols = x.shape[first], x.shape[second]
    n = max(min(rows, cols - offset) if offset >= 0 else min(rows + offset, cols), 0)
    return MetaArray((*[m for d, m in enumerate(x.shape) if d not in (first, second)], n), x.dtype)


def _unfold_shape(x: Any, *, window: tuple[int, int, int]) -> MetaArray:
    dim, size, step = window
    n = x.shape[dim]
    if size > n:
        raise ValueError(f"unfold: windows of {size} elements do not fit dim {dim} of size {n}")
    return MetaArray((*x.shape[:dim], (n - size) // step + 1, *x.shape[dim + 1 :], size), x.dtype)


def _as_strided_shape(x: Any, *, layout: tuple[tuple[int, ...], tuple[int, ...], int]) -> MetaArray:
    shape, strides, start = layout
    count = 1
    for n in x.shape:
        count *= n
    last = start + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if start < 0 or (0 not in shape and last >= count):
        raise ValueError(
            f"as_strided: shape {shape}, strides {strides} from element {start} on reach element {last} of {count}"
        )
    return MetaArray(shape, x.dtype)


Op("diagonal", "x; place", "view")
Op("unfold", "x; window", "view")
Op("as_strided", "x; layout", "view")
register_rules("numpy", {n: VIEWS[n] for n in ("diagonal", "unfold", "as_strided")})
register_rules("shape", {"diagonal": _diagonal_shape, "unfold": _unfold_shape, "as_strided": _as_strided_shape})
