"""Views of the same memory in another dtype: complex numbers as pairs, pairs as complex numbers, bits as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._views import VIEWS

__all__: list[str] = []

_PAIR: dict[Any, Any] = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}
_WHOLE = {pair: whole for whole, pair in _PAIR.items()}


def _as_real_shape(x: Any) -> MetaArray:
    if x.dtype not in _PAIR:
        raise TypeError(f"view_as_real needs a complex tensor, got {x.dtype}")
    return MetaArray((*x.shape, 2), _PAIR[x.dtype])


def _as_complex_shape(x: Any) -> MetaArray:
    if x.dtype not in _WHOLE:
        raise TypeError(f"view_as_complex needs a float32 or float64 tensor, got {x.dtype}; cast it with .to(float32)")
    if not x.shape or x.shape[-1] != 2:
        raise ValueError(f"view_as_complex needs a last dim of size 2, the real and imaginary part, got {x.shape}")
    return MetaArray(x.shape[:-1], _WHOLE[x.dtype])


def _dtype_shape(x: Any, *, dtype: Any) -> MetaArray:
    old, new = x.dtype.itemsize, dtype.itemsize
    if old == new:
        return MetaArray(x.shape, dtype.numpy)
    if not x.shape or x.shape[-1] * old % new:
        raise ValueError(
            f"view({dtype}) of a {x.dtype} tensor of shape {x.shape}: its last dim is not a whole number of elements "
            f"of {new} bytes"
        )
    return MetaArray((*x.shape[:-1], x.shape[-1] * old // new), dtype.numpy)


Op("view_as_real", "x", "view")
Op("view_as_complex", "x", "view")
Op("view_dtype", "x; dtype", "view", differentiable=())
register_rules("numpy", {n: VIEWS[n] for n in ("view_as_real", "view_as_complex", "view_dtype")})
register_rules(
    "shape", {"view_as_real": _as_real_shape, "view_as_complex": _as_complex_shape, "view_dtype": _dtype_shape}
)
