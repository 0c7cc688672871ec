"""Looking values up: places in sorted sequences, membership, and draws by given probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules
from .._promotion import refusal
from .sorting import best_of

__all__: list[str] = []

_INT64 = np.dtype(np.int64)
_BOOL = np.dtype(np.bool_)


def _searchsorted(sequence: Any, values: Any, *, right: bool) -> Any:
    """For every value the number of elements of its (sorted) row that lie before it: `<` it, or `<=` it for right."""
    _searchsorted_shape(sequence, values, right=right)
    side: Any = "right" if right else "left"
    if sequence.dtype.kind == "V":
        sequence, values = sequence.astype(np.float32), values.astype(np.float32)
    if sequence.ndim == 1:
        return np.asarray(np.searchsorted(sequence, values, side))
    rows = sequence.reshape(-1, sequence.shape[-1])
    of = values.reshape(len(rows), -1)
    out = np.empty(of.shape, np.int64)
    for i in range(len(rows)):
        out[i] = np.searchsorted(rows[i], of[i], side)
    return out.reshape(values.shape)


def _searchsorted_shape(sequence: Any, values: Any, *, right: bool) -> MetaArray:
    if sequence.dtype.kind == "c":
        raise TypeError(refusal("searchsorted", "c"))
    if len(sequence.shape) != 1 and tuple(sequence.shape[:-1]) != tuple(values.shape[:-1]):
        raise ValueError(
            f"searchsorted needs one sorted sequence, or one a row of the values: all dims but the last equal; got "
            f"{tuple(sequence.shape)} and {tuple(values.shape)}"
        )
    return MetaArray(values.shape, _INT64)


def _isin(elements: Any, test: Any, *, assume_unique: bool) -> Any:
    _isin_shape(elements, test, assume_unique=assume_unique)
    if elements.dtype.kind == "V":
        elements, test = elements.astype(np.float32), test.astype(np.float32)
    return np.asarray(np.isin(elements, test, assume_unique=assume_unique))


def _isin_shape(elements: Any, test: Any, *, assume_unique: bool) -> MetaArray:
    if elements.dtype.kind == "c":
        raise TypeError(refusal("isin", "c"))
    return MetaArray(elements.shape, _BOOL)


def _multinomial(p: Any, u: Any, *, count: int, replacement: bool) -> Any:
    """Categories [..., count] by weights [..., n] from uniforms: [..., count] with replacement, else [..., n]."""
    _multinomial_shape(p, u, count=count, replacement=replacement)
    weights, u = p.astype(np.float64).reshape(-1, p.shape[-1]), u.reshape(-1, u.shape[-1])
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("multinomial needs weights that are finite and not negative")
    positive = (weights > 0).sum(axis=1)
    least = 1 if replacement else count
    if (positive < least).any():
        raise ValueError(
            f"multinomial needs at least {least} categories of positive weight in every row"
            f"{'' if replacement else ' to draw that many without replacement'}, got a row with {int(positive.min())}"
        )
    if replacement:
        index = _inverted(weights, u)
    else:
        # arrival times of rates w (Efraimidis & Spirakis 2006): the first `count` to come
        arrival = np.where(weights > 0, -np.log1p(-u.astype(np.float64)) / weights, np.inf)
        index = best_of(arrival, count, False)
    return index.reshape(*p.shape[:-1], count)


def _inverted(weights: Any, u: Any) -> Any:
    bounds = np.cumsum(weights, axis=1)
    out = np.empty(u.shape, np.int64)
    for i, row in enumerate(bounds):
        # a category of weight 0 has no room between its bounds; rounding may reach the end, never pass it
        last = np.searchsorted(row, row[-1])
        out[i] = np.minimum(np.searchsorted(row, u[i] * row[-1], "right"), last)
    return out


def _multinomial_shape(p: Any, u: Any, *, count: int, replacement: bool) -> MetaArray:
    if p.dtype.kind in "biuc":
        raise TypeError(f"multinomial needs floating weights, got {p.dtype}; convert them with .to(float32)")
    n = p.shape[-1]
    if not replacement and count > n:
        raise ValueError(f"multinomial cannot draw {count} of {n} categories without replacement")
    return MetaArray((*p.shape[:-1], count), _INT64)


Op("searchsorted", "sequence, values; right", "opaque", differentiable=())
Op("isin", "elements, test; assume_unique", "opaque", promotes="same", differentiable=())
Op("multinomial", "p, u; count, replacement", "opaque", differentiable=())
register_rules("numpy", {"searchsorted": _searchsorted, "isin": _isin, "multinomial": _multinomial})
register_rules("shape", {"searchsorted": _searchsorted_shape, "isin": _isin_shape, "multinomial": _multinomial_shape})


def _lookups(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    steps = max(1, int(max(xs[0].shape[-1:], default=1)).bit_length())
    return int(math.prod(outs[0].shape)) * steps


register_rules("flops", dict.fromkeys(("searchsorted", "isin", "multinomial"), _lookups))
