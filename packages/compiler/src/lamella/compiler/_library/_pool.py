"""Pooling and its gradients (`_native/library/pool.h`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamella.compiler._library._row import ITEM_BYTES, Library, Params
from lamella.compiler._library._window import out_sizes, slides, window

_MOST = 2**31 - 1  # elements of a plane, whose places are counted in 32 bits


def _accepts(types: Sequence[Any], params: Params) -> bool:
    """Real floats over one to three dims."""
    return slides(types[0], params["kernel"]) and math.prod(types[0].shape[2:]) <= _MOST


def _planes(shape: Sequence[int], out: Sequence[int], params: Params) -> tuple[int, ...]:
    """The window of pooling: every channel of every image is a plane by itself."""
    ones = (1,) * len(out)
    return window(
        (shape[0] * shape[1], 1, 1, 1), shape[2:], params.get("kernel", ones), out, params.get("stride", ones),
        params.get("padding", (0,) * len(out)), params.get("dilation", ones),
    )  # fmt: skip


def _largest(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    (x,) = operands
    return ITEM_BYTES[x.dtype], *_planes(x.shape, out_sizes("max_pool", operands, params), params)


def _largest_grad(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    g, _ = operands
    return ITEM_BYTES[g.dtype], *_planes(params["shape"], g.shape[2:], params)


def _share(params: Params) -> tuple[int, int]:
    return int(params["count_pad"]), params["divisor"] or 0


def _mean(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    (x,) = operands
    return ITEM_BYTES[x.dtype], *_planes(x.shape, out_sizes("avg_pool", operands, params), params), *_share(params)


def _mean_grad(operands: Sequence[Any], params: Params) -> tuple[int, ...]:
    (g,) = operands
    return ITEM_BYTES[g.dtype], *_planes(params["shape"], g.shape[2:], params), *_share(params)


def _accepts_grad(types: Sequence[Any], params: Params) -> bool:
    """The same, with the sizes of the image in the params."""
    return slides(types[0], params["shape"][2:])


_OUTSIDE = IndexError("max_pool_grad: an index lies outside of its plane")
ROWS = {
    "max_pool": Library("lm_max_pool", _largest, _accepts, spare=frozenset({1})),
    "max_pool_grad": Library("lm_max_pool_grad", _largest_grad, _accepts_grad, errors=(_OUTSIDE,)),
    "avg_pool": Library("lm_avg_pool", _mean, _accepts),
    "avg_pool_grad": Library("lm_avg_pool_grad", _mean_grad, _accepts_grad),
}
