"""Parametrizations that are there to be used: weight_norm, spectral_norm."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor

from .. import functional as F
from .._module import Module
from ._norms import as_matrix, checked_dim, from_length, iterate, length, output_dim, over_sigma, start
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return from_length(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return length(weight, self.dim), weight


class _OldNames:
    """Loads what the older weight_norm saved: the lengths as weight_g, the direction as weight_v."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, state: dict[str, Any], prefix: str, *_: Any) -> None:
        for old, new in (("_g", "original0"), ("_v", "original1")):
            if f"{prefix}{self.name}{old}" in state:
                state[f"{prefix}parametrizations.{self.name}.{new}"] = state.pop(f"{prefix}{self.name}{old}")


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """The tensor is learned as lengths along dim (original0) and directions (original1); returns the module.

    With dim=None one length for all. A state of the older form (weight_g, weight_v) can be loaded.
    """
    register_parametrization(module, name, _WeightNorm(checked_dim(dim)), unsafe=True)
    module._register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, steps: int, dim: int, eps: float) -> None:
        super().__init__()
        if not weight.ndim:
            raise ValueError("spectral_norm needs a weight of at least one dim, got a number")
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"spectral_norm: n_power_iterations must be a positive int, got {steps!r}")
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(f"spectral_norm: dim {dim} is out of range for a weight of shape {weight.shape}")
        self.dim, self.eps, self.n_power_iterations = dim, eps, steps
        if weight.ndim > 1:
            u, v = start(as_matrix(weight.detach(), dim), eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            iterate(matrix.detach(), self._u, self._v, self.n_power_iterations, self.eps)
        return over_sigma(weight, matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # a tensor of spectral norm 1 is its own original


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """The tensor over its largest singular value, where it is seen as a matrix [size of dim, rest]; returns the module.

    The value is followed by n_power_iterations steps of the power method at every reading while training. dim is that
    of the outputs: 1 for transposed convolutions, else 0.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"{type(module).__name__} has no parameter or buffer {name!r} to parametrize")
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    )


def orthogonal(module: Module, name: str = "weight", *args: Any, **kwargs: Any) -> Module:
    """Not available: NotImplementedError."""
    raise NotImplementedError(
        "parametrizations.orthogonal needs derivatives of matrix functions that are not there; start with "
        "init.orthogonal_ and add a penalty on the distance of weight.T @ weight from the identity to the loss"
    )
