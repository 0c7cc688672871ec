"""What leaves the stack: numpy arrays, Python numbers, buffers and capsules, copies and pickles of a tensor.

All of it asks `_real` for the memory, which says no inside a transform or a capture, and where there is none. What
hands out memory (numpy, buffers, capsules) refuses a tensor that requires grad: autograd would not see the writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._base import wrap
from ._dtype import INT
from ._followed import Followed
from ._meta import MetaArray
from ._state import FOREIGN, GRAD, LEVEL, TRACED, VIEW, tls
from ._views import refresh

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Exported"]


class Exported(Followed):
    """The members of a tensor that hand it to numpy, Python and other libraries."""

    __slots__ = ()

    def _real(self, why: str) -> Any:
        if self._flags & LEVEL:
            self._data.level.check()
            if self._data.level.kind == "region":
                self._data.level.trace.forced(self, why)
            raise RuntimeError(
                f"{why} needs the values of a tensor inside an open {self._data.level.kind}; return the tensor and ask "
                f"outside, or use where/clamp instead of Python branches"
            )
        if tls.trace is not None:
            tls.trace.forced(self, why)
        if self._flags & TRACED:
            raise RuntimeError(f"{why} needs the values of a tensor whose trace has ended without giving it one")
        if self._flags & VIEW and self._view.version != self._cell.version:  # type: ignore[union-attr]
            refresh(self)
        if self._flags & FOREIGN:
            if type(self._data) is MetaArray:
                raise RuntimeError(f"{why} needs values, and a meta tensor has none")
            return self._data.dense()
        return self._data

    def numpy(self, *, force: bool = False) -> Any:
        """The tensor's own memory as a numpy array; RuntimeError where it requires grad (use .detach().numpy()).

        With force, what keeps it from being one is undone: the same as `.detach().dense().numpy()`.
        """
        if self._flags & GRAD and not force:
            raise RuntimeError(
                "numpy() of a tensor that requires grad would hide writes from autograd; use .detach().numpy()"
            )
        if self._flags & FOREIGN and type(self._data) is not MetaArray and not force:
            raise TypeError(f"a tensor with {self._data.kind!r} storage has no numpy memory; use .dense().numpy()")
        return self._real("numpy()")

    def dense(self) -> Tensor:
        """The same values over plain memory; itself where they are already."""
        foreign = self._flags & FOREIGN and type(self._data) is not MetaArray
        return wrap(self._data.dense()) if foreign else cast("Tensor", self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self._flags & GRAD:
            raise RuntimeError("a tensor that requires grad is not converted to numpy silently; use .detach()")
        array = self._real("conversion to numpy")
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a tensor of {array.dtype} becomes a numpy array of {np.dtype(dtype)} only by a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule over the tensor's memory, as `from_dlpack` of another library asks for it."""
        from ._exchange._dlpack import exported

        if stream is not None:
            raise BufferError(f"stream must be None for memory on the cpu, got {stream!r}")
        return exported(self._lent("DLPack"), max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's kind and number of the device; BufferError for a meta tensor, which has no memory."""
        if cast("Tensor", self).device.kind != "cpu":
            raise BufferError("a meta tensor has no memory to export by DLPack")
        return (1, 0)

    def __buffer__(self, flags: int, /) -> memoryview:
        """The tensor's memory for `memoryview` and the like, from Python 3.12 on."""
        array = self._lent("Python's buffer protocol")
        try:
            return memoryview(array)
        except ValueError:
            raise BufferError(
                f"Python's buffer protocol has no format for {array.dtype}; export its bits, x.view(dtype) with an "
                f"integer dtype of {array.itemsize} bytes"
            ) from None

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        """The rows as capsules of an Arrow array (schema and data); needs lamella-data.

        Rows of shape () are numbers, of shape (n,) fixed-size lists, of more dims fixed-shape tensors.
        """
        from ._exchange import arrow

        made = arrow("Tensor.__arrow_c_array__").to_arrow(self._lent("Arrow"))
        return made.__arrow_c_array__(requested_schema)

    def _lent(self, how: str) -> Any:
        """The memory for somebody who may write it; BufferError where that would go unnoticed, or there is none."""
        if cast("Tensor", self).requires_grad:
            raise BufferError(
                f"a tensor that requires grad is not exported by {how}, which would hide writes from autograd; "
                f"use x.detach()"
            )
        if self._flags & FOREIGN:
            kind = "meta" if type(self._data) is MetaArray else repr(self._data.kind)
            raise BufferError(f"a tensor with {kind} storage has no memory to export by {how}")
        return self._real(f"export by {how}")

    # -- Python numbers

    def item(self) -> Any:
        """The only element as a Python number; inside a capture a symbolic one."""
        if tls.trace is not None and not self._flags & LEVEL:
            self._single("item()")
            return tls.trace.item(self)
        return self._only("item()").item()

    def _single(self, what: str) -> None:
        array = self._data
        if array.ndim and any(n != 1 for n in array.shape):
            raise ValueError(f"{what} needs a tensor of one element, got shape {tuple(array.shape)}")

    def _only(self, what: str) -> Any:
        """The only element as an array without dims."""
        self._single(what)
        return self._real(what).reshape(())

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._real("tolist()").tolist()

    def __bool__(self) -> bool:
        array = self._data
        if array.ndim and any(n != 1 for n in array.shape):
            raise ValueError(f"the truth of a tensor of shape {tuple(array.shape)} is ambiguous; use .any() or .all()")
        if tls.trace is not None and not self._flags & LEVEL:
            return bool(tls.trace.truth(self))
        return bool(self._real("bool()").reshape(()))

    def _real_number(self, what: str) -> Any:
        if tls.trace is not None and not self._flags & LEVEL and self._data.dtype.kind != "c":
            return self.item()
        number = self._only(what).item()
        if type(number) is complex:
            if number.imag:
                raise RuntimeError(f"{what} of {number} would lose its imaginary part; use .real")
            return number.real
        return number

    def __float__(self) -> float:
        return float(self._real_number("float()"))

    def __int__(self) -> int:
        return int(self._real_number("int()"))

    def __complex__(self) -> complex:
        return complex(self._only("complex()").item())

    def __index__(self) -> int:
        dtype = cast("Tensor", self).dtype
        if dtype.category > INT or any(n != 1 for n in self._data.shape):
            raise TypeError(
                f"only an integer tensor of one element is an index, got {dtype} of shape {tuple(self._data.shape)}"
            )
        return int(self._only("an index").item())

    def __format__(self, spec: str) -> str:
        if not self._data.ndim and (spec or not self._flags & (LEVEL | TRACED | FOREIGN)):
            return format(self.item(), spec)
        if spec:
            raise TypeError(
                f"format {spec!r} needs a tensor without dims, got shape {tuple(self._data.shape)}; format its elements"
            )
        return repr(self)

    # -- copies and pickles

    def __reduce__(self) -> Any:
        from ._copies import reduced

        return reduced(cast("Tensor", self))

    def __copy__(self) -> Tensor:
        """The same memory and version under another handle: a leaf where this is one, else detached."""
        from ._copies import shallow

        return shallow(cast("Tensor", self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from ._copies import deep

        return deep(cast("Tensor", self), memo)

    def is_shared(self) -> bool:
        """False: no tensor lies in memory that another process writes too."""
        return False

    def share_memory_(self) -> Tensor:
        """Not available: NotImplementedError."""
        raise NotImplementedError(
            "the memory of a tensor cannot be shared with another process; send it through a file "
            "(lamella.tensor.save), or make it with from_numpy over multiprocessing.shared_memory"
        )
