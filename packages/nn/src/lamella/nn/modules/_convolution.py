"""Convolution layers and their transposes over one, two and three dims."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lamella.tensor import Tensor

from .. import functional, init
from .._module import Module
from .._parameter import Parameter, fresh
from ..functional._window import ints
from ._arguments import positive

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Size = int | tuple[int, ...]
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What all convolutions keep: `weight`, `bias` and the window; `_n` spatial dims."""

    weight: Parameter
    bias: Parameter | None
    _n = 0
    _transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        output_padding: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
        device: Any,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self._n
        self.in_channels = positive(name, "in_channels", in_channels)
        self.out_channels = positive(name, "out_channels", out_channels)
        self.groups = positive(name, "groups", groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {in_channels} input and {out_channels} output channels must both be multiples of groups "
                f"{groups}"
            )
        self.kernel_size = ints(kernel_size, n, name, "kernel_size", 1)
        self.stride = ints(stride, n, name, "stride", 1)
        self.dilation = ints(dilation, n, name, "dilation", 1)
        self.output_padding = ints(output_padding, n, name, "output_padding", 0)
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"{name}: padding_mode is one of {', '.join(_PADDING_MODES)}, got {padding_mode!r}")
        self.padding_mode = padding_mode
        self.padding = self._checked_padding(padding)
        channels = (in_channels, out_channels // groups) if self._transposed else (out_channels, in_channels // groups)
        self.weight = fresh((*channels, *self.kernel_size), dtype, device)
        self.register_parameter("bias", fresh((out_channels,), dtype, device) if bias else None)
        self.reset_parameters()

    def _checked_padding(self, padding: Any) -> tuple[int, ...] | str:
        name = type(self).__name__
        if not isinstance(padding, str):
            return ints(padding, self._n, name, "padding", 0)
        if padding not in ("valid", "same"):
            raise ValueError(f"{name}: padding is ints, 'valid' or 'same', got {padding!r}")
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(f"{name}: padding='same' needs stride 1, got {self.stride}")
        return padding

    def reset_parameters(self) -> None:
        """Draw anew, as torch does: weight and bias uniform within 1/sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Channels, window and whatever differs from its default."""
        n = self._n
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        defaults = (("padding", (0,) * n), ("dilation", (1,) * n), ("output_padding", (0,) * n), ("groups", 1))
        parts += [f"{name}={getattr(self, name)}" for name, default in defaults if getattr(self, name) != default]
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Forward(_Conv):
    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, dtype,
            device,
        )  # fmt: skip

    def _around(self) -> tuple[int, ...]:
        """The padding as `functional.pad` takes it: last dim first, an odd total with the larger part behind."""
        if isinstance(self.padding, str):
            same = self.padding == "same"
            total = [d * (k - 1) * same for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            pairs = [(t // 2, t - t // 2) for t in total]
        else:
            pairs = [(p, p) for p in self.padding]
        return tuple(p for pair in reversed(pairs) for p in pair)

    def forward(self, input: Tensor) -> Tensor:
        """[N, in_channels, ...] to [N, out_channels, ...]."""
        x, padding = input, self.padding
        if self.padding_mode != "zeros":
            x, padding = functional.pad(x, self._around(), self.padding_mode), 0  # type: ignore[assignment]
        return type(self)._function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Forward):
    """Cross-correlation of [N, in_channels, L] with weight [out_channels, in_channels/groups, k], plus bias.

    Padding may also be 'valid' or, at stride 1, 'same'; padding_mode is zeros, reflect, replicate or circular.
    """

    _n = 1
    _function = staticmethod(functional.conv1d)


class Conv2d(_Forward):
    """Cross-correlation of [N, in_channels, H, W] with weight [out_channels, in_channels/groups, kh, kw], plus bias.

    Sizes are ints or (height, width); padding may also be 'valid' or, at stride 1, 'same'; padding_mode is zeros,
    reflect, replicate or circular.
    """

    _n = 2
    _function = staticmethod(functional.conv2d)


class Conv3d(_Forward):
    """Cross-correlation of [N, in_channels, D, H, W] with weight [out_channels, in_channels/groups, kd, kh, kw], plus
    bias.

    Sizes are ints or (depth, height, width); padding may also be 'valid' or, at stride 1, 'same'; padding_mode is
    zeros, reflect, replicate or circular.
    """

    _n = 3
    _function = staticmethod(functional.conv3d)


class _Transposed(_Conv):
    _transposed = True
    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros' for a transposed convolution, got {padding_mode!r}")
        if isinstance(padding, str):
            raise ValueError(f"{name}: padding is an int or {self._n} ints, got {padding!r}")
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, dtype, device,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """[N, in_channels, ...] to [N, out_channels, ...], of the spatial sizes output_size where given."""
        more = self.output_padding if output_size is None else self._missing(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )

    def _missing(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that makes the sizes asked for."""
        n, sizes = self._n, tuple(input.shape[-self._n :])
        around = self.padding if isinstance(self.padding, tuple) else ()  # names are refused when the layer is made
        asked = tuple(output_size)
        if len(asked) == input.ndim:
            asked = asked[-n:]
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(sizes, self.stride, around, self.dilation, self.kernel_size, strict=True)
        ]
        if len(asked) != n or any(not 0 <= a - m < s for a, m, s in zip(asked, least, self.stride, strict=True)):
            most = [m + s - 1 for m, s in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"{type(self).__name__}: output_size of input {input.shape} lies between {tuple(least)} and "
                f"{tuple(most)}, got {tuple(output_size)}"
            )
        return tuple(a - m for a, m in zip(asked, least, strict=True))


class ConvTranspose1d(_Transposed):
    """Transpose of Conv1d: [N, in_channels, L] with weight [in_channels, out_channels/groups, k], plus bias."""

    _n = 1
    _function = staticmethod(functional.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Transpose of Conv2d: [N, in_channels, H, W] with weight [in_channels, out_channels/groups, kh, kw], plus bias."""

    _n = 2
    _function = staticmethod(functional.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """Transpose of Conv3d: [N, in_channels, D, H, W] with weight [in_channels, out_channels/groups, kd, kh, kw], plus
    bias.
    """

    _n = 3
    _function = staticmethod(functional.conv_transpose3d)
