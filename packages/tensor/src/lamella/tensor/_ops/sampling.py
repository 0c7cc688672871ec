"""Draws whose distribution is given by a tensor, as functions of random words: transforms see plain operands."""

from __future__ import annotations

import math
from typing import Any

from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from .._poisson import poisson

__all__: list[str] = []


def _poisson_shape(rate: Any, word: Any) -> MetaArray:
    return MetaArray(broadcast_shapes(rate.shape, word.shape), rate.dtype)


Op("poisson", "rate, word", "opaque", differentiable=())
register_rules("numpy", {"poisson": poisson})
register_rules("shape", {"poisson": _poisson_shape})
# a dozen passes over a number and its retries
register_rules("flops", {"poisson": lambda xs, outs, params: 40 * math.prod(outs[0].shape)})
