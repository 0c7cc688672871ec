"""Numpy's memory of a tensor for functions that have no derivative: what they may take, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._creation import from_numpy
from ._dtype import FLOAT, INT
from ._functions.common import tensor_of
from ._promotion import default_float
from ._state import tls
from ._tensor import Tensor

__all__ = ["back", "memory", "numbers"]


def memory(x: Any, name: str) -> Any:
    """The numpy array below a tensor; RuntimeError where it requires grad while ops are recorded."""
    t = tensor_of(x, name)
    if t.requires_grad and tls.grad:
        raise RuntimeError(f"{name} has no derivative yet: call it on x.detach(), or under no_grad()")
    return t.detach().numpy()


def numbers(x: Any, name: str, integers: bool = False) -> Any:
    """`memory` of single or double precision; integers become the default float where `integers` allows them."""
    data = memory(x, name)
    dtype = tensor_of(x, name).dtype
    if integers and dtype.category <= INT:
        return data.astype(default_float().numpy)
    if dtype.category < FLOAT or (dtype.category == FLOAT and dtype.itemsize < 4):
        raise TypeError(f"{name} needs float32, float64 or complex elements, got {dtype.name}; convert with x.to(...)")
    return data


def back(data: Any) -> Tensor:
    """A tensor over a result of numpy."""
    return from_numpy(np.asarray(data))
