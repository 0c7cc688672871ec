"""Normalization layers."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, int64, ones, zeros

from .. import init
from .._module import Module
from .._parameter import Parameter
from ..functional import batch_norm, layer_norm
from ._arguments import positive

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


class _BatchNorm(Module):
    """Per-channel normalization: by the batch in training, by running statistics in eval.

    Buffers are moved in place.
    """

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _ranks: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        super().__init__()
        n = self.num_features = positive(type(self).__name__, "num_features", num_features)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.register_parameter("weight", Parameter(ones(n, dtype=dtype, device=device)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(n, dtype=dtype, device=device)) if affine else None)
        self.register_buffer("running_mean", zeros(n, dtype=dtype, device=device) if track_running_stats else None)
        self.register_buffer("running_var", ones(n, dtype=dtype, device=device) if track_running_stats else None)
        self.register_buffer(
            "num_batches_tracked", zeros((), dtype=int64, device=device) if track_running_stats else None
        )

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        for buffer, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                init.constant_(buffer, value)

    def reset_parameters(self) -> None:
        """Forget the running statistics, and set weight to 1 and bias to 0."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """[N, num_features, ...] to the same shape."""
        shape = input.shape
        if len(shape) not in self._ranks or shape[1] != self.num_features:
            forms = " or ".join("[N, C]" if r == 2 else "[N, C, L]" if r == 3 else "[N, C, H, W]" for r in self._ranks)
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) needs input {forms} with C = {self.num_features}, got "
                f"shape {shape}"
            )
        momentum: Any = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:
                # a cumulative average: the n-th batch counts 1/n
                momentum = 1 / self.num_batches_tracked.to(self.running_mean.dtype)  # type: ignore[union-attr]
        by_batch = self.training or self.running_mean is None
        tracked = not by_batch or self.training
        return batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            by_batch,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of [N, C] or [N, C, L] (Ioffe & Szegedy 2015); momentum=None averages over all batches."""

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of [N, C, H, W] (Ioffe & Szegedy 2015); momentum=None averages over all batches."""

    _ranks = (4,)


class LayerNorm(Module):
    """Normalization over the last dims of each example (Ba et al. 2016)."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...] | list[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = tuple(positive("LayerNorm", "normalized_shape", n) for n in shape)
        if not shape:
            raise ValueError("LayerNorm: normalized_shape needs at least one dim")
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight", Parameter(ones(shape, dtype=dtype, device=device)) if elementwise_affine else None
        )
        self.register_parameter(
            "bias", Parameter(zeros(shape, dtype=dtype, device=device)) if elementwise_affine and bias else None
        )

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """[..., *normalized_shape] to the same shape."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
