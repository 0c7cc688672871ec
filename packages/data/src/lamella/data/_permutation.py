"""A shuffle that is a formula: position -> record, without an index array.

A keyed permutation of [0, n) is an alternating Feistel network over the smallest power of two that holds n, walked
until it lands below n. Any slice of the order can be computed alone, so a resumed or sharded pass costs what it reads.
The order is a published contract (golden values in the tests): changing a constant here breaks every checkpoint taken
in the middle of an epoch. It shuffles data well; it is no cipher.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from lamella.data._protocols import IndexArray

_MASK64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15  # what splitmix64 adds from word to word: 2**64 over the golden ratio
# Rounds by chi-square over all orders of tiny tables and over positions, neighbours and pairs of larger ones: eight are
# indistinguishable from random from 16 records on; halves of one or two bits need many more.
_ROUNDS = 8
_ROUNDS_TINY = 24
_TINY_BITS = 6
_CACHED = 16384  # values encrypted at once, so that the lanes stay in the cache


def _mix64(word: int) -> int:
    """The finalizer of splitmix64: a bijection of 64-bit words in which every input bit reaches every output bit."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK64
    return word ^ (word >> 31)


def mixed_key(key: Iterable[int]) -> int:
    """One 64-bit word that every word of `key` reaches."""
    state = 0
    for word in key:
        state = _mix64((state + GOLDEN) & _MASK64) ^ word
    return _mix64(state)


def _round_keys(key: Iterable[int], rounds: int) -> list[np.uint32]:
    state = mixed_key(key)
    keys = []
    for _ in range(rounds):
        state = (state + GOLDEN) & _MASK64
        keys.append(np.uint32(_mix64(state) >> 32))
    return keys


class KeyedPermutation:
    """A bijection of [0, n) chosen by `key` (ints in [0, 2**64)); index it by an int or an int64 array."""

    __slots__ = ("_high_bits", "_low_bits", "_round_keys", "n")

    def __init__(self, n: int, key: int | Iterable[int]) -> None:
        size = operator.index(n)
        if not 0 <= size < 1 << 63:
            raise ValueError(f"KeyedPermutation: n must be in [0, 2**63), got {size}")
        words = [operator.index(key)] if isinstance(key, (int, np.integer)) else [operator.index(word) for word in key]
        for word in words:
            if not 0 <= word <= _MASK64:
                raise ValueError(f"KeyedPermutation: key words must be in [0, 2**64), got {word}")
        bits = max(size - 1, 0).bit_length()
        self.n = size
        self._high_bits = bits // 2
        self._low_bits = bits - bits // 2
        self._round_keys = _round_keys(words, _ROUNDS_TINY if bits <= _TINY_BITS else _ROUNDS)

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, positions: int) -> int: ...
    @overload
    def __getitem__(self, positions: npt.NDArray[np.integer[Any]]) -> IndexArray: ...
    def __getitem__(self, positions: int | npt.NDArray[np.integer[Any]]) -> int | IndexArray:
        if not isinstance(positions, np.ndarray):
            position = operator.index(positions)
            return int(self[np.array([position], np.int64)][0])
        if positions.dtype.kind not in "iu":
            raise TypeError(f"KeyedPermutation: positions must be integers, got dtype {positions.dtype}")
        if positions.size and not (positions.min() >= 0 and positions.max() < self.n):
            raise IndexError(
                f"KeyedPermutation: positions must lie in [0, {self.n}), got [{positions.min()}, {positions.max()}]"
            )
        return self._walk(positions.astype(np.uint64, copy=False)).view(np.int64)

    def _walk(self, positions: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """Encrypt until every value is below n: the cycle of a value below n comes back below n, so this ends."""
        values = np.empty_like(positions)
        for start in range(0, len(positions), _CACHED):
            values[start : start + _CACHED] = self._encrypt(positions[start : start + _CACHED])
        outside = np.flatnonzero(values >= self.n)
        while outside.size:
            again = self._encrypt(values[outside])
            values[outside] = again
            outside = outside[again >= self.n]
        return values

    def _encrypt(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        # The halves have at most 32 bits each, so all rounds run in 32-bit lanes whatever n is. A half of zero bits (n
        # <= 2) is skipped: its shift by 32 would be undefined.
        low_mask = np.uint32((1 << self._low_bits) - 1)
        high = (values >> np.uint64(self._low_bits)).astype(np.uint32)
        low = values.astype(np.uint32)
        low &= low_mask
        mixed, shifted = np.empty_like(low), np.empty_like(low)
        for number, key in enumerate(self._round_keys):
            source, target, bits = (low, high, self._high_bits) if number % 2 == 0 else (high, low, self._low_bits)
            if bits == 0:
                continue
            np.add(source, key, out=mixed)
            np.multiply(mixed, np.uint32(0x85EBCA6B), out=mixed)
            np.right_shift(mixed, np.uint32(15), out=shifted)
            np.bitwise_xor(mixed, shifted, out=mixed)
            np.multiply(mixed, np.uint32(0xC2B2AE35), out=mixed)
            np.right_shift(mixed, np.uint32(32 - bits), out=mixed)
            np.bitwise_xor(target, mixed, out=target)
        joined = high.astype(np.uint64)
        joined <<= np.uint64(self._low_bits)
        joined |= low
        return joined
