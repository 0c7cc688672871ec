"""Which source a position of a mixture comes from, as a formula.

Positions fall into blocks in which every source has a fixed count, so shares hold in every block and a position is
located in constant time. The order within a block is drawn per epoch and turned per block by a keyed amount; records of
one source stay in their order. A finite mixture ends in a tail, which holds what fills no block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, final

import numpy as np

from lamella.data._draws import random_below
from lamella.data._permutation import KeyedPermutation
from lamella.data._protocols import IndexArray

Stop: TypeAlias = Literal["first", "all"]

_MOST = 4096  # records per block: shares are met to 1/4096, and exactly where a smaller block can
_FEWEST = 64  # an order drawn from fewer is no order
# Words that keep the draws of one seed apart.
_ORDER, _TURNS, _TAIL = 0x6D697801, 0x6D697802, 0x6D697803


class Place(NamedTuple):
    """For each position: the source, and how many records of that source come before."""

    sources: IndexArray
    indices: IndexArray


class _Order(NamedTuple):
    """Sources in the order of a block, and for each place in it how many of each source come before."""

    sources: IndexArray
    before: IndexArray  # (places + 1, sources)

    @classmethod
    def of(cls, sources: IndexArray, kinds: int) -> _Order:
        before = np.zeros((len(sources) + 1, kinds), np.int64)
        np.cumsum(sources[:, None] == np.arange(kinds), axis=0, out=before[1:])
        return cls(sources, before)


@final
class Pattern:
    """`counts` records of each source per block; `seed` None: the sources in turn, not drawn. With `totals` (records
    of each source in all) the mixture is finite.
    """

    def __init__(self, counts: Sequence[int], seed: int | None, totals: Sequence[int] | None = None) -> None:
        self.counts = np.array(counts, np.int64)
        self.size = int(self.counts.sum())
        self._seed = seed
        self._tail = np.zeros_like(self.counts)
        self._blocks: int | None = None
        if totals is not None:
            self._blocks = min(total // count for total, count in zip(totals, counts, strict=True))
            self._tail = np.array(totals, np.int64) - self._blocks * self.counts
        self._drawn: tuple[int, _Order, _Order, tuple[int, ...] | None] | None = None

    def locate(self, positions: IndexArray, epoch: int) -> Place:
        """Where the records at `positions` of an epoch come from."""
        order, tail, turns = self._draw(epoch)
        blocks, places = np.divmod(positions, self.size)
        if self._blocks is not None:
            blocks = np.minimum(blocks, self._blocks)
            in_tail = blocks == self._blocks
            if in_tail.any():
                return self._with_tail(positions, blocks, places, in_tail, order, tail, turns)
        return self._in_blocks(blocks, places, order, turns)

    def _in_blocks(self, blocks: IndexArray, places: IndexArray, order: _Order, turns: tuple[int, ...] | None) -> Place:
        if turns is None:
            sources = order.sources[places]
            return Place(sources, order.before[places, sources] + blocks * self.counts[sources])
        start = random_below(self.size, turns, blocks)
        turned = (places + start) % self.size
        sources = order.sources[turned]
        # Records of the source between the block's start and this place, around the end of the order.
        before = order.before[turned, sources] - order.before[start, sources]
        before += np.where(turned < start, self.counts[sources], 0)
        return Place(sources, before + blocks * self.counts[sources])

    def _with_tail(
        self,
        positions: IndexArray,
        blocks: IndexArray,
        places: IndexArray,
        in_tail: np.ndarray[tuple[int], np.dtype[np.bool_]],
        order: _Order,
        tail: _Order,
        turns: tuple[int, ...] | None,
    ) -> Place:
        whole = self._in_blocks(blocks[~in_tail], places[~in_tail], order, turns)
        done = int(self._blocks or 0)
        behind = positions[in_tail] - done * self.size
        result = Place(np.empty_like(positions), np.empty_like(positions))
        result.sources[~in_tail], result.indices[~in_tail] = whole
        sources = tail.sources[behind]
        result.sources[in_tail] = sources
        result.indices[in_tail] = tail.before[behind, sources] + done * self.counts[sources]
        return result

    def _draw(self, epoch: int) -> tuple[_Order, _Order, tuple[int, ...] | None]:
        drawn = self._drawn
        if drawn is not None and (drawn[0] == epoch or self._seed is None):
            return drawn[1:]
        kinds = len(self.counts)
        order, tail = (np.repeat(np.arange(kinds), counts) for counts in (self.counts, self._tail))
        turns: tuple[int, ...] | None = None
        if self._seed is not None:
            order = order[KeyedPermutation(len(order), (self._seed, epoch, _ORDER))[np.arange(len(order))]]
            tail = tail[KeyedPermutation(len(tail), (self._seed, epoch, _TAIL))[np.arange(len(tail))]]
            turns = (self._seed, epoch, _TURNS)
        made = _Order.of(order, kinds), _Order.of(tail, kinds), turns
        self._drawn = (epoch, *made)  # one assignment: threads may race, and would store the same
        return made


def block_counts(owner: str, weights: Sequence[float] | None, sources: int) -> list[int]:
    """Records of each source per block, in the ratio of `weights` (None: equal)."""
    given = np.ones(sources) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (sources,):
        raise ValueError(f"{owner}: expected one weight for each of {sources} sources, got {weights!r}")
    if not (np.isfinite(given).all() and (given > 0).all()):
        raise ValueError(f"{owner}: weights must be positive numbers, got {weights!r}; leave out what has no share")
    shares = given / given.sum()
    sizes = np.arange(1, _MOST + 1)
    errors = np.abs(shares[:, None] * sizes - np.rint(shares[:, None] * sizes)).max(axis=0)
    exact = sizes[errors < 1e-9]
    size = _MOST if exact.size == 0 else int(exact[0]) * -(-_FEWEST // int(exact[0]))
    counts = apportion(size, shares)
    if min(counts) == 0:
        raise ValueError(
            f"{owner}: the smallest share that is met is 1/{_MOST}, and weight {given[counts.index(0)]} of "
            f"{given.sum()} is below; leave the source out, or join it with another first"
        )
    return counts


def apportion(total: int, shares: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    """`total` in whole parts by largest remainder."""
    exact = np.asarray(shares) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    rest = np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]
    counts[rest] += 1
    result: list[int] = counts.tolist()
    return result


def mixed_totals(counts: Sequence[int], lengths: Sequence[int], stop: Stop) -> list[int]:
    """Records of each source until the first is at its end, or until all have been; in whole numbers throughout."""
    size = sum(counts)
    if stop == "first":
        total = min(length * size // count for length, count in zip(lengths, counts, strict=True))
    else:
        total = max(-(-length * size // count) for length, count in zip(lengths, counts, strict=True))
    parts = [total * count // size for count in counts]
    remainders = [total * count % size for count in counts]
    for place in sorted(range(len(counts)), key=lambda source: -remainders[source])[: total - sum(parts)]:
        parts[place] += 1
    return parts


def turn_totals(block: int, lengths: Sequence[int], stop: Stop) -> list[int]:
    """The same for sources that give `block` records each in turn."""
    if stop == "first":
        rounds = min(length // block for length in lengths)
        last = next(place for place, length in enumerate(lengths) if length // block == rounds)
        given = lengths[last]
    else:
        rounds = max(-(-length // block) for length in lengths) - 1
        last = max(place for place, length in enumerate(lengths) if length > rounds * block)
        given = lengths[last]
    before, behind = (rounds + 1) * block, rounds * block
    return [given if place == last else before if place < last else behind for place in range(len(lengths))]
