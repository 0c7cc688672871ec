"""Functions of shape; what they give shares memory with `x` where numpy can do so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._array import Array, storage, wrap
from ._data_type import result_type

__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "repeat",
    "reshape", "roll", "squeeze", "stack", "tile", "unstack",
]  # fmt: skip

_Axes = int | tuple[int, ...]


def broadcast_arrays(*arrays: Array) -> list[Array]:
    """The arrays in their common shape."""
    found = [storage(x, "broadcast_arrays") for x in arrays]
    shape = np.broadcast_shapes(*(data.shape for data in found))
    return [wrap(np.broadcast_to(data, shape)) for data in found]


def broadcast_to(x: Array, /, shape: tuple[int, ...]) -> Array:
    """`x` in a shape that it broadcasts to; ValueError for others."""
    return wrap(np.broadcast_to(storage(x, "broadcast_to"), shape))


def _joined(arrays: Sequence[Array], name: str) -> tuple[list[Any], Any]:
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{name} needs a list or tuple of arrays, got {type(arrays).__name__}")
    if not arrays:
        raise ValueError(f"{name} needs at least one array")
    return [storage(x, name) for x in arrays], result_type(*arrays).numpy


def concat(arrays: tuple[Array, ...] | list[Array], /, *, axis: int | None = 0) -> Array:
    """The arrays one after the other along `axis`, or flattened for None; their data types promote."""
    found, dtype = _joined(arrays, "concat")
    return wrap(np.concatenate(found, axis=axis, dtype=dtype))


def stack(arrays: tuple[Array, ...] | list[Array], /, *, axis: int = 0) -> Array:
    """The arrays of one shape along a new axis; their data types promote."""
    found, dtype = _joined(arrays, "stack")
    return wrap(np.stack(found, axis=axis, dtype=dtype))


def expand_dims(x: Array, /, axis: int) -> Array:
    """`x` with a new dim of size 1 at `axis`; IndexError where that is out of bounds."""
    return wrap(np.expand_dims(storage(x, "expand_dims"), axis))


def flip(x: Array, /, *, axis: _Axes | None = None) -> Array:
    """`x` in reverse order along some axes, or all."""
    return wrap(np.flip(storage(x, "flip"), axis=axis))


def moveaxis(x: Array, source: _Axes, destination: _Axes, /) -> Array:
    """`x` with dims moved, the others in their order."""
    return wrap(np.moveaxis(storage(x, "moveaxis"), source, destination))


def permute_dims(x: Array, /, axes: tuple[int, ...]) -> Array:
    """`x` with its dims in the order of `axes`."""
    return wrap(np.transpose(storage(x, "permute_dims"), axes))


def repeat(x: Array, repeats: int | Array, /, *, axis: int | None = None) -> Array:
    """Every element (or slice along `axis`) as often as `repeats` says: an int, or an integer vector."""
    data = storage(x, "repeat")
    if type(repeats) is Array:
        counts = storage(repeats, "repeat (repeats)", "integer")
        if counts.ndim > 1:
            raise ValueError(f"repeats must be an int or a vector, got shape {counts.shape}")
        counts = counts.astype(np.int64)
    elif isinstance(repeats, int) and not isinstance(repeats, bool):
        counts = repeats
    else:
        raise TypeError(f"repeats must be an int or an integer array, got {type(repeats).__name__}")
    return wrap(np.repeat(data, counts, axis=axis))


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """`x` in another shape; ValueError where copy=False needs a copy."""
    if not isinstance(shape, tuple):
        raise TypeError(f"shape must be a tuple of ints, got {shape!r}")
    return wrap(np.reshape(storage(x, "reshape"), shape, copy=copy))


def roll(x: Array, /, shift: _Axes, *, axis: _Axes | None = None) -> Array:
    """`x` with elements moved by `shift` along axes, around the ends; flattened meanwhile without an axis."""
    if isinstance(shift, tuple) and (not isinstance(axis, tuple) or len(axis) != len(shift)):
        raise ValueError(f"roll with a tuple of shifts needs as many axes, got shift={shift} and axis={axis}")
    return wrap(np.roll(storage(x, "roll"), shift, axis=axis))


def squeeze(x: Array, /, axis: _Axes) -> Array:
    """`x` without some dims of size 1; ValueError for another size."""
    named: object = axis
    if named is None:
        raise ValueError("squeeze needs the axes to remove; None is not defined")
    return wrap(np.squeeze(storage(x, "squeeze"), axis=axis))


def tile(x: Array, repetitions: tuple[int, ...], /) -> Array:
    """`x` laid side by side, as often as a tuple says for each of the last dims."""
    if not isinstance(repetitions, tuple):
        raise TypeError(f"repetitions must be a tuple of ints, got {type(repetitions).__name__}")
    return wrap(np.tile(storage(x, "tile"), repetitions))


def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices of `x` along `axis`, as views; ValueError where there is no such axis."""
    data = storage(x, "unstack")
    if not -data.ndim <= axis < data.ndim:
        raise ValueError(f"unstack along axis {axis} of an array of {data.ndim} dims")
    return tuple(wrap(part) for part in np.moveaxis(data, axis, 0))
