"""Square brackets: basic entries give views; index tensors and masks take copies, or are written through.

An expression is split in two: its ints, slices, None and Ellipsis make a view, and its index tensors then stand at dims
of that view. One of them is `take` or `put` along its dim; several become one index over their merged dims. Their
common shape stands in the result where they stood, or in front when other dims lie between them, as in PyTorch.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from . import _scalar
from ._arguments import shown
from ._base import TensorBase, wrap, wrap_view
from ._creation import constant, full, has_symbol, tensor
from ._dispatch import dispatch, view_of
from ._dtype import from_numpy_dtype
from ._functions.common import to_dtype
from ._functions.elementwise import where
from ._functions.grids import unravel_index
from ._functions.movement import expand
from ._inplace import assign, overwrite, put_plainly
from ._meta import MetaArray
from ._op import OPS
from ._operand import is_operand
from ._payload import Batched, Dual
from ._state import HOT, tls
from ._values import number_in

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["accumulate_item", "get_item", "known", "put_item", "set_item"]

_SLICE = OPS["slice"]
_RESHAPE = OPS["reshape"]
_TAKE = OPS["take"]
_PUT = OPS["put"]
_ALL = slice(None)
_INT64 = np.dtype(np.int64)


class _At(NamedTuple):
    """An index tensor at dims [dim, dim + rank) of a view: rank > 1 where a mask was, as an index over them merged."""

    dim: int
    rank: int
    index: Any


def _basic(t: Any, index: Any) -> Any:
    shape = t._data.shape
    kind = type(index)
    if (kind is int or kind is slice) and shape:
        n = shape[0]
        first = _normal_slice(index, n) if kind is slice else _normal_int(index, n, 0)
        whole = (first, *[(0, m, 1) for m in shape[1:]])
        if not t._flags and not HOT[0]:
            # a plain tensor that nothing follows: what the general path would come to
            data = t._data[index] if kind is slice else t._data[index, ...]
            return wrap_view(data, t, ("slice", whole), tls.grad)
        return view_of(_SLICE, t, whole)
    entries = _spread(index if isinstance(index, tuple) else (index,), len(shape))
    canonical: list[Any] = []
    places: list[Any] = []  # the same for numpy
    sizes: list[int] = []  # of the result
    cut = grown = False
    at = 0
    for e in entries:
        if e is None:
            grown = True
            sizes.append(1)
            continue
        n = shape[at]
        c: Any
        if isinstance(e, slice):
            c = (0, n, 1) if e is _ALL else _normal_slice(e, n)
            places.append(e)
            sizes.append(c[1] - c[0] if c[2] == 1 else len(range(*c)))
            cut = cut or c != (0, n, 1)
        else:
            c = _normal_int(e, n, at)
            places.append(c)
            cut = True
        canonical.append(c)
        at += 1
    r = t
    if cut or not grown:
        whole = tuple(canonical)
        if not t._flags and not HOT[0]:
            r = wrap_view(t._data[(*places, ...)], t, ("slice", whole), tls.grad)
        else:
            r = view_of(_SLICE, t, whole)
    return view_of(_RESHAPE, r, tuple(sizes)) if grown else r


def _spread(entries: tuple[Any, ...], rank: int) -> list[Any]:
    """The entries with the Ellipsis, or the end where there is none, as the whole dims it stands for."""
    used = 0
    dots = -1
    for k, e in enumerate(entries):
        if e is Ellipsis:
            if dots >= 0:
                raise IndexError("an index can have one Ellipsis")
            dots = k
        elif e is not None:
            used += _used(e) if isinstance(e, TensorBase) else 1
    if used > rank:
        raise IndexError(f"too many indices: {used} for a tensor of {rank} dims")
    if dots < 0:
        return [*entries, *[_ALL] * (rank - used)]
    return [*entries[:dots], *[_ALL] * (rank - used), *entries[dots + 1 :]]


def _used(entry: TensorBase) -> int:
    """Dims that an index tensor stands for: a mask's own."""
    return int(entry._data.ndim) if entry._data.dtype == np.bool_ else 1


def _normal_slice(e: slice, n: int) -> tuple[int, int, int]:
    start, stop, step = _open_slice(e, n) if HOT[0] and _is_open(e, n) else e.indices(n)
    if (start >= stop) if step > 0 else (start <= stop):
        return (
            0,
            0,
            1,
        )  # one form for all empty ones: the -1 that a negative step starts from would mean the last element
    return start, stop, step


def _is_open(e: slice, n: Any) -> bool:
    return any(isinstance(part, _scalar.SymSize) for part in (n, e.start, e.stop, e.step))


def _open_slice(e: slice, n: Any) -> tuple[Any, Any, int]:
    """`slice.indices` where the size or a bound is known by name to a trace."""
    step = 1 if e.step is None else operator.index(e.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low, high = (0, n) if step > 0 else (-1, n - 1)

    def clipped(bound: Any, default: Any) -> Any:
        if bound is None:
            return default
        bound = _scalar.index(bound)
        if bound < 0:
            bound += n
        return low if bound < low else high if bound > high else bound

    ends = (low, high) if step > 0 else (high, low)
    return clipped(e.start, ends[0]), clipped(e.stop, ends[1]), step


def _normal_int(e: Any, n: int, dim: int) -> Any:
    try:
        i = e if type(e) is int else _scalar.index(e)
    except TypeError:
        raise TypeError(
            f"an index is made of ints, slices, None, Ellipsis, bools and index tensors, got {e!r}"
        ) from None
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of range for dim {dim} of size {n}")
    return i + n if i < 0 else i


def _entry(e: Any) -> Any:
    """An entry that is basic as it is, anything array-like as an index tensor; a 0-d integer array as an int."""
    if isinstance(e, (bool, np.bool_)):
        return wrap(np.asarray(e))
    if isinstance(e, (list, tuple, range)):
        if HOT[0] and has_symbol(e):
            e = tensor(e)
        else:
            array = np.asarray(e, _INT64) if not len(e) else np.asarray(e)
            e = wrap(array) if array.dtype == np.bool_ else constant(array)  # of a mask the values are needed
    elif isinstance(e, np.ndarray):
        e = _of_array(e)
    if isinstance(e, TensorBase):
        data = e._data
        if data.dtype.kind not in "ib":
            more = "; a uint8 mask is .to(bool), uint8 positions are .to(int64)" if data.dtype == np.uint8 else ""
            raise TypeError(f"an index tensor is of signed integers or a bool mask, got {data.dtype}{more}")
        if not data.ndim and data.dtype.kind == "i" and type(data) is np.ndarray and tls.trace is None:
            return int(data)
    return e


def _of_array(array: Any) -> Any:
    return wrap(array) if tls.trace is None else tls.trace.of_array(array)


def _all_basic(entries: tuple[Any, ...]) -> bool:
    for e in entries:
        kind = type(e)
        if kind is not int and kind is not slice and e is not None and e is not Ellipsis:
            return False
    return True


def _is_basic(e: Any) -> bool:
    return e is None or e is Ellipsis or type(e) is int or type(e) is slice or isinstance(e, _scalar.SymSize)


def _split(t: Any, index: Any) -> tuple[Any, list[_At]]:
    """The view that the basic entries make, and the index tensors at its dims."""
    entries = index if isinstance(index, tuple) else (index,)
    if _all_basic(entries):
        return _basic(t, index), []
    entries = tuple([e if _is_basic(e) else _entry(e) for e in entries])
    basic: list[Any] = []
    found: list[_At] = []
    shape = t._data.shape
    at = out = 0  # dims of t and of the view
    for e in _spread(entries, len(shape)):
        if not isinstance(e, TensorBase):
            basic.append(e)
            at += e is not None
            out += e is None or isinstance(e, slice)
            continue
        if e._data.dtype != np.bool_:
            found.append(_At(out, 1, e))
            basic.append(_ALL)
            at += 1
            out += 1
            continue
        rank = e._data.ndim
        if tuple(e._data.shape) != tuple(shape[at : at + rank]):
            raise IndexError(
                f"a mask of shape {tuple(e._data.shape)} does not match the dims {tuple(shape[at : at + rank])} it "
                f"stands at, of a tensor of shape {tuple(shape)}"
            )
        # a mask without dims is a new dim of size 1, taken or not
        basic.extend([_ALL] * rank if rank else [None])
        found.append(_At(out, max(rank, 1), constant(np.flatnonzero(known(e)))))
        at += rank
        out += max(rank, 1)
    return (t if all(b is _ALL for b in basic) else _basic(t, tuple(basic))), found


def known(mask: Any) -> Any:
    """The values of a mask; a tangent, and a batch it is the same in, do not change them."""
    data = mask._data
    while type(data) is Dual or (type(data) is Batched and not data.batched):
        data = data.tensor._data
    if type(data) is not np.ndarray:
        if type(data) is MetaArray and tls.trace is not None:
            tls.trace.forced(mask, "x[mask]")
        raise RuntimeError(
            "the size of x[mask] depends on the values of the mask, which are not known here; use where(mask, x, 0)"
        )
    return data


def _merged(shape: tuple[int, ...], found: list[_At]) -> tuple[tuple[int, ...], int, int, Any]:
    """(order of dims, where the indexed ones stand in it, how many they are, one index over them merged)."""
    if len(found) == 1:
        return tuple(range(len(shape))), *found[0]
    indices: list[Any] = []
    dims: list[int] = []
    for dim, rank, index in found:
        parts = [index]
        if rank > 1:
            parts = list(unravel_index(index, shape[dim : dim + rank]))
        indices.extend(parts)
        dims.extend(range(dim, dim + rank))
    index = dispatch(OPS["ravel_index"], tuple(indices), {"sizes": tuple([shape[d] for d in dims])})
    first = dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0
    rest = [d for d in range(len(shape)) if d not in dims]
    return (*rest[:first], *dims, *rest[first:]), first, len(dims), index


def _ordered(t: Any, order: tuple[int, ...]) -> Any:
    return t if order == tuple(range(len(order))) else view_of(OPS["permute"], t, order)


def _taken(view: Any, found: list[_At]) -> Any:
    shape = tuple(view._data.shape)
    if len(found) > 1 and not HOT[0] and not view._flags and not any(a.index._flags or a.rank > 1 for a in found):
        # plain memory that nothing follows: numpy places the dims by the same rule
        entries: list[Any] = [_ALL] * len(shape)
        for dim, _, index in found:
            entries[dim] = index._data
        try:
            return wrap(view._data[tuple(entries)])
        except IndexError:
            pass  # the path below says what is wrong
    order, dim, rank, index = _merged(shape, found)
    view = _ordered(view, order)
    if rank > 1:
        sizes = tuple(view._data.shape)
        n = int(np.prod(sizes[dim : dim + rank]))
        view = dispatch(_RESHAPE, (view,), {"shape": (*sizes[:dim], n, *sizes[dim + rank :])})
    return dispatch(_TAKE, (view, index), {"dim": dim})


def get_item(t: Any, index: Any) -> Tensor:
    """t[index]; a view for basic entries, a copy where an index tensor or a mask is among them."""
    kind = type(index)
    if kind is int or kind is slice:
        return cast("Tensor", _basic(t, index))
    if isinstance(index, TensorBase) and index._data.dtype == _INT64 and index._data.ndim and t._data.ndim:
        return cast("Tensor", dispatch(_TAKE, (t, index), {"dim": 0}))
    dim = _alone(index) if kind is tuple else -1
    if 0 <= dim < t._data.ndim:
        return cast("Tensor", dispatch(_TAKE, (t, index[dim]), {"dim": dim}))
    view, found = _split(t, index)
    return cast("Tensor", _taken(view, found) if found else view)


def _alone(index: tuple[Any, ...]) -> int:
    """The dim of the index tensor among whole dims, -1 where the index is not that simple."""
    dim = -1
    for d, e in enumerate(index):
        if type(e) is slice:
            if e != _ALL:
                return -1
        elif dim < 0 and isinstance(e, TensorBase) and e._data.dtype == _INT64 and e._data.ndim:
            dim = d
        else:
            return -1
    return dim


def _filled(shape: tuple[int, ...], value: Any) -> Any:
    """A value in the shape of what is written: broadcast, surplus dims of 1 in front dropped."""
    surplus = value._data.ndim - len(shape)
    if surplus > 0 and all(n == 1 for n in value._data.shape[:surplus]):
        value = dispatch(_RESHAPE, (value,), {"shape": tuple(value._data.shape[surplus:])})
    if tuple(value._data.shape) == shape:
        return value
    try:
        return expand(value, shape)
    except ValueError:
        raise ValueError(
            f"a value of shape {tuple(value._data.shape)} does not broadcast to the indexed shape {shape}"
        ) from None


def _put(view: Any, value: Any, found: list[_At], accumulate: bool) -> Any:
    """The view's tensor with a value put at (or added to) the indexed elements."""
    shape = tuple(view._data.shape)
    if len(found) == 1 and found[0].rank == 1:
        dim, _, index = found[0]
        value = _filled((*shape[:dim], *index._data.shape, *shape[dim + 1 :]), value)
        return dispatch(_PUT, (view, index, value), {"dim": dim, "accumulate": accumulate})
    order, dim, rank, index = _merged(shape, found)
    moved = _ordered(view, order)
    sizes = tuple(moved._data.shape)
    if rank > 1:
        n = int(np.prod(sizes[dim : dim + rank]))
        moved = dispatch(_RESHAPE, (moved,), {"shape": (*sizes[:dim], n, *sizes[dim + rank :])})
    value = _filled((*sizes[:dim], *index._data.shape, *sizes[dim + rank :]), value)
    out = dispatch(_PUT, (moved, index, value), {"dim": dim, "accumulate": accumulate})
    if rank > 1:
        out = dispatch(_RESHAPE, (out,), {"shape": sizes})
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return _ordered(out, tuple(inverse))


def _as_value(t: Any, value: Any) -> Any:
    if not isinstance(value, TensorBase):
        make = tensor if isinstance(value, (np.ndarray, list, tuple)) else None
        if make is None and not is_operand(value):
            raise TypeError(f"values of a tensor are tensors, arrays, lists or numbers, got {shown(value)}")
        return make(value, dtype=t.dtype) if make else full((), value, dtype=t.dtype)
    return to_dtype(value, t.dtype)


def put_item(t: Any, index: Any, value: Any, accumulate: bool = False) -> Tensor:
    """A copy of t with t[index] = value, or += value at every mention of an element for accumulate=True."""
    value = _as_value(t, value)
    dim = _alone(index)
    if 0 <= dim < t._data.ndim:
        return cast("Tensor", _put(t, value, [_At(dim, 1, index[dim])], accumulate))
    view, found = _split(t, index)
    if found and view is t:
        return cast("Tensor", _put(t, value, found, accumulate))
    copy = t.clone()
    set_item(copy, index, value) if not accumulate else accumulate_item(copy, index, value)
    return cast("Tensor", copy)


def set_item(t: Any, index: Any, value: Any) -> None:
    """t[index] = value, in place: broadcast and cast; of several values for one element the last one stays."""
    kind = type(index)
    if kind is int or kind is slice or (kind is tuple and _all_basic(index)):
        kind = type(value)
        if kind is float or kind is int or kind is bool:
            number = number_in(value, from_numpy_dtype(t._data.dtype), "assignment")
            if put_plainly(t, index, number):
                return
        elif isinstance(value, TensorBase) and put_plainly(t, index, value):
            return
        _basic(t, index).copy_(value)
        return
    if _fill_mask(t, index, value):
        return
    view, found = _split(t, index)
    if not found:
        view.copy_(value)
        return
    _write(view, _as_value(t, value), found, False)


def accumulate_item(t: Any, index: Any, value: Any) -> None:
    """t[index] += value in place, at every mention of an element."""
    view, found = _split(t, index)
    value = _as_value(t, value)
    if not found:
        view.copy_(view + value)
        return
    _write(view, value, found, True)


def _write(view: Any, value: Any, found: list[_At], accumulate: bool) -> None:
    def index_put(target: Any, value: Any, *_: Any) -> Any:
        return _put(target, value, found, accumulate)

    indices = tuple([a.index for a in found])
    if not accumulate and all(a.rank == 1 for a in found):
        entries: list[Any] = [_ALL] * view._data.ndim
        for dim, _, index in found:
            entries[dim] = index._data
        if overwrite(view, tuple(entries), value, indices):
            return
    assign(index_put, view, (value, *indices), {})


def _fill_mask(t: Any, index: Any, value: Any) -> bool:
    """t[mask] = what each place gets whatever the others are: where() needs no count of them."""
    if isinstance(index, np.ndarray) and index.dtype == np.bool_:
        index = _of_array(index)
    if not (isinstance(index, TensorBase) and index._data.dtype == np.bool_):
        return False
    rank, shape = index._data.ndim, tuple(t._data.shape)
    if tuple(index._data.shape) != shape[:rank]:
        return False
    value = _as_value(t, value)
    if value._data.ndim > len(shape) - rank:
        return False
    if overwrite(t, (index._data,), value, (index,)):
        return True
    if rank != len(shape):
        index = dispatch(_RESHAPE, (index,), {"shape": (*index._data.shape, *(1,) * (len(shape) - rank))})
    _filled(shape[rank:], value)
    t.copy_(where(expand(index, shape), value, t))
    return True
