"""A weight as direction times length, and a weight over its largest singular value: what both forms of weight_norm and
spectral_norm compute.

Salimans & Kingma 2016; Miyato et al. 2018.
"""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad

from .. import functional as F
from .._module import Module
from ..modules._convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

__all__ = ["as_matrix", "checked_dim", "from_length", "iterate", "length", "output_dim", "over_sigma", "start"]


def checked_dim(dim: Any) -> int | None:
    """dim of weight_norm; -1 is None, as in PyTorch: one length for the whole tensor."""
    if dim is not None and not isinstance(dim, int):
        raise TypeError(f"weight_norm needs an int or None for dim, got {dim!r}")
    return None if dim == -1 else dim


def length(weight: Tensor, dim: int | None) -> Tensor:
    """Norms of the slices of weight along dim, with dims of 1 elsewhere; one number without a dim."""
    if dim is None:
        return lt.norm(weight)
    if not -weight.ndim <= dim < weight.ndim:
        raise IndexError(f"weight_norm: dim {dim} is out of range for a weight of shape {weight.shape}")
    others = [d for d in range(weight.ndim) if d != dim % weight.ndim]
    return lt.norm(weight, 2, others, keepdim=True) if others else weight.abs()


def from_length(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """The tensor with the direction of v and the lengths g."""
    return v * (g / length(v, dim))


def output_dim(module: Module, dim: int | None) -> int:
    """The dim of the outputs of a layer's weight, unless it is given."""
    if dim is not None:
        return dim
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight as [outputs, everything else]."""
    if dim % weight.ndim:
        weight = weight.permute(dim, *[d for d in range(weight.ndim) if d != dim % weight.ndim])
    return weight.reshape(weight.shape[0], -1)


def start(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """(u, v): singular vectors after 15 steps from a random start."""
    with no_grad():
        u, v = (F.normalize(lt.randn(n, dtype=matrix.dtype), dim=0, eps=eps) for n in matrix.shape)
        iterate(matrix, u, v, 15, eps)
    return u, v


def iterate(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Steps of the power method that write into u and v, which come closer to the first singular vectors."""
    with no_grad():
        for _ in range(steps):
            u.copy_(F.normalize(matrix @ v, dim=0, eps=eps))
            v.copy_(F.normalize(u @ matrix, dim=0, eps=eps))


def over_sigma(weight: Tensor, matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The weight over u matrix v. The vectors are constants, and copies: the next step writes into u and v."""
    u, v = u.detach().clone(), v.detach().clone()
    return weight / (u @ (matrix @ v))
