"""How one value is compared with what it was: the text of the condition that a guard evaluates.

`name` fetches the value in the guard; `constant` gives the name under which the guard knows an object.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np

from lamella.graph import CaptureError
from lamella.tensor import Tensor
from lamella.tensor.extend import GRAD, LEVEL, TRACED

__all__ = ["of_array", "of_scalar", "of_tensor", "of_value"]

_FLAGS = GRAD | LEVEL | TRACED
_MAX_ARRAY_BYTES = 1 << 16
_SMALL = 1 << 62


def of_scalar(value: Any, name: str, constant: Callable[[Any], str]) -> str:
    """Type and value; NaN equals NaN, and the signs of zeros count."""
    kind = type(value)
    if value is None or kind is bool:
        return f"{name} is {value!r}"
    if value != value:
        return f"type({name}) is {kind.__name__} and {name} != {name}"
    if (kind is float and value == 0) or kind is complex:
        return f"type({name}) is {kind.__name__} and repr({name}) == {repr(value)!r}"
    text = repr(value) if kind is int and abs(value) < _SMALL else constant(value)
    return f"type({name}) is {kind.__name__} and {name} == {text}"


def of_value(value: Any, name: str, constant: Callable[[Any], str]) -> str:
    """Type and equality, for values that do not change, and for what a bytearray holds now."""
    kept = bytes(value) if isinstance(value, bytearray) else value
    return f"type({name}) is {constant(type(value))} and {name} == {constant(kept)}"


def of_array(value: Any, name: str, constant: Callable[[Any], str], what: str) -> str:
    """Type, dtype, shape and bytes of a small numpy array or scalar; CaptureError for a large one."""
    if value.nbytes > _MAX_ARRAY_BYTES or value.dtype.hasobject:
        raise CaptureError(
            f"{what} is a numpy array of {value.nbytes} bytes, whose values cannot be watched; "
            f"make it a tensor (from_numpy) outside the captured function"
        )
    return (
        f"type({name}) is {constant(type(value))} and {name}.dtype == {constant(value.dtype)} "
        f"and {name}.shape == {value.shape!r} and {name}.tobytes() == {constant(value.tobytes())}"
    )


def of_tensor(
    t: Tensor, name: str, constant: Callable[[Any], str], comes_with_the_call: bool, open_dims: Container[int] = ()
) -> str:
    """dtype, shape, stride class and requires_grad of a tensor whose storage the guard has put into `_`.

    Sizes of `open_dims` are left to whoever gives them names.
    """
    data = t._data
    dtype = constant(data.dtype)
    plain = type(data) is np.ndarray
    kind = "ndarray" if plain else constant(type(data))
    layout = f" and _.flags.c_contiguous is {bool(data.flags.c_contiguous)}" if plain else ""
    test = f"type(_) is {kind} and (_.dtype is {dtype} or _.dtype == {dtype}) and {_of_shape(data.shape, open_dims)}"
    test += layout
    if not comes_with_the_call:
        # such a tensor mostly lies in the same memory again
        test = f"(_ is {constant(data)} or {test})"
    return f"{name}._flags & {_FLAGS} == {t._flags & _FLAGS} and {test}"


def _of_shape(shape: tuple[int, ...], open_dims: Container[int]) -> str:
    closed = [d for d in range(len(shape)) if d not in open_dims]
    if len(closed) == len(shape):
        return f"_.shape == {tuple(shape)!r}"
    return " and ".join([f"len(_.shape) == {len(shape)}", *[f"_.shape[{d}] == {shape[d]}" for d in closed]])
