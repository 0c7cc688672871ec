"""Reading and accumulating through integer tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._dims import dim_of
from .common import run, tensor_of, to_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["gather", "scatter_add", "take"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "gather",
    "scatter_add",
    "take",
)
IN_PLACE: tuple[str, ...] = ()


def take(x: Any, index: Any, dim: int = 0) -> Tensor:
    """x indexed along one dim by an integer tensor of any rank (numpy's take, torch's index_select for 1-d)."""
    t = tensor_of(x, "take")
    return run("take", (t, tensor_of(index, "take")), dim=dim_of(dim, t._data.ndim))


def gather(x: Any, dim: int, index: Any) -> Tensor:
    """out[..., i, ...] = x[..., index[..., i, ...], ...] along dim."""
    t = tensor_of(x, "gather")
    return run("gather", (t, tensor_of(index, "gather")), dim=dim_of(dim, t._data.ndim))


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Tensor:
    """A copy of x with src added at index along dim, repeated indices in order."""
    t = tensor_of(x, "scatter_add")
    return run(
        "scatter_add",
        (t, tensor_of(index, "scatter_add"), to_dtype(tensor_of(src, "scatter_add"), t.dtype)),
        dim=dim_of(dim, t._data.ndim),
    )
