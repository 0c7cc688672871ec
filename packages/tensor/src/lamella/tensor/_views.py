"""The view table: every op whose result shares its input's memory, as a function on arrays, and the write through a
chain of them.

A view carries (base, chain). Reading it replays the chain when its version lags; writing it is `base :=
view_write(base, value; chain)` for autograd and for traces, while the memory itself is written in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._base import set_edge
from ._engine import autograd
from ._state import LEVEL, tls

__all__ = ["VIEWS", "apply_chain", "overlapping", "refresh", "replay", "to_index"]

# numpy's own dtypes: an array of ml_dtypes' has no buffer
_BUFFERED = frozenset(np.dtype(c) for c in "?bBhHiIlLefdFD")
Chain = tuple[tuple[str, Any], ...]


def to_index(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """numpy index of a normalized slice param; the Ellipsis keeps a 0-d result an array."""
    return (*[i if type(i) is int else slice(i[0], i[1] if i[1] >= 0 or i[2] > 0 else None, i[2]) for i in index], ...)


def _slice(x: Any, index: tuple[Any, ...]) -> Any:
    return x[to_index(index)]


def _permute(x: Any, dims: tuple[int, ...]) -> Any:
    return x.transpose(dims)


def _reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


def _expand(x: Any, shape: tuple[int, ...]) -> Any:
    old = x.shape
    lead = len(shape) - len(old)
    if lead < 0 or x.dtype not in _BUFFERED or not x.flags.c_contiguous:
        return np.broadcast_to(x, shape)
    # what broadcast_to gives, in a fifth of its time
    strides = (*(0,) * lead, *x.strides)
    if old != shape[lead:]:
        if any(n != m and n != 1 for n, m in zip(old, shape[lead:], strict=True)):
            return np.broadcast_to(x, shape)  # it says what is wrong
        strides = tuple(
            [stride if n == m else 0 for n, m, stride in zip((0,) * lead + old, shape, strides, strict=True)]
        )
    out: Any = np.ndarray(shape, x.dtype, x, 0, strides)
    out.flags.writeable = False
    return out


def _same(x: Any, _: Any = None) -> Any:
    return x


def _as_real(x: Any, _: Any = None) -> Any:
    if x.dtype.kind != "c":
        raise TypeError("view_as_real needs complex numbers")  # the shape rule says what was given
    part = x.real
    return np.lib.stride_tricks.as_strided(part, (*x.shape, 2), (*x.strides, part.dtype.itemsize))


def _as_complex(x: Any, _: Any = None) -> Any:
    size = x.dtype.itemsize
    if not x.ndim or x.shape[-1] != 2 or x.dtype.kind != "f" or size < 4:
        raise ValueError("view_as_complex needs pairs")  # the shape rule says what was given
    if not x.size:  # whatever its strides are
        return np.empty(x.shape[:-1], f"c{2 * size}")
    if x.strides[-1] != size:
        raise ValueError("view_as_complex needs the two parts of a number side by side; call .contiguous() first")
    return x.view(np.dtype(f"c{2 * size}"))[..., 0]


def _as_dtype(x: Any, dtype: Any) -> Any:
    if x.dtype.itemsize != dtype.itemsize and x.ndim and x.strides[-1] != x.dtype.itemsize:
        raise ValueError(f"view({dtype}) needs the last dim without gaps; call .contiguous() first")
    out = x.view(dtype.numpy)
    if not out.flags.aligned:
        raise ValueError(
            f"view({dtype}) needs elements that start at its own multiples in memory; call .contiguous() first"
        )
    return out


def strided(x: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """The memory of x from its first element on under another shape and strides in bytes, writable where x is."""
    if x.dtype in _BUFFERED and x.flags.c_contiguous:
        out: Any = np.ndarray(shape, x.dtype, x, 0, strides)  # in a fifth of the time of as_strided
        return out
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def _diagonal(x: Any, place: tuple[int, int, int]) -> Any:
    out = x.diagonal(*place)
    if x.flags.writeable:
        out.flags.writeable = True  # numpy hands it out read-only
    return out


def _unfold(x: Any, window: tuple[int, int, int]) -> Any:
    dim, size, step = window
    shape, strides = x.shape, x.strides
    n = shape[dim]
    if size > n:
        raise ValueError("unfold needs windows inside of the dim")  # the shape rule says what was given
    count = (n - size) // step + 1
    moved = (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim])
    return strided(x, (*shape[:dim], count, *shape[dim + 1 :], size), moved)


def _as_strided(x: Any, layout: tuple[tuple[int, ...], tuple[int, ...], int]) -> Any:
    shape, strides, start = layout
    item = x.dtype.itemsize
    flat = x.reshape(-1)
    if start:
        flat = flat[start:]
    return strided(flat, shape, tuple([s * item for s in strides]))


# they are the numpy kernels of these ops too, so the second argument has the name of the op's param
VIEWS: dict[str, Callable[..., Any]] = {
    "slice": _slice,
    "permute": _permute,
    "reshape": _reshape,
    "expand": _expand,
    "alias": _same,
    "detach": _same,
    "view_as_real": _as_real,
    "view_as_complex": _as_complex,
    "view_dtype": _as_dtype,
    "diagonal": _diagonal,
    "unfold": _unfold,
    "as_strided": _as_strided,
}


def overlapping(chain: Chain) -> bool:
    """Whether elements at the end of a chain may share memory with one another."""
    for name, param in chain:
        if name == "expand" or (name == "unfold" and param[1] > param[2]):
            return True
        if name == "as_strided" and shares_memory(param[0], param[1]):
            return True
    return False


def shares_memory(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether two elements of a layout may lie at one place; every dim must step over the reach of those with smaller
    strides.
    """
    if 0 in shape:
        return False
    reach = 0
    for stride, n in sorted((s, n) for n, s in zip(shape, strides, strict=True) if n > 1):
        if stride <= reach:
            return True
        reach += stride * (n - 1)
    return False


def apply_chain(array: Any, chain: Chain) -> Any:
    """Replay a chain on a plain array."""
    for name, param in chain:
        array = VIEWS[name](array, param)
    return array


def replay(base: Any, chain: Chain) -> Any:
    """Replay a chain on a tensor, as recorded ops."""
    from ._dispatch import dispatch
    from ._op import OPS

    for name, param in chain:
        op = OPS[name]
        base = dispatch(op, (base,), {op.params[0]: param} if op.params else {})
    return base


def refresh(view: Any) -> None:
    """Bring a view up to the last write of its memory: its edge, and its payload inside a transform."""
    floor = tls.floor
    if floor is not None and not (view._flags & LEVEL and view._data.level.serial >= floor.serial):
        with floor.outside():  # it is older than the body that reads it
            refresh(view)
        return
    link = view._view
    link.version = view._cell.version
    fresh = replay(link.base, link.chain)
    if view._flags & LEVEL:
        view._data = fresh._data
    elif tls.trace is not None:
        tls.trace.same(view, fresh)
    if link.differentiable:
        before = view._edge
        set_edge(view, fresh._edge)
        if before is not None:
            autograd().moved(before, fresh._edge)
