"""Pooling layers: a class a kind and number of dims, over the functions of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella.tensor import Tensor

from .. import functional
from .._module import Module
from ..functional._window import ints

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d",
    "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip

Size = int | tuple[int, ...]


class _Pool(Module):
    """The window as it was given, checked where the layer is made."""

    _n = 0
    _function: Callable[..., Any]

    def _window(self, kernel_size: Any, stride: Any, padding: Any) -> None:
        name, n = type(self).__name__, self._n
        ints(kernel_size, n, name, "kernel_size", 1)
        ints(padding, n, name, "padding", 0)
        if stride is not None:
            ints(stride, n, name, "stride", 1)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self._window(kernel_size, stride, padding)
        ints(dilation, self._n, type(self).__name__, "dilation", 1)
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """[N, C, ...] to [N, C, ...], with indices of that shape where return_indices."""
        return type(self)._function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Largest value of each window of [N, C, L]; padding counts as -inf."""

    _n = 1
    _function = staticmethod(functional.max_pool1d)


class MaxPool2d(_MaxPool):
    """Largest value of each window of [N, C, H, W]; padding counts as -inf."""

    _n = 2
    _function = staticmethod(functional.max_pool2d)


class MaxPool3d(_MaxPool):
    """Largest value of each window of [N, C, D, H, W]; padding counts as -inf."""

    _n = 3
    _function = staticmethod(functional.max_pool3d)


class _AvgPool(_Pool):
    def forward(self, input: Tensor) -> Tensor:
        """[N, C, ...] to [N, C, ...]."""
        return type(self)._function(  # type: ignore[no-any-return]
            input, self.kernel_size, self.stride, self.padding, *self._options()
        )

    def _options(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """Mean of each window of [N, C, L]; padding counts as zeros, in the divisor where count_include_pad."""

    _n = 1
    _function = staticmethod(functional.avg_pool1d)

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self._window(kernel_size, stride, padding)
        self.kernel_size = ints(self.kernel_size, 1, "AvgPool1d", "kernel_size", 1)
        self.stride = ints(self.stride, 1, "AvgPool1d", "stride", 1)
        self.padding = ints(self.padding, 1, "AvgPool1d", "padding", 0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def _options(self) -> tuple[Any, ...]:
        return self.ceil_mode, self.count_include_pad


class _AvgPoolNd(_AvgPool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self._window(kernel_size, stride, padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _options(self) -> tuple[Any, ...]:
        return self.ceil_mode, self.count_include_pad, self.divisor_override


class AvgPool2d(_AvgPoolNd):
    """Mean of each window of [N, C, H, W]; padding counts as zeros, in the divisor where count_include_pad."""

    _n = 2
    _function = staticmethod(functional.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """Mean of each window of [N, C, D, H, W]; padding counts as zeros, in the divisor where count_include_pad."""

    _n = 3
    _function = staticmethod(functional.avg_pool3d)


class _LPPool(_Pool):
    def __init__(
        self, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self._window(kernel_size, stride, 0)
        self.stride = stride
        self.norm_type = norm_type
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """[N, C, ...] to [N, C, ...]."""
        return type(self)._function(  # type: ignore[no-any-return]
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        """The norm and the window."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of x**p)**(1/p) of each window of [N, C, L], p = norm_type."""

    _n = 1
    _function = staticmethod(functional.lp_pool1d)


class LPPool2d(_LPPool):
    """(sum of x**p)**(1/p) of each window of [N, C, H, W], p = norm_type."""

    _n = 2
    _function = staticmethod(functional.lp_pool2d)


class LPPool3d(_LPPool):
    """(sum of x**p)**(1/p) of each window of [N, C, D, H, W], p = norm_type."""

    _n = 3
    _function = staticmethod(functional.lp_pool3d)


class _MaxUnpool(Module):
    _n = 0
    _function: Callable[..., Any]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        name, n = type(self).__name__, self._n
        self.kernel_size = ints(kernel_size, n, name, "kernel_size", 1)
        self.stride = self.kernel_size if stride is None else ints(stride, n, name, "stride", 1)
        self.padding = ints(padding, n, name, "padding", 0)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Values and indices [N, C, ...] of a max pooling to what it pooled, zeros where nothing was kept."""
        return type(self)._function(  # type: ignore[no-any-return]
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The values of a MaxPool1d back where they came from."""

    _n = 1
    _function = staticmethod(functional.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The values of a MaxPool2d back where they came from."""

    _n = 2
    _function = staticmethod(functional.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The values of a MaxPool3d back where they came from."""

    _n = 3
    _function = staticmethod(functional.max_unpool3d)


class _Adaptive(Module):
    _n = 0
    _function: Callable[..., Any]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        values = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * self._n
        if len(values) not in (1, self._n) or not all(v is None or (isinstance(v, int) and v > 0) for v in values):
            raise ValueError(
                f"{type(self).__name__}: output_size is a positive int, None or {self._n} of them, got {output_size!r}"
            )
        self.output_size = output_size

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class _AdaptiveAvg(_Adaptive):
    def forward(self, input: Tensor) -> Tensor:
        """[N, C, ...] to [N, C, *output_size]."""
        return type(self)._function(input, self.output_size)  # type: ignore[no-any-return]


class AdaptiveAvgPool1d(_AdaptiveAvg):
    """Means over equal parts of [N, C, L], as many as output_size says."""

    _n = 1
    _function = staticmethod(functional.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvg):
    """Means over equal parts of [N, C, H, W]; a None in output_size keeps the dim."""

    _n = 2
    _function = staticmethod(functional.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvg):
    """Means over equal parts of [N, C, D, H, W]; a None in output_size keeps the dim."""

    _n = 3
    _function = staticmethod(functional.adaptive_avg_pool3d)


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """[N, C, ...] to [N, C, *output_size], with indices of that shape where return_indices."""
        return type(self)._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """Largest values over equal parts of [N, C, L], as many as output_size says."""

    _n = 1
    _function = staticmethod(functional.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Largest values over equal parts of [N, C, H, W]; a None in output_size keeps the dim."""

    _n = 2
    _function = staticmethod(functional.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """Largest values over equal parts of [N, C, D, H, W]; a None in output_size keeps the dim."""

    _n = 3
    _function = staticmethod(functional.adaptive_max_pool3d)
