"""What a tensor says about its memory, its views by property, and the writes that change only its dims."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from . import _functions as f
from ._base import TensorBase, set_edge, wrap
from ._dims import dim_of, listed
from ._dispatch import dispatch, view_of
from ._dtype import DType
from ._engine import autograd
from ._functions.striding import storage_offset
from ._memory_format import contiguous_format, order_of, preserve_format
from ._op import OPS
from ._state import FOREIGN, GRAD, INFERENCE, LEVEL, TRACED, VIEW, tls
from ._views import refresh

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Strided"]

_PERMUTE = OPS["permute"]


def _laid(t: Tensor, order: tuple[int, ...], copy: Callable[[Any], Tensor]) -> Tensor:
    """A copy whose dims lie in this order in memory."""
    back = sorted(range(len(order)), key=order.__getitem__)
    out = copy(f.permute(t, order)).permute(back)
    if type(out._data) is not np.ndarray or tls.trace is not None:
        return out
    own = wrap(out._data)  # its memory is nobody else's, so it is no view
    own._flags |= out._flags & INFERENCE
    set_edge(own, out._edge)
    return own


class Strided(TensorBase):
    """The members of a tensor that have to do with its layout."""

    __slots__ = ()

    def ndimension(self) -> int:
        """Number of dims."""
        return cast(int, self._data.ndim)

    def element_size(self) -> int:
        """Bytes of one element."""
        return cast(int, self._data.dtype.itemsize)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return cast(int, self._data.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        n = int(self._data.dtype.itemsize)
        for s in self._data.shape:
            n *= s
        return n

    def stride(self, dim: int | None = None) -> Any:
        """Strides in elements, as a tuple, or that of one dim."""
        strides = tuple(s // self._data.dtype.itemsize for s in self._data.strides)
        return strides if dim is None else strides[dim_of(dim, len(strides))]

    def is_contiguous(self, memory_format: Any = contiguous_format) -> bool:
        """Whether the elements lie without gaps, row-major or in the order of another format."""
        data = self._data
        if memory_format is contiguous_format:
            return type(data) is not np.ndarray or bool(data.flags.c_contiguous)
        if memory_format is preserve_format:
            raise ValueError("is_contiguous: preserve_format is no order of its own")
        order = order_of(data, memory_format, "is_contiguous")
        if type(data) is np.ndarray:
            return bool(data.transpose(order).flags.c_contiguous)
        return [d for d in order if data.shape[d] > 1] == [d for d in range(data.ndim) if data.shape[d] > 1]

    def contiguous(self, memory_format: Any = contiguous_format) -> Tensor:
        """Itself when row-major, or in the order of another format, else a copy that is."""
        me = cast("Tensor", self)
        if memory_format is contiguous_format:
            if tls.trace is not None and not self._flags & LEVEL:
                return cast("Tensor", tls.trace.contiguous(me))
            return me if self.is_contiguous() else self.clone()
        if memory_format is preserve_format:
            raise ValueError("contiguous: preserve_format is no order of its own")
        order = order_of(self._data, memory_format, "contiguous")
        return me if self.is_contiguous(memory_format) else _laid(me, order, Strided.contiguous)

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy in fresh memory, connected for autograd; inside a transform it belongs to that transform's level.

        Row-major, unless another format or that of this tensor is asked for.
        """
        me = cast("Tensor", self)
        if memory_format is not None:
            order = order_of(self._data, memory_format, "clone")
            if order != tuple(range(len(order))):
                return _laid(me, order, Strided.clone)
        t = cast("Tensor", dispatch(OPS["copy"], (self,)))
        return cast("Tensor", autograd().lift(t, tls.levels[-1], True)) if tls.levels else t

    def storage(self) -> Any:
        """The storage below: a numpy array, or an implementer of `lamella.interfaces.Storage`."""
        return self._data

    def storage_offset(self) -> int:
        """Elements between the begin of the memory shared with other views and the first one of this tensor."""
        return storage_offset(self)

    def data_ptr(self) -> int:
        """The address of the first element; 0 for a tensor without elements or without memory."""
        data = cast("Tensor", self)._real("data_ptr()") if not self._flags & FOREIGN else None
        return int(data.__array_interface__["data"][0]) if data is not None and data.size else 0

    def is_set_to(self, other: Any) -> bool:
        """Whether another tensor shows the same elements of the same memory in the same shape and strides."""
        mine, others = self._data, f.tensor_of(other, "is_set_to")._data
        if type(mine) is not np.ndarray or type(others) is not np.ndarray:
            return mine is others
        return bool(
            mine.dtype == others.dtype
            and mine.shape == others.shape
            and mine.strides == others.strides
            and mine.__array_interface__["data"][0] == others.__array_interface__["data"][0]
        )

    # -- views by property

    @property
    def T(self) -> Tensor:
        """The transposed matrix, or all dims reversed."""
        me = cast("Tensor", self)
        return view_of(_PERMUTE, me, tuple(range(self._data.ndim - 1, -1, -1)))

    @property
    def H(self) -> Tensor:
        """The conjugate transpose of a matrix."""
        if self._data.ndim not in (0, 2):
            raise ValueError(f"H needs a matrix, got shape {tuple(self._data.shape)}; use mH for a batch of them")
        return f.conj(self.T)

    @property
    def mT(self) -> Tensor:
        """The last two dims exchanged."""
        return f.transpose(self, -1, -2)

    @property
    def mH(self) -> Tensor:
        """The conjugate transpose of the last two dims."""
        return f.adjoint(self)

    def view(self, *shape: Any, size: Any = None) -> Tensor:
        """The same memory in another shape, or, given a dtype, its bits as that dtype.

        ValueError where the layout does not allow a view.
        """
        if size is not None:
            shape = listed("view", shape, size)
        if len(shape) == 1 and isinstance(shape[0], DType):
            return cast("Tensor", dispatch(OPS["view_dtype"], (self,), {"dtype": shape[0]}))
        out = f.reshape(self, *shape)
        if out._view is None and type(self._data) is np.ndarray and self._data.size:
            raise ValueError(
                f"a tensor of shape {tuple(self._data.shape)} and strides {self.stride()} cannot be viewed as "
                f"{out.shape}; use reshape"
            )
        return out

    def view_as(self, other: Tensor) -> Tensor:
        """view(other.shape)."""
        if not isinstance(other, TensorBase):
            raise TypeError(f"view_as needs a tensor, got {type(other).__name__}")
        return self.view(other.shape)

    # -- this tensor itself as another view of its memory

    def t_(self) -> Tensor:
        """This matrix itself transposed; returns self."""
        return self._become(f.t)

    def transpose_(self, dim0: int, dim1: int) -> Tensor:
        """This tensor itself with two dims exchanged; returns self."""
        return self._become(f.transpose, dim0, dim1)

    swapdims_ = transpose_

    def swapaxes_(self, axis0: int, axis1: int) -> Tensor:
        """Same as transpose_."""
        return self.transpose_(axis0, axis1)

    def unsqueeze_(self, dim: int) -> Tensor:
        """This tensor itself with a new dim of size 1; returns self."""
        return self._become(f.unsqueeze, dim)

    def squeeze_(self, dim: Any = None) -> Tensor:
        """This tensor itself without dims of size 1; returns self."""
        return self._become(f.squeeze, dim)

    def as_strided_(self, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
        """This tensor itself with other strides over its memory; returns self."""
        return self._become(f.as_strided, size, stride, storage_offset)

    def _become(self, fn: Callable[..., Tensor], *args: Any) -> Tensor:
        """Take over what a view of this tensor is.

        The views of a tensor are found by steps from it: were their base to change, they would go astray. So a tensor
        that has been viewed, or watched by autograd, is refused, unless it is a view itself: then its base stays.
        """
        me = cast("Tensor", self)
        name = getattr(fn, "__name__", "")
        if self._flags & (LEVEL | TRACED) or tls.trace is not None:
            raise RuntimeError(f"{name}_ changes the dims of a tensor in place; in a transform write x = x.{name}(...)")
        if self._flags & VIEW and self._view.version != self._cell.version:  # type: ignore[union-attr]
            refresh(me)
        before = self._edge
        if self._flags & GRAD and autograd().is_leaf_edge(before):
            raise RuntimeError(f"{name}_ on a leaf tensor that requires grad; write x = x.{name}(...)")
        source = me
        if self._view is None:
            if self._cell is not None:
                raise RuntimeError(f"{name}_ on a tensor that has views or is saved; write x = x.{name}(...)")
            source = wrap(self._data)
            source._flags, source._edge = self._flags, before
        new = fn(source, *args)
        if new is source:
            return me
        for slot in ("_data", "_flags", "_edge", "_cell", "_view"):
            setattr(self, slot, getattr(new, slot))
        if before is not None:
            autograd().moved(before, self._edge)
        return me

    def fill_diagonal_(self, fill_value: Any, wrap: bool = False) -> Tensor:
        """Overwrite the elements whose indices are all equal; returns self.

        With wrap the diagonal of a tall matrix begins anew after a row without. ValueError for a vector, and for more
        than two dims of different sizes.
        """
        me = cast("Tensor", self)
        shape = tuple(self._data.shape)
        if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
            raise ValueError(f"fill_diagonal_ needs a matrix, or more dims of one size, got shape {shape}")
        for start in range(0, shape[0], shape[1] + 1) if wrap and len(shape) == 2 else (0,):
            part = me.narrow(0, start, shape[0] - start) if start else me
            while part.ndim > 1:
                part = part.diagonal(0, 0, -1)
            part.fill_(fill_value)
        return me

    def set_(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not here: NotImplementedError that names the other ways."""
        raise NotImplementedError(
            "set_ is not supported: a tensor keeps its memory; assign x = other, or use x.copy_()"
        )

    def resize_(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not here: NotImplementedError that names the other ways."""
        raise NotImplementedError(
            "resize_ is not supported: a tensor keeps its memory; use x = x.new_empty(shape), reshape or as_strided"
        )

    def resize_as_(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not here: NotImplementedError that names the other ways."""
        raise NotImplementedError("resize_as_ is not supported: a tensor keeps its memory; use x = empty_like(other)")

    def untyped_storage(self) -> NoReturn:
        """Not here: NotImplementedError that names the other ways."""
        raise NotImplementedError(
            "untyped_storage is not supported: ask data_ptr(), storage_offset(), nbytes or is_set_to(other) instead"
        )
