"""Functions that make arrays: without a dtype, ints give int64, floats float64, complex numbers complex128."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dtype import DType, bool_, complex128, float64, int64
from .._exchange._dlpack import imported
from .._tensor import Tensor
from ._array import Array, checked_device, storage, tensor_memory, wrap
from ._dtypes import checked_dtype, dtype_of
from ._scalars import SCALARS

__all__ = [
    "DEFAULTS", "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace",
    "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip

DEFAULTS: dict[str, DType] = {
    "real floating": float64,
    "complex floating": complex128,
    "integral": int64,
    "indexing": int64,
}
_SCALAR_DTYPES = {bool: bool_, int: int64, float: float64, complex: complex128}
_Shape = int | tuple[int, ...]


def _numpy_dtype(dtype: Any, default: DType) -> Any:
    return (default if dtype is None else checked_dtype(dtype)).numpy


def asarray(obj: Any, /, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None) -> Array:
    """An array of a scalar, nested sequences, an Array, a lamella Tensor, or whatever shares memory with numpy.

    The memory is shared where neither `dtype` nor `copy=True` asks for another. TypeError for elements that the
    standard does not have; ValueError where copy=False needs a copy; RuntimeError for a tensor that requires grad.
    """
    checked_device(device)
    wanted = None if dtype is None else checked_dtype(dtype).numpy
    if type(obj) is Array:
        obj = obj._data
    elif isinstance(obj, Tensor):
        obj = tensor_memory(obj)
    elif isinstance(obj, (list, tuple)) or type(obj) in SCALARS:
        return wrap(_from_python(obj, wanted, copy))
    elif not isinstance(obj, np.ndarray) and hasattr(obj, "__dlpack__") and not hasattr(obj, "__array__"):
        obj = imported(obj, None, None)
    data = np.array(obj, copy=copy) if wanted is None else np.array(obj, dtype=wanted, copy=copy)
    dtype_of(data)
    return wrap(data)


def _from_python(obj: Any, wanted: Any, copy: bool | None) -> Any:
    """A numpy array of Python numbers, which never share memory."""
    if copy is False:
        raise ValueError("Python numbers become an array only by a copy; leave copy out")
    _refuse_nested(obj)
    try:
        data = np.array(obj, dtype=wanted)
    except ValueError as error:
        raise ValueError(f"asarray needs numbers in a regular nesting ({error})") from None
    if data.dtype.kind == "O" or (data.dtype == np.uint64 and wanted is None and not _has_numpy(obj)):
        if _all_ints(obj):
            raise OverflowError("an int is out of bounds for int64; name a dtype that holds it")
        raise TypeError(f"asarray needs bools and numbers in a regular nesting, got {obj!r:.80}")
    dtype_of(data)
    return data


def _refuse_nested(obj: Any) -> None:
    if isinstance(obj, (list, tuple)):
        for item in obj:
            if type(item) is Array or isinstance(item, Tensor):
                raise TypeError("a sequence of arrays is not an array; use stack")
            _refuse_nested(item)


def _all_ints(obj: Any) -> bool:
    return all(map(_all_ints, obj)) if isinstance(obj, (list, tuple)) else isinstance(obj, int)


def _has_numpy(obj: Any) -> bool:
    return any(map(_has_numpy, obj)) if isinstance(obj, (list, tuple)) else isinstance(obj, (np.generic, np.ndarray))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """An array over the memory of an object with `__dlpack__`; TypeError for other objects and unknown data types."""
    checked_device(device)
    if isinstance(x, Tensor):
        data = tensor_memory(x)
        return wrap(data.copy() if copy else data)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack needs an object with __dlpack__, got {type(x).__name__}; use asarray")
    data = imported(x, None if device is None else "cpu", copy)
    dtype_of(data)
    return wrap(data)


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
) -> Array:
    """Evenly spaced numbers of `[start, stop)`, or of `[0, start)`; TypeError for a bool or complex dtype."""
    checked_device(device)
    whole = not any(isinstance(value, float) for value in (start, stop, step))
    wanted = _numpy_dtype(dtype, int64 if whole else float64)
    if wanted.kind in "bc":
        raise TypeError(f"arange gives integers or real numbers, got dtype={dtype!r}")
    low, high = (0, start) if stop is None else (start, stop)
    if step == 0:
        raise ValueError("arange needs a step other than 0")
    return wrap(np.arange(low, high, step, dtype=wanted))


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: DType | None = None,
    device: Any = None,
    endpoint: bool = True,
) -> Array:
    """`num` evenly spaced numbers from `start` to `stop`; TypeError for a dtype that is not floating."""
    checked_device(device)
    default = complex128 if isinstance(start, complex) or isinstance(stop, complex) else float64
    wanted = _numpy_dtype(dtype, default)
    if wanted.kind not in "fc" or (wanted.kind == "f" and default is complex128):
        raise TypeError(
            f"linspace from {start!r} to {stop!r} needs a floating-point dtype that holds them, got {dtype!r}"
        )
    return wrap(np.linspace(start, stop, num, dtype=wanted, endpoint=endpoint))


def empty(shape: _Shape, *, dtype: DType | None = None, device: Any = None) -> Array:
    """An array of memory as it comes."""
    checked_device(device)
    return wrap(np.empty(shape, _numpy_dtype(dtype, float64)))


def zeros(shape: _Shape, *, dtype: DType | None = None, device: Any = None) -> Array:
    """An array of zeros."""
    checked_device(device)
    return wrap(np.zeros(shape, _numpy_dtype(dtype, float64)))


def ones(shape: _Shape, *, dtype: DType | None = None, device: Any = None) -> Array:
    """An array of ones."""
    checked_device(device)
    return wrap(np.ones(shape, _numpy_dtype(dtype, float64)))


def full(shape: _Shape, fill_value: complex, *, dtype: DType | None = None, device: Any = None) -> Array:
    """An array of one value, of that value's default data type; TypeError where `fill_value` is no Python scalar."""
    checked_device(device)
    return wrap(np.full(shape, fill_value, _numpy_dtype(dtype, _scalar_dtype(fill_value))))


def _scalar_dtype(value: Any) -> DType:
    """The data type of a fill value."""
    for kind, dtype in _SCALAR_DTYPES.items():  # bool before int, which it is too
        if isinstance(value, kind):
            return dtype
    raise TypeError(f"fill_value must be a Python scalar, got {type(value).__name__}; use broadcast_to for arrays")


def _like(x: Any, name: str, dtype: Any, device: Any) -> tuple[Any, Any]:
    checked_device(device)
    data = storage(x, name)
    return data.shape, data.dtype if dtype is None else checked_dtype(dtype).numpy


def empty_like(x: Array, /, *, dtype: DType | None = None, device: Any = None) -> Array:
    """`empty` of the shape of `x`, and of its data type unless another is named."""
    return wrap(np.empty(*_like(x, "empty_like", dtype, device)))


def zeros_like(x: Array, /, *, dtype: DType | None = None, device: Any = None) -> Array:
    """`zeros` of the shape of `x`, and of its data type unless another is named."""
    return wrap(np.zeros(*_like(x, "zeros_like", dtype, device)))


def ones_like(x: Array, /, *, dtype: DType | None = None, device: Any = None) -> Array:
    """`ones` of the shape of `x`, and of its data type unless another is named."""
    return wrap(np.ones(*_like(x, "ones_like", dtype, device)))


def full_like(x: Array, /, fill_value: complex, *, dtype: DType | None = None, device: Any = None) -> Array:
    """`full` of the shape of `x`, and of its data type unless another is named."""
    shape, wanted = _like(x, "full_like", dtype, device)
    _scalar_dtype(fill_value)
    return wrap(np.full(shape, fill_value, wanted))


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: DType | None = None, device: Any = None
) -> Array:
    """A matrix of ones on the `k`-th diagonal and zeros elsewhere."""
    checked_device(device)
    return wrap(np.eye(n_rows, n_cols, k=k, dtype=_numpy_dtype(dtype, float64)))


def _triangle(x: Any, name: str, kernel: Any, k: int) -> Array:
    data = storage(x, name)
    if data.ndim < 2:
        raise ValueError(f"{name} needs at least two dims, got shape {data.shape}")
    return wrap(kernel(data, k=k))


def tril(x: Array, /, *, k: int = 0) -> Array:
    """`x` with zeros above the `k`-th diagonal of its last two dims."""
    return _triangle(x, "tril", np.tril, k)


def triu(x: Array, /, *, k: int = 0) -> Array:
    """`x` with zeros below the `k`-th diagonal of its last two dims."""
    return _triangle(x, "triu", np.triu, k)


def meshgrid(*arrays: Array, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of vectors (or arrays without dims) of one data type; ValueError for other shapes."""
    found = [storage(x, "meshgrid") for x in arrays]
    if len({data.dtype for data in found}) > 1:
        raise ValueError(f"meshgrid needs one data type, got {', '.join(str(data.dtype) for data in found)}")
    if any(data.ndim > 1 for data in found):
        raise ValueError(f"meshgrid needs vectors, got shapes {', '.join(str(data.shape) for data in found)}")
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij', got {indexing!r}")
    grids: Any = np.meshgrid(*found, indexing="xy" if indexing == "xy" else "ij")
    return [wrap(grid) for grid in grids]
