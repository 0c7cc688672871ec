"""Uniform floats, coin flips, integers and permutations: element i of a call reads slot offset + i and nothing else.

With w the 64-bit word of a slot: float64 is (w >> 11) * 2**-53, float32 (w >> 40) * 2**-24, float16 (w >> 53) * 2**-11
and bfloat16 (w >> 56) * 2**-8, so a narrower draw is the wider one cut off; a coin is (w >> 11) < ceil(p * 2**53), that
is float64 uniform < p; an integer is low + floor(w * (high - low) / 2**64). All steps are exact: C and Triton agree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from ._philox import each_chunk, words
from ._window import SMALL, draw, element_count

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._philox import Sink, Words
    from ._window import Tables

__all__ = ["bernoulli", "randint", "randperm", "uniform"]

# how many of the top bits of a word make the fraction
_FRACTION_BITS: dict[np.dtype[Any], int] = {
    np.dtype(np.float64): 53,
    np.dtype(np.float32): 24,
    np.dtype(np.float16): 11,
    np.dtype(ml_dtypes.bfloat16): 8,
}
_FLOAT64 = np.dtype(np.float64)
_LOW32 = np.uint64(0xFFFFFFFF)
_BY32 = np.uint64(32)

_uniform_tables: Tables = {}
_word_tables: Tables = {}


def uniform(seed: int, offset: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Uniform draws in [0, 1) of float64, float32, float16 or bfloat16; TypeError for another dtype."""
    return draw(_uniform_tables, _uniform, seed, offset, shape, dtype)


def _uniform(seed: int, offset: int, n: int, dtype: DTypeLike) -> NDArray[Any]:
    target = np.dtype(dtype)
    bits = _FRACTION_BITS.get(target)
    if bits is None:
        known = ", ".join(d.name for d in _FRACTION_BITS)
        raise TypeError(f"uniform: cannot draw {target.name}; expected one of {known} (draw one of these and cast)")
    out = np.empty(n, target)
    each_chunk(seed, offset, n, _uniform_sink(out, bits))
    return out


def _uniform_sink(out: NDArray[Any], bits: int) -> Sink:
    shift = np.uint64(64 - bits)
    if out.dtype == np.float64:

        def sink_f64(start: int, w: Words) -> None:
            part = out[start : start + w.size]
            np.right_shift(w, shift, out=w)
            np.copyto(part, w.view(np.int64))  # non-negative, and signed integers convert faster
            np.multiply(part, 2.0**-53, out=part)

        return sink_f64

    scale = np.float32(2.0**-bits)

    def sink(start: int, w: Words) -> None:
        part = out[start : start + w.size]
        np.right_shift(w, shift, out=w)
        small = w.astype(np.int32)
        if part.dtype == np.float32:
            np.copyto(part, small)
            np.multiply(part, scale, out=part)
        else:
            np.copyto(part, small.astype(np.float32) * scale, casting="same_kind")

    return sink


def bernoulli(seed: int, offset: int, p: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """True with probability p, exactly never for p = 0 and always for p = 1; ValueError for p outside [0, 1]."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"bernoulli: p = {p!r} is not a probability; expected 0 <= p <= 1")
    if 0 <= math.prod(shape) <= SMALL:
        coins: NDArray[np.bool_] = uniform(seed, offset, shape, _FLOAT64) < p
        return coins
    threshold = np.uint64(math.ceil(p * 2.0**53))
    out = np.empty(element_count(shape), np.bool_)

    def sink(start: int, w: Words) -> None:
        np.right_shift(w, 11, out=w)
        np.less(w, threshold, out=out[start : start + w.size])

    each_chunk(seed, offset, out.size, sink)
    return out.reshape(shape)


def randint(seed: int, offset: int, low: int, high: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """int64 draws from [low, high); ValueError where that range is empty or leaves int64."""
    if low >= high:
        raise ValueError(f"randint: the range [{low}, {high}) is empty; expected low < high")
    if low < -(1 << 63) or high > 1 << 63:
        raise ValueError(f"randint: the range [{low}, {high}) leaves int64; expected -2**63 <= low < high <= 2**63")
    span = high - low
    first = np.uint64(low & 0xFFFFFFFFFFFFFFFF)
    if 0 <= math.prod(shape) <= SMALL:
        few: NDArray[np.int64] = np.asarray(
            _scaled(draw(_word_tables, _words, seed, offset, shape, None), span) + first
        )
        return few.view(np.int64)
    out = np.empty(element_count(shape), np.int64)
    unsigned = out.view(np.uint64)

    def sink(start: int, w: Words) -> None:
        # uint64 arithmetic wraps, which is what adding a negative `low` needs
        np.add(_scaled(w, span), first, out=unsigned[start : start + w.size])

    each_chunk(seed, offset, out.size, sink)
    return out.reshape(shape)


def _words(seed: int, offset: int, n: int, _: Any) -> Words:
    return words(seed, offset, n)


def _scaled(w: Words, span: int) -> Words:
    """floor(w * span / 2**64), the high half of a 64 x 64 bit product, in 32-bit halves; 1 <= span <= 2**64."""
    high, low = w >> _BY32, w & _LOW32
    if span < 1 << 32:
        factor = np.uint64(span)
        narrow: Words = (high * factor + ((low * factor) >> _BY32)) >> _BY32
        return narrow
    # span_high may be 2**32 itself: its products still fit, as `high` and `low` are below 2**32
    span_high, span_low = np.uint64(span >> 32), np.uint64(span & 0xFFFFFFFF)
    upper, lower = high * span_low, low * span_high
    middle = ((low * span_low) >> _BY32) + (upper & _LOW32) + (lower & _LOW32)
    wide: Words = high * span_high + (upper >> _BY32) + (lower >> _BY32) + (middle >> _BY32)
    return wide


def randperm(seed: int, offset: int, n: int) -> NDArray[np.int64]:
    """A permutation of 0 ... n - 1 as int64: the order of the words of n slots, equal words in index order."""
    if n < 0:
        raise ValueError(f"randperm: n = {n}; expected n >= 0")
    return np.argsort(words(seed, offset, n), kind="stable").astype(np.int64, copy=False)
