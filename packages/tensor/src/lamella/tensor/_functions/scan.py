"""Running reductions along a dim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._dims import the_dim
from .._dtype import DType
from .._results import Selected
from .common import along, selected, tensor_of, to_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "logcumsumexp"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("cummax", "cummin", "cumprod", "cumsum", "logcumsumexp")
IN_PLACE = ("cumprod", "cumsum")


def _running(name: str, x: Any, dim: Any, axis: Any, dtype: DType | None) -> Tensor:
    t = tensor_of(x, name)
    return cast("Tensor", along(name, t if dtype is None else to_dtype(t, dtype), _needed(name, dim, axis)))


def _needed(name: str, dim: Any, axis: Any) -> Any:
    at = the_dim(dim, axis)
    if at is None:
        raise TypeError(f"{name} needs a dim")
    return at


def cumsum(x: Any, dim: Any = None, *, dtype: DType | None = None, axis: Any = None) -> Tensor:
    """Running sum along a dim; integers give int64, floats below float64 are carried in float64 and rounded once."""
    return _running("cumsum", x, dim, axis, dtype)


def cumprod(x: Any, dim: Any = None, *, dtype: DType | None = None, axis: Any = None) -> Tensor:
    """Running product along a dim; integers give int64, floats below float64 are carried in float64."""
    return _running("cumprod", x, dim, axis, dtype)


def logcumsumexp(x: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """Logarithm of the running sum of exp(x) along a dim, without overflow."""
    return _running("logcumsumexp", x, dim, axis, None)


def cummax(x: Any, dim: Any = None, *, axis: Any = None) -> Selected:
    """Selected(values, indices): the largest so far along a dim and where it stood last; NaN stays."""
    return selected("cummax", tensor_of(x, "cummax"), _needed("cummax", dim, axis))


def cummin(x: Any, dim: Any = None, *, axis: Any = None) -> Selected:
    """Selected(values, indices): the smallest so far along a dim and where it stood last; NaN stays."""
    return selected("cummin", tensor_of(x, "cummin"), _needed("cummin", dim, axis))
