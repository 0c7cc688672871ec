"""References in float64 of statistics over dims, scans, selections along a dim and lookups: plain numpy and loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def var(x: Any, dims: Any, correction: float, keepdim: bool) -> Any:
    return np.var(x, dims, ddof=correction, keepdims=keepdim), np.mean(x, dims, keepdims=True)


def std(x: Any, dims: Any, correction: float, keepdim: bool) -> Any:
    return np.std(x, dims, ddof=correction, keepdims=keepdim), np.mean(x, dims, keepdims=True)


def norm(x: Any, p: float, dims: Any, keepdim: bool) -> Any:
    size = np.abs(x)
    if math.isinf(p):
        return (np.max if p > 0 else np.min)(size, dims, keepdims=keepdim)
    if p == 0:
        return np.sum(size != 0, dims, keepdims=keepdim).astype(np.float64)
    return np.sum(size**p, dims, keepdims=keepdim) ** (1 / p)


def rows_of(x: Any, dims: Any) -> list[Any]:
    """The elements over dims, one list for each of the others, in their order."""
    kept = [d for d in range(x.ndim) if d not in dims]
    return list(x.transpose(*kept, *dims).reshape(math.prod(x.shape[d] for d in kept), -1))


def median(x: Any, dims: Any, keepdim: bool) -> Any:
    found = [sorted(row)[(len(row) - 1) // 2] for row in rows_of(x, dims)]
    shape = np.sum(np.zeros(x.shape), dims, keepdims=keepdim).shape
    return np.array(found, x.dtype).reshape(shape)


def running(better: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def run(x: Any, dim: int) -> Any:
        values, indices = x.copy(), np.zeros(x.shape, np.int64)
        rows, of = np.moveaxis(values, dim, -1), np.moveaxis(indices, dim, -1)
        for at in np.ndindex(rows.shape[:-1]):
            best = 0
            for i in range(rows.shape[-1]):
                source = np.moveaxis(x, dim, -1)[at]
                if better(source[i], source[best]):
                    best = i
                rows[at][i], of[at][i] = source[best], best
        return values, indices

    return run


def chosen(pick: Callable[..., list[int]]) -> Callable[..., Any]:
    """(values, indices) of what `pick` names in every row along dim."""

    def run(x: Any, dim: int, keepdim: bool = True, **params: Any) -> Any:
        index = np.apply_along_axis(lambda row: np.array(pick(row.tolist(), **params), np.int64), dim, x)
        found = np.take_along_axis(x, index, dim), index
        return found if keepdim else tuple(f.squeeze(dim) for f in found)

    return run


def ordered(row: list[Any], descending: bool = False) -> list[int]:
    return sorted(range(len(row)), key=row.__getitem__, reverse=descending)


def mode(row: list[Any]) -> list[int]:
    value = min(set(row), key=lambda v: (-row.count(v), v))
    return [len(row) - 1 - row[::-1].index(value)]


def place(x: Any, index: Any, dim: int, size: int) -> Any:
    shape = list(x.shape)
    shape[dim] = size
    out = np.zeros(shape, x.dtype)
    for at in np.ndindex(*x.shape):
        to = list(at)
        to[dim] = index[at]
        out[tuple(to)] = x[at]
    return out


def searchsorted(sequence: Any, values: Any, right: bool) -> Any:
    out = np.zeros(values.shape, np.int64)
    for at in np.ndindex(*values.shape):
        row = sequence if sequence.ndim == 1 else sequence[at[:-1]]
        out[at] = sum(bool(v <= values[at] if right else v < values[at]) for v in row)
    return out


def poisson(rate, word):
    """One element after the other: SplitMix64 in Python's integers, sums until they reach a uniform number."""
    out = np.zeros(rate.shape)
    for at in np.ndindex(rate.shape):
        z = (int(word[at]) + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        u = ((z ^ z >> 31) >> 11 | 1) * 2.0**-53
        term = reached = math.exp(-float(rate[at]))
        while u > reached:
            out[at] += 1
            term *= float(rate[at]) / out[at]
            reached += term
    return out


def multinomial(p: Any, u: Any, count: int, replacement: bool) -> Any:
    if not replacement:
        return np.argsort(-np.log1p(-u) / p, axis=-1)[..., :count]
    bounds = np.cumsum(p, -1) / p.sum(-1, keepdims=True)
    return (u[..., None] >= bounds[..., None, :]).sum(-1)


REFERENCE: dict[str, Callable[..., Any]] = {
    "nansum": lambda x, dims, keepdim: np.nansum(x, dims, keepdims=keepdim),
    "count_nonzero": lambda x, dims, keepdim: np.count_nonzero(x, dims, keepdims=keepdim),
    "mean": lambda x, dims, keepdim: np.mean(x, dims, keepdims=keepdim),
    "var": var,
    "std": std,
    "norm": norm,
    "logsumexp": lambda x, dims, keepdim: np.log(np.sum(np.exp(x), dims, keepdims=keepdim)),
    "median": median,
    "nanmedian": median,
    "cumprod": lambda x, dim: np.cumprod(x, dim),
    "logcumsumexp": lambda x, dim: np.log(np.cumsum(np.exp(x), dim)),
    "cummax": running(lambda new, old: new >= old),
    "cummin": running(lambda new, old: new <= old),
    "sort": chosen(ordered),
    "argsort": lambda x, dim, descending: chosen(ordered)(x, dim, descending=descending)[1],
    "topk": chosen(lambda row, k, largest: ordered(row, largest)[:k]),
    "kthvalue": chosen(lambda row, k: ordered(row)[k - 1 : k]),
    "median_along": chosen(lambda row, skip_nan: [ordered(row)[(len(row) - 1) // 2]]),
    "mode": chosen(mode),
    "max_along": chosen(lambda row: [row.index(max(row))]),
    "min_along": chosen(lambda row: [row.index(min(row))]),
    "place": place,
    "searchsorted": searchsorted,
    "isin": lambda x, test, assume_unique: (x[..., None] == test.reshape(-1)).any(-1),
    "multinomial": multinomial,
    "poisson": poisson,
}
