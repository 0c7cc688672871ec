"""Any shape and strides over the memory of a tensor.

The op counts elements in row-major order, whatever the layout; here strides and offsets are those of memory, as in
PyTorch: they are taken over the tensor itself where it lies without gaps and holds all that is asked for, else over
the tensor that it is a view of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import sizes, whole
from .._dispatch import dispatch, view_of
from .._meta import MetaArray
from .._op import OPS
from .._state import FOREIGN, LEVEL, TRACED, tls
from .common import run, tensor_of
from .movement import permute

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["as_strided", "as_strided_scatter"]
# What the class Tensor has too (`nox -s generate` reads this).
METHODS = ("as_strided", "as_strided_scatter")

_AS_STRIDED, _DETACH = OPS["as_strided"], OPS["detach"]
Layout = tuple[tuple[int, ...], tuple[int, ...], int]
_SAME_ELEMENTS = ("reshape", "permute", "expand", "slice", "alias", "detach", "diagonal", "unfold", "as_strided")


def as_strided(x: Any, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """A view with this shape and these strides, in elements, of the memory below x, from an offset in it on.

    The offset is that of x unless given. ValueError where an element would lie outside of that memory, where that
    memory has gaps, and for tensors without memory of their own: in a capture or a transform.
    """
    t = tensor_of(x, "as_strided")
    source, layout = _over(t, size, stride, storage_offset)
    return view_of(_AS_STRIDED, source, layout)


def as_strided_scatter(x: Any, src: Any, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """A copy of x with src at the elements that `as_strided` of the copy would show."""
    t = tensor_of(x, "as_strided_scatter")
    shape, strides = _checked(size, stride)
    if not t.is_contiguous():
        raise ValueError(f"as_strided_scatter needs a contiguous tensor, got strides {t.stride()}; call .contiguous()")
    layout = (shape, strides, _offset(storage_offset, 0))
    return run("view_write", (t, tensor_of(src, "as_strided_scatter")), chain=(("as_strided", layout),))


def storage_offset(t: Any) -> int:
    """Elements between the begin of a tensor's storage, which is that of the tensor it is a view of, and its first."""
    data, base = t._data, t._data if t._view is None else t._view.base._data
    if type(data) is not np.ndarray:
        if t._view is None:
            return 0
        raise RuntimeError("a tensor without memory of its own has no storage offset")
    low = np.lib.array_utils.byte_bounds(base)[0]
    return int(data.__array_interface__["data"][0] - low) // max(int(data.dtype.itemsize), 1)


def _checked(size: Any, stride: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = sizes(size, "as_strided: size")
    strides = tuple(
        [whole(s, "as_strided: a stride") for s in (stride if isinstance(stride, (tuple, list)) else (stride,))]
    )
    if len(shape) != len(strides):
        raise ValueError(f"as_strided needs one stride for each dim, got shape {shape} and strides {strides}")
    if any(s < 0 for s in strides):
        raise ValueError(f"as_strided needs strides of at least 0, got {strides}")
    return shape, strides


def _offset(given: Any, own: int) -> int:
    return own if given is None else whole(given, "as_strided: storage_offset")


def _over(t: Tensor, size: Any, stride: Any, offset: Any) -> tuple[Tensor, Layout]:
    """The tensor to lay the strides over, with row-major elements, and what the op says of it."""
    shape, strides = _checked(size, stride)
    if t._flags & (LEVEL | TRACED | FOREIGN) or tls.trace is not None:
        if type(t._data) is MetaArray and t._view is None and tls.trace is None:
            return t, (shape, strides, _offset(offset, 0))
        raise ValueError(
            "as_strided needs the memory of the tensor, which a captured program, a transform or another storage does "
            "not know; use slices, unfold, diagonal or expand"
        )
    own = storage_offset(t)
    start = _offset(offset, own)
    data = t._data
    last = start + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and data.flags.c_contiguous and own <= start and last < own + data.size:
        return t, (shape, strides, start - own)
    base = t if t._view is None else _root(t)
    count = base._data.size
    if start < 0 or (0 not in shape and last >= count):
        raise ValueError(
            f"as_strided: shape {shape} with strides {strides} from element {start} on reaches element {last}, and the "
            f"storage has {count}"
        )
    return _row_major(base), (shape, strides, start if 0 not in shape else 0)


def _root(t: Tensor) -> Tensor:
    view = t._view
    assert view is not None
    if any(name not in _SAME_ELEMENTS for name, _ in view.chain):
        raise ValueError("as_strided of a view in another dtype than its base stays within its own elements")
    base: Tensor = view.base if view.differentiable else dispatch(_DETACH, (view.base,))
    return base


def _row_major(t: Tensor) -> Tensor:
    """The tensor with its dims in the order of its strides; ValueError where its memory has gaps."""
    data = t._data
    if data.flags.c_contiguous:
        return t
    order = sorted(range(data.ndim), key=lambda d: -data.strides[d])
    if not data.transpose(order).flags.c_contiguous:
        raise ValueError(
            f"as_strided over memory with gaps (shape {t.shape}, strides {t.stride()}); call .contiguous() first"
        )
    return permute(t, *order)
