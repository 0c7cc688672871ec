"""Pooling layers."""

from __future__ import annotations

from lamella.tensor import Tensor

from .._module import Module
from ..functional import avg_pool2d, max_pool2d
from ..functional._arguments import pair

__all__ = ["AvgPool2d", "MaxPool2d"]


class _Pool2d(Module):
    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = pair(kernel_size, name, "kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, name, "stride", 1)
        self.padding = pair(padding, name, "padding", 0)

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """Largest value of each window of [N, C, H, W]; padding counts as -inf."""

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C, H', W']."""
        return max_pool2d(input, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """Mean of each window of [N, C, H, W]; padding counts as zeros and in the divisor."""

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C, H', W']."""
        return avg_pool2d(input, self.kernel_size, self.stride, self.padding)
