"""Moving values between space and channels: unfold and fold, pixel and channel shuffles."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor
from ._window import batched, ints

__all__ = ["channel_shuffle", "fold", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "unfold"]


def _windows(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    return {
        "kernel": ints(kernel_size, 2, name, "kernel_size", 1),
        "stride": ints(stride, 2, name, "stride", 1),
        "padding": ints(padding, 2, name, "padding", 0),
        "dilation": ints(dilation, 2, name, "dilation", 1),
    }


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of [N, C, H, W] as columns [N, C * kh * kw, L]."""
    x, single = batched(input, 2, "unfold")
    y: Tensor = dispatch(OPS["im2col"], (x,), _windows("unfold", kernel_size, dilation, padding, stride))
    return y.squeeze(0) if single else y


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The transpose of unfold: columns [N, C * kh * kw, L] added up into images [N, C, *output_size]."""
    x = need_tensor(input, "fold", "input")
    if x.ndim not in (2, 3):
        raise ValueError(f"fold needs input [N, C * kh * kw, L] or [C * kh * kw, L], got shape {x.shape}")
    params = _windows("fold", kernel_size, dilation, padding, stride)
    sizes = ints(output_size, 2, "fold", "output_size", 1)
    single = x.ndim == 2
    y: Tensor = dispatch(OPS["col2im"], (x.unsqueeze(0) if single else x,), {"sizes": sizes, **params})
    return y.squeeze(0) if single else y


def _factor(value: Any, name: str, argument: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: {argument} is a positive int, got {value!r}")
    return value


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """[..., C * r * r, H, W] to [..., C, H * r, W * r] (Shi et al. 2016)."""
    x, r = need_tensor(input, "pixel_shuffle", "input"), _factor(upscale_factor, "pixel_shuffle", "upscale_factor")
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle by {r} needs input [..., C * {r * r}, H, W], got shape {x.shape}")
    *lead, c, h, w = x.shape
    n = len(lead)
    y = x.reshape(*lead, c // (r * r), r, r, h, w)
    y = y.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return y.reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """[..., C, H * r, W * r] to [..., C * r * r, H, W]: pixel_shuffle back."""
    x = need_tensor(input, "pixel_unshuffle", "input")
    r = _factor(downscale_factor, "pixel_unshuffle", "downscale_factor")
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(f"pixel_unshuffle by {r} needs input [..., C, H * {r}, W * {r}], got shape {x.shape}")
    *lead, c, h, w = x.shape
    n = len(lead)
    y = x.reshape(*lead, c, h // r, r, w // r, r)
    y = y.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return y.reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input: Any, groups: int) -> Tensor:
    """The channels of [N, C, ...], seen as [groups, C / groups], transposed (Zhang et al. 2018)."""
    x, g = need_tensor(input, "channel_shuffle", "input"), _factor(groups, "channel_shuffle", "groups")
    if x.ndim < 3 or x.shape[1] % g:
        raise ValueError(f"channel_shuffle needs input [N, C, ...] with C a multiple of {g}, got shape {x.shape}")
    n, c, *rest = x.shape
    return x.reshape(n, g, c // g, *rest).transpose(1, 2).reshape(n, c, *rest)


native_channel_shuffle = channel_shuffle
