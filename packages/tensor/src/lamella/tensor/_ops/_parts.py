"""Kernels over several threads of the process: ranges of a first dim, each with matrix products of one thread.

numpy releases the interpreter lock in its loops and products; what one thread writes, no other reads. A BLAS with
threads of its own would wait for them at every small product, so it is told to use one for as long as ours run; where
it cannot be told (only the OpenBLAS of numpy's wheels can) or its threads spin, products keep them and the ranges run
in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._blas import SLEEPS, one_thread, openblas
from .._random._parallel import get_num_threads, split

__all__ = ["by_images", "reshaped", "with_products"]

# Bytes from which a second thread is worth waking.
_LARGE = 1 << 19
_BLOCK_BYTES = 1 << 19  # half of a common second-level cache: smaller ones cost more in calls than they save


def by_images(x: Any, body: Callable[[slice], None], products: bool = False) -> None:
    """body(images) over a few of the images x [N, ...] at a time, on several threads if x is large.

    Say so if body takes matrix products.
    """
    if x.nbytes <= _BLOCK_BYTES:
        body(slice(0, len(x)))
        return
    step = max(_BLOCK_BYTES // max(x[:1].nbytes, 1), 1)

    def part(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            body(slice(low, min(low + step, stop)))

    if x.nbytes < _LARGE:
        part(0, len(x))
    elif products:
        with_products(len(x), part)
    else:
        split(len(x), 1, part)


def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """x, or a copy of it, in another shape.

    One number seen everywhere, as the gradient of a sum is, stays that: kernels copy it block by block.
    """
    if x.size and not any(x.strides):
        return np.broadcast_to(x[(0,) * x.ndim], shape)
    return np.ascontiguousarray(x).reshape(shape)


def with_products(n: int, body: Callable[[int, int], None]) -> None:
    """Call body(start, stop) over ranges that cover [0, n), on several threads, where body takes matrix products."""
    blas = openblas() if n > 1 and SLEEPS and get_num_threads() > 1 else None
    if blas is None:
        body(0, n)
        return
    with one_thread(blas):
        split(n, 1, body)
