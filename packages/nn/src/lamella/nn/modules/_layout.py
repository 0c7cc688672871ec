"""Layers without parameters that resize, pad, unfold or shuffle."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import number

from .. import functional
from .._module import Module
from ..functional._window import ints

__all__ = [
    "ChannelShuffle", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "Fold", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1d", "ReflectionPad2d",
    "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "Unfold", "Upsample",
    "UpsamplingBilinear2d", "UpsamplingNearest2d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip

Size = int | tuple[int, ...]


class Unfold(Module):
    """The windows of [N, C, H, W] as columns [N, C * kh * kw, L]."""

    def __init__(self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> None:
        super().__init__()
        for name, value, low in (
            ("kernel_size", kernel_size, 1), ("dilation", dilation, 1), ("padding", padding, 0), ("stride", stride, 1),
        ):  # fmt: skip
            ints(value, 2, "Unfold", name, low)
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C * kh * kw, L]."""
        return functional.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns [N, C * kh * kw, L] added up into images [N, C, *output_size]: the transpose of Unfold."""

    def __init__(
        self, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
    ) -> None:
        super().__init__()
        for name, value, low in (
            ("output_size", output_size, 1), ("kernel_size", kernel_size, 1), ("dilation", dilation, 1),
            ("padding", padding, 0), ("stride", stride, 1),
        ):  # fmt: skip
            ints(value, 2, "Fold", name, low)
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """[N, C * kh * kw, L] to [N, C, *output_size]."""
        return functional.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Upsample(Module):
    """Resize the spatial dims to `size`, or by `scale_factor`, in a mode of functional.interpolate."""

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        name = f"{type(self).__name__}: scale_factor"
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(number(f, name)) for f in scale_factor)
        else:
            self.scale_factor = None if scale_factor is None else float(number(scale_factor, name))
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, ...] to [N, C, *size]."""
        return functional.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        given = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resize [N, C, H, W] by the nearest pixel."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Resize [N, C, H, W] bilinearly with aligned corners."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


class PixelShuffle(Module):
    """[..., C * r * r, H, W] to [..., C, H * r, W * r] (Shi et al. 2016), r = upscale_factor."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """[..., C * r * r, H, W] to [..., C, H * r, W * r]."""
        return functional.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """[..., C, H * r, W * r] to [..., C * r * r, H, W], r = downscale_factor."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """[..., C, H * r, W * r] to [..., C * r * r, H, W]."""
        return functional.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels of [N, C, ...], seen as [groups, C / groups], transposed (Zhang et al. 2018)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, ...] to the same shape."""
        return functional.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The groups."""
        return f"groups={self.groups}"


class _Pad(Module):
    """`padding` is one int for all sides or (left, right, top, bottom, front, back), as many as there are sides."""

    _n = 0
    _mode = "constant"

    def __init__(self, padding: Size) -> None:
        super().__init__()
        sides = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self._n)
        if len(sides) != 2 * self._n or not all(isinstance(p, int) for p in sides):
            raise ValueError(f"{type(self).__name__}: padding is an int or {2 * self._n} ints, got {padding!r}")
        self.padding = sides

    def forward(self, input: Tensor) -> Tensor:
        """The last dims of [N, C, ...] grown on both sides."""
        return functional.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The sides."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Size, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The last dims of [N, C, ...] grown on both sides."""
        return functional.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The sides and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` around the last dim."""

    _n = 1


class ConstantPad2d(_ConstantPad):
    """`value` around the last two dims."""

    _n = 2


class ConstantPad3d(_ConstantPad):
    """`value` around the last three dims."""

    _n = 3


class ZeroPad1d(_Pad):
    """Zeros around the last dim."""

    _n = 1


class ZeroPad2d(_Pad):
    """Zeros around the last two dims."""

    _n = 2


class ZeroPad3d(_Pad):
    """Zeros around the last three dims."""

    _n = 3


class ReflectionPad1d(_Pad):
    """The last dim mirrored at its ends."""

    _n, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The last two dims mirrored at their ends."""

    _n, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The last three dims mirrored at their ends."""

    _n, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The ends of the last dim repeated."""

    _n, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The ends of the last two dims repeated."""

    _n, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The ends of the last three dims repeated."""

    _n, _mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The last dim wrapped around."""

    _n, _mode = 1, "circular"


class CircularPad2d(_Pad):
    """The last two dims wrapped around."""

    _n, _mode = 2, "circular"


class CircularPad3d(_Pad):
    """The last three dims wrapped around."""

    _n, _mode = 3, "circular"
