"""Matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .common import run, tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["matmul"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("matmul",)
IN_PLACE: tuple[str, ...] = ()


def matmul(a: Any, b: Any) -> Tensor:
    """Matrix product with broadcasting batch dims; 1-d operands are vectors, as in numpy."""
    return run("matmul", (tensor_of(a, "matmul"), tensor_of(b, "matmul")))
