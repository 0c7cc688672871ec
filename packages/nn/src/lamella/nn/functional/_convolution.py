"""Convolution and pooling over [N, C, H, W].

One image [C, H, W] is taken as a batch of one and returned without the batch dim.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, pad
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor, optional_tensor, pair

__all__ = ["avg_pool2d", "conv2d", "max_pool2d"]

_conv2d = OPS["conv2d"]
_max_pool2d = OPS["max_pool2d"]
_avg_pool2d = OPS["avg_pool2d"]


def _batched(x: Any, function: str) -> tuple[Tensor, bool]:
    t = need_tensor(x, function, "input")
    if t.ndim not in (3, 4):
        raise ValueError(f"{function} needs input [N, C, H, W] or [C, H, W], got shape {t.shape}")
    return (t, False) if t.ndim == 4 else (t.unsqueeze(0), True)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Cross-correlation of input [N, C, H, W] with weight [O, C/groups, kh, kw], plus bias [O].

    Padding is zeros: an int, a pair, 'valid' or 'same'.
    """
    x, single = _batched(input, "conv2d")
    w = need_tensor(weight, "conv2d", "weight")
    b = optional_tensor(bias, "conv2d", "bias")
    if w.ndim != 4:
        raise ValueError(f"conv2d needs weight [O, C/groups, kh, kw], got shape {w.shape}")
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"conv2d: groups is a positive int, got {groups!r}")
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"conv2d: bias must be [{w.shape[0]}] for weight {w.shape}, got {b.shape}")
    steps = pair(stride, "conv2d", "stride", 1)
    spread = pair(dilation, "conv2d", "dilation", 1)
    if isinstance(padding, str):
        x, around = _named_padding(x, w, padding, steps, spread)
    else:
        around = pair(padding, "conv2d", "padding", 0)
    y: Tensor = dispatch(_conv2d, (x, w), {"stride": steps, "padding": around, "dilation": spread, "groups": groups})
    if b is not None:
        y = y + b.reshape(1, -1, 1, 1)
    return y.squeeze(0) if single else y


def _named_padding(x: Tensor, w: Tensor, padding: str, steps: Any, spread: Any) -> tuple[Tensor, tuple[int, int]]:
    if padding == "valid":
        return x, (0, 0)
    if padding != "same":
        raise ValueError(f"conv2d: padding is an int, a pair, 'valid' or 'same', got {padding!r}")
    if steps != (1, 1):
        raise ValueError(f"conv2d: padding='same' needs stride 1, got {steps}; give the padding as numbers")
    total = [d * (k - 1) for d, k in zip(spread, w.shape[2:], strict=True)]
    # an odd total puts the extra zeros behind, as torch does
    if any(t % 2 for t in total):
        x = pad(x, (0, total[1] % 2, 0, total[0] % 2))
    return x, (total[0] // 2, total[1] // 2)


def _pool(op: Any, name: str, input: Any, kernel_size: Any, stride: Any, padding: Any) -> Any:
    x, single = _batched(input, name)
    kernel = pair(kernel_size, name, "kernel_size", 1)
    steps = kernel if stride is None else pair(stride, name, "stride", 1)
    around = pair(padding, name, "padding", 0)
    y = dispatch(op, (x,), {"kernel": kernel, "stride": steps, "padding": around})
    if op is _max_pool2d:
        y = y[0]
    return y.squeeze(0) if single else y


def max_pool2d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """Largest value of each window; the stride is the window unless given, padding counts as -inf."""
    return _pool(_max_pool2d, "max_pool2d", input, kernel_size, stride, padding)  # type: ignore[no-any-return]


def avg_pool2d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """Mean of each window; the stride is the window unless given, padding counts as zeros and in the divisor."""
    return _pool(_avg_pool2d, "avg_pool2d", input, kernel_size, stride, padding)  # type: ignore[no-any-return]
