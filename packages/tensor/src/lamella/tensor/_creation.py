"""Making tensors: from Python and numpy values, from a shape, from random numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _random
from ._base import TensorBase, wrap
from ._device import Device, as_device
from ._dims import shape_of
from ._dispatch import dispatch, mark_inference
from ._dtype import BY_NUMPY, FLOAT, INT, DType, as_dtype, bool_, from_numpy_dtype, int64
from ._engine import autograd
from ._meta import MetaArray
from ._op import OPS
from ._promotion import default_complex, default_float, number_category, result_type
from ._state import HOT, tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "arange", "bernoulli", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "linspace",
    "ones", "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros",
    "zeros_like",
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
    return _own(wrap(array))


def _own(t: Tensor) -> Tensor:
    """A tensor made without dispatch, as the open modes want it."""
    if HOT[0] and tls.inference:
        mark_inference(t)
    return t


def _python_dtype(data: Any) -> DType:
    arr = np.asarray(data)
    if arr.dtype.kind == "f" and arr.dtype == np.float64 and not _has_numpy(data):
        return default_float()
    if arr.dtype.kind == "c" and not _has_numpy(data):
        return default_complex()
    if arr.dtype.kind == "O":
        raise TypeError(f"tensor(...) needs numbers in a regular nesting, got {data!r:.80}")
    if arr.size == 0 and not _has_numpy(data):
        return default_float()
    return from_numpy_dtype(arr.dtype)


def _has_numpy(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of numbers, nested sequences, an array or a tensor; floats become the default dtype."""
    where = as_device(device)
    if isinstance(data, TensorBase):
        source = dispatch(OPS["copy"], (dispatch(OPS["detach"], (data,)),))
        out = source if dtype is None else source.to(dtype)
    else:
        if isinstance(data, (list, tuple)) and _holds_tensor(data):
            raise TypeError("tensor(...) cannot nest tensors in a list; use stack(...) or cat(...)")
        if isinstance(data, np.ndarray) or hasattr(data, "__array__"):
            if tls.trace is not None:
                raise RuntimeError(
                    "a captured program makes a tensor of a numpy array, whose values may differ next time; "
                    "pass it as an argument, or make the tensor outside"
                )
            array = np.asarray(data)
            kind = from_numpy_dtype(array.dtype) if dtype is None else as_dtype(dtype)
        else:
            try:
                kind = _python_dtype(data) if dtype is None else as_dtype(dtype)
            except ValueError as error:
                raise ValueError(f"tensor(...) needs a regular nesting of numbers: {error}") from None
            array = data
        try:
            array = np.array(array, dtype=kind.numpy, order="C")
        except (TypeError, ValueError, OverflowError) as error:
            raise type(error)(f"tensor(...) cannot make {kind} of {data!r:.80}: {error}") from None
        out = _place(array, where)
    if requires_grad:
        out.requires_grad_()
    return cast("Tensor", out)


def _holds_tensor(data: Any) -> bool:
    return any(isinstance(d, TensorBase) or (isinstance(d, (list, tuple)) and _holds_tensor(d)) for d in data[:1])


def _place(array: Any, device: Device) -> Any:
    if device.kind == "meta":
        return _own(wrap(MetaArray(tuple(array.shape), array.dtype)))
    t: Any = _own(wrap(array))
    if tls.trace is not None:
        t = tls.trace.constant(t)
    if tls.levels:
        t = autograd().lift(t, tls.levels[-1], True)
    return t


def _made(name: str, args: tuple[Any, ...], params: dict[str, Any], device: Any, requires_grad: bool) -> Tensor:
    if as_device(device).kind == "meta":
        metas = OPS[name].rules["shape"](*args, **params)
        out = _own(wrap(metas))
    else:
        out = dispatch(OPS[name], args, params)
    if requires_grad:
        out.requires_grad_()
    return out


def _float_dtype(dtype: Any, name: str) -> DType:
    if dtype is None:
        return default_float()
    kind = as_dtype(dtype)
    if kind.category != FLOAT:
        raise TypeError(f"{name} makes floating tensors, got dtype {kind}")
    return kind


def full(shape: Any, value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one value; its dtype is that of the number unless given."""
    if isinstance(value, TensorBase):
        raise TypeError("full needs a number, got a tensor; use value.expand(shape).clone()")
    kind = result_type((value,)) if dtype is None else as_dtype(dtype)
    shape = shape_of(shape if isinstance(shape, (tuple, list)) else (shape,))
    return _made("full", (value,), {"shape": shape, "dtype": kind}, device, requires_grad)


def zeros(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the default dtype unless given."""
    kind = default_float() if dtype is None else as_dtype(dtype)
    return _made("full", (0,), {"shape": shape_of(shape), "dtype": kind}, device, requires_grad)


def ones(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the default dtype unless given."""
    kind = default_float() if dtype is None else as_dtype(dtype)
    return _made("full", (1,), {"shape": shape_of(shape), "dtype": kind}, device, requires_grad)


def empty(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values do not matter: zeros, so that a program that reads them is at least deterministic."""
    return zeros(*shape, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(x: Any, value: Any, *, dtype: Any = None) -> Tensor:
    """One value in the shape and dtype of x."""
    kind = from_numpy_dtype(x._data.dtype) if dtype is None else as_dtype(dtype)
    device = "meta" if type(x._data) is MetaArray and tls.trace is None else None
    return _made("full", (value,), {"shape": tuple(x._data.shape), "dtype": kind}, device, False)


def zeros_like(x: Any, *, dtype: Any = None) -> Tensor:
    """Zeros in the shape and dtype of x."""
    return full_like(x, 0, dtype=dtype)


def ones_like(x: Any, *, dtype: Any = None) -> Tensor:
    """Ones in the shape and dtype of x."""
    return full_like(x, 1, dtype=dtype)


empty_like = zeros_like


def arange(start: Any, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Numbers from start (0 when only one is given) to before stop; int64 for ints, else the default float."""
    if stop is None:
        start, stop = 0, start
    if dtype is None:
        kind = int64 if all(number_category(v) <= INT for v in (start, stop, step)) else default_float()
    else:
        kind = as_dtype(dtype)
    if step == 0:
        raise ValueError("arange needs a step other than 0")
    if all(type(v) in (int, float) for v in (start, stop, step)) and (stop - start) * step < 0:
        raise ValueError(f"arange from {start} to {stop} goes the other way than its step {step}")
    return _made("arange", (start, stop, step), {"dtype": kind}, device, False)


def linspace(start: float, stop: float, steps: int, *, dtype: Any = None) -> Tensor:
    """`steps` evenly spaced numbers, both ends included."""
    if steps < 0:
        raise ValueError(f"linspace needs a non-negative number of steps, got {steps}")
    return tensor(np.linspace(start, stop, steps), dtype=_float_dtype(dtype, "linspace"))


def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Tensor:
    """The n x m matrix with ones on its diagonal."""
    if n < 0 or (m is not None and m < 0):
        raise ValueError(f"eye needs sizes of at least 0, got {n} and {m}")
    kind = default_float() if dtype is None else as_dtype(dtype)
    rows = arange(n).reshape(n, 1)
    return (rows == arange(n if m is None else m)).to(kind)


def reserve(generator: Any, n: int) -> tuple[Any, Any]:
    """(seed, offset) of the next n slots of a generator (None: the default one); symbolic under a trace."""
    g = _random.default_generator if generator is None else generator
    if tls.trace is not None:
        return cast("tuple[Any, Any]", tls.trace.reserve(g, n))
    return cast("tuple[Any, Any]", g.reserve(n))


def _draw(
    name: str, shape: tuple[int, ...], generator: Any, device: Any, requires_grad: bool, params: dict[str, Any]
) -> Tensor:
    """One random creation op: reserves one slot an element, more inside a vmap whose randomness is 'different'."""
    if not HOT[0] and device is None:
        # no transform and no trace anywhere: the draw itself, which is what a small one costs
        count = 1
        for n in shape:
            count *= n
        seed, offset = (_random.default_generator if generator is None else generator).reserve(count)
        plain = wrap(OPS[name].rules["numpy"](seed, offset, shape=shape, **params))
        return plain.requires_grad_() if requires_grad else plain
    levels = [lv for lv in tls.levels if lv.kind == "vmap"]
    if any(lv.randomness == "error" for lv in levels):
        raise RuntimeError(
            f"{name} inside vmap: say vmap(..., randomness='different') for a draw per example, or 'same' for one draw"
        )
    if as_device(device).kind == "meta":
        return _made(name, (0, 0), {"shape": shape, **params}, device, requires_grad)
    batch = math.prod(lv.size for lv in levels if lv.randomness == "different")
    seed, offset = reserve(generator, math.prod(shape) * batch)
    out = draw(name, seed, offset, shape, **params)
    if requires_grad:
        out.requires_grad_()
    return cast("Tensor", out)


def draw(name: str, seed: Any, offset: Any, shape: tuple[int, ...], **params: Any) -> Any:
    """A random creation op over reserved slots.

    Inside a vmap with randomness 'different' the draw has the batch dims in front.
    """
    if any(lv.kind == "vmap" and lv.randomness == "different" for lv in tls.levels):
        return autograd().draw_batched(name, (seed, offset), shape, params)
    return dispatch(OPS[name], (seed, offset), {"shape": shape, **params})


def rand(
    *shape: Any, dtype: Any = None, generator: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform in [0, 1)."""
    return _draw("rand", shape_of(shape), generator, device, requires_grad, {"dtype": _float_dtype(dtype, "rand")})


def randn(
    *shape: Any, dtype: Any = None, generator: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Standard normal."""
    return _draw("randn", shape_of(shape), generator, device, requires_grad, {"dtype": _float_dtype(dtype, "randn")})


def rand_like(x: Any, *, dtype: Any = None, generator: Any = None) -> Tensor:
    """Uniform in [0, 1), in the shape and dtype of x."""
    return rand(
        tuple(x._data.shape), dtype=from_numpy_dtype(x._data.dtype) if dtype is None else dtype, generator=generator
    )


def randn_like(x: Any, *, dtype: Any = None, generator: Any = None) -> Tensor:
    """Standard normal, in the shape and dtype of x."""
    return randn(
        tuple(x._data.shape), dtype=from_numpy_dtype(x._data.dtype) if dtype is None else dtype, generator=generator
    )


def bernoulli(p: float, shape: Any, *, dtype: Any = None, generator: Any = None) -> Tensor:
    """True (or 1 in a given dtype) with probability p."""
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli needs a probability in [0, 1], got {p}")
    kind = bool_ if dtype is None else as_dtype(dtype)
    return _draw(
        "bernoulli",
        shape_of((shape,) if not isinstance(shape, (tuple, list)) else shape),
        generator,
        None,
        False,
        {"p": float(p), "dtype": kind},
    )


def randint(low: int, high: int | None = None, size: Any = None, *, dtype: Any = None, generator: Any = None) -> Tensor:
    """Integers in [low, high), or in [0, low) when only one bound is given."""
    if high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint needs a size, e.g. randint(0, 10, (3,))")
    if not low < high:
        raise ValueError(f"randint needs low < high, got [{low}, {high})")
    kind = int64 if dtype is None else as_dtype(dtype)
    shape = shape_of(size if isinstance(size, (tuple, list)) else (size,))
    return _draw("randint", shape, generator, None, False, {"low": int(low), "high": int(high), "dtype": kind})


def randperm(n: int, *, generator: Any = None) -> Tensor:
    """A random order of 0 .. n-1 as int64."""
    if n < 0:
        raise ValueError(f"randperm needs a non-negative n, got {n}")
    seed, offset = reserve(generator, n)
    return cast("Tensor", dispatch(OPS["randperm"], (seed, offset), {"n": n}))
