"""Discrete Fourier transforms over tensors: `import lamella.tensor.fft`.

They keep the precision (float32 gives complex64); integers become the default float. They have no derivative yet and
refuse a tensor that requires grad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._arguments import number, whole
from ._dims import dim_of, dims_of
from ._dtype import FLOAT, DType, as_dtype
from ._outside import back, memory, numbers
from ._promotion import default_float
from ._tensor import Tensor

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

_NORMS = (None, "backward", "ortho", "forward")
_REAL = frozenset({"rfft", "rfft2", "rfftn", "ihfft"})


def _input(x: Any, name: str, norm: Any) -> Any:
    if norm not in _NORMS:
        raise ValueError(f"fft.{name}: norm must be None, 'backward', 'ortho' or 'forward', got {norm!r}")
    data = numbers(x, f"fft.{name}", integers=True)
    if name in _REAL and data.dtype.kind == "c":
        raise TypeError(f"fft.{name} is for real tensors, got {data.dtype}; use the transform without r")
    return data


def _length(n: Any, name: str) -> int:
    length = whole(n, f"fft.{name}: a length")
    if length < 1:
        raise ValueError(f"fft.{name} needs lengths of at least 1, got {length}")
    return length


def _several(given: Any) -> Sequence[Any]:
    return given if isinstance(given, (tuple, list, range)) else (given,)


def _line(name: str, kernel: Any) -> Callable[..., Tensor]:
    def function(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        data = _input(input, name, norm)
        length = None if n is None else _length(n, name)
        return back(kernel(data, n=length, axis=dim_of(dim, data.ndim), norm=norm))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` along one dim, cut or padded to length n; norm divides as numpy's does."
    return function


def _space(name: str, kernel: Any, default: tuple[int, ...] | None = None) -> Callable[..., Tensor]:
    def function(
        input: Any, s: Sequence[int] | None = None, dim: Sequence[int] | None = default, norm: str | None = None
    ) -> Tensor:
        data = _input(input, name, norm)
        # -1 leaves a dim as long as it is
        lengths = None if s is None else [n if n == -1 else _length(n, name) for n in _several(s)]
        if dim is None and lengths is not None:
            dim = range(-len(lengths), 0)
        if dim is not None:
            dim = [dim_of(d, data.ndim) for d in _several(dim)]
            if lengths is not None and len(lengths) != len(dim):
                raise ValueError(f"fft.{name} needs one length a dim, got s={tuple(lengths)} for dims {tuple(dim)}")
        return back(kernel(data, s=lengths, axes=dim, norm=norm))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` along {'two' if default else 'some or all'} dims, cut or padded to lengths s."
    return function


fft = _line("fft", np.fft.fft)
ifft = _line("ifft", np.fft.ifft)
rfft = _line("rfft", np.fft.rfft)
irfft = _line("irfft", np.fft.irfft)
hfft = _line("hfft", np.fft.hfft)
ihfft = _line("ihfft", np.fft.ihfft)
fftn = _space("fftn", np.fft.fftn)
ifftn = _space("ifftn", np.fft.ifftn)
rfftn = _space("rfftn", np.fft.rfftn)
irfftn = _space("irfftn", np.fft.irfftn)
fft2 = _space("fft2", np.fft.fftn, (-2, -1))
ifft2 = _space("ifft2", np.fft.ifftn, (-2, -1))
rfft2 = _space("rfft2", np.fft.rfftn, (-2, -1))
irfft2 = _space("irfft2", np.fft.irfftn, (-2, -1))


def _frequencies(name: str, kernel: Any, n: int, d: float, dtype: Any) -> Tensor:
    wanted = default_float() if dtype is None else as_dtype(dtype)
    if wanted.category < FLOAT:
        raise TypeError(f"fft.{name} gives floating numbers, got dtype={dtype!r}")
    spacing = number(d, f"fft.{name}: d")
    return back(kernel(int(whole(n, f"fft.{name}: n")), spacing).astype(wanted.numpy))


def fftfreq(n: int, d: float = 1.0, *, dtype: DType | None = None) -> Tensor:
    """The frequencies of `fft` of n samples, d apart."""
    return _frequencies("fftfreq", np.fft.fftfreq, n, d, dtype)


def rfftfreq(n: int, d: float = 1.0, *, dtype: DType | None = None) -> Tensor:
    """The frequencies of `rfft` of n samples, d apart."""
    return _frequencies("rfftfreq", np.fft.rfftfreq, n, d, dtype)


def _shifted(name: str, kernel: Any, x: Any, dim: Any) -> Tensor:
    data = memory(x, f"fft.{name}")
    return back(kernel(data, axes=dims_of(dim, data.ndim)))


def fftshift(input: Any, dim: int | Sequence[int] | None = None) -> Tensor:
    """The zero frequency moved to the middle of some dims, or all."""
    return _shifted("fftshift", np.fft.fftshift, input, dim)


def ifftshift(input: Any, dim: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted("ifftshift", np.fft.ifftshift, input, dim)
