"""Normalization by batch, running or per-example statistics."""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor, optional_tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Normalize over the last dims, which must equal normalized_shape (Ba et al. 2016)."""
    optional_tensor(weight, "layer_norm", "weight")
    optional_tensor(bias, "layer_norm", "bias")
    return lt.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Divide by the root of the mean square over the last dims, which must equal normalized_shape (Zhang & Sennrich
    2019).

    eps, added to the mean square, is the machine epsilon of the dtype unless given.
    """
    optional_tensor(weight, "rms_norm", "weight")
    return lt.rms_norm(input, normalized_shape, weight, eps)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Normalize each group of channels of [N, C, ...] over its channels and all further dims (Wu & He 2018).

    weight and bias are [C].
    """
    x = need_tensor(input, "group_norm", "input")
    if x.ndim < 2:
        raise ValueError(f"group_norm needs input [N, C, ...], got shape {x.shape}")
    n, c = x.shape[:2]
    if not isinstance(num_groups, int) or num_groups < 1 or c % num_groups:
        raise ValueError(f"group_norm: {c} channels do not make {num_groups!r} groups of one size")
    _check_channels(x, "group_norm", weight=weight, bias=bias)
    size = x.numel() // (n * num_groups) if n else math.prod(x.shape[1:]) // num_groups
    # an empty batch leaves -1 open: the sizes are given in full
    y = lt.layer_norm(x.reshape(n, num_groups, size), (size,), eps=eps).reshape(x.shape)
    return _affine(y, weight, bias)


def _affine(y: Tensor, weight: Any, bias: Any) -> Tensor:
    channel = (1, -1, *(1,) * (y.ndim - 2))
    if weight is not None:
        y = y * weight.reshape(channel)
    return y if bias is None else y + bias.reshape(channel)


def _check_channels(x: Tensor, function: str, **given: Any) -> None:
    for name, v in given.items():
        if v is not None and need_tensor(v, function, name).shape != x.shape[1:2]:
            raise ValueError(f"{function}: {name} must be [{x.shape[1]}] for input {x.shape}, got {v.shape}")


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each example of [N, C, ...] (Ulyanov et al. 2016): by its own statistics, or by the
    running ones.

    With its own statistics, the running ones, where given, move by `momentum` towards the mean over the batch.
    """
    x = need_tensor(input, "instance_norm", "input")
    if x.ndim < 3:
        raise ValueError(f"instance_norm needs input [N, C, ...] with dims behind the channels, got shape {x.shape}")
    _check_channels(x, "instance_norm", running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    n, c = x.shape[:2]
    size = math.prod(x.shape[2:])
    if size <= 1 and n:
        raise ValueError(f"instance_norm needs more than one value per channel, got input {x.shape}")
    y, mean, rstd = _layer_norm_stats(x.reshape(n, c, size), eps)
    if running_mean is not None and n:
        _move(running_mean, running_var, mean.detach(), rstd.detach(), momentum, eps, size)
    return _affine(y.reshape(x.shape), weight, bias)


def _layer_norm_stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(normalized over the last dim, mean, rstd) for [N, C, L]; the statistics are [N, C]."""
    y, mean, rstd = dispatch(OPS["layer_norm"], (x, None, None), {"ndims": 1, "eps": float(eps)})
    return y, mean.squeeze(-1), rstd.squeeze(-1)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize [N, C, ...] per channel (Ioffe & Szegedy 2015): by the batch's statistics in training, else by the
    running ones.

    Training also moves the running statistics, where given, by `momentum` (a number or a 0-d tensor) towards the
    batch's; the variance kept there is the unbiased one. ValueError where the shapes do not fit, or training has one
    value per channel.
    """
    x = need_tensor(input, "batch_norm", "input")
    if x.ndim < 2:
        raise ValueError(f"batch_norm needs input [N, C, ...], got shape {x.shape}")
    _check_channels(x, "batch_norm", running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm takes running_mean and running_var together")
    if training and not x.numel():
        # there are no statistics, and the running ones stay
        for p, op in ((weight, lt.mul), (bias, lt.add)):
            x = x if p is None else op(x, p.reshape(1, -1, *(1,) * (x.ndim - 2)).to(x.dtype))
        return x.clone() if weight is None and bias is None else x
    if training:
        y, mean, rstd = lt.batch_norm(x, weight, bias, eps)
        if running_mean is not None:
            _move(running_mean, running_var, mean.detach(), rstd.detach(), momentum, eps, x.numel() // x.shape[1])
        return y
    if running_mean is None:
        raise ValueError("batch_norm outside training needs running_mean and running_var")
    wide = lt.float32 if x.dtype.itemsize < 4 else x.dtype
    scale: Tensor = lt.rsqrt(running_var.to(wide) + eps)
    if weight is not None:
        scale = scale * weight.to(wide)
    shift: Tensor = -running_mean.to(wide) * scale
    if bias is not None:
        shift = shift + bias.to(wide)
    channel = (1, -1, *(1,) * (x.ndim - 2))
    return (x.to(wide) * scale.reshape(channel) + shift.reshape(channel)).to(x.dtype)


def _move(
    running_mean: Tensor, running_var: Tensor, mean: Tensor, rstd: Tensor, momentum: Any, eps: float, count: int
) -> None:
    # the op returns 1 / sqrt(var + eps); rounding may take a variance of zero just below it
    var = lt.maximum(1 / (rstd * rstd) - eps, 0.0) * (count / (count - 1))
    if mean.ndim == 2:  # one an example
        mean, var = mean.mean(0), var.mean(0)
    keep = 1 - momentum
    running_mean.mul_(keep).add_(mean * momentum)
    running_var.mul_(keep).add_(var * momentum)


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha * mean of the squares of `size` neighbouring channels)**beta for [N, C, ...] (Krizhevsky et al.
    2012); beyond the channels are zeros, which count in the mean.
    """
    x = need_tensor(input, "local_response_norm", "input")
    if x.ndim < 3:
        raise ValueError(f"local_response_norm needs input [N, C, ...] with dims behind the channels, got {x.shape}")
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"local_response_norm needs a positive size, got {size!r}")
    if not x.numel():
        return x
    channels = x.shape[1]
    squares = lt.pad(x * x, (*(0, 0) * (x.ndim - 2), size // 2, (size - 1) // 2))
    total = lt.narrow(squares, 1, 0, channels)
    for at in range(1, size):
        total = total + lt.narrow(squares, 1, at, channels)
    return x / (total * (alpha / size) + k) ** beta
