"""The extension `fft`: discrete Fourier transforms in the precision of the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._dtype import DType, float64
from ._array import Array, checked_device, storage, wrap
from ._dtypes import CATEGORIES, checked_dtype

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn", "rfft",
    "rfftfreq", "rfftn",
]  # fmt: skip

_NORMS = ("backward", "ortho", "forward")


def _norm(norm: str, name: str) -> Any:
    if norm not in _NORMS:
        raise ValueError(f"{name}: norm must be one of {', '.join(map(repr, _NORMS))}, got {norm!r}")
    return norm


def _line(name: str, kernel: Any, category: str) -> Callable[..., Array]:
    def function(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
        return wrap(kernel(storage(x, name, category), n=n, axis=axis, norm=_norm(norm, name)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` along one axis, cut or padded to length `n`; for {category} data types."
    return function


def _space(name: str, kernel: Any, category: str) -> Callable[..., Array]:
    def function(
        x: Array, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
    ) -> Array:
        data = storage(x, name, category)
        if s is not None and axes is None:
            axes = range(data.ndim - len(s), data.ndim)  # the last ones, as the standard has it
        return wrap(kernel(data, s=s, axes=axes, norm=_norm(norm, name)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` along several axes (all), cut or padded to lengths `s`; for {category} data types."
    return function


fft = _line("fft", np.fft.fft, "complex floating-point")
ifft = _line("ifft", np.fft.ifft, "complex floating-point")
fftn = _space("fftn", np.fft.fftn, "complex floating-point")
ifftn = _space("ifftn", np.fft.ifftn, "complex floating-point")
rfft = _line("rfft", np.fft.rfft, "real floating-point")
irfft = _line("irfft", np.fft.irfft, "complex floating-point")
rfftn = _space("rfftn", np.fft.rfftn, "real floating-point")
irfftn = _space("irfftn", np.fft.irfftn, "complex floating-point")
hfft = _line("hfft", np.fft.hfft, "complex floating-point")
ihfft = _line("ihfft", np.fft.ihfft, "real floating-point")


def _frequencies(kernel: Any, name: str, n: int, d: float, dtype: Any, device: Any) -> Array:
    checked_device(device)
    wanted = float64 if dtype is None else checked_dtype(dtype)
    if wanted not in CATEGORIES["real floating-point"]:
        raise TypeError(f"{name} gives real floating-point numbers, got dtype={dtype!r}")
    return wrap(kernel(n, d).astype(wanted.numpy, copy=False))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Any = None) -> Array:
    """The frequencies of `fft` of `n` samples, `d` apart."""
    return _frequencies(np.fft.fftfreq, "fftfreq", n, d, dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Any = None) -> Array:
    """The frequencies of `rfft` of `n` samples, `d` apart."""
    return _frequencies(np.fft.rfftfreq, "rfftfreq", n, d, dtype, device)


def fftshift(x: Array, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """`x` with the zero frequency moved to the middle of some axes, or all."""
    return wrap(np.fft.fftshift(storage(x, "fftshift", "floating-point"), axes=axes))


def ifftshift(x: Array, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """The inverse of `fftshift`."""
    return wrap(np.fft.ifftshift(storage(x, "ifftshift", "floating-point"), axes=axes))
