"""Sorting, the k best, distinct elements, and places in sorted sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import _pointwise as p
from .._arguments import whole
from .._base import TensorBase, wrap
from .._creation import tensor
from .._dims import dim_of, the_dim
from .._dtype import DType, from_numpy_dtype, int32
from .._results import Selected
from .common import along, run, selected, tensor_of, to_dtype

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "argsort", "bucketize", "isin", "kthvalue", "msort", "searchsorted", "sort", "topk", "unique", "unique_consecutive",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("argsort", "kthvalue", "msort", "sort", "topk", "unique", "unique_consecutive")
IN_PLACE: tuple[str, ...] = ()


def sort(x: Any, dim: Any = None, descending: bool = False, stable: bool = True, *, axis: Any = None) -> Selected:
    """Selected(values, indices) in order along a dim (the last by default); NaN is the largest.

    Equal elements keep their order in both directions, whether `stable` asks for it or not.
    """
    return selected("sort", tensor_of(x, "sort"), _last(dim, axis), descending=_order("sort", descending, stable))


def _last(dim: Any, axis: Any) -> Any:
    if dim is None and axis is None:
        return -1
    return the_dim(dim, axis)


def _order(name: str, descending: Any, stable: Any) -> bool:
    for value in (descending, stable):
        if value is not True and value is not False:
            raise TypeError(f"{name}: which way and whether in order are True or False, got {value!r}")
    return descending  # type: ignore[no-any-return]


def argsort(x: Any, dim: Any = None, descending: bool = False, stable: bool = True, *, axis: Any = None) -> Tensor:
    """The indices (int64) that `sort` gives; equal elements keep their order."""
    order = _order("argsort", descending, stable)
    return cast("Tensor", along("argsort", tensor_of(x, "argsort"), _last(dim, axis), descending=order))


def msort(x: Any) -> Tensor:
    """The values sorted along the first dim."""
    return sort(x, 0)[0]


def topk(x: Any, k: int, dim: Any = None, largest: bool = True, sorted: bool = True, *, axis: Any = None) -> Selected:
    """Selected(values, indices) of the k largest (or smallest) along a dim, the best first; NaN is the largest.

    Equal elements come in their order. With `sorted=False` no order is promised; it is the same.
    """
    _order("topk", largest, sorted)
    t, k = tensor_of(x, "topk"), whole(k, "topk: k")
    if not t._data.ndim and k != 1:
        raise ValueError(f"topk of a 0-d tensor needs k=1, got {k}")
    return selected("topk", t, _last(dim, axis), k=k, largest=largest)


def kthvalue(x: Any, k: int, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Selected:
    """Selected(values, indices) of the k-th smallest along a dim, k from 1; NaN is the largest."""
    return selected(
        "kthvalue", tensor_of(x, "kthvalue"), _last(dim, axis), keepdim=bool(keepdim), k=whole(k, "kthvalue: k")
    )


def _values_of(x: Any, name: str) -> Any:
    """The array of x for what has no shape before the values are known; half types as float32."""
    array = tensor_of(x, name)._real(f"{name}(x)")
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is not defined for complex numbers; work on real and imaginary parts")
    return array.astype(np.float32) if array.dtype.kind == "V" else array


# numpy's stubs want literal flags
_unique: Any = np.unique


def unique(
    x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Distinct elements in ascending order, or distinct slices along a dim; each NaN is distinct.

    With return_inverse also where every element of x stands among them, with return_counts how often each occurs.
    They are sorted, whether `sorted` asks for it or not.
    """
    _order("unique", False, sorted)
    array = _values_of(x, "unique")
    at = None if dim is None else dim_of(dim, array.ndim)
    found: Any = _unique(array, return_inverse=return_inverse, return_counts=return_counts, axis=at, equal_nan=False)
    if not (return_inverse or return_counts):
        return _like(found, x)
    values, *rest = found
    if return_inverse:
        rest[0] = rest[0].reshape(array.shape if at is None else (-1,))
    return (_like(values, x), *[wrap(np.asarray(r, np.int64)) for r in rest])


def _like(values: Any, x: Any) -> Any:
    return wrap(values.astype(x._data.dtype, copy=False))


def unique_consecutive(
    x: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of every run of equal elements, or of equal slices along a dim; results as of `unique`."""
    array = _values_of(x, "unique_consecutive")
    at = None if dim is None else dim_of(dim, array.ndim)
    rows = array.reshape(-1) if at is None else np.moveaxis(array, at, 0) if array.ndim else array.reshape(1)
    n = len(rows)
    first = np.ones(n, np.bool_)
    if n > 1:
        changed = rows[1:] != rows[:-1]
        first[1:] = changed.reshape(n - 1, -1).any(axis=1)
    kept = rows[first]
    out: list[Any] = [_like(kept if at is None else np.ascontiguousarray(np.moveaxis(kept, 0, at)), x)]
    if return_inverse:
        group = np.cumsum(first) - 1
        out.append(wrap(np.asarray(group.reshape(array.shape) if at is None else group, np.int64)))
    if return_counts:
        starts = np.flatnonzero(first)
        out.append(wrap(np.diff(np.append(starts, n)).astype(np.int64)))
    return tuple(out) if len(out) > 1 else out[0]


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Tensor:
    """Where values would be put to keep a sequence sorted: [n] for values of any shape, or [..., n] for [..., m].

    Before equal elements, or behind them for right=True (side='right'). `sorter` holds the order of an unsorted one.
    """
    if side not in (None, "left", "right"):
        raise ValueError(f"searchsorted: side is 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise ValueError("searchsorted: side='left' contradicts right=True")
    sequence = tensor_of(sorted_sequence, "searchsorted")
    if not sequence._data.ndim:
        raise ValueError("searchsorted needs a sequence with at least one dim, got a 0-d tensor")
    if sorter is not None:
        if tuple(tensor_of(sorter, "searchsorted")._data.shape) != tuple(sequence._data.shape):
            raise ValueError(
                f"searchsorted: sorter {tuple(sorter._data.shape)} needs the shape of the sequence "
                f"{tuple(sequence._data.shape)}"
            )
        sequence = run("gather", (sequence, sorter), dim=sequence._data.ndim - 1)
    dtype = from_numpy_dtype(sequence._data.dtype)
    wanted = values if isinstance(values, TensorBase) else tensor(values, dtype=_fitting(values, dtype))
    if wanted._data.dtype != sequence._data.dtype:
        if isinstance(values, TensorBase):
            other = from_numpy_dtype(wanted._data.dtype)
            raise TypeError(f"searchsorted needs one dtype, got a sequence of {dtype} and values of {other}")
        sequence = to_dtype(sequence, from_numpy_dtype(wanted._data.dtype))
    out = run("searchsorted", (sequence, wanted), right=bool(right or side == "right"))
    return to_dtype(out, int32) if out_int32 else out


def _fitting(number: Any, dtype: DType) -> Any:
    # a fraction looked up among integers is compared as a float
    return None if isinstance(number, float) and dtype.numpy.kind in "biu" else dtype


def bucketize(x: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The bucket of every element among sorted 1-d boundaries: how many lie below it (`<`, or `<=` for right=True)."""
    if tensor_of(boundaries, "bucketize")._data.ndim != 1:
        raise ValueError(f"bucketize needs 1-d boundaries, got shape {tuple(boundaries._data.shape)}")
    return searchsorted(boundaries, x, out_int32=out_int32, right=right)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether every element is one of test_elements (either may be a number), as bool; not so for invert=True.

    assume_unique promises that neither holds an element twice.
    """
    if not isinstance(test_elements, TensorBase):
        out = p.eq(tensor_of(elements, "isin"), test_elements)
    else:
        if not isinstance(elements, TensorBase):
            elements = tensor(elements)
        out = run("isin", (elements, test_elements), assume_unique=bool(assume_unique))
    return p.logical_not(out) if invert else out
