"""Tensor: a thin handle over one storage, with the methods users know.

Every method is one call of a function elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from . import _arith, _backward, _base, _ctc, _precision  # _backward declares ops, _ctc gives bodies, _precision rules
from . import _creation as make
from . import _division as d
from . import _functions as f
from . import _pointwise as p
from ._arguments import shown
from ._base import wrap
from ._destination import destination
from ._device import CPU, META, Device
from ._dims import dim_of
from ._draws import Draws
from ._dtype import DType, from_numpy_dtype
from ._exported import Exported
from ._functions.splitting import rows_of
from ._index import get_item, set_item
from ._inplace import check_target, put_plainly, write
from ._kinds import Kinds
from ._memory import keep_freed_memory
from ._memory_format import preserve_format
from ._meta import MetaArray
from ._methods import Methods
from ._operand import is_operand
from ._print import describe_tensor
from ._size import Size
from ._state import LEVEL, TRACED
from ._strided import Strided
from ._values import number_in

__all__ = ["Tensor"]

_tuple = tuple.__new__

assert _backward
assert _precision
assert _ctc


class Tensor(Methods, Kinds, Draws, Exported, Strided):
    """An n-dimensional array with gradients.

    Make one with `lamella.tensor.tensor`, `zeros`, `from_numpy` and the like.
    """

    __slots__ = ()
    __array_ufunc__ = None  # numpy arrays leave operators to us, and so never make an array of tensors

    def __new__(cls, data: Any = (), *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
        """Same as `tensor(data, dtype=..., requires_grad=...)`."""
        t = make.tensor(data, dtype=dtype, requires_grad=requires_grad)
        if cls is not Tensor:
            t = t._as(cls)
        return t

    def _as(self, cls: type[Any]) -> Any:
        t = object.__new__(cls)
        for slot in ("_data", "_flags", "_edge", "_cell", "_view"):
            setattr(t, slot, getattr(self, slot))
        return t

    # -- what it is

    @property
    def shape(self) -> Size:
        """Sizes of the dims."""
        return _tuple(Size, self._data.shape)

    @property
    def dtype(self) -> DType:
        """Element type."""
        return from_numpy_dtype(self._data.dtype)

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return cast(int, self._data.ndim)

    @property
    def device(self) -> Device:
        """Where it lives."""
        data = self._data
        while self._flags & LEVEL and not isinstance(data, (np.ndarray, MetaArray)):
            data = data.tensor._data
        return META if type(data) is MetaArray and not self._flags & TRACED else CPU

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one size."""
        return self.shape if dim is None else self.shape[dim_of(dim, self.ndim)]

    def dim(self) -> int:
        """Number of dims."""
        return cast(int, self._data.ndim)

    def numel(self) -> int:
        """Number of elements."""
        n = 1
        for s in self._data.shape:
            n *= s
        return n

    def is_floating_point(self) -> bool:
        """Whether the dtype is real floating."""
        return self.dtype.is_floating_point

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("a 0-d tensor has no length")
        return cast(int, self._data.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("a 0-d tensor cannot be iterated")
        return rows_of(self)

    def __reversed__(self) -> Tensor:
        return f.flip(self, 0) if self._data.ndim else self

    def __contains__(self, value: Any) -> bool:
        """Whether an element equals a number or a tensor that broadcasts to this one."""
        if not is_operand(value):
            raise TypeError(
                f"membership of a {type(value).__name__} in a tensor is not defined; give a number or tensor"
            )
        return bool(p.eq(self, value).any())

    def __repr__(self) -> str:
        cls = type(self)
        # a class that prints in a way of its own also says its name
        return describe_tensor(self, "tensor" if cls is Tensor or cls.__repr__ is not Tensor.__repr__ else cls.__name__)

    def __getitem__(self, index: Any) -> Tensor:
        return get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        set_item(self, index, value)

    # -- dtype, device, memory

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: Any = preserve_format,
    ) -> Tensor:
        """In another dtype or on another device, both by position or keyword, or as another tensor.

        Itself when nothing changes and copy is False. Bools by position are non_blocking and copy, as in PyTorch;
        a copy has always ended when this returns, whatever non_blocking asks for. The result has the memory format.
        """
        dtype, place, flags = destination(args, dtype, device)
        if len(flags) > 2:
            raise TypeError(f"to() takes two bools by position, non_blocking and copy, got {len(flags)}")
        copy = flags[1] if len(flags) > 1 else copy
        out: Tensor = self
        if place is not None and place is not self.device:
            if place is CPU:
                raise RuntimeError("a meta tensor has no values to move to the cpu")
            out = wrap(MetaArray(self.shape, self._data.dtype))
        if dtype is not None:
            out = f.to_dtype(out, dtype)
        if copy and out is self:
            return out.clone(memory_format=memory_format)
        return out if memory_format is preserve_format else out.contiguous(memory_format=memory_format)

    def type(self, dtype: Any = None) -> Any:
        """The dtype, or the tensor in another one."""
        return self.dtype if dtype is None else f.to_dtype(self, dtype)

    def cpu(self) -> Tensor:
        """On the CPU."""
        return self.to("cpu")

    def copy_(self, other: Any) -> Tensor:
        """Overwrite with the values of another tensor or number, broadcast and cast to this one; returns self."""
        if isinstance(other, Tensor) and other._data.shape == self._data.shape and put_plainly(self, ..., other):
            return self
        check_target(self)
        if isinstance(other, Tensor):
            value = other
        elif isinstance(other, (np.ndarray, list, tuple)):
            value = make.tensor(other, dtype=self.dtype)
        else:
            if not is_operand(other):
                raise TypeError(f"values of a tensor are tensors, arrays, lists or numbers, got {shown(other)}")
            value = make.full((), number_in(other, self.dtype, "copy_"), dtype=self.dtype)
        value = f.to_dtype(value, self.dtype)
        if value.shape != self.shape:
            value = f.expand(value, self.shape)
        write(self, value)
        return self

    def fill_(self, value: Any) -> Tensor:
        """Overwrite every element with a number, which must fit the dtype, or a 0-d tensor; returns self."""
        if isinstance(value, Tensor) and value._data.ndim:
            raise ValueError(f"fill_ needs a number or a 0-d tensor, got shape {tuple(value._data.shape)}; use copy_")
        if isinstance(value, Tensor):
            return self.copy_(value)
        number = number_in(value, self.dtype, "fill_")
        return self if put_plainly(self, ..., number) else self.copy_(make.full((), number, dtype=self.dtype))

    def zero_(self) -> Tensor:
        """Overwrite with zeros; returns self."""
        return self.fill_(0)

    # -- parts of complex numbers

    @property
    def real(self) -> Tensor:
        """The real part: a view of complex numbers, itself of real ones."""
        return f.real(self)

    @real.setter
    def real(self, value: Any) -> None:
        f.real(self).copy_(value)

    @property
    def imag(self) -> Tensor:
        """The imaginary part, a view; TypeError for real dtypes."""
        return f.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        f.imag(self).copy_(value)

    # -- values

    def __floordiv__(self, other: Any) -> Tensor:
        return d.floor_divide(self, other) if is_operand(other) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Tensor:
        return d.floor_divide(other, self) if is_operand(other) else NotImplemented

    def __mod__(self, other: Any) -> Tensor:
        return d.remainder(self, other) if is_operand(other) else NotImplemented

    def __rmod__(self, other: Any) -> Tensor:
        return d.remainder(other, self) if is_operand(other) else NotImplemented

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return (self // other, self % other) if is_operand(other) else NotImplemented

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return (other // self, other % self) if is_operand(other) else NotImplemented

    def __ifloordiv__(self, other: Any) -> Tensor:
        return self._replaced("//=", d.floor_divide(self, other))

    def __imod__(self, other: Any) -> Tensor:
        return self._replaced("%=", d.remainder(self, other))

    def _replaced(self, what: str, value: Tensor) -> Tensor:
        if value.dtype is not self.dtype or value.shape != self.shape:
            raise TypeError(
                f"{what} would put {value.dtype}{list(value.shape)} into a {self.dtype}{list(self.shape)} tensor"
            )
        return self.copy_(value)

    def where(self, condition: Any, other: Any) -> Tensor:
        """self where the condition holds, else other."""
        return f.where(condition, self, other)


_base.bind(Tensor)
p.bind(Tensor)
_arith.bind(Tensor)
keep_freed_memory()
