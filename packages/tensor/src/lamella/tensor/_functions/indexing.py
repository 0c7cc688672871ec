"""Reading, writing and combining through integer tensors and masks; names and argument order are torch's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _pointwise as p
from .._arguments import shown, whole
from .._base import TensorBase, wrap
from .._dims import dim_of
from .._dispatch import dispatch
from .._division import floor_divide
from .._dtype import as_dtype, from_numpy_dtype, int64
from .._meta import broadcast_shapes
from .._op import OPS
from .._scalar import SymScalar
from .._state import tls
from .common import run, tensor_of, to_dtype
from .elementwise import where
from .movement import expand, reshape

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "argwhere", "gather", "index_add", "index_copy", "index_fill", "index_put", "index_reduce", "index_select",
    "masked_scatter", "masked_select", "nonzero", "one_hot", "put", "scatter", "scatter_add", "scatter_reduce", "take",
    "take_along_dim",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = (
    "argwhere",
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_reduce",
    "index_select",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take",
    "take_along_dim",
)
IN_PLACE: tuple[str, ...] = (
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_reduce",
    "masked_scatter",
    "put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
)

_GATHER, _SCATTER_ADD = OPS["gather"], OPS["scatter_add"]
# Elements up to which filling memory takes less time than a view that repeats one.
_SMALL = 4096
_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _operands(name: str, x: Any, dim: Any, index: Any) -> tuple[Tensor, int, Tensor]:
    t = tensor_of(x, name)
    rank = t._data.ndim
    if not (type(dim) is int and 0 <= dim < rank):
        dim = dim_of(dim, rank)
    return t, dim, tensor_of(index, name)


def _same_dtype(name: str, t: Tensor, src: Any) -> Tensor:
    """src, a tensor of t's dtype: what is put into t is not cast silently."""
    s = tensor_of(src, name)
    if s._data.dtype != t._data.dtype:
        raise TypeError(f"{name} needs a source of x's dtype {t.dtype}, got {s.dtype}; convert it with .to({t.dtype})")
    return s


def _filling(name: str, t: Tensor, value: Any, shape: Any) -> Tensor:
    """A number or 0-d tensor in t's dtype, spread over a shape."""
    if not isinstance(value, TensorBase):
        if math.prod(shape) <= _SMALL:
            return run("full", (value,), shape=tuple(shape), dtype=from_numpy_dtype(t._data.dtype))
        value = run("full", (value,), shape=(), dtype=from_numpy_dtype(t._data.dtype))
    elif value._data.ndim:
        raise ValueError(f"{name} needs a number or a 0-d tensor as value, got shape {tuple(value._data.shape)}")
    return expand(to_dtype(value, from_numpy_dtype(t._data.dtype)), tuple(shape))


def take(x: Any, index: Any, dim: Any = None) -> Tensor:
    """Elements of x by their place in row-major order, in the shape of index; along one dim where dim is given.

    With dim, index may have any rank: its shape stands in place of that dim (numpy's take).
    """
    t = tensor_of(x, "take")
    if dim is None:
        return run("take", (reshape(t, -1), tensor_of(index, "take")), dim=0)
    return run("take", (t, tensor_of(index, "take")), dim=dim_of(dim, t._data.ndim))


def put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Tensor:
    """A copy of x with source, in order, at places counted in row-major order; added there for accumulate=True."""
    t, at, s = tensor_of(x, "put"), tensor_of(index, "put"), _same_dtype("put", tensor_of(x, "put"), source)
    if s.numel() != at.numel():
        raise ValueError(f"put needs as many source elements as indices, got {s.numel()} and {at.numel()}")
    args = (reshape(t, -1), reshape(at, -1), reshape(s, -1))
    return reshape(run("put", args, dim=0, accumulate=bool(accumulate)), t.shape)


def index_select(x: Any, dim: int, index: Any) -> Tensor:
    """The entries of x along dim that a 1-d (or 0-d) integer tensor names."""
    t, dim, at = _operands("index_select", x, dim, index)
    at = _line("index_select", at)
    if not t._data.ndim:
        return reshape(run("take", (reshape(t, 1), at), dim=0), ())
    return run("take", (t, at), dim=dim)


def _line(name: str, index: Tensor) -> Tensor:
    if index._data.ndim > 1:
        raise ValueError(f"{name} needs a 1-d index, got shape {tuple(index._data.shape)}")
    return index if index._data.ndim else reshape(index, 1)


def take_along_dim(x: Any, indices: Any, dim: Any = None) -> Tensor:
    """gather with x and indices broadcast against each other outside dim; over the flat x where dim is None."""
    t, at = tensor_of(x, "take_along_dim"), tensor_of(indices, "take_along_dim")
    if dim is None:
        return run("gather", (reshape(t, -1), reshape(at, -1)), dim=0)
    d = dim_of(dim, t._data.ndim)
    shape, wanted = tuple(t._data.shape), tuple(at._data.shape)
    if len(shape) != len(wanted):
        raise ValueError(f"take_along_dim needs indices of x's rank, got shapes {shape} and {wanted}")
    if shape[:d] + shape[d + 1 :] != wanted[:d] + wanted[d + 1 :]:
        both = list(broadcast_shapes((*shape[:d], 1, *shape[d + 1 :]), (*wanted[:d], 1, *wanted[d + 1 :])))
        t = expand(t, (*both[:d], shape[d], *both[d + 1 :]))
        at = expand(at, (*both[:d], wanted[d], *both[d + 1 :]))
    return run("gather", (t, at), dim=d)


def gather(x: Any, dim: int, index: Any) -> Tensor:
    """out[..., i, ...] = x[..., index[..., i, ...], ...] along dim."""
    t, dim, at = _operands("gather", x, dim, index)
    return dispatch(_GATHER, (t, at), {"dim": dim})  # type: ignore[no-any-return]


def scatter(x: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Tensor:
    """A copy of x with src, a tensor or a number, at index along dim; of several values for one element the last stays.

    reduce 'add' or 'multiply' combines it with what is there.
    """
    if (src is None) == (value is None):
        raise TypeError("scatter needs src or value, one of them")
    t, dim, at = _operands("scatter", x, dim, index)
    given = src if value is None else value
    if isinstance(given, TensorBase) and (value is None or given._data.ndim):
        given = _same_dtype("scatter", t, given)
    else:
        given = _filling("scatter", t, given, at._data.shape)
    if reduce is None:
        return run("scatter", (t, at, given), dim=dim)
    if reduce == "add":
        return run("scatter_add", (t, at, given), dim=dim)
    if reduce == "multiply":
        return run("scatter_reduce", (t, at, given), dim=dim, reduce="prod")
    raise ValueError(f"scatter: reduce is 'add', 'multiply' or None, got {reduce!r}; scatter_reduce has more")


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Tensor:
    """A copy of x with src added at index along dim, repeated indices in order."""
    t, dim, at = _operands("scatter_add", x, dim, index)
    args = (t, at, _same_dtype("scatter_add", t, src))
    return dispatch(_SCATTER_ADD, args, {"dim": dim})  # type: ignore[no-any-return]


def scatter_reduce(x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Tensor:
    """A copy of x with src combined into it at index along dim: 'sum', 'prod', 'mean', 'amax' or 'amin'.

    include_self=False leaves out the element of x that is combined into. The mean of integers is rounded down.
    """
    t, dim, at = _operands("scatter_reduce", x, dim, index)
    return _reduced("scatter_reduce", t, dim, at, _same_dtype("scatter_reduce", t, src), reduce, include_self)


def _reduced(name: str, t: Tensor, dim: int, at: Tensor, src: Tensor, reduce: str, include_self: bool) -> Tensor:
    if not isinstance(include_self, bool):
        raise TypeError(f"{name}: include_self must be True or False, got {shown(include_self)}")
    if reduce not in _REDUCTIONS:
        raise ValueError(f"{name}: reduce is one of {', '.join(map(repr, _REDUCTIONS))}, got {reduce!r}")
    kind = t._data.dtype.kind
    if kind == "c" and reduce in ("amax", "amin"):
        raise TypeError(f"{name} has no {reduce} of complex numbers, which have no order")
    if kind == "b" and reduce == "mean":
        raise TypeError(f"{name} has no mean of bools; convert them with .to(float32)")
    base = t
    if not include_self:
        base = run("scatter", (t, at, _filling(name, t, _neutral(t, reduce), at._data.shape)), dim=dim)
    if reduce == "sum":
        return run("scatter_add", (base, at, src), dim=dim)
    if reduce != "mean":
        return run("scatter_reduce", (base, at, src), dim=dim, reduce=reduce)
    total = run("scatter_add", (base, at, src), dim=dim)
    counts = run("full", (int(include_self),), shape=tuple(t._data.shape), dtype=int64)
    ones = expand(run("full", (1,), shape=(), dtype=int64), tuple(at._data.shape))
    counts = p.maximum(run("scatter_add", (counts, at, ones), dim=dim), 1)
    dtype = from_numpy_dtype(t._data.dtype)
    return to_dtype(floor_divide(total, counts), dtype) if kind in "iu" else p.div(total, to_dtype(counts, dtype))


def _neutral(t: Tensor, reduce: str) -> Any:
    """What combined with a value gives the value."""
    if reduce not in ("amax", "amin"):
        return 1 if reduce == "prod" else 0
    kind = t._data.dtype.kind
    if kind == "b":
        return reduce == "amin"
    if kind in "iu":
        limits = np.iinfo(t._data.dtype)
        return int(limits.min if reduce == "amax" else limits.max)
    return -np.inf if reduce == "amax" else np.inf


def _shaped(out: Tensor, x: Any) -> Tensor:
    """A result for x, which a 0-d one is put through as one of one dim."""
    return out if x._data.ndim else reshape(out, ())


def _rows(name: str, x: Any, dim: Any, index: Any, source: Any) -> tuple[Tensor, int, Tensor, Tensor]:
    """Checked operands of what puts rows: x and source with at least one dim, a 1-d index."""
    t, dim, at = _operands(name, x, dim, index)
    at, src = _line(name, at), _same_dtype(name, t, source)
    if not t._data.ndim:
        t = reshape(t, 1)
    if not src._data.ndim:
        src = reshape(src, (1,) * t._data.ndim)
    wanted = (*t._data.shape[:dim], at._data.shape[0], *t._data.shape[dim + 1 :])
    if tuple(src._data.shape) != tuple(wanted):
        raise ValueError(
            f"{name} along dim {dim} of {tuple(t._data.shape)} with {len(at)} indices needs a source of shape "
            f"{tuple(wanted)}, got {tuple(src._data.shape)}"
        )
    return t, dim, at, src


def index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
    """A copy of x with alpha * source added to the entries along dim that a 1-d index names, repeated ones in order."""
    t, dim, at, src = _rows("index_add", x, dim, index, source)
    if isinstance(alpha, (TensorBase, SymScalar)) or alpha != 1:
        if isinstance(alpha, float) and t._data.dtype.kind in "biu":
            raise TypeError(f"index_add: alpha {alpha} for {t.dtype} must be an integer")
        src = p.mul(src, alpha)
    return _shaped(run("put", (t, at, src), dim=dim, accumulate=True), x)


def index_copy(x: Any, dim: int, index: Any, source: Any) -> Tensor:
    """A copy of x with the entries along dim that a 1-d index names replaced by those of source."""
    t, dim, at, src = _rows("index_copy", x, dim, index, source)
    return _shaped(run("put", (t, at, src), dim=dim, accumulate=False), x)


def index_fill(x: Any, dim: int, index: Any, value: Any) -> Tensor:
    """A copy of x with the entries along dim that a 1-d index names set to a number or 0-d tensor."""
    t, dim, at = _operands("index_fill", x, dim, index)
    at = _line("index_fill", at)
    whole = t if t._data.ndim else reshape(t, 1)
    shape = (*whole._data.shape[:dim], at._data.shape[0], *whole._data.shape[dim + 1 :])
    return _shaped(run("put", (whole, at, _filling("index_fill", t, value, shape)), dim=dim, accumulate=False), x)


def index_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Tensor:
    """A copy of x with source combined into the entries along dim that a 1-d index names.

    reduce is 'prod', 'mean', 'amax' or 'amin' (for sums there is index_add); include_self as in scatter_reduce.
    """
    if reduce == "sum":
        raise ValueError("index_reduce: reduce is 'prod', 'mean', 'amax' or 'amin'; sums are index_add's")
    t, dim, at, src = _rows("index_reduce", x, dim, index, source)
    wide = expand(reshape(at, (-1, *(1,) * (t._data.ndim - 1 - dim))), tuple(src._data.shape))
    return _shaped(_reduced("index_reduce", t, dim, wide, src, reduce, include_self), x)


def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy of x with x[indices] = values, or += values at every mention of an element for accumulate=True.

    indices is a tuple of integer tensors and masks; None stands for a whole dim.
    """
    from .._index import put_item

    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"index_put needs a tuple of index tensors, got {type(indices).__name__}")
    t = tensor_of(x, "index_put")
    entries = tuple([slice(None) if i is None else i for i in indices])
    return put_item(t, entries, _same_dtype("index_put", t, values), bool(accumulate))


def nonzero(x: Any, *, as_tuple: bool = False) -> Any:
    """Indices of the elements that are not zero: int64 [count, dims], or one [count] for each dim as a tuple."""
    array = tensor_of(x, "nonzero")._real("nonzero(x)")
    if not array.ndim:
        if as_tuple:
            return tuple([wrap(i) for i in np.nonzero(array.reshape(1))])
        return wrap(np.empty((int(bool(array)), 0), np.int64))
    found = np.nonzero(array)
    if as_tuple:
        return tuple([wrap(i) for i in found])
    return wrap(found[0][:, None] if len(found) == 1 else np.stack(found, 1))


def argwhere(x: Any) -> Tensor:
    """Indices of the elements that are not zero, int64 [count, dims]."""
    out: Tensor = nonzero(x)
    return out


def _mask(name: str, mask: Any) -> Tensor:
    m = tensor_of(mask, name)
    if m._data.dtype != np.bool_:
        raise TypeError(f"{name} needs a bool mask, got {m.dtype}; convert it with .to(bool)")
    return m


def masked_select(x: Any, mask: Any) -> Tensor:
    """The elements of x where mask holds, in row-major order, 1-d; x and mask are broadcast together."""
    t, m = tensor_of(x, "masked_select"), _mask("masked_select", mask)
    shape = broadcast_shapes(tuple(t._data.shape), tuple(m._data.shape))
    if tuple(m._data.shape) != shape:
        m = expand(m, shape)
    if tuple(t._data.shape) != shape:
        t = expand(t, shape)
    from .._index import known

    chosen = np.flatnonzero(known(m))
    return run("take", (reshape(t, -1), wrap(chosen)), dim=0)


def masked_scatter(x: Any, mask: Any, source: Any) -> Tensor:
    """A copy of x whose elements where mask holds are, in row-major order, the first ones of source."""
    t, m = tensor_of(x, "masked_scatter"), _mask("masked_scatter", mask)
    src = reshape(_same_dtype("masked_scatter", t, source), -1)
    shape = broadcast_shapes(tuple(t._data.shape), tuple(m._data.shape))
    m, t = expand(m, shape), expand(t, shape)
    order = reshape(run("cumsum", (reshape(to_dtype(m, int64), -1),), dim=0), shape)
    if type(m._data) is np.ndarray and m.numel() and int(order._data.reshape(-1)[-1]) > src.numel():
        raise ValueError(
            f"masked_scatter needs a source element for each of {int(order._data.reshape(-1)[-1])} chosen ones, "
            f"got {src.numel()}"
        )
    if not src.numel():
        return t.clone()
    return where(m, run("take", (src, p.maximum(p.sub(order, 1), 0)), dim=0), t)


def one_hot(index: Any, num_classes: int = -1, *, dtype: Any = None) -> Tensor:
    """A new last dim with 1 at an integer index, 0 elsewhere, in int64 unless given; an index out of range raises.

    The number of classes is the largest index + 1 unless given.
    """
    at = tensor_of(index, "one_hot")
    if at._data.dtype.kind not in "iu":
        raise TypeError(f"one_hot needs an integer index, got {at.dtype}; convert it with .to(int64)")
    num_classes = whole(num_classes, "one_hot: num_classes")
    if num_classes == -1:
        if not at.numel():
            raise ValueError("one_hot of an empty tensor needs num_classes")
        num_classes = int(at.amax().item()) + 1
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes is positive, or -1 for the largest index + 1, got {num_classes}")
    if tls.trace is not None or type(at._data) is not np.ndarray:
        at = where(p.lt(at, 0), num_classes, at)  # where values are not known yet: scatter refuses it when they are
    elif at._data.size and np.minimum.reduce(at._data, axis=None) < 0:
        raise IndexError(f"one_hot: index {int(at._data.min())} is out of range for {num_classes} classes")
    shape = tuple(at._data.shape)
    kind = int64 if dtype is None else as_dtype(dtype)
    zeros = run("full", (0,), shape=(*shape, num_classes), dtype=kind)
    ones = run("full", (1,), shape=(*shape, 1), dtype=kind)
    return run("scatter", (zeros, to_dtype(reshape(at, (*shape, 1)), int64), ones), dim=len(shape))
