"""What convolution, pooling and unfolding share: sizes, padding, and the view of all windows of a padded image.

Images are [N, C, d1, .., dn] for any n; every tuple of a window has one entry a spatial dim.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._scalar import remembered

__all__ = ["Ints", "out_size", "out_sizes", "padded", "places", "reach", "tap", "wide", "windows"]

Ints = tuple[int, ...]


def out_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool = False) -> int:
    """Output length of a window sliding over one dim; with `ceil` a last window may run over the right edge, if it
    starts within the input or the left padding.
    """
    free = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return free // stride + 1
    out = -(-free // stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out


@remembered(maxsize=256)
def out_sizes(sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool = False) -> Ints:
    """`out_size` of every spatial dim."""
    return tuple(out_size(*one, ceil) for one in zip(sizes, kernel, stride, padding, dilation, strict=True))


@remembered(maxsize=256)
def reach(out: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> Ints:
    """How far the last window reaches, counted from the left edge of the padded image."""
    return tuple((o - 1) * s + d * (k - 1) + 1 for o, k, s, d in zip(out, kernel, stride, dilation, strict=True))


def padded(x: Any, padding: Ints, sizes: Ints, value: Any = 0) -> Any:
    """x [N, C, ...] at `padding` in an image of at least `sizes` filled with value; x itself if nothing is added."""
    full = (*[max(p + n, s) for p, n, s in zip(padding, x.shape[2:], sizes, strict=True)],)
    if full == x.shape[2:]:
        return x
    out = np.empty((*x.shape[:2], *full), x.dtype) if value else np.zeros((*x.shape[:2], *full), x.dtype)
    if value:
        out.fill(value)
    out[(slice(None), slice(None), *(slice(p, p + n) for p, n in zip(padding, x.shape[2:], strict=True)))] = x
    return out


def windows(x: Any, kernel: Ints, stride: Ints, dilation: Ints, out: Ints) -> Any:
    """The read-only view [N, C, *kernel, *out] of a padded image."""
    sn, sc, *steps = x.strides
    return as_strided(
        x,
        (*x.shape[:2], *kernel, *out),
        (
            sn,
            sc,
            *(s * d for s, d in zip(steps, dilation, strict=True)),
            *(s * t for s, t in zip(steps, stride, strict=True)),
        ),
        writeable=False,
    )


@lru_cache(maxsize=256)
def places(kernel: Ints) -> tuple[Ints, ...]:
    """Where the elements of a window lie in it, the last dim fastest."""
    return tuple(itertools.product(*map(range, kernel)))


@lru_cache(maxsize=1024)
def tap(at: Ints, stride: Ints, dilation: Ints, out: Ints) -> tuple[slice, ...]:
    """Where the element `at` of every window lies in a padded image: one slice a spatial dim."""
    return tuple(slice(i * d, i * d + (o - 1) * s + 1, s) for i, s, d, o in zip(at, stride, dilation, out, strict=True))


def wide(*arrays: Any) -> tuple[Any, ...]:
    """Halves as float32, in which sums are taken; everything else as it is."""
    return tuple([a.astype(np.float32) if a.dtype.itemsize < 4 and a.dtype.kind in "fV" else a for a in arrays])
