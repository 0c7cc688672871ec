"""Initializers: they overwrite a tensor in place, without recording, and return it. Distributions are torch's; the
numbers are ours.

Glorot & Bengio 2010 (xavier), He et al. 2015 (kaiming).
"""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad
from lamella.tensor.extend import FLOAT

__all__ = [
    "calculate_gain", "constant_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "trunc_normal_",
    "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

_GAINS = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity.

    `param` is the negative slope of leaky_relu (0.01 unless given).
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"no gain is known for {nonlinearity!r}; there are {', '.join([*_GAINS, 'leaky_relu'])}")
    return _GAINS[nonlinearity]


def _target(tensor: Any, name: str) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} needs a tensor to write into, got {type(tensor).__name__}")
    return tensor


def _drawn(tensor: Any, name: str) -> Tensor:
    t = _target(tensor, name)
    if t.dtype.category != FLOAT:
        raise TypeError(f"{name} needs a floating tensor, got {t.dtype}")
    return t


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    with no_grad():
        return _target(tensor, "constant_").fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    if _target(tensor, "eye_").ndim != 2:
        raise ValueError(f"eye_ needs a matrix, got shape {tensor.shape}")
    with no_grad():
        return tensor.copy_(lt.eye(*tensor.shape, dtype=tensor.dtype))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Tensor:
    """Uniform in [a, b)."""
    if not a <= b:
        raise ValueError(f"uniform_ needs a <= b, got [{a}, {b})")
    with no_grad():
        return _drawn(tensor, "uniform_").uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Normal."""
    if std < 0:
        raise ValueError(f"normal_ needs a non-negative std, got {std}")
    with no_grad():
        return _drawn(tensor, "normal_").normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, generator: Any = None
) -> Tensor:
    """Normal, conditioned on [a, b]: a uniform draw between the distribution function's values there, put through its
    inverse.
    """
    t = _drawn(tensor, "trunc_normal_")
    if not a < b or std <= 0:
        raise ValueError(f"trunc_normal_ needs a < b and a positive std, got [{a}, {b}] and {std}")
    root = std * math.sqrt(2)
    low, high = math.erf((a - mean) / root), math.erf((b - mean) / root)
    if low == high:
        raise ValueError(f"trunc_normal_: [{a}, {b}] lies so far from mean {mean} (std {std}) that no draw falls there")
    with no_grad():
        u = lt.rand(t.shape, dtype=lt.float64, generator=generator) * (high - low) + low
        return t.copy_((_erfinv(u) * root + mean).clamp(a, b))


def _erfinv(y: Tensor) -> Tensor:
    # Winitzki's closed form is within 2e-3; each step of Newton's method on erf doubles the digits. The ends are
    # infinite.
    u = y.clamp(-1 + 2**-53, 1 - 2**-53)
    k = 0.147
    log = lt.log((1 - u) * (1 + u))
    half = 2 / (math.pi * k) + log / 2
    x = lt.sign(u) * lt.sqrt(lt.sqrt(half * half - log / k) - half)
    for _ in range(4):
        x = x - (lt.erf(x) - u) * lt.exp(x * x) * (math.sqrt(math.pi) / 2)
    return x


def _fans(tensor: Any, name: str) -> tuple[int, int]:
    t = _drawn(tensor, name)
    if t.ndim < 2:
        raise ValueError(f"{name} needs a tensor of at least 2 dims, [out, in, ...], got shape {t.shape}")
    window = math.prod(t.shape[2:])
    return t.shape[1] * window, t.shape[0] * window


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, generator: Any = None) -> Tensor:
    """Uniform within gain * sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor, "xavier_uniform_")))
    return uniform_(tensor, -bound, bound, generator=generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, generator: Any = None) -> Tensor:
    """Normal with std gain * sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor, "xavier_normal_"))), generator=generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str, name: str) -> float:
    fans = _fans(tensor, name)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode is 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, generator: Any = None
) -> Tensor:
    """Uniform within gain * sqrt(3 / fan); `a` is the negative slope of leaky_relu."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_uniform_")
    return uniform_(tensor, -bound, bound, generator=generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, generator: Any = None
) -> Tensor:
    """Normal with std gain / sqrt(fan); `a` is the negative slope of leaky_relu."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_normal_"), generator=generator)
