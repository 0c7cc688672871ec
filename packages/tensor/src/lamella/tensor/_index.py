"""Square brackets: basic indexing gives views; one integer tensor takes, one bool mask selects or fills.

Combined forms of advanced indexing come with the breadth of the op set and are refused by name here.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._base import TensorBase, wrap, wrap_view
from ._dispatch import dispatch, view_of
from ._functions.common import to_dtype
from ._functions.elementwise import where
from ._functions.movement import expand
from ._op import OPS
from ._state import HOT, tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["get_item", "set_item"]

_SLICE = OPS["slice"]
_RESHAPE = OPS["reshape"]


def _is_array(i: Any) -> bool:
    return isinstance(i, (TensorBase, np.ndarray, list)) and not (isinstance(i, np.ndarray) and i.ndim == 0)


def _basic(t: Any, index: Any) -> Any:
    shape = t._data.shape
    kind = type(index)
    if (kind is int or kind is slice) and shape:
        n = shape[0]
        first = _normal_slice(index, n) if kind is slice else _normal_int(index, n, 0)
        whole = (first, *[(0, m, 1) for m in shape[1:]])
        if not t._flags and not HOT[0]:
            # a plain tensor that nothing follows: what the general path would come to
            data = t._data[index] if kind is slice else t._data[index, ...]
            return wrap_view(data, t, ("slice", whole), tls.grad)
        return view_of(_SLICE, t, whole)
    entries = index if isinstance(index, tuple) else (index,)
    used = 0
    dots = 0
    for e in entries:
        if e is Ellipsis:
            dots += 1
        elif e is not None:
            used += 1
    if used > len(shape):
        raise IndexError(f"too many indices: {used} for a tensor of {len(shape)} dims")
    if dots > 1:
        raise IndexError("an index can have one Ellipsis")
    if not dots:
        entries = (*entries, Ellipsis)
    canonical: list[Any] = []
    new_dims: list[int] = []  # positions of None in the result
    at = 0
    out = 0
    for e in entries:
        if e is Ellipsis:
            for _ in range(len(shape) - used):
                canonical.append((0, shape[at], 1))
                at += 1
                out += 1
        elif e is None:
            new_dims.append(out)
            out += 1
        elif isinstance(e, slice):
            canonical.append(_normal_slice(e, shape[at]))
            at += 1
            out += 1
        else:
            canonical.append(_normal_int(e, shape[at], at))
            at += 1
    r = t
    if not new_dims or any(type(c) is int or c != (0, n, 1) for c, n in zip(canonical, shape, strict=True)):
        r = view_of(_SLICE, t, tuple(canonical))
    if new_dims:
        full = list(r._data.shape)
        for d in new_dims:
            full.insert(d, 1)
        r = view_of(_RESHAPE, r, tuple(full))
    return r


def _normal_slice(e: slice, n: int) -> tuple[int, int, int]:
    start, stop, step = e.indices(n)
    if (start >= stop) if step > 0 else (start <= stop):
        return (
            0,
            0,
            1,
        )  # one form for all empty ones: the -1 that a negative step starts from would mean the last element
    return start, stop, step


def _normal_int(e: Any, n: int, dim: int) -> int:
    if isinstance(e, bool):
        raise TypeError("a Python bool is no index; use an int, or a mask of the tensor's leading dims")
    try:
        i = operator.index(e)
    except TypeError:
        raise TypeError(f"an index is made of ints, slices, None, Ellipsis or one tensor, got {e!r}") from None
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of range for dim {dim} of size {n}")
    return i + n if i < 0 else i


def _advanced(index: Any) -> Any:
    """The one array of an index and the dim it stands at, or None when the index is basic."""
    if type(index) is int or type(index) is slice:
        return None
    entries = index if isinstance(index, tuple) else (index,)
    arrays = [(d, e) for d, e in enumerate(entries) if _is_array(e)]
    if not arrays:
        return None
    if len(arrays) > 1 or any(
        not (isinstance(e, slice) and e == slice(None)) for d, e in enumerate(entries) if d != arrays[0][0]
    ):
        raise NotImplementedError(
            "this mixture of an index tensor with other indices is not supported; "
            "index in two steps, or use take, gather or where"
        )
    d, e = arrays[0]
    if not isinstance(e, TensorBase):
        e = wrap(np.asarray(e, np.int64) if isinstance(e, list) and not e else np.asarray(e))
    return d, e


def get_item(t: Any, index: Any) -> Tensor:
    """t[index]; a view for basic indices, a copy for an index tensor or mask."""
    found = _advanced(index)
    if found is None:
        return cast("Tensor", _basic(t, index))
    dim, at = found
    if at._data.dtype == np.bool_:
        if type(at._data) is not np.ndarray:
            raise RuntimeError(
                "the size of x[mask] depends on the values of the mask, which are not known here; use where(mask, x, 0)"
            )
        if dim or at._data.ndim > t._data.ndim or at._data.shape != t._data.shape[: at._data.ndim]:
            raise IndexError(
                f"a mask of shape {tuple(at._data.shape)} does not match the leading dims of {tuple(t._data.shape)}"
            )
        flat = np.flatnonzero(at._data)
        merged = dispatch(OPS["reshape"], (t,), {"shape": (at._data.size, *t._data.shape[at._data.ndim :])})
        return cast("Tensor", dispatch(OPS["take"], (merged, wrap(flat)), {"dim": 0}))
    if dim >= t._data.ndim:
        raise IndexError(f"too many indices: {dim + 1} for a tensor of {t._data.ndim} dims")
    return cast("Tensor", dispatch(OPS["take"], (t, at), {"dim": dim}))


def set_item(t: Any, index: Any, value: Any) -> None:
    """t[index] = value, in place; a basic index or a bool mask of t's leading dims."""
    found = _advanced(index)
    if found is None:
        target = _basic(t, index)
        target.copy_(value)
        return
    dim, mask = found
    if mask._data.dtype != np.bool_ or dim:
        raise NotImplementedError(
            "assignment through an integer index tensor is not supported; use scatter_add, or a bool mask"
        )
    if mask._data.shape != t._data.shape[: mask._data.ndim]:
        raise IndexError(
            f"a mask of shape {tuple(mask._data.shape)} does not match the leading dims of {tuple(t._data.shape)}"
        )
    if isinstance(value, TensorBase) and value._data.ndim:
        raise NotImplementedError("assignment of a tensor through a mask is not supported; use where(mask, value, x)")
    wide = dispatch(OPS["reshape"], (mask,), {"shape": (*mask._data.shape, *(1,) * (t._data.ndim - mask._data.ndim))})
    new = where(
        expand(wide, tuple(t._data.shape)), value if not isinstance(value, TensorBase) else to_dtype(value, t.dtype), t
    )
    t.copy_(new)
