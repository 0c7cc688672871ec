"""What every family of functions uses: checked operands, one call of an op, casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .._base import TensorBase
from .._dims import dim_of
from .._dispatch import dispatch
from .._dtype import BOOL, FLOAT, as_dtype, float32, from_numpy_dtype
from .._op import OPS
from .._promotion import default_float
from .._results import Selected

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["along", "require_float", "run", "selected", "tensor_of", "to_dtype", "wide"]


def tensor_of(x: Any, name: str) -> Tensor:
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name} needs a tensor, got {type(x).__name__}; make one with lamella.tensor.tensor(...)")
    return cast("Tensor", x)


def run(name: str, args: tuple[Any, ...], **params: Any) -> Tensor:
    return cast("Tensor", dispatch(OPS[name], args, params))


def to_dtype(x: Any, dtype: Any) -> Tensor:
    """x in another dtype; x itself when it is of that dtype already."""
    target = as_dtype(dtype)
    return cast("Tensor", x) if x._data.dtype == target.numpy else run("cast", (x,), dtype=target)


def require_float(x: Any, name: str) -> Tensor:
    """x if floating; TypeError naming the function otherwise."""
    if isinstance(x, TensorBase) and x._data.dtype.kind == "f":
        return cast("Tensor", x)
    t = tensor_of(x, name)
    category = from_numpy_dtype(t._data.dtype).category
    if category != FLOAT:
        kind = "bool" if category == BOOL else "integer" if category < FLOAT else "complex"
        raise TypeError(
            f"{name} needs a floating tensor, got the {kind} dtype {t.dtype}; "
            f"convert it with .to({default_float().name})"
        )
    return t


def wide(name: str, t: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute in float32 where t is of a half type, and round once; TypeError unless floating or complex."""
    dtype = t._data.dtype
    if dtype.kind in "biu":
        raise TypeError(f"{name} needs a floating tensor, got {t.dtype}; convert it with .to({default_float().name})")
    if dtype.itemsize >= 4:
        return compute(t)
    return to_dtype(compute(to_dtype(t, float32)), from_numpy_dtype(dtype))


def along(name: str, t: Tensor, dim: Any, **params: Any) -> Any:
    """An op along one dim, which a 0-d tensor has for the while; checks the dim."""
    rank = t._data.ndim
    if rank:
        params["dim"] = dim if type(dim) is int and 0 <= dim < rank else dim_of(dim, rank)
        return dispatch(OPS[name], (t,), params)
    dim_of(dim, rank)
    out = dispatch(OPS[name], (run("reshape", (t,), shape=(1,)),), {**params, "dim": 0})
    if params.get("keepdim") is False:
        return out
    return (
        tuple(run("reshape", (o,), shape=()) for o in out) if type(out) is tuple else run("reshape", (out,), shape=())
    )


def selected(name: str, t: Tensor, dim: Any, **params: Any) -> Selected:
    """(values, indices) of an op along one dim."""
    return Selected(*along(name, t, dim, **params))
