"""Tensors made by a formula or a layout: logarithmic spacing, Vandermonde matrices, windows, memory with given strides.

Formulas are computed in float64 and rounded once to the dtype that is asked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import number, sizes, whole
from .._creation import finished, float_dtype, place, spaced, zeros
from .._device import as_device
from .._dtype import FLOAT, as_dtype, int64
from .._promotion import default_float
from .._views import shares_memory
from .common import run, tensor_of, to_dtype
from .joining import cat
from .layout import flip
from .movement import expand
from .scan import cumprod

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "bartlett_window", "blackman_window", "empty_permuted", "empty_strided", "hamming_window", "hann_window",
    "kaiser_window", "logspace", "vander",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS: tuple[str, ...] = ()
IN_PLACE: tuple[str, ...] = ()


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` powers of base whose exponents are evenly spaced, from base**start to base**end."""
    exponents, kind = spaced("logspace", start, end, steps, dtype)
    base = base if isinstance(base, complex) else number(base, "logspace: base")
    if isinstance(base, complex) and kind.category <= FLOAT:
        raise TypeError(f"logspace to the base {base} cannot be {kind}; give a complex dtype")
    return finished(np.power(np.asarray(base, exponents.dtype), exponents), kind, device, requires_grad)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers N-1 .. 0 of every element of x [n] as rows [n, N] (N = n unless given), or 0 .. N-1 for increasing."""
    t = tensor_of(x, "vander")
    if t.ndim != 1:
        raise ValueError(f"vander needs a tensor of one dim, got shape {t.shape}")
    n = t.shape[0]
    columns = n if N is None else whole(N, "vander: N")
    if columns < 0:
        raise ValueError(f"vander needs N >= 0, got {N}")
    if t.dtype.category < FLOAT:
        t = to_dtype(t, int64)
    first = run("full", (1,), shape=(n, min(columns, 1)), dtype=t.dtype)
    powers = first
    if columns > 1:
        powers = cat([first, cumprod(expand(t.unsqueeze(1), (n, columns - 1)), 1)], 1)
    return powers if increasing else flip(powers, (1,))


def _window(
    name: str, length: Any, periodic: bool, formula: Any, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    """formula(i, n - 1) over i = 0 .. length-1, where n is the length, one more for a periodic window."""
    size = int(whole(length, f"{name}: window_length"))  # numpy computes them here
    if size < 0:
        raise ValueError(f"{name} needs a length of at least 0, got {length}")
    kind = float_dtype(dtype, name)
    i = np.arange(size, dtype=np.float64)
    last = size if periodic else size - 1
    values = np.ones(size) if size <= 1 else formula(i, last)
    return finished(values, kind, device, requires_grad)


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The triangle 1 - |2 i / (n - 1) - 1|; periodic leaves the last of one element more out."""
    return _window(
        "bartlett_window", window_length, periodic, lambda i, m: 1 - np.abs(2 * i / m - 1), dtype, device, requires_grad
    )


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """0.42 - 0.5 cos(t) + 0.08 cos(2 t), t = 2 pi i / (n - 1); periodic leaves the last of one element more out."""

    def formula(i: Any, m: int) -> Any:
        turn = 2 * math.pi / m * i
        return 0.42 - 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn)

    return _window("blackman_window", window_length, periodic, formula, dtype, device, requires_grad)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - beta cos(2 pi i / (n - 1)); periodic leaves the last of one element more out."""

    high, swing = number(alpha, "hamming_window: alpha"), number(beta, "hamming_window: beta")

    def formula(i: Any, m: int) -> Any:
        return high - swing * np.cos(2 * math.pi / m * i)

    return _window("hamming_window", window_length, periodic, formula, dtype, device, requires_grad)


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """sin(pi i / (n - 1))**2; periodic leaves the last of one element more out."""

    def formula(i: Any, m: int) -> Any:
        return 0.5 - 0.5 * np.cos(2 * math.pi / m * i)

    return _window("hann_window", window_length, periodic, formula, dtype, device, requires_grad)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta sqrt(1 - (2 i / (n - 1) - 1)**2)) / I0(beta); periodic leaves the last of one element more out."""

    width = number(beta, "kaiser_window: beta")

    def formula(i: Any, m: int) -> Any:
        return np.i0(width * np.sqrt(np.maximum(0.0, 1 - (2 * i / m - 1) ** 2))) / np.i0(width)

    return _window("kaiser_window", window_length, periodic, formula, dtype, device, requires_grad)


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros (see `empty`) of a shape whose dims are `stride` elements apart in memory.

    ValueError where two elements would share their memory: what is written to one would change the other.
    """
    shape = sizes(size, "empty_strided: size")
    given = stride if isinstance(stride, (tuple, list)) else (stride,)
    steps = tuple(whole(s, "empty_strided: a stride") for s in given)
    if len(shape) != len(steps):
        raise ValueError(f"empty_strided needs one stride a dim, got sizes {shape} and strides {steps}")
    if any(s < 0 for s in steps):
        raise ValueError(f"empty_strided needs strides of at least 0, got {steps}")
    if shares_memory(shape, steps):
        raise ValueError(f"empty_strided: elements of sizes {shape} and strides {steps} share memory")
    count = 0 if 0 in shape else 1 + sum(s * (n - 1) for s, n in zip(steps, shape, strict=True))
    kind = default_float() if dtype is None else as_dtype(dtype)
    if as_device(device).kind == "meta":
        return zeros(shape, dtype=kind, device=device, requires_grad=requires_grad)
    flat = np.zeros(count, kind.numpy)
    bytes_apart = tuple(s * kind.itemsize for s in steps)
    out = place(np.lib.stride_tricks.as_strided(flat, shape, bytes_apart), as_device(device))
    return out.requires_grad_() if requires_grad else out  # type: ignore[no-any-return]


def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros (see `empty`) of a shape whose dims lie in memory, the outermost first, as `physical_layout` names them."""
    shape = sizes(size, "empty_permuted: size")
    given = physical_layout if isinstance(physical_layout, (tuple, list)) else (physical_layout,)
    order = tuple(whole(d, "empty_permuted: a dim of physical_layout") for d in given)
    if sorted(order) != list(range(len(shape))):
        raise ValueError(f"empty_permuted needs a layout that names each of {len(shape)} dims once, got {order}")
    stride = [0] * len(shape)
    step = 1
    for d in reversed(order):
        stride[d] = step
        step *= max(shape[d], 1)
    return empty_strided(shape, stride, dtype=dtype, device=device, requires_grad=requires_grad)
