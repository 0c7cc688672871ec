"""Running reductions along a dim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._dims import dim_of, the_dim
from .common import run, tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["cumsum"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("cumsum",)
IN_PLACE: tuple[str, ...] = ()


def cumsum(x: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """Running sum along a dim; integers give int64."""
    t = tensor_of(x, "cumsum")
    at = the_dim(dim, axis)
    if at is None:
        raise TypeError("cumsum needs a dim")
    return run("cumsum", (t,), dim=dim_of(at, t._data.ndim))
