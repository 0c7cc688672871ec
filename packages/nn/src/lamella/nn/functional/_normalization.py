"""Normalization by batch, running or per-example statistics."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor

from ._arguments import need_tensor, optional_tensor

__all__ = ["batch_norm", "layer_norm"]


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Normalize over the last dims, which must equal normalized_shape (Ba et al. 2016)."""
    optional_tensor(weight, "layer_norm", "weight")
    optional_tensor(bias, "layer_norm", "bias")
    return lt.layer_norm(input, normalized_shape, weight, bias, eps)


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
    for name, v in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if v is not None and need_tensor(v, "batch_norm", name).shape != x.shape[1:2]:
            raise ValueError(f"batch_norm: {name} must be [{x.shape[1]}] for input {x.shape}, got {v.shape}")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm takes running_mean and running_var together")
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
    keep = 1 - momentum
    running_mean.mul_(keep).add_(mean * momentum)
    running_var.mul_(keep).add_(var * momentum)
