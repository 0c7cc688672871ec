"""Memory from and to other libraries without a copy: DLPack, Python's buffer protocol, Arrow.

The memory stays its owner's. Where the owner says that it is read-only, the tensor is: writing in place raises. Nothing
notices what the owner, or another library, writes: versions count our writes only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamella.interfaces import discover, missing

from .._arguments import whole
from .._creation import from_numpy
from .._dtype import as_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["arrow", "from_arrow", "from_dlpack", "frombuffer"]


def from_dlpack(obj: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of an object with `__dlpack__`, or of a DLPack capsule, which can be read once.

    `device="cpu"` asks an owner whose memory is elsewhere to bring it; `copy` True copies, False refuses to. Read-only
    where the owner says so, and where it speaks the old protocol, which has no word for it. BufferError for memory or
    element types that a tensor cannot hold.
    """
    from ._dlpack import imported

    return from_numpy(imported(obj, device, copy))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A flat tensor over the memory of an object with Python's buffer protocol, as bytearray, mmap, memoryview.

    `count` elements from byte `offset` on, or all to the end. Read-only over read-only buffers such as bytes.
    ValueError where the bytes do not hold them.
    """
    kind = as_dtype(dtype)
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(
            f"frombuffer needs an object with the buffer protocol (bytes, bytearray, memoryview, mmap), "
            f"got {type(buffer).__name__}"
        ) from None
    if not view.c_contiguous:
        raise ValueError(f"frombuffer needs memory without gaps, got a buffer with strides {view.strides}")
    size, n, start = view.nbytes, whole(count, "frombuffer: count"), whole(offset, "frombuffer: offset")
    if not size or not n:
        raise ValueError(f"frombuffer makes no empty tensor: the buffer has {size} bytes, count is {n}")
    if not 0 <= start < size:
        raise ValueError(
            f"frombuffer needs an offset from 0 to {size - 1}, inside the buffer's {size} bytes, got {start}"
        )
    if n < 0 and (size - start) % kind.itemsize:
        raise ValueError(
            f"frombuffer: {size - start} bytes from offset {start} on are no whole number of {kind.name} "
            f"({kind.itemsize} bytes each); give count"
        )
    if n * kind.itemsize > size - start:
        raise ValueError(
            f"frombuffer: {n} x {kind.name} need {n * kind.itemsize} bytes, the buffer has {size - start} "
            f"from offset {start} on"
        )
    t = from_numpy(np.frombuffer(view, kind.numpy, n, start))
    return t.requires_grad_() if requires_grad else t


def from_arrow(obj: Any) -> Tensor:
    """A tensor over an Arrow array: anything with `__arrow_c_array__`, or `__arrow_c_stream__` for one in chunks.

    Fixed-size lists and fixed-shape tensors become further dims. Read-only over Arrow's memory; booleans, which are
    bits there, and several chunks are copied. TypeError for other types, ValueError for nulls. Needs lamella-data.
    """
    return from_numpy(arrow("from_arrow").from_arrow(obj))


def arrow(what: str) -> Any:
    """The provider of Arrow arrays; MissingPackage naming what to install."""
    providers = discover("arrow")
    if not providers:
        raise missing("lamella-data", what)
    return providers[0]
