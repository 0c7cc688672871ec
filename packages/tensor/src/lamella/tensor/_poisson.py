"""Poisson numbers as a function of a rate and a random 64-bit word an element: elementwise, whatever lies beside it.

Uniform number t of an element is the top 53 bits of output t of SplitMix64 (Steele, Lea and Flood, 2014) from its word,
so that an element may try again without a draw of its own. Rates below 10 are inverted; larger ones are Hoermann's
transformed rejection PTRS (Insurance: Mathematics and Economics 12, 1993), whose constants stand below.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._gamma import lgamma

__all__ = ["poisson"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LARGE = 10.0
_BLOCK = 1 << 14  # elements that stay in the cache between passes
_REACH = 200  # no number of a rate below 10 lies beyond this that 53 bits can tell apart


def _uniform(words: Any, t: int) -> Any:
    """Uniform number t of each word, in (0, 1)."""
    z = words + np.uint64((int(_GAMMA) * (t + 1)) & (2**64 - 1))
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)) | np.uint64(1)).astype(np.float64) * 2.0**-53


def poisson(rate: Any, word: Any) -> Any:
    """Draws in the shape of rate [...] from words of 64 bits [...]; ValueError unless rates are finite and >= 0."""
    flat = np.broadcast_to(rate, np.broadcast_shapes(rate.shape, word.shape)).astype(np.float64).reshape(-1)
    words = np.broadcast_to(word, np.broadcast_shapes(rate.shape, word.shape)).astype(np.uint64).reshape(-1)
    if flat.size and not (flat.min() >= 0 and flat.max() < np.inf):
        raise ValueError(f"poisson needs finite rates >= 0, got {flat.min():g} to {flat.max():g}")
    out = np.zeros(flat.size)
    for start in range(0, flat.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        _draw(flat[part], words[part], out[part])
    return out.reshape(np.broadcast_shapes(rate.shape, word.shape)).astype(rate.dtype)


def _draw(rate: Any, words: Any, out: Any) -> None:
    large = rate >= _LARGE
    for chosen, draw in ((np.flatnonzero(~large), _inverted), (np.flatnonzero(large), _rejected)):
        if chosen.size == rate.size:
            out[:] = draw(rate, words)
        elif chosen.size:
            out[chosen] = draw(rate[chosen], words[chosen])


def _inverted(rate: Any, words: Any) -> Any:
    out = np.zeros(rate.size)
    u = _uniform(words, 0)
    term = np.exp(-rate)
    reached = term.copy()
    left = None  # which elements the arrays above are of; None: all
    for k in range(_REACH):
        more = u > reached
        if k:
            found = ~more
            out[found if left is None else left[found]] = k
        left = np.flatnonzero(more) if left is None else left[more]
        if not left.size:
            break
        rate, u, term, reached = rate[more], u[more], term[more], reached[more]
        term *= rate / (k + 1)
        reached += term
    return out


def _rejected(rate: Any, words: Any) -> Any:
    out = np.zeros(rate.size)
    left = np.arange(rate.size)
    b = 0.931 + 2.53 * np.sqrt(rate)
    a = -0.059 + 0.02483 * b
    scale = np.log(1.1239 + 1.1328 / (b - 3.4))
    sure = 0.9277 - 3.6224 / (b - 2)
    t = 0
    while left.size:
        mean, w, ai, bi = rate[left], words[left], a[left], b[left]
        u, v = _uniform(w, t) - 0.5, _uniform(w, t + 1)
        t += 2
        us = 0.5 - np.abs(u)
        k = np.floor((2 * ai / us + bi) * u + mean + 0.43)
        taken = (us >= 0.07) & (v <= sure[left])
        open_ = np.flatnonzero(~taken & (k >= 0) & ((us >= 0.013) | (v <= us)))
        ko, us, mean = k[open_], us[open_], mean[open_]
        height = np.log(v[open_]) + scale[left][open_] - np.log(ai[open_] / (us * us) + bi[open_])
        taken[open_] = height <= ko * np.log(mean) - mean - lgamma(ko + 1)
        out[left[taken]] = k[taken]
        left = left[~taken]
    return out
