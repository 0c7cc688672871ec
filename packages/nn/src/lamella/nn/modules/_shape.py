"""Modules that only change the shape, or nothing."""

from __future__ import annotations

import math
from typing import Any

from lamella.tensor import Tensor, flatten

from .._module import Module

__all__ = ["Flatten", "Identity", "Unflatten"]


class Flatten(Module):
    """The dims from start_dim to end_dim as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """[N, ...] to [N, features] with the defaults."""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The dims."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dim as several; one of their sizes may be -1."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten needs dim as an int, got {dim!r}; dims have no names here")
        if not isinstance(unflattened_size, (tuple, list)) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten needs unflattened_size as a tuple of ints, got {unflattened_size!r}")
        if list(unflattened_size).count(-1) > 1 or any(n < -1 for n in unflattened_size):
            raise ValueError(f"Unflatten takes sizes and at most one -1, got {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """dim becomes the dims of unflattened_size."""
        shape = input.shape
        if not -len(shape) <= self.dim < len(shape):
            raise IndexError(f"Unflatten: dim {self.dim} is out of range for shape {shape}")
        at = self.dim % len(shape)
        known = math.prod(n for n in self.unflattened_size if n != -1)
        open_size = -1 in self.unflattened_size
        if (open_size and (not known or shape[at] % known)) or (not open_size and known != shape[at]):
            raise ValueError(f"Unflatten: size {shape[at]} of dim {self.dim} does not become {self.unflattened_size}")
        return input.reshape(*shape[:at], *self.unflattened_size, *shape[at + 1 :])

    def extra_repr(self) -> str:
        """The dim and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """The input itself; takes any arguments, as a stand-in for any module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input."""
        return input
