"""Normalization of channels: by the statistics of the batch, or of each example."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, int64, ones, zeros

from .. import functional as F
from .. import init
from .._module import Module
from .._parameter import Parameter
from ._arguments import positive

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
]  # fmt: skip

_FORMS = {2: "[N, C]", 3: "[N, C, L]", 4: "[N, C, H, W]", 5: "[N, C, D, H, W]"}


class _ChannelNorm(Module):
    """Weight, bias and running statistics, one a channel. Buffers are moved in place."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _version = 2  # version 1 had no num_batches_tracked
    _ranks: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        n = self.num_features = positive(type(self).__name__, "num_features", num_features)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.register_parameter("weight", Parameter(ones(n, dtype=dtype, device=device)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(n, dtype=dtype, device=device)) if affine and bias else None)
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
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *lists: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(key, self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *lists)

    def _check(self, shape: tuple[int, ...], channels: int) -> None:
        if len(shape) not in self._ranks or shape[channels] != self.num_features:
            forms = " or ".join(_FORMS[rank] for rank in self._ranks if rank in _FORMS)
            raise ValueError(
                f"{type(self).__name__}({self.num_features}) needs input {forms} with C = {self.num_features}, got "
                f"shape {shape}"
            )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    def forward(self, input: Tensor) -> Tensor:
        """[N, num_features, ...] to the same shape."""
        self._check(input.shape, 1)
        momentum: Any = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if momentum is None:
                # a cumulative average: the n-th batch counts 1/n
                momentum = 1 / self.num_batches_tracked.to(self.running_mean.dtype)  # type: ignore[union-attr]
        by_batch = self.training or self.running_mean is None
        tracked = not by_batch or (self.training and self.track_running_stats)
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            by_batch,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of [N, C] or [N, C, L] (Ioffe & Szegedy 2015); momentum=None averages over all batches."""

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of [N, C, H, W] (Ioffe & Szegedy 2015); momentum=None averages over all batches."""

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of [N, C, D, H, W] (Ioffe & Szegedy 2015); momentum=None averages over all batches."""

    _ranks = (5,)


class _InstanceNorm(_ChannelNorm):
    """The last of `_ranks` is the batched one."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """[N, num_features, ...] or one example to the same shape."""
        single = input.ndim == self._ranks[0]
        self._check(input.shape, 0 if single else 1)
        out = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Normalization of each channel of each example of [N, C, L] or [C, L] (Ulyanov et al. 2016)."""

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalization of each channel of each example of [N, C, H, W] or [C, H, W] (Ulyanov et al. 2016)."""

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalization of each channel of each example of [N, C, D, H, W] or [C, D, H, W] (Ulyanov et al. 2016)."""

    _ranks = (4, 5)
