"""From values to tensors with as little copying as possible, and plain questions about tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._arguments import shown
from .._base import TensorBase
from .._creation import from_numpy, full_like, tensor
from .._dtype import BY_NUMPY, as_dtype
from .._promotion import default_float
from .common import tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["as_tensor", "asarray", "clone", "fill", "is_tensor", "numel", "scalar_tensor"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS: tuple[str, ...] = ()
IN_PLACE: tuple[str, ...] = ()


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor."""
    return isinstance(x, TensorBase)


def clone(x: Any, *, memory_format: Any = None) -> Tensor:
    """A copy in fresh memory, connected for autograd; row-major unless another memory format is asked for."""
    return tensor_of(x, "clone").clone(memory_format=memory_format)


def fill(x: Any, value: Any) -> Tensor:
    """One number, or a tensor without dims, in the shape and dtype of x."""
    t = tensor_of(x, "fill")
    if isinstance(value, TensorBase) and value._data.ndim:
        raise ValueError(f"fill needs a number or a 0-d tensor, got shape {tuple(value._data.shape)}")
    return full_like(t, value)


def numel(x: Any) -> int:
    """Number of elements."""
    return tensor_of(x, "numel").numel()


def scalar_tensor(value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A number as a tensor without dims, of the default float dtype unless given."""
    array = value._data if isinstance(value, TensorBase) else value
    if isinstance(array, (list, tuple)) or getattr(array, "shape", ()) != ():
        raise TypeError(f"scalar_tensor needs a number, got {shown(value)}")
    kind = default_float() if dtype is None else as_dtype(dtype)
    return tensor(value, dtype=kind, device=device, requires_grad=requires_grad)


def as_tensor(data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """data itself where it is a tensor of that dtype and device; over its memory where it is such a numpy array.

    Anything else becomes a new tensor, as by `tensor`; a tensor that is cast stays connected for autograd.
    """
    if isinstance(data, TensorBase):
        return data.to(dtype=dtype, device=device)  # type: ignore[attr-defined, no-any-return]
    if isinstance(data, np.ndarray) and _shareable(data):
        shared = from_numpy(data)
        return shared if dtype is None and device is None else shared.to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of a tensor, a numpy array or scalar, an object with DLPack or a buffer, or nested sequences of numbers.

    copy=None shares the memory where dtype and device allow, copy=False is a ValueError where they do not, copy=True
    never shares. The bytes of a buffer are read as dtype (the default float dtype unless given); ValueError where their
    number is not a whole number of elements.
    """
    shared = _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError(f"asarray(copy=False) cannot share the memory of a {type(obj).__name__}; leave copy out")
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    out = shared.to(dtype=dtype, device=device)
    if copy is False and out is not shared:
        raise ValueError(
            f"asarray(copy=False) cannot share a {shared.dtype} on {shared.device} as {out.dtype} on {out.device}"
        )
    if copy and out is shared:
        out = out.clone()
    if requires_grad and not out.requires_grad:
        out = out.requires_grad_()
    return cast("Tensor", out)


def _shareable(array: Any) -> bool:
    return array.dtype in BY_NUMPY and array.dtype.isnative


def _shared(obj: Any, dtype: Any) -> Any:
    """A tensor over the memory of an object; None where it has none that a tensor can lie over."""
    if isinstance(obj, TensorBase):
        return obj
    if isinstance(obj, np.generic):
        return None
    if not isinstance(obj, np.ndarray):
        from .._exchange import from_dlpack, frombuffer  # here, because few programs exchange memory

        if hasattr(obj, "__dlpack__"):
            return from_dlpack(obj)
        if isinstance(obj, (bytes, bytearray, memoryview)) or hasattr(obj, "__buffer__"):
            return frombuffer(obj, dtype=default_float() if dtype is None else dtype)
        return None
    return from_numpy(obj) if _shareable(obj) else None
