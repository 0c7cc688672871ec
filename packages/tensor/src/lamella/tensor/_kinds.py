"""What a tensor is and what it can become: the members of Tensor that have to do with dtypes, places and bytes,
and the tensors made after its dtype and device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from . import _creation as make
from ._base import TensorBase
from ._dtype import (
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from ._functions.common import tensor_of, to_dtype
from ._functions.creation import empty_strided
from ._meta import MetaArray
from ._state import tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["Kinds"]


class Kinds(TensorBase):
    """Dtypes, places and bytes of a tensor."""

    __slots__ = ()

    def float(self) -> Tensor:
        """As float32."""
        return to_dtype(self, float32)

    def double(self) -> Tensor:
        """As float64."""
        return to_dtype(self, float64)

    def half(self) -> Tensor:
        """As float16."""
        return to_dtype(self, float16)

    def bfloat16(self) -> Tensor:
        """As bfloat16."""
        return to_dtype(self, bfloat16)

    def long(self) -> Tensor:
        """As int64."""
        return to_dtype(self, int64)

    def int(self) -> Tensor:
        """As int32."""
        return to_dtype(self, int32)

    def short(self) -> Tensor:
        """As int16."""
        return to_dtype(self, int16)

    def char(self) -> Tensor:
        """As int8."""
        return to_dtype(self, int8)

    def byte(self) -> Tensor:
        """As uint8."""
        return to_dtype(self, uint8)

    def bool(self) -> Tensor:
        """As bool."""
        return to_dtype(self, bool_)

    def cfloat(self) -> Tensor:
        """As complex64."""
        return to_dtype(self, complex64)

    def cdouble(self) -> Tensor:
        """As complex128."""
        return to_dtype(self, complex128)

    def type_as(self, other: Any) -> Tensor:
        """In the dtype of another tensor; itself when it is of that dtype already."""
        return to_dtype(self, tensor_of(other, "type_as").dtype)

    @property
    def is_cpu(self) -> Any:
        """Whether it lives on the CPU."""
        return cast("Tensor", self).device.kind == "cpu"

    @property
    def is_meta(self) -> Any:
        """Whether it has a shape and a dtype but no memory."""
        return cast("Tensor", self).device.kind == "meta"

    @property
    def is_cuda(self) -> Any:
        """False: there is no such device here."""
        return False

    @property
    def is_mps(self) -> Any:
        """False: there is no such device here."""
        return False

    @property
    def is_xpu(self) -> Any:
        """False: there is no such device here."""
        return False

    def is_pinned(self) -> Any:
        """False: memory of the CPU alone is not pinned."""
        return False

    def get_device(self) -> Any:
        """-1: the CPU has no number."""
        return -1

    @property
    def is_sparse(self) -> Any:
        """False: storage is dense here."""
        return False

    @property
    def is_quantized(self) -> Any:
        """False: quantized storage has a class of its own, and the dtype stays that of its values."""
        return False

    def nelement(self) -> Any:
        """Number of elements."""
        return cast("Tensor", self).numel()

    def is_signed(self) -> Any:
        """Whether the dtype holds negative numbers."""
        return cast("Tensor", self).dtype.is_signed

    def _as_mine(self, dtype: Any, device: Any) -> dict[str, Any]:
        """dtype and device, this tensor's own where they are None."""
        if device is None and type(self._data) is MetaArray and tls.trace is None:
            device = "meta"
        return {"dtype": cast("Tensor", self).dtype if dtype is None else dtype, "device": device}

    def new_zeros(
        self, *shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Zeros of a shape, in this tensor's dtype and on its device unless given."""
        return make.zeros(*shape, size=size, requires_grad=requires_grad, **self._as_mine(dtype, device))

    def new_ones(
        self, *shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Ones of a shape, in this tensor's dtype and on its device unless given."""
        return make.ones(*shape, size=size, requires_grad=requires_grad, **self._as_mine(dtype, device))

    def new_empty(
        self, *shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """A tensor whose values do not matter, in this tensor's dtype and on its device unless given."""
        return make.empty(*shape, size=size, requires_grad=requires_grad, **self._as_mine(dtype, device))

    def new_empty_strided(
        self, size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """`empty_strided` in this tensor's dtype and on its device unless given."""
        return empty_strided(size, stride, requires_grad=requires_grad, **self._as_mine(dtype, device))

    def new_full(
        self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """One number in a shape, in this tensor's dtype and on its device unless given."""
        return make.full(size, fill_value, requires_grad=requires_grad, **self._as_mine(dtype, device))

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """`tensor(data)` in this tensor's dtype and on its device unless given."""
        return make.tensor(data, requires_grad=requires_grad, **self._as_mine(dtype, device))
