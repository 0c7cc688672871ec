"""Initializers: they overwrite a tensor in place, without recording, and return it. Distributions are torch's; the
numbers are ours.

Glorot & Bengio 2010 (xavier), He et al. 2015 (kaiming), Saxe et al. 2013 (orthogonal), Martens 2010 (sparse). A tensor
without elements or memory is returned as it is, and no random number is used up for it.
"""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad
from lamella.tensor.extend import FLOAT, number, whole

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

_LINEAR = ("linear", *(f"conv{way}{n}d" for way in ("", "_transpose") for n in (1, 2, 3)))
_GAINS = {**dict.fromkeys(_LINEAR, 1.0), "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity.

    `param` is the negative slope of leaky_relu (0.01 unless given).
    """
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"calculate_gain: the negative slope of leaky_relu is a number, got {param!r}")
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


def _is_empty(tensor: Tensor) -> bool:
    return not tensor.numel() or tensor.device.type == "meta"


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


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel [out, in, ...] of a convolution that passes as many channels on as it can in each group; 0 elsewhere.

    ValueError unless it has one to three dims of space, and out is divisible by groups.
    """
    if not 3 <= _target(tensor, "dirac_").ndim <= 5:
        raise ValueError(f"dirac_ needs a kernel of 3 to 5 dims, [out, in, ...], got shape {tensor.shape}")
    groups = whole(groups, "dirac_: groups")
    if groups < 1 or tensor.shape[0] % groups:
        raise ValueError(f"dirac_: {tensor.shape[0]} outputs cannot be cut into {groups} groups")
    each = tensor.shape[0] // groups
    kept = min(each, tensor.shape[1])
    middle = tuple(n // 2 for n in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        if not tensor.numel():
            return tensor
        for group in range(groups):
            for channel in range(kept):
                tensor[(group * each + channel, channel, *middle)] = 1
    return tensor


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """gain times a matrix [out, in * ...] with orthonormal rows or columns, whichever are fewer; uniform among these.

    The Q of a normal matrix, with the signs that make it uniform (Mezzadri 2007).
    """
    t = _drawn(tensor, "orthogonal_")
    if t.ndim < 2:
        raise ValueError(f"orthogonal_ needs a tensor of at least 2 dims, [out, in, ...], got shape {t.shape}")
    if _is_empty(t):
        return t
    from lamella.tensor.linalg import diagonal, qr

    rows, columns = t.shape[0], t.numel() // t.shape[0]
    wide = t.dtype if t.dtype.itemsize >= 4 else lt.float32
    with no_grad():
        q, r = qr(lt.randn(max(rows, columns), min(rows, columns), dtype=wide, generator=generator))
        q = q * diagonal(r).sign() * number(gain, "orthogonal_: gain")
        return t.copy_((q if rows >= columns else q.T).reshape(t.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal with the given std, but ceil(sparsity * rows) zeros in every column of a matrix."""
    if _drawn(tensor, "sparse_").ndim != 2:
        raise ValueError(f"sparse_ needs a matrix, got shape {tensor.shape}")
    if not 0 <= number(sparsity, "sparse_: sparsity") <= 1:
        raise ValueError(f"sparse_ needs a sparsity in [0, 1], got {sparsity}")
    rows, columns = tensor.shape
    normal_(tensor, 0.0, std, generator=generator)
    if _is_empty(tensor):
        return tensor
    with no_grad():
        # the rank of a uniform draw is a permutation of the rows, another for every column
        rank = lt.argsort(lt.rand(rows, columns, dtype=lt.float64, generator=generator), 0)
        return tensor.masked_fill_(rank < math.ceil(sparsity * rows), 0.0)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Tensor:
    """Uniform in [a, b)."""
    if not number(a, "uniform_: a") <= number(b, "uniform_: b"):
        raise ValueError(f"uniform_ needs a <= b, got [{a}, {b})")
    if _is_empty(_drawn(tensor, "uniform_")):
        return tensor
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Normal."""
    if number(std, "normal_: std") < 0:
        raise ValueError(f"normal_ needs a non-negative std, got {std}")
    if _is_empty(_drawn(tensor, "normal_")):
        return tensor
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, generator: Any = None
) -> Tensor:
    """Normal, conditioned on [a, b]: a uniform draw between the distribution function's values there, put through its
    inverse.
    """
    t = _drawn(tensor, "trunc_normal_")
    mean, std, a, b = (
        number(v, f"trunc_normal_: {name}") for v, name in ((mean, "mean"), (std, "std"), (a, "a"), (b, "b"))
    )
    if not a < b or std <= 0:
        raise ValueError(f"trunc_normal_ needs a < b and a positive std, got [{a}, {b}] and {std}")
    root = std * math.sqrt(2)
    low, high = math.erf((a - mean) / root), math.erf((b - mean) / root)
    if low == high:
        raise ValueError(f"trunc_normal_: [{a}, {b}] lies so far from mean {mean} (std {std}) that no draw falls there")
    if _is_empty(t):
        return t
    with no_grad():
        u = lt.rand(t.shape, dtype=lt.float64, generator=generator) * (high - low) + low
        return t.copy_((lt.erfinv(u) * root + mean).clamp(a, b))


def _fans(tensor: Any, name: str) -> tuple[int, int]:
    t = _drawn(tensor, name)
    if t.ndim < 2:
        raise ValueError(f"{name} needs a tensor of at least 2 dims, [out, in, ...], got shape {t.shape}")
    window = math.prod(t.shape[2:])
    return t.shape[1] * window, t.shape[0] * window


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    # programs use it under this name
    return _fans(tensor, "the fan in and out")


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, generator: Any = None) -> Tensor:
    """Uniform within gain * sqrt(6 / (fan_in + fan_out))."""
    bound = number(gain, "xavier_uniform_: gain") * math.sqrt(6 / max(sum(_fans(tensor, "xavier_uniform_")), 1))
    return uniform_(tensor, -bound, bound, generator=generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, generator: Any = None) -> Tensor:
    """Normal with std gain * sqrt(2 / (fan_in + fan_out))."""
    std = number(gain, "xavier_normal_: gain") * math.sqrt(2 / max(sum(_fans(tensor, "xavier_normal_")), 1))
    return normal_(tensor, 0.0, std, generator=generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str, name: str) -> float:
    fans = _fans(tensor, name)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode is 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode == "fan_out"], 1))


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
