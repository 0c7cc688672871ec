"""Random numbers as formulas: a word, an index or a uniform per position, as functions of (key, position).

The words are the splitmix64 sequence that a key starts, entered at any position. Like the keyed permutation this is a
published contract (golden values in the tests): changing a constant breaks every checkpoint taken in mid-epoch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lamella.data._permutation import GOLDEN, mixed_key
from lamella.data._protocols import IndexArray

_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)


def random_words(key: Iterable[int], positions: IndexArray) -> npt.NDArray[np.uint64]:
    """64 random bits for each position (>= 0)."""
    words = positions.astype(np.uint64)
    words += np.uint64(1)
    words *= np.uint64(GOLDEN)
    words += np.uint64(mixed_key(key))
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def random_below(n: int, key: Iterable[int], positions: IndexArray) -> IndexArray:
    """An integer in [0, n) for each position: the high word of word * n, whose bias is below n / 2**64."""
    words = random_words(key, positions)
    # The product of two 64-bit words by halves: numpy has no 128-bit integers.
    high, low = words >> _HALF, words & _LOW_HALF
    n_high, n_low = np.uint64(n >> 32), np.uint64(n & 0xFFFFFFFF)
    middle = high * n_low + ((low * n_low) >> _HALF)
    carried = low * n_high + (middle & _LOW_HALF)
    below: IndexArray = (high * n_high + (middle >> _HALF) + (carried >> _HALF)).view(np.int64)
    return below


def random_uniform(key: Iterable[int], positions: IndexArray) -> npt.NDArray[np.float64]:
    """A float in [0, 1) with 53 random bits for each position."""
    return (random_words(key, positions) >> np.uint64(11)).astype(np.float64) * 2.0**-53
