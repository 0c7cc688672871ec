"""Convolution and its transpose over one, two and three dims.

An unbatched input [C, ...] is taken as a batch of one and returned without the batch dim.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, pad
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor, optional_tensor
from ._window import batched, ints

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

_conv = OPS["conv"]
_conv_input_grad = OPS["conv_input_grad"]


def _operands(n: int, name: str, input: Any, weight: Any, bias: Any, groups: Any) -> tuple[Any, Any, Any, bool]:
    x, single = batched(input, n, name)
    w = need_tensor(weight, name, "weight")
    b = optional_tensor(bias, name, "bias")
    if w.ndim != n + 2:
        raise ValueError(f"{name} needs weight with {n + 2} dims (channels, channels and {n} sizes), got {w.shape}")
    if not isinstance(groups, int) or isinstance(groups, bool) or groups < 1:
        raise ValueError(f"{name}: groups is a positive int, got {groups!r}")
    return x, w, b, single


def _convolve(
    n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Tensor:
    name = f"conv{n}d"
    x, w, b, single = _operands(n, name, input, weight, bias, groups)
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ValueError(
            f"{name}: input has {x.shape[1]} channels, weight {w.shape} takes {w.shape[1]} x groups {groups} and makes "
            f"{w.shape[0]}; these must fit"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"{name}: bias must be [{w.shape[0]}] for weight {w.shape}, got {b.shape}")
    steps = ints(stride, n, name, "stride", 1)
    spread = ints(dilation, n, name, "dilation", 1)
    if isinstance(padding, str):
        x, around = _named_padding(name, x, w, padding, steps, spread)
    else:
        around = ints(padding, n, name, "padding", 0)
    params = {"stride": steps, "padding": around, "dilation": spread, "groups": groups}
    y: Tensor = dispatch(_conv, (x, w, b), params)
    return y.squeeze(0) if single else y


def _named_padding(name: str, x: Tensor, w: Tensor, padding: str, steps: Any, spread: Any) -> tuple[Tensor, Any]:
    if padding == "valid":
        return x, (0,) * len(steps)
    if padding != "same":
        raise ValueError(f"{name}: padding is an int, a tuple of ints, 'valid' or 'same', got {padding!r}")
    if any(s != 1 for s in steps):
        raise ValueError(f"{name}: padding='same' needs stride 1, got {steps}; give the padding as numbers")
    total = [d * (k - 1) for d, k in zip(spread, w.shape[2:], strict=True)]
    # an odd total puts the extra zeros behind, as torch does
    if any(t % 2 for t in total):
        x = pad(x, tuple(p for t in reversed(total) for p in (0, t % 2)))
    return x, tuple(t // 2 for t in total)


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Cross-correlation of input [N, C, L] with weight [O, C/groups, k], plus bias [O].

    Padding is zeros: an int, a tuple, 'valid' or, at stride 1, 'same'.
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Cross-correlation of input [N, C, H, W] with weight [O, C/groups, kh, kw], plus bias [O].

    Padding is zeros: an int, a pair, 'valid' or, at stride 1, 'same'.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Cross-correlation of input [N, C, D, H, W] with weight [O, C/groups, kd, kh, kw], plus bias [O].

    Padding is zeros: an int, a triple, 'valid' or, at stride 1, 'same'.
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def _spread(
    n: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    name = f"conv_transpose{n}d"
    x, w, b, single = _operands(n, name, input, weight, bias, groups)
    if x.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise ValueError(
            f"{name}: input has {x.shape[1]} channels, weight {w.shape} takes {w.shape[0]} in {groups} groups; these "
            "must fit"
        )
    channels = w.shape[1] * groups
    if b is not None and b.shape != (channels,):
        raise ValueError(f"{name}: bias must be [{channels}] for weight {w.shape} and groups {groups}, got {b.shape}")
    if x.dtype != w.dtype:
        raise TypeError(f"{name} needs one dtype, got {x.dtype} and {w.dtype}; cast one with .to(dtype)")
    steps = ints(stride, n, name, "stride", 1)
    around = ints(padding, n, name, "padding", 0)
    spread = ints(dilation, n, name, "dilation", 1)
    more = ints(output_padding, n, name, "output_padding", 0)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, spread, strict=True)):
        raise ValueError(f"{name}: output_padding {more} must be smaller than stride {steps} or dilation {spread}")
    sizes = tuple(
        (size - 1) * s - 2 * p + d * (k - 1) + m + 1
        for size, s, p, d, k, m in zip(x.shape[2:], steps, around, spread, w.shape[2:], more, strict=True)
    )
    if min(sizes) < 1:
        raise ValueError(f"{name}: padding {around} leaves no output for input {x.shape} and weight {w.shape}")
    params = {"stride": steps, "padding": around, "dilation": spread, "groups": groups}
    y: Tensor = dispatch(_conv_input_grad, (x, w), {"shape": (x.shape[0], channels, *sizes), **params})
    if b is not None:
        y = y + b.reshape(1, -1, *(1,) * n)
    return y.squeeze(0) if single else y


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transpose of conv1d: input [N, C, L], weight [C, O/groups, k], bias [O]."""
    return _spread(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transpose of conv2d: input [N, C, H, W], weight [C, O/groups, kh, kw], bias [O]."""
    return _spread(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transpose of conv3d: input [N, C, D, H, W], weight [C, O/groups, kd, kh, kw], bias [O]."""
    return _spread(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
