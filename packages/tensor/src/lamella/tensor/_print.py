"""How a tensor prints: numpy's layout of the values, with dtype and gradient function where they say something."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._meta import MetaArray
from ._payload import Batched, Dual
from ._promotion import default_float
from ._state import TRACED

__all__ = ["describe_tensor"]

_SILENT = {"int64", "bool"}


def describe_tensor(t: Any) -> str:
    """`tensor(values, dtype=..., requires_grad=True)`."""
    data = t._data
    extra = []
    if isinstance(data, Batched):
        return f"tensor(<{'batched' if data.batched else 'shared'} at vmap {data.level.serial}: {data.tensor!r}>)"
    if isinstance(data, Dual):
        return f"tensor(<dual at jvp {data.level.serial}: {data.tensor!r}, tangent={data.tangent!r}>)"
    if type(data) is np.ndarray:
        shown = data
        if data.dtype.itemsize < 4 and data.dtype.kind not in "biuf":
            shown = data.astype(np.float32)
        text = np.array2string(
            shown, separator=", ", precision=4, suppress_small=True, prefix="tensor(", threshold=1000
        )
    elif type(data) is MetaArray:
        text = f"..., size={tuple(data.shape)}"
        extra.append("traced" if t._flags & TRACED else "device='meta'")
    else:
        text = repr(data)
    name = t.dtype.name
    if name not in _SILENT and name != default_float().name:
        extra.append(f"dtype=lamella.{name}")
    if t._edge is not None:
        extra.append("requires_grad=True" if t.is_leaf else f"grad_fn={t.grad_fn!r}")
    return f"tensor({', '.join([text, *extra])})"
