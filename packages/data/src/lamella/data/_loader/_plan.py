"""Who reads what: an epoch's order cut into steps, and every step dealt to the ranks.

The position in an epoch counts what all ranks together have taken from the order: `world * batch_size` keys a step, of
which rank r takes the r-th `batch_size`. So a position says where to go on whatever the number of workers or ranks.

At the uneven end of an epoch (without drop_last) the ranks share what is left in parts that differ by one key at most;
if fewer keys than ranks are left, the ranks without one take the same keys again, from the first on. So all ranks take
equally many steps, every key comes once, and at most `world - 1` keys come twice, after all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from lamella.data._protocols import IndexArray, IndexedSampler, Keys
from lamella.data._samplers import PositionedSampler

# Positions of an order that are computed at once: enough to spread the permutation's fixed cost thinly, small enough
# for the cache; fewer at the start, where a first batch waits for them.
_BLOCK_POSITIONS = 65536
_FIRST_POSITIONS = 4096
# What a rank reads in a step, and the position after that step.
Step: TypeAlias = tuple[Keys, int]


@dataclass(frozen=True, slots=True)
class Share:
    """One rank's part of every step."""

    batch_size: int
    rank: int = 0
    world: int = 1
    drop_last: bool = False

    @property
    def taken(self) -> int:
        """Keys that all ranks take in a step."""
        return self.batch_size * self.world

    def steps(self, keys: int) -> int:
        """Steps that an order of so many keys makes."""
        whole, rest = divmod(keys, self.taken)
        return whole if self.drop_last or rest == 0 else whole + 1

    def of_rest(self, rest: int) -> tuple[int, int]:
        """This rank's part [start, stop) of the last `rest` keys (fewer than a step's)."""
        if rest < self.world:
            place = self.rank % rest
            return place, place + 1
        return self.rank * rest // self.world, (self.rank + 1) * rest // self.world


def indexed_steps(sampler: PositionedSampler | IndexedSampler, epoch: int, share: Share, start: int) -> Iterator[Step]:
    """The steps from position `start` on of an order that is a formula: nothing before is computed."""
    keys = len(sampler)
    whole = (keys - start) // share.taken
    first, block = 0, min(_FIRST_POSITIONS, _BLOCK_POSITIONS) // share.batch_size
    while first < whole:
        count = min(max(1, block), whole - first)
        begin = start + first * share.taken
        order = _of_rank(sampler, epoch, share, begin, count, keys)
        for number in range(count):
            at = number * share.batch_size
            yield order[at : at + share.batch_size], begin + (number + 1) * share.taken
        first += count
        block = _BLOCK_POSITIONS // share.batch_size
    begin = start + whole * share.taken
    if begin < keys and not share.drop_last:
        low, high = share.of_rest(keys - begin)
        yield _slice(sampler, epoch, begin + low, begin + high, keys), keys


def _of_rank(
    sampler: PositionedSampler | IndexedSampler, epoch: int, share: Share, begin: int, count: int, keys: int
) -> IndexArray:
    """This rank's keys of `count` whole steps from position `begin` on."""
    if share.world == 1:
        return _slice(sampler, epoch, begin, begin + count * share.batch_size, keys)
    starts = begin + share.rank * share.batch_size + share.taken * np.arange(count, dtype=np.int64)
    if isinstance(sampler, PositionedSampler):
        _check_length(sampler, epoch, keys)
        return sampler.at(epoch, (starts[:, None] + np.arange(share.batch_size, dtype=np.int64)).reshape(-1))
    parts = [_slice(sampler, epoch, at, at + share.batch_size, keys) for at in starts.tolist()]
    return np.concatenate(parts)


def _slice(sampler: PositionedSampler | IndexedSampler, epoch: int, begin: int, end: int, keys: int) -> IndexArray:
    _check_length(sampler, epoch, keys)
    if isinstance(sampler, PositionedSampler):
        return sampler.at(epoch, np.arange(begin, end, dtype=np.int64))
    order = sampler.indices(epoch, begin, end)
    if len(order) != end - begin:
        raise RuntimeError(
            f"DataLoader: {type(sampler).__name__}.indices({epoch}, {begin}, {end}) gave {len(order)} positions, "
            f"expected {end - begin}"
        )
    return order


def _check_length(sampler: PositionedSampler | IndexedSampler, epoch: int, keys: int) -> None:
    if len(sampler) != keys:
        raise RuntimeError(f"DataLoader: {keys} records became {len(sampler)} during epoch {epoch}")


def iterated_steps(order: Iterable[Any], share: Share, start: int) -> Iterator[Step]:
    """The steps from position `start` on of an order that can only be iterated: what is before is passed over."""
    keys = iter(order)
    passed = sum(1 for _ in islice(keys, start))
    if passed < start:
        raise ValueError(
            f"DataLoader: {type(order).__name__} gave {passed} keys, and the position to go on from is {start}: "
            "it is not the order that the state was taken in"
        )
    position = start
    while step := list(islice(keys, share.taken)):
        position += len(step)
        if len(step) == share.taken:
            low = share.rank * share.batch_size
            yield as_keys(step[low : low + share.batch_size]), position
        elif not share.drop_last:
            low, high = share.of_rest(len(step))
            yield as_keys(step[low:high]), position


def listed_steps(batches: Iterable[Any], share: Share, start: int) -> Iterator[Step]:
    """The steps of a batch sampler, which says itself what a batch is; positions count batches."""
    for (keys,), position in iterated_steps(batches, share, start):
        yield as_keys(list(keys)), position


def as_keys(keys: list[Any]) -> Keys:
    """Keys of integers as int64, any others as they are."""
    try:
        array = np.asarray(keys)
    except ValueError:  # ragged: tuples of several lengths
        return keys
    return array.astype(np.int64, copy=False) if array.ndim == 1 and array.dtype.kind in "iu" else keys
