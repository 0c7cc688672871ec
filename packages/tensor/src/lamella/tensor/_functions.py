"""Functions of tensors that need their arguments brought to canonical form: reductions, products, layout, indexing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from . import _pointwise as p
from ._base import TensorBase, wrap
from ._dims import dim_of, dims_of, infer_shape, shape_of, the_dim
from ._dispatch import dispatch
from ._dtype import BOOL, FLOAT, DType, as_dtype, float32, from_numpy_dtype
from ._engine import autograd
from ._op import OPS, Op
from ._promotion import default_float, result_type
from ._state import GRAD, HOT

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cast", "cat", "clamp", "cumsum", "expand", "flip", "gather",
    "logsumexp", "matmul", "mean", "pad", "permute", "prod", "reshape", "scatter_add", "square", "squeeze", "stack",
    "std", "sum", "take", "transpose", "unsqueeze", "var", "where",
]  # fmt: skip


_SUM, _PROD, _AMAX, _AMIN, _ANY, _ALL = (OPS[n] for n in ("sum", "prod", "amax", "amin", "any", "all"))
_PLAIN_FLOATS = frozenset(map(np.dtype, (np.float32, np.float64)))
_SMALL_SUM = 4096
_add_reduce = np.add.reduce


def _tensor(x: Any, name: str) -> Tensor:
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name} needs a tensor, got {type(x).__name__}; make one with lamella.tensor.tensor(...)")
    return cast("Tensor", x)


def _run(name: str, args: tuple[Any, ...], **params: Any) -> Tensor:
    return cast("Tensor", dispatch(OPS[name], args, params))


def to_dtype(x: Any, dtype: Any) -> Tensor:
    """x in another dtype; x itself when it is of that dtype already."""
    target = as_dtype(dtype)
    return cast("Tensor", x) if x._data.dtype == target.numpy else _run("cast", (x,), dtype=target)


def _reduce(op: Op, x: Any, dim: Any, keepdim: bool, axis: Any, keepdims: bool | None) -> Tensor:
    t = x if isinstance(x, TensorBase) else _tensor(x, op.name)
    rank = t._data.ndim
    dims = tuple(range(rank)) if dim is None and axis is None else dims_of(the_dim(dim, axis), rank)
    params = {"dims": dims, "keepdim": bool(keepdim if keepdims is None else keepdims)}
    return cast("Tensor", dispatch(op, (t,), params))


def sum(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Sum over dims (all by default); integers and bools give int64, half types accumulate in float32."""
    if dim is None and axis is None and dtype is None and not keepdim and not keepdims and isinstance(x, TensorBase):
        # the end of most losses: a small plain tensor is summed without the general path
        flags = x._flags | HOT[0]
        data = x._data
        if flags <= GRAD and data.size <= _SMALL_SUM and data.dtype in _PLAIN_FLOATS:
            out = wrap(_add_reduce(data, axis=None))
            if flags:
                autograd().record(_SUM, (x,), {"dims": tuple(range(data.ndim)), "keepdim": False}, out)
            return out
    return _reduce(_SUM, x if dtype is None else to_dtype(x, dtype), dim, keepdim, axis, keepdims)


def prod(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Product over dims (all by default); integers and bools give int64."""
    return _reduce(_PROD, x, dim, keepdim, axis, keepdims)


def amax(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Largest value over dims; NaN wins; equal maxima share the gradient evenly."""
    return _reduce(_AMAX, x, dim, keepdim, axis, keepdims)


def amin(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Smallest value over dims; NaN wins; equal minima share the gradient evenly."""
    return _reduce(_AMIN, x, dim, keepdim, axis, keepdims)


def any(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Whether any element over dims is true, as bool."""
    return _reduce(_ANY, x, dim, keepdim, axis, keepdims)


def all(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """Whether every element over dims is true, as bool."""
    return _reduce(_ALL, x, dim, keepdim, axis, keepdims)


def mean(
    x: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """Mean over dims (all by default) of a floating tensor; TypeError for integers unless a floating dtype is given."""
    t = _tensor(x, "mean")
    if dtype is not None:
        t = to_dtype(t, dtype)
    dims, kept = dims_of(the_dim(dim, axis), t._data.ndim), bool(keepdim if keepdims is None else keepdims)
    return _wide("mean", t, lambda w: _mean(w, dims, kept))


def _wide(name: str, t: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute in float32 where t is of a half type, and round once; TypeError unless floating or complex."""
    dtype = t._data.dtype
    if dtype.kind in "biu":
        raise TypeError(f"{name} needs a floating tensor, got {t.dtype}; convert it with .to({default_float().name})")
    if dtype.itemsize >= 4:
        return compute(t)
    return to_dtype(compute(to_dtype(t, float32)), from_numpy_dtype(dtype))


def _mean(t: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    shape = t._data.shape
    total = cast("Tensor", dispatch(_SUM, (t,), {"dims": dims, "keepdim": keepdim}))
    count: int = math.prod([shape[d] for d in dims])
    return total / count


def _var(t: Tensor, dims: tuple[int, ...], correction: int, keepdim: bool) -> Tensor:
    shape = t._data.shape
    centred = p.sub(t, _mean(t, dims, True))
    total = _run("sum", (p.mul(centred, centred),), dims=dims, keepdim=keepdim)
    return p.div(total, max(math.prod([shape[d] for d in dims]) - correction, 0))


def var(x: Any, dim: Any = None, correction: int = 1, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Variance over dims, with `correction` subtracted from the count; NaN where nothing is left to divide by."""
    t = require_float(x, "var")
    dims = dims_of(the_dim(dim, axis), t._data.ndim)
    return _wide("var", t, lambda w: _var(w, dims, correction, bool(keepdim)))


def std(x: Any, dim: Any = None, correction: int = 1, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Standard deviation over dims: the root of `var`."""
    t = require_float(x, "std")
    dims = dims_of(the_dim(dim, axis), t._data.ndim)
    return _wide("std", t, lambda w: p.sqrt(_var(w, dims, correction, bool(keepdim))))


def logsumexp(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """log(sum(exp(x))) over dims, without overflow; -inf over an empty dim."""
    t = require_float(x, "logsumexp")
    dims = dims_of(the_dim(dim, axis), t._data.ndim)
    out = _wide("logsumexp", t, lambda w: _logsumexp(w, dims))
    return out if keepdim else reshape(out, tuple(n for i, n in enumerate(t._data.shape) if i not in dims))


def _logsumexp(t: Tensor, dims: tuple[int, ...]) -> Tensor:
    if 0 in [t._data.shape[d] for d in dims]:
        return p.log(_run("sum", (t,), dims=dims, keepdim=True))
    top = _run("amax", (t,), dims=dims, keepdim=True).detach()
    top = where(p.eq(p.abs(top), math.inf), 0.0, top)
    return p.add(p.log(_run("sum", (p.exp(p.sub(t, top)),), dims=dims, keepdim=True)), top)


def argmax(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Index (int64) of the first largest element along dim, or in the flattened tensor."""
    t = _tensor(x, "argmax")
    at = the_dim(dim, axis)
    return _run("argmax", (t,), dim=None if at is None else dim_of(at, t._data.ndim), keepdim=bool(keepdim))


def argmin(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Tensor:
    """Index (int64) of the first smallest element along dim, or in the flattened tensor."""
    t = _tensor(x, "argmin")
    at = the_dim(dim, axis)
    return _run("argmin", (t,), dim=None if at is None else dim_of(at, t._data.ndim), keepdim=bool(keepdim))


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """a where the bool condition holds, else b; a and b meet in one dtype."""
    dtype = result_type((a, b))
    if not isinstance(a, TensorBase) and not isinstance(b, TensorBase):
        b = _run("full", (b,), shape=(), dtype=dtype)
    a, b = (to_dtype(v, dtype) if isinstance(v, TensorBase) else v for v in (a, b))
    return _run("where", (_tensor(condition, "where"), a, b))


def clamp(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """x limited to [min, max]; NaN stays NaN."""
    if min is None and max is None:
        raise ValueError("clamp needs min or max")
    if min is not None:
        x = p.maximum(x, min)
    return x if max is None else p.minimum(x, max)


def square(x: Any) -> Tensor:
    """x * x."""
    return p.mul(x, x)


def matmul(a: Any, b: Any) -> Tensor:
    """Matrix product with broadcasting batch dims; 1-d operands are vectors, as in numpy."""
    return _run("matmul", (_tensor(a, "matmul"), _tensor(b, "matmul")))


def reshape(x: Any, *shape: Any) -> Tensor:
    """The same elements in another shape, one size may be -1; a view where the layout allows."""
    t = _tensor(x, "reshape")
    old = t._data.shape
    return _run("reshape", (t,), shape=infer_shape(shape, math.prod(old), tuple(old)))


def permute(x: Any, *dims: Any) -> Tensor:
    """A view with its dims in another order."""
    t = _tensor(x, "permute")
    given = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    rank = t._data.ndim
    order = tuple(dim_of(d, rank) for d in given)
    if len(order) != rank or len(set(order)) != rank:
        raise ValueError(f"permute of a tensor of {rank} dims needs each dim once, got {tuple(given)}")
    return _run("permute", (t,), dims=order)


def transpose(x: Any, dim0: int, dim1: int) -> Tensor:
    """A view with two dims exchanged."""
    t = _tensor(x, "transpose")
    rank = t._data.ndim
    order = list(range(rank))
    a, b = dim_of(dim0, rank), dim_of(dim1, rank)
    if rank:
        order[a], order[b] = b, a
    return _run("permute", (t,), dims=tuple(order))


def expand(x: Any, *shape: Any) -> Tensor:
    """A view in which dims of size 1 are repeated; -1 keeps a size."""
    t = _tensor(x, "expand")
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    old = tuple(t._data.shape)
    lead = len(given) - len(old)
    if lead < 0:
        raise ValueError(f"cannot expand {old} to {tuple(given)}: it has fewer dims")
    full = tuple(old[i - lead] if s == -1 and i >= lead else s for i, s in enumerate(given))
    return _run("expand", (t,), shape=shape_of(full))


def unsqueeze(x: Any, dim: int) -> Tensor:
    """A view with a new dim of size 1 before `dim`."""
    t = _tensor(x, "unsqueeze")
    at = dim_of(dim, t._data.ndim + 1)
    shape = tuple(t._data.shape)
    return _run("reshape", (t,), shape=(*shape[:at], 1, *shape[at:]))


def squeeze(x: Any, dim: Any = None) -> Tensor:
    """A view without the dims of size 1, or without the given ones where they have size 1."""
    t = _tensor(x, "squeeze")
    dims = dims_of(dim, t._data.ndim)
    return _run("reshape", (t,), shape=tuple(n for i, n in enumerate(t._data.shape) if n != 1 or i not in dims))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start to end as one."""
    t = _tensor(x, "flatten")
    shape = tuple(t._data.shape)
    first, last = dim_of(start_dim, len(shape)), dim_of(end_dim, len(shape))
    if first > last:
        raise ValueError(f"flatten from dim {start_dim} to {end_dim}: the start lies behind the end")
    return _run("reshape", (t,), shape=(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def cat(tensors: Sequence[Any], dim: Any = None, *, axis: Any = None) -> Tensor:
    """Tensors one behind the other along a dim (0 by default); other sizes must agree."""
    if not tensors:
        raise ValueError("cat needs at least one tensor")
    xs = tuple(_tensor(x, "cat") for x in tensors)
    if not xs[0]._data.ndim:
        raise ValueError("cat needs tensors of at least one dim; use stack for 0-d tensors")
    return _run("cat", xs, dim=dim_of(the_dim(dim, axis, 0), xs[0]._data.ndim))


def stack(tensors: Sequence[Any], dim: Any = None, *, axis: Any = None) -> Tensor:
    """Tensors of one shape along a new dim (0 by default)."""
    if not tensors:
        raise ValueError("stack needs at least one tensor")
    at = dim_of(the_dim(dim, axis, 0), _tensor(tensors[0], "stack")._data.ndim + 1)
    return cat([unsqueeze(x, at) for x in tensors], at)


def split(x: Any, size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `size` elements each along a dim; the last may be smaller."""
    t = _tensor(x, "split")
    at = dim_of(dim, t._data.ndim)
    if size <= 0:
        raise ValueError(f"split needs a positive size, got {size}")
    return tuple(narrow(t, at, i, min(size, t._data.shape[at] - i)) for i in range(0, max(t._data.shape[at], 1), size))


def narrow(x: Any, dim: int, start: int, length: int) -> Tensor:
    """A view of `length` elements from `start` along a dim."""
    t = _tensor(x, "narrow")
    at = dim_of(dim, t._data.ndim)
    n = t._data.shape[at]
    if not 0 <= start <= start + length <= n:
        raise IndexError(f"narrow from {start} by {length} leaves dim {at} of size {n}")
    return _run(
        "slice",
        (t,),
        index=tuple((0, m, 1) if i != at else (start, start + length, 1) for i, m in enumerate(t._data.shape)),
    )


def pad(x: Any, pads: Sequence[int]) -> Tensor:
    """Zeros around a tensor: (left, right) of the last dim, then of the one before it, and so on."""
    t = _tensor(x, "pad")
    if len(pads) % 2 or len(pads) // 2 > t._data.ndim:
        raise ValueError(f"pad takes two ints per dim from the last on, got {len(pads)} for {t._data.ndim} dims")
    pairs = [(int(pads[i]), int(pads[i + 1])) for i in range(0, len(pads), 2)]
    return _run("pad", (t,), pads=(*[(0, 0)] * (t._data.ndim - len(pairs)), *reversed(pairs)))


def flip(x: Any, dims: Any) -> Tensor:
    """A copy with the order of elements reversed along dims."""
    t = _tensor(x, "flip")
    return _run("flip", (t,), dims=dims_of(dims, t._data.ndim))


def cumsum(x: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """Running sum along a dim; integers give int64."""
    t = _tensor(x, "cumsum")
    at = the_dim(dim, axis)
    if at is None:
        raise TypeError("cumsum needs a dim")
    return _run("cumsum", (t,), dim=dim_of(at, t._data.ndim))


def take(x: Any, index: Any, dim: int = 0) -> Tensor:
    """x indexed along one dim by an integer tensor of any rank (numpy's take, torch's index_select for 1-d)."""
    t = _tensor(x, "take")
    return _run("take", (t, _tensor(index, "take")), dim=dim_of(dim, t._data.ndim))


def gather(x: Any, dim: int, index: Any) -> Tensor:
    """out[..., i, ...] = x[..., index[..., i, ...], ...] along dim."""
    t = _tensor(x, "gather")
    return _run("gather", (t, _tensor(index, "gather")), dim=dim_of(dim, t._data.ndim))


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Tensor:
    """A copy of x with src added at index along dim, repeated indices in order."""
    t = _tensor(x, "scatter_add")
    return _run(
        "scatter_add",
        (t, _tensor(index, "scatter_add"), to_dtype(_tensor(src, "scatter_add"), t.dtype)),
        dim=dim_of(dim, t._data.ndim),
    )


def require_float(x: Any, name: str) -> Tensor:
    """x if floating; TypeError naming the function otherwise."""
    t = _tensor(x, name)
    category = from_numpy_dtype(t._data.dtype).category
    if category != FLOAT:
        kind = "bool" if category == BOOL else "integer" if category < FLOAT else "complex"
        raise TypeError(
            f"{name} needs a floating tensor, got the {kind} dtype {t.dtype}; "
            f"convert it with .to({default_float().name})"
        )
    return t
