"""Copies and pickles of tensors: copy.copy, copy.deepcopy, pickle.

What shares memory in a container shares it in the container's copy: a view is taken apart into the array at its root
and the steps from there, and copy and pickle meet that array, and its version cell, once. A lone view therefore brings
all of its base's memory along; clone() it first to leave that behind. Leaves stay leaves; results of ops do not copy
deeply, and are pickled as leaves.
"""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import TensorBase, wrap
from ._creation import from_numpy
from ._dispatch import dispatch
from ._dtype import DType, from_numpy_dtype
from ._meta import MetaArray
from ._op import OPS
from ._state import FOREIGN, GRAD, LEVEL, TRACED, tls
from ._version import Cell
from ._views import Chain, apply_chain

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["deep", "reduced", "shallow"]

# steps that numpy takes as views over memory of any layout
_EVERYWHERE = frozenset({"slice", "permute", "expand", "alias", "detach", "view_as_real"})


def shallow(t: Tensor) -> Tensor:
    """The same memory and version under another handle: a leaf where t is one, else detached."""
    twin: Tensor = t.detach()._as(type(t))
    if hasattr(t, "__dict__"):
        twin.__dict__.update(t.__dict__)
    return twin.requires_grad_() if t._flags & GRAD and t.is_leaf else twin


def deep(t: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf over memory of its own, with `.grad` and attributes; RuntimeError for a result of an op."""
    if t._edge is not None and not t.is_leaf:
        raise RuntimeError("only leaf tensors can be deep-copied; detach() it first")
    if t._flags & (LEVEL | TRACED | FOREIGN) or tls.trace is not None:
        plain: Tensor = dispatch(OPS["copy"], (t.detach(),))
    else:
        root, chain = _origin(t)
        plain = from_numpy(apply_chain(copy.deepcopy(root, memo), chain))
        if t._cell is not None:
            plain._cell = copy.deepcopy(t._cell, memo)
    twin: Tensor = plain._as(type(t))
    memo[id(t)] = twin
    if t._flags & GRAD:
        twin.requires_grad_()
        if t.grad is not None:
            twin.grad = copy.deepcopy(t.grad, memo)
    if hasattr(t, "__dict__"):
        twin.__dict__.update(copy.deepcopy(t.__dict__, memo))
    return twin


def reduced(t: Tensor) -> tuple[Any, ...]:
    """What pickle stores: the class, the root's array, the steps from there, the cell, and whether it collects grad."""
    followed = bool(t._flags & GRAD)
    data = t._data
    state = (t.__dict__,) if getattr(t, "__dict__", None) else ()
    if type(data) is MetaArray and not t._flags & TRACED:
        return (_rebuild_meta, (type(t), tuple(data.shape), from_numpy_dtype(data.dtype), followed), *state)
    if t._flags & FOREIGN and not t._flags & TRACED:
        return (_rebuild_storage, (type(t), type(data), dict(data.parts()), dict(data.meta()), followed), *state)
    t.detach()._real("pickling")
    root, chain = _origin(t)
    if not (root.flags.c_contiguous or root.flags.f_contiguous) and any(name not in _EVERYWHERE for name, _ in chain):
        root, chain = data, ()  # pickle stores such a root by rows, where a step may no longer be a view
    return (_rebuild, (type(t), root, followed, chain, t._cell), *state)


def _origin(t: Tensor) -> tuple[Any, Chain]:
    """The array at the root of t's views and the steps from there; t's own where they no longer lead to its memory,
    because the root was given other memory (`.data`).
    """
    data = t._data
    if t._view is not None:
        root = t._view.base._data
        if type(root) is np.ndarray and _layout(apply_chain(root, t._view.chain)) == _layout(data):
            return root, t._view.chain
    return data, ()


def _layout(array: Any) -> tuple[Any, ...]:
    return (array.ctypes.data, array.shape, array.strides, array.dtype)


def _rebuild(cls: Any, array: Any, requires_grad: Any, chain: Any = (), cell: Any = None) -> Tensor:
    try:
        if array.dtype.byteorder not in "=|":
            array = array.astype(array.dtype.newbyteorder("="))
        t = from_numpy(apply_chain(array, chain))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _damaged(f"its values cannot be laid out: {error}") from error
    if cell is not None:
        if type(cell) is not Cell:
            raise _damaged(f"it has a {type(cell).__name__} in place of its version")
        t._cell = cell
    return _finished(cls, t, requires_grad)


def _rebuild_meta(cls: Any, shape: Any, dtype: Any, requires_grad: Any) -> Tensor:
    if type(dtype) is not DType or type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise _damaged(f"shape {shape!r} and dtype {dtype!r} are not those of a meta tensor")
    return _finished(cls, wrap(MetaArray(shape, dtype.numpy)), requires_grad)


def _rebuild_storage(cls: Any, storage: Any, parts: Any, meta: Any, requires_grad: Any) -> Tensor:
    return _finished(cls, wrap(storage.from_parts(parts, meta)), requires_grad)


def _finished(cls: Any, plain: Tensor, requires_grad: Any) -> Tensor:
    if not (isinstance(cls, type) and issubclass(cls, TensorBase)):
        raise _damaged(f"its class is {cls!r}")
    if type(requires_grad) is not bool:
        raise _damaged(f"requires_grad is {requires_grad!r}")
    t: Tensor = plain if type(plain) is cls else plain._as(cls)
    return t.requires_grad_() if requires_grad else t


def _damaged(what: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"this is no pickle of a tensor, or a damaged one: {what}")
