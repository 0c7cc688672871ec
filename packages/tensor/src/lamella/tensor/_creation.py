"""Making tensors: from Python and numpy values, and from a shape. Random ones are in `_drawn`."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ._arguments import whole
from ._base import TensorBase, wrap
from ._device import Device, as_device
from ._dims import shape_of
from ._dispatch import dispatch, mark_inference
from ._dtype import BOOL, BY_NUMPY, COMPLEX, FLOAT, INT, DType, as_dtype, from_numpy_dtype, int64, promote, uint64
from ._engine import autograd
from ._meta import MetaArray
from ._op import OPS
from ._promotion import default_complex, default_float, number_category, of_category
from ._scalar import SymScalar
from ._state import HOT, tls
from ._values import array_of, number_in

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "arange", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "linspace", "ones", "ones_like",
    "tensor", "zeros", "zeros_like",
]  # fmt: skip


def from_numpy(array: Any) -> Tensor:
    """A tensor over a numpy array's own memory; TypeError for dtypes a tensor cannot hold or byte-swapped arrays."""
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"from_numpy needs a numpy array, got {type(array).__name__}; use tensor(...) to copy other values"
        )
    if array.dtype not in BY_NUMPY:
        from_numpy_dtype(array.dtype)
        if not array.dtype.isnative:
            raise TypeError(
                f"from_numpy cannot share byte-swapped memory ({array.dtype}); "
                f"convert it with array.astype({array.dtype.newbyteorder('=')})"
            )
    if HOT[0] and tls.trace is not None:
        return cast("Tensor", tls.trace.of_array(array))
    return _own(wrap(array))


def _own(t: Tensor) -> Tensor:
    """A tensor made without dispatch, as the open modes want it."""
    if HOT[0] and tls.inference:
        mark_inference(t)
    return t


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of numbers, nested sequences, an array or a tensor; floats become the default dtype.

    In sequences, a tensor of one element is a number of its dtype; nothing follows what it was made of for autograd.
    OverflowError for a number that does not fit the dtype; tensors and arrays are cast to it.
    """
    where = as_device(device)
    if isinstance(data, TensorBase):
        source = dispatch(OPS["copy"], (dispatch(OPS["detach"], (data,)),))
        out = source if dtype is None else source.to(dtype)
        if where.kind == "meta":
            out = out.to(where)
    else:
        if isinstance(data, (list, tuple)) and _holds_tensor(data):
            kinds: list[DType] = []
            data = _numbers(data, kinds)
            dtype = reduce(promote, kinds) if dtype is None else dtype
        if HOT[0] and tls.trace is not None and has_symbol(data):
            out = _of_symbols(data, None if dtype is None else as_dtype(dtype), where)
            return out.requires_grad_() if requires_grad else out
        if isinstance(data, np.ndarray) or hasattr(data, "__array__"):
            given = np.asarray(data)
            kind = from_numpy_dtype(given.dtype)  # says what it cannot hold
            array = np.array(given, dtype=kind.numpy, order="C")
            if dtype is not None and as_dtype(dtype) is not kind:
                array = OPS["cast"].rules["numpy"](array, dtype=as_dtype(dtype))
        else:
            array = array_of(data, None if dtype is None else as_dtype(dtype))
        out = place(array, where)
    if requires_grad:
        out.requires_grad_()
    return cast("Tensor", out)


def _holds_tensor(data: Any) -> bool:
    return any(isinstance(d, TensorBase) or (isinstance(d, (list, tuple)) and _holds_tensor(d)) for d in data[:1])


def _numbers(data: Any, kinds: list[DType]) -> Any:
    """Nested sequences with every tensor replaced by its only element; `kinds` gets the dtype of every leaf."""
    if isinstance(data, (list, tuple)):
        return [_numbers(d, kinds) for d in data]
    if not isinstance(data, TensorBase):
        kinds.append(of_category(number_category(data)))
        return data
    t = cast("Tensor", data)
    if t.numel() != 1:
        raise ValueError(
            f"tensor(...) of a list takes tensors of one element, got shape {t.shape}; use stack(...) or cat(...)"
        )
    kinds.append(t.dtype)
    return t.item()


def has_symbol(data: Any) -> bool:
    """Whether a number of an open trace is among these."""
    return any(map(has_symbol, data)) if isinstance(data, (list, tuple)) else isinstance(data, SymScalar)


def _of_symbols(data: Any, kind: DType | None, where: Device) -> Tensor:
    """Numbers in a regular nesting, some of them symbolic: the trace computes the tensor from them."""
    from ._functions.joining import stack

    nested = np.array(data, dtype=object)
    numbers = nested.reshape(-1).tolist()
    if kind is None:
        kind = of_category(max(map(number_category, numbers)))
    out = stack([full((), number, dtype=kind, device=where) for number in numbers])
    return out.reshape(nested.shape)


def constant(array: Any) -> Tensor:
    """A tensor of what the arguments alone say, which a captured program keeps."""
    t = wrap(array)
    return t if tls.trace is None else cast("Tensor", tls.trace.constant(t))


def place(array: Any, device: Device) -> Any:
    if device.kind == "meta":
        return _own(wrap(MetaArray(tuple(array.shape), array.dtype)))
    t: Any = _own(wrap(array))
    if tls.trace is not None:
        t = tls.trace.constant(t)
    if tls.levels:
        t = autograd().lift(t, tls.levels[-1], True)
    return t


def made(name: str, args: tuple[Any, ...], params: dict[str, Any], device: Any, requires_grad: bool) -> Tensor:
    if device is None and not HOT[0]:
        # no transform and no trace anywhere: the kernel itself, which is what a small tensor costs
        out = wrap(OPS[name].rules["numpy"](*args, **params))
    elif as_device(device).kind == "meta":
        metas = OPS[name].rules["shape"](*args, **params)
        out = _own(wrap(metas))
    else:
        out = dispatch(OPS[name], args, params)
    if requires_grad:
        out.requires_grad_()
    return out


def float_dtype(dtype: Any, name: str) -> DType:
    if dtype is None:
        return default_float()
    kind = as_dtype(dtype)
    if kind.category != FLOAT:
        raise TypeError(f"{name} makes floating tensors, got dtype {kind}")
    return kind


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one number; its dtype is that of the number unless given, OverflowError where it does not fit.

    A tensor without dims is taken as a number, and the result follows it for autograd.
    """
    shape = shape_of(size if isinstance(size, (tuple, list)) else (size,))
    kind = None if dtype is None else as_dtype(dtype)
    if isinstance(fill_value, TensorBase):
        return _full_of_tensor(shape, fill_value, kind, device, requires_grad)
    if kind is None:
        kind = of_category(number_category(fill_value))
    value = number_in(fill_value, kind, "full")
    return made("full", (value,), {"shape": shape, "dtype": kind}, device, requires_grad)


def _full_of_tensor(shape: tuple[int, ...], value: Any, kind: DType | None, device: Any, requires_grad: bool) -> Tensor:
    if value._data.ndim:
        raise TypeError(f"full needs a number or a tensor without dims, got shape {tuple(value._data.shape)}")
    if kind is None:
        kind = of_category(from_numpy_dtype(value._data.dtype).category)
    out = dispatch(OPS["cast"], (value,), {"dtype": kind})
    out = dispatch(OPS["copy"], (dispatch(OPS["expand"], (out,), {"shape": shape}),))
    if device is not None:
        out = out.to(device)
    if requires_grad and not out.requires_grad:
        out.requires_grad_()
    return cast("Tensor", out)


def zeros(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the default dtype unless given."""
    kind = default_float() if dtype is None else as_dtype(dtype)
    sizes = shape_of(shape) if size is None else sized(shape, size)
    return made("full", (0,), {"shape": sizes, "dtype": kind}, device, requires_grad)


def ones(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the default dtype unless given."""
    kind = default_float() if dtype is None else as_dtype(dtype)
    sizes = shape_of(shape) if size is None else sized(shape, size)
    return made("full", (1,), {"shape": sizes, "dtype": kind}, device, requires_grad)


def empty(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values do not matter: zeros, so that a program that reads them is at least deterministic."""
    return zeros(*shape, size=size, dtype=dtype, device=device, requires_grad=requires_grad)


def sized(shape: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """The sizes given by the keyword `size`; TypeError where they are given by position too."""
    if shape:
        raise TypeError(f"give the sizes once: by position {shape} or as size={size}")
    return shape_of((size,))


def like(x: Any, name: str, dtype: Any, device: Any) -> tuple[tuple[int, ...], DType, Any]:
    """(shape, dtype, device) of a tensor like x; what is None is taken from x."""
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name} needs a tensor, got {type(x).__name__}; make one with lamella.tensor.tensor(...)")
    kind = from_numpy_dtype(x._data.dtype) if dtype is None else as_dtype(dtype)
    if device is None and type(x._data) is MetaArray and tls.trace is None:
        device = "meta"
    return tuple(x._data.shape), kind, device


def full_like(x: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """One number in the shape and dtype of x; OverflowError where it does not fit."""
    shape, kind, where = like(x, "full_like", dtype, device)
    if isinstance(fill_value, TensorBase):
        return _full_of_tensor(shape, fill_value, kind, where, requires_grad)
    value = number_in(fill_value, kind, "full_like")
    return made("full", (value,), {"shape": shape, "dtype": kind}, where, requires_grad)


def zeros_like(x: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape and dtype of x."""
    shape, kind, where = like(x, "zeros_like", dtype, device)
    return made("full", (0,), {"shape": shape, "dtype": kind}, where, requires_grad)


def ones_like(x: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape and dtype of x."""
    shape, kind, where = like(x, "ones_like", dtype, device)
    return made("full", (1,), {"shape": shape, "dtype": kind}, where, requires_grad)


empty_like = zeros_like


def number_of(x: Any) -> Any:
    """A number, or the only element of a tensor as one."""
    return cast("Tensor", x).item() if isinstance(x, TensorBase) else x


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Numbers from start (0 when only one is given) to before end; int64 for ints, else the default float.

    Elements are start + i * step, computed in float64 for floats. An integer dtype truncates start and step first,
    int64 the end too.
    """
    if end is None:
        start, end = 0, start
    start, end, step = number_of(start), number_of(end), number_of(step)
    top = max(number_category(v) for v in (start, end, step))
    if dtype is None:
        kind = int64 if top <= INT else default_float()
    else:
        kind = as_dtype(dtype)
    if top == COMPLEX or kind.category not in (INT, FLOAT):
        raise TypeError(f"arange makes integers or floats, got {kind} from {start} to {end} by {step}")
    plain = all(type(v) in (int, float) for v in (start, end, step))
    if plain and top <= INT:
        if max(abs(start), abs(end), abs(step)) >= 1 << 63:
            bound = uint64 if kind is uint64 else int64
            start, end, step = (number_in(v, bound, "arange") for v in (start, end, step))
    elif plain:
        if not (math.isfinite(start) and math.isfinite(end)) or math.isnan(step):
            raise ValueError(f"arange needs finite bounds, got {start} to {end} by {step}")
        if kind.category == INT:
            start, end, step = _whole(start, end, step, kind)
            if not step and kind is not int64:
                return full((end,), start, dtype=kind, device=device)
    if step == 0:
        raise ValueError("arange needs a step other than 0")
    if plain and (end - start) * step < 0:
        raise ValueError(f"arange from {start} to {end} goes the other way than its step {step}")
    return made("arange", (start, end, step), {"dtype": kind}, device, requires_grad)


def _whole(start: Any, end: Any, step: Any, kind: DType) -> tuple[int, int, int]:
    """start, end and step as PyTorch takes floats for an integer dtype; with step 0, end is the number of elements."""
    if kind is int64 or step == 0:
        return int(start), int(end), int(step)
    count = math.ceil((end - start) / step)
    if count < 0:
        raise ValueError(f"arange from {start} to {end} goes the other way than its step {step}")
    return int(start), int(start) + count * int(step) if int(step) else count, int(step)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` evenly spaced numbers, both ends included; computed in float64 from the nearer end, then cast.

    Complex ends make the default complex dtype; integer dtypes truncate.
    """
    values, kind = spaced("linspace", start, end, steps, dtype)
    return finished(values, kind, device, requires_grad)


def spaced(name: str, start: Any, end: Any, steps: Any, dtype: Any) -> tuple[Any, DType]:
    """Evenly spaced numbers as a float64 or complex128 array, and the dtype that is asked for."""
    start, end = number_of(start), number_of(end)
    wide = max(number_category(start), number_category(end)) == COMPLEX
    kind = (default_complex() if wide else default_float()) if dtype is None else as_dtype(dtype)
    if kind.category == BOOL or (wide and kind.category != COMPLEX):
        raise TypeError(f"{name} from {start} to {end} cannot be {kind}")
    count = int(whole(steps, f"{name}: steps"))  # numpy computes them here
    if count < 0:
        raise ValueError(f"{name} needs a non-negative number of steps, got {steps}")
    number: Any = complex if wide else float  # a symbolic number gives its value here
    if not isinstance(start, SymScalar) and not isinstance(end, SymScalar):
        start, end = number_in(start, kind, name), number_in(end, kind, name)
    start, end = number(start), number(end)
    step = (end - start) / (count - 1) if count > 1 else 0.0
    out = np.arange(count, dtype=np.complex128 if wide else np.float64)
    half = count // 2 + (count == 1)
    ahead, behind = out[:half], out[half:]
    np.multiply(ahead, step, out=ahead)
    np.add(ahead, start, out=ahead)
    np.subtract(behind, count - 1, out=behind)
    np.multiply(behind, step, out=behind)
    np.add(behind, end, out=behind)
    return out, kind


def finished(values: Any, kind: DType, device: Any, requires_grad: bool) -> Tensor:
    """A tensor of computed values in a dtype: a constant for traces."""
    out = place(OPS["cast"].rules["numpy"](values, dtype=kind), as_device(device))
    return cast("Tensor", out.requires_grad_() if requires_grad else out)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The n x m matrix (n x n for m=None) with ones on its diagonal."""
    rows = whole(n, "eye: n")
    columns = rows if m is None else whole(m, "eye: m")
    if rows < 0 or columns < 0:
        raise ValueError(f"eye needs sizes of at least 0, got {n} and {m}")
    kind = default_float() if dtype is None else as_dtype(dtype)
    where = as_device(device)
    if where.kind == "cpu" and not HOT[0]:
        plain = wrap(np.eye(rows, columns, dtype=kind.numpy))
        return plain.requires_grad_() if requires_grad else plain
    out = (arange(rows, device=where).reshape(rows, 1) == arange(columns, device=where)).to(kind)
    return out.requires_grad_() if requires_grad else out
