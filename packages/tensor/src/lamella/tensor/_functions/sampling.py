"""Counting elements by value, and drawing categories by weight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import number, shown, whole
from .._base import TensorBase, wrap
from .._drawn import rand
from .._dtype import float64
from .._results import Histogram
from .common import require_float, run, tensor_of

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["bincount", "histc", "histogram", "histogramdd", "multinomial"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("bincount", "histc", "histogram", "multinomial")
IN_PLACE: tuple[str, ...] = ()


def multinomial(x: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    """Categories [..., num_samples] (int64) drawn by weights [n] or [m, n], which need not sum to 1.

    With replacement a category is where a uniform number falls among the running sums: one slot of the generator a
    sample. Without, every category arrives after an exponential time of its rate: one slot a category.
    """
    t = require_float(x, "multinomial")
    if t._data.ndim not in (1, 2) or not t._data.shape[-1]:
        raise ValueError(f"multinomial needs weights [n] or [m, n] with n > 0, got shape {tuple(t._data.shape)}")
    num_samples = whole(num_samples, "multinomial: num_samples")
    if num_samples <= 0:
        raise ValueError(f"multinomial needs a positive number of samples, got {num_samples}")
    draws = num_samples if replacement else t._data.shape[-1]
    u = rand(*t._data.shape[:-1], draws, dtype=float64, generator=generator)
    return run("multinomial", (t, u), count=num_samples, replacement=bool(replacement))


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, .. occurs in a 1-d tensor of integers, or the sums of their weights."""
    t = tensor_of(x, "bincount")
    if t._data.ndim != 1 or t._data.dtype.kind not in "iu":
        raise TypeError(f"bincount needs a 1-d tensor of integers, got {t.dtype} of shape {tuple(t._data.shape)}")
    minlength = whole(minlength, "bincount: minlength")
    if minlength < 0:
        raise ValueError(f"bincount needs minlength >= 0, got {minlength}")
    values = t._real("bincount(x)")
    if values.size and values.min() < 0:
        raise ValueError(f"bincount needs integers >= 0, got {int(values.min())}")
    values = values.astype(np.int64, copy=False)
    if weights is None:
        return wrap(np.bincount(values, minlength=minlength).astype(np.int64, copy=False))
    w = tensor_of(weights, "bincount")
    if tuple(w._data.shape) != tuple(t._data.shape):
        raise ValueError(f"bincount needs one weight an element, {tuple(t._data.shape)}, got {tuple(w._data.shape)}")
    array = w._real("bincount(x)")
    out = np.bincount(values, array.astype(np.float64, copy=False), minlength)
    return wrap(out.astype(np.float32) if array.dtype == np.float32 else out)


def _edges(name: str, array: Any, low: float, high: float, around: float = 0.5) -> tuple[float, float]:
    """The range of a histogram: as given, else that of the values; a single value has `around` on both its sides."""
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = (low - around, high + around) if array.size else (low, low + 1)
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ValueError(f"{name} needs a finite range with min <= max, got [{low}, {high}]")
    return low, high


def histc(x: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Counts, in the dtype of x, of the elements in equal bins over [min, max], by default over the range of x.

    The last bin holds its upper edge; elements outside and NaN are not counted.
    """
    t = require_float(x, "histc")
    bins = whole(bins, "histc: bins")
    if bins <= 0:
        raise ValueError(f"histc needs a positive number of bins, got {bins}")
    array = t._real("histc(x)").reshape(-1)
    wide = array.astype(np.float32) if array.dtype.itemsize < 4 else array
    low, high = _edges("histc", wide, float(number(min, "histc: min")), float(number(max, "histc: max")), 1.0)
    one = wide.dtype.type
    inside = wide[(wide >= one(low)) & (wide <= one(high))]
    at = ((inside - one(low)) * one(bins) / (one(high) - one(low))).astype(np.int64)
    return wrap(np.bincount(np.minimum(at, bins - 1), minlength=bins).astype(array.dtype))


def histogram(x: Any, bins: Any = 100, *, range: Any = None, weight: Any = None, density: bool = False) -> Histogram:
    """Histogram(hist, bin_edges) over equal bins, or over bins with the edges of a sorted 1-d tensor.

    hist has the dtype of x: counts or sums of weights, or for density=True a density that integrates to 1.
    """
    t = require_float(x, "histogram")
    array = t._real("histogram(x)").reshape(-1)
    wide = array.astype(np.float32) if array.dtype.itemsize < 4 else array
    if isinstance(bins, TensorBase):
        if bins._data.ndim != 1 or bins._data.shape[0] < 2:
            raise ValueError(f"histogram needs at least 2 edges in a 1-d tensor, got shape {tuple(bins._data.shape)}")
        if range is not None:
            raise TypeError("histogram: edges say the range already")
        edges = tensor_of(bins, "histogram")._real("histogram(x)").astype(wide.dtype)
    else:
        bins = whole(bins, "histogram: bins")
        if bins <= 0:
            raise ValueError(f"histogram needs a positive number of bins, got {bins}")
        low, high = _edges("histogram", wide, *_limits("histogram", range, 1))
        edges = np.linspace(low, high, bins + 1).astype(wide.dtype)
    hist = np.histogram(wide, edges, weights=_weights("histogram", weight, t))[0].astype(np.float64)
    if density:
        hist = hist / hist.sum() / np.diff(edges.astype(np.float64))
    return Histogram(wrap(hist.astype(array.dtype)), wrap(edges.astype(array.dtype)))


def _limits(name: str, range: Any, dims: int) -> list[float]:
    """The least and the largest edge of each dim; 0 and 0 where the elements are to say."""
    if range is None:
        return [0.0, 0.0] * dims
    if not isinstance(range, (tuple, list)) or len(range) != 2 * dims:
        raise ValueError(f"{name} needs range as {2 * dims} numbers, two a dim, got {shown(range)}")
    return [float(number(v, f"{name}: range")) for v in range]


def _weights(name: str, weight: Any, t: Any) -> Any:
    if weight is None:
        return None
    if weight._data.size != t._data.size or weight._data.dtype != t._data.dtype:
        raise ValueError(
            f"{name}: weight needs the shape and dtype of x, got {weight.dtype} {tuple(weight._data.shape)}"
        )
    return weight._real(f"{name}(x)").reshape(-1).astype(np.float64)


def histogramdd(
    x: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(hist, edges of every dim) of points x [..., D] over a grid: bins is an int, one a dim, or edges of every dim."""
    t = require_float(x, "histogramdd")
    if t._data.ndim < 2:
        raise ValueError(f"histogramdd needs points [..., D], got shape {tuple(t._data.shape)}")
    dims = t._data.shape[-1]
    points = t._real("histogramdd(x)").reshape(-1, dims).astype(np.float64)
    given = list(bins) if isinstance(bins, (tuple, list)) else [bins] * dims
    if len(given) != dims:
        raise ValueError(f"histogramdd needs bins for each of {dims} dims, got {len(given)}")
    limits = _limits("histogramdd", range, dims)
    grid = [
        tensor_of(b, "histogramdd")._real("histogramdd(x)").astype(np.float64)
        if isinstance(b, TensorBase)
        else np.linspace(
            *_edges("histogramdd", points[:, d], *limits[2 * d : 2 * d + 2]), whole(b, "histogramdd: bins") + 1
        )
        for d, b in enumerate(given)
    ]
    w = None
    if weight is not None:
        w = tensor_of(weight, "histogramdd")._real("histogramdd(x)").reshape(-1).astype(np.float64)
        if w.size != len(points):
            raise ValueError(f"histogramdd needs a weight a point, {len(points)}, got {w.size}")
    hist, edges = np.histogramdd(points, grid, weights=w, density=density)
    dtype = t._data.dtype
    return wrap(hist.astype(dtype)), tuple(wrap(np.asarray(e, dtype)) for e in edges)
