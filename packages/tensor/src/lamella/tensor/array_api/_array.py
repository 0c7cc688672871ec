"""The array object of the standard: a final class over a numpy array, which is the storage of a tensor.

A tensor has torch's `size()`, `T` and promotion, so it cannot be the standard's array; both can share memory. Operators
are rows of tables: the kernel and the data types that the standard defines it for. Everything else raises TypeError.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NoReturn, cast, final

import numpy as np

from .._device import CPU, Device
from .._dtype import BY_NUMPY, DType
from .._tensor import Tensor
from ._dtypes import CATEGORIES, common_type, dtype_of
from ._keys import storage_key
from ._scalars import SCALARS, scalar_dtype

__all__ = ["Array", "checked_device", "pair", "storage", "wrap"]

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
_HINT = "convert it with lamella.tensor.array_api.asarray"


def checked_device(device: Any) -> Device:
    """The device of this namespace for None, "cpu" or itself; ValueError otherwise."""
    if device is None or device == CPU:
        return CPU
    raise ValueError(f"the array API namespace has the device 'cpu' alone, got {device!r}")


def wrap(data: Any) -> Array:
    """An Array over a result of numpy, whose scalars become arrays without dims."""
    found = _new(Array)
    found._data = data if type(data) is np.ndarray else np.asarray(data)
    return found


_new = object.__new__


def _refuse(value: object, name: str) -> NoReturn:
    raise TypeError(f"{name} needs an array of this namespace, got {type(value).__name__}; {_HINT}")


def storage(x: Any, name: str, category: str = "any") -> Any:
    """The numpy array below `x`; TypeError where it is no Array or `name` is not defined for its data type."""
    if type(x) is not Array:
        _refuse(x, name)
    data = x._data
    if BY_NUMPY[data.dtype] not in CATEGORIES[category]:
        raise TypeError(f"{name} is defined for {category} data types, got {data.dtype}; convert with astype")
    return data


def pair(x1: Any, x2: Any, name: str, category: str = "any", scalars: bool = True) -> tuple[Any, Any]:
    """The numpy arrays of two operands that promote; one of them may be a Python scalar where `scalars` says so."""
    first, second = type(x1) is Array, type(x2) is Array
    if scalars and first and type(x2) in SCALARS:
        a = storage(x1, name, category)
        return a, np.asarray(x2, scalar_dtype(x2, BY_NUMPY[a.dtype], name, category).numpy)
    if scalars and second and type(x1) in SCALARS:
        b = storage(x2, name, category)
        return np.asarray(x1, scalar_dtype(x1, BY_NUMPY[b.dtype], name, category).numpy), b
    if not (first or second) and type(x1) in SCALARS and type(x2) in SCALARS:
        raise TypeError(f"{name} needs at least one array among its operands, got two Python scalars")
    a, b = storage(x1, name, category), storage(x2, name, category)
    common_type(BY_NUMPY[a.dtype], BY_NUMPY[b.dtype])
    return a, b


def _foreign(other: Any, name: str) -> bool:
    """Whether an operand is left to its own class; TypeError for numpy arrays and tensors, which would not refuse."""
    if type(other) is Array or type(other) in SCALARS:
        return False
    if isinstance(other, (np.ndarray, np.generic, Tensor)):
        _refuse(other, name)
    return True


def check_shift(x2: Any, name: str) -> None:
    """ValueError where a number of bits to shift by is negative."""
    if (x2.dtype.kind == "i") and (x2 < 0).any():
        raise ValueError(f"{name} by a negative number of bits is not defined")


def _operators(name: str, kernel: Any, category: str) -> tuple[Any, Any, Any]:
    """The methods `x op y`, `y op x` and `x op= y` of a row."""
    shift = name in ("lshift", "rshift")
    scalars = name != "matmul"

    def operands(x1: Any, x2: Any) -> tuple[Any, Any]:
        a, b = pair(x1, x2, f"__{name}__", category, scalars)
        if shift:
            check_shift(b, f"__{name}__")
        return a, b

    def forward(self: Array, other: Any, /) -> Any:
        if _foreign(other, f"__{name}__"):
            return NotImplemented
        return wrap(kernel(*operands(self, other)))

    def reflected(self: Array, other: Any, /) -> Any:
        if _foreign(other, f"__r{name}__"):
            return NotImplemented
        return wrap(kernel(*operands(other, self)))

    def in_place(self: Array, other: Any, /) -> Any:
        if _foreign(other, f"__i{name}__"):
            return NotImplemented
        a, b = operands(self, other)
        if common_type(BY_NUMPY[a.dtype], BY_NUMPY[b.dtype]).numpy != a.dtype:
            raise TypeError(f"__i{name}__ cannot keep {a.dtype} with an operand of {b.dtype}; convert one with astype")
        kernel(a, b, out=a)
        return self

    for function, prefix in ((forward, ""), (reflected, "r"), (in_place, "i")):
        function.__name__ = f"__{prefix}{name}__"
        function.__qualname__ = f"Array.{function.__name__}"
    return forward, reflected, in_place


def _comparison(name: str, kernel: Any, category: str) -> Any:
    def method(self: Array, other: Any, /) -> Array:
        # Not NotImplemented: Python would then compare identities, and `x == None` be one bool in silence.
        return wrap(kernel(*pair(self, other, f"__{name}__", category)))

    method.__name__ = f"__{name}__"
    method.__qualname__ = f"Array.__{name}__"
    return method


def _unary(name: str, kernel: Any, category: str) -> Callable[[Any], Any]:
    def method(self: Array, /) -> Array:
        return wrap(kernel(storage(self, f"__{name}__", category)))

    method.__name__ = f"__{name}__"
    method.__qualname__ = f"Array.__{name}__"
    return method


@final
class Array:
    """An array of the standard; made by `asarray` and the other creation functions, never by this class."""

    __slots__ = ("__weakref__", "_data")
    __array_ufunc__ = None  # numpy arrays leave operators to us, which refuse them
    __hash__ = None  # type: ignore[assignment]  # equality gives an array

    _data: np.ndarray[Any, Any]

    def __new__(cls, *_: Any, **__: Any) -> Array:
        """Refuses: arrays are made by functions."""
        raise TypeError("an array is made by asarray, zeros and the like, not by calling its class")

    def __init_subclass__(cls) -> None:
        raise TypeError("Array is final: functions of the standard would not keep a subclass")

    # -- what it is

    @property
    def dtype(self) -> DType:
        """Data type of the elements."""
        return BY_NUMPY[self._data.dtype]

    @property
    def device(self) -> Device:
        """Where the memory is."""
        return CPU

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return self._data.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dims."""
        return tuple(self._data.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self._data.shape)

    @property
    def T(self) -> Array:
        """The transpose of a matrix; ValueError for other numbers of dims."""
        if self._data.ndim != 2:
            raise ValueError(f"x.T needs two dims, got shape {self.shape}; use x.mT or permute_dims")
        return wrap(self._data.T)

    @property
    def mT(self) -> Array:
        """The transpose of the last two dims; ValueError for fewer."""
        if self._data.ndim < 2:
            raise ValueError(f"x.mT needs at least two dims, got shape {self.shape}")
        return wrap(self._data.mT)

    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix="Array(")
        shape = "" if self.size or self.ndim == 1 else f", shape={self.shape}"
        return f"Array({values}{shape}, dtype={self.dtype.name})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (wrap, (self._data,))

    def __iter__(self) -> Iterator[Array]:
        if not self._data.ndim:
            raise TypeError("an array without dims cannot be iterated")
        if self._data.ndim > 1:
            raise TypeError(f"an array of shape {self.shape} cannot be iterated; use unstack")
        return (wrap(element) for element in self._data)

    # -- conversion to others

    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        """This namespace; ValueError for a version of the standard that it does not follow."""
        if api_version is not None and api_version not in VERSIONS:
            raise ValueError(f"the versions of the array API here are {', '.join(VERSIONS)}, got {api_version!r}")
        from lamella.tensor import array_api  # it imports this module

        return array_api

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._data, dtype=dtype, copy=copy)

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule of the memory, as `from_dlpack` of another library asks for it."""
        return self._data.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's kind and number of the device."""
        return self._data.__dlpack_device__()

    def to_device(self, device: Any, /, *, stream: Any = None) -> Array:
        """Itself: there is one device; ValueError for others, and for a stream, which a CPU has not."""
        checked_device(device)
        if stream is not None:
            raise ValueError(f"the CPU has no streams, got stream={stream!r}")
        return self

    def _single(self, name: str) -> Any:
        if self._data.ndim:
            raise TypeError(f"{name} needs an array without dims, got shape {self.shape}; index one element first")
        return self._data

    def __bool__(self) -> bool:
        return bool(self._single("bool()"))

    def __int__(self) -> int:
        data = self._single("int()")
        if data.dtype.kind == "c":
            raise TypeError("a complex array has no int(); take real(x) or abs(x) first")
        return int(data)

    def __float__(self) -> float:
        data = self._single("float()")
        if data.dtype.kind == "c":
            raise TypeError("a complex array has no float(); take real(x) or abs(x) first")
        return float(data)

    def __complex__(self) -> complex:
        return complex(self._single("complex()"))

    def __index__(self) -> int:
        data = self._single("an index")
        if data.dtype.kind not in "iu":
            raise TypeError(f"an index needs an integer data type, got {data.dtype}")
        return operator.index(data)

    # -- elements

    def __getitem__(self, key: Any, /) -> Array:
        return wrap(self._data[storage_key(key, self._data, Array)])

    def __setitem__(self, key: Any, value: Any, /) -> None:
        data = self._data
        place = storage_key(key, data, Array, writes=True)
        if type(value) in SCALARS:
            wanted = scalar_dtype(value, self.dtype, "__setitem__", "any")
            value = np.asarray(value, wanted.numpy)
        else:
            value = storage(value, "__setitem__")
        if common_type(BY_NUMPY[value.dtype], self.dtype) is not self.dtype:
            raise TypeError(f"values of {value.dtype} do not fit an array of {data.dtype}; convert them with astype")
        data[place] = value

    # -- operators, one row each

    __abs__ = _unary("abs", np.abs, "numeric")
    __neg__ = _unary("neg", np.negative, "numeric")
    __pos__ = _unary("pos", np.positive, "numeric")
    __invert__ = _unary("invert", np.invert, "integer or boolean")

    __eq__ = _comparison("eq", np.equal, "any")
    __ne__ = _comparison("ne", np.not_equal, "any")
    __lt__ = _comparison("lt", np.less, "real numeric")
    __le__ = _comparison("le", np.less_equal, "real numeric")
    __gt__ = _comparison("gt", np.greater, "real numeric")
    __ge__ = _comparison("ge", np.greater_equal, "real numeric")

    __add__, __radd__, __iadd__ = _operators("add", np.add, "numeric")
    __sub__, __rsub__, __isub__ = _operators("sub", np.subtract, "numeric")
    __mul__, __rmul__, __imul__ = _operators("mul", np.multiply, "numeric")
    __truediv__, __rtruediv__, __itruediv__ = _operators("truediv", np.true_divide, "floating-point")
    __floordiv__, __rfloordiv__, __ifloordiv__ = _operators("floordiv", np.floor_divide, "real numeric")
    __mod__, __rmod__, __imod__ = _operators("mod", np.remainder, "real numeric")
    __pow__, __rpow__, __ipow__ = _operators("pow", np.power, "numeric")
    __matmul__, __rmatmul__, __imatmul__ = _operators("matmul", np.matmul, "numeric")
    __and__, __rand__, __iand__ = _operators("and", np.bitwise_and, "integer or boolean")
    __or__, __ror__, __ior__ = _operators("or", np.bitwise_or, "integer or boolean")
    __xor__, __rxor__, __ixor__ = _operators("xor", np.bitwise_xor, "integer or boolean")
    __lshift__, __rlshift__, __ilshift__ = _operators("lshift", np.left_shift, "integer")
    __rshift__, __rrshift__, __irshift__ = _operators("rshift", np.right_shift, "integer")


def tensor_memory(x: Tensor) -> Any:
    """The numpy memory of a tensor, refused where autograd would lose sight of it."""
    if x.requires_grad:
        raise RuntimeError("an array has no gradients: the tensor requires grad; convert x.detach()")
    data = cast(Any, x.numpy())
    dtype_of(data)
    return data
