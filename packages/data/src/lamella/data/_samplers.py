"""Orders of records. PyTorch's samplers, each a function of (seed, epoch, position) with no state to advance.

Such a sampler answers for any slice of any epoch at any time, which is what lets a loader resume at once and share one
order among workers and ranks. The length is asked of the data source at every call. With a `generator` every pass takes
one slot of it instead, and (the generator's seed, slot) stands for (seed, epoch): a fresh generator gives the orders of
the same seed. Iterated directly, a sampler gives epoch after epoch.

A sampler of one's own needs `__iter__` alone (base class `Sampler`); with `indices` it is resumed without replay.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Any, Generic, Self, SupportsIndex, TypeVar, final

import numpy as np
import numpy.typing as npt

from lamella.data._arguments import check_flag, check_int, check_seed
from lamella.data._draws import random_below, random_uniform
from lamella.data._permutation import KeyedPermutation
from lamella.data._protocols import IndexArray

if TYPE_CHECKING:
    from lamella.tensor import Generator

_Key = TypeVar("_Key", covariant=True)
_BLOCK = 65536  # positions of an iterated order that are computed at once


class Sampler(Generic[_Key]):
    """Base class for orders of one's own: `__iter__` gives records' keys (for a batch sampler: lists of them) and
    `__len__` says how many.
    """

    def __iter__(self) -> Iterator[_Key]:
        raise NotImplementedError(f"{type(self).__name__} gives no order: define __iter__")


class PositionedSampler(Sampler[int]):
    """An order that is a formula: `at(epoch, positions)` gives records for any positions below `len`."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def at(self, epoch: int, positions: IndexArray) -> IndexArray:
        """Records at `positions` (int64, below `len`) of the order of `epoch`."""

    @abstractmethod
    def fingerprint(self) -> str:
        """What a checkpoint compares."""

    def _slice(self, epoch: int, start: int, stop: int) -> IndexArray:
        return self.at(epoch, np.arange(start, min(stop, len(self)), dtype=np.int64))

    def _records(self, epoch: int) -> Iterator[int]:
        for start in range(0, len(self), _BLOCK):
            yield from self._slice(epoch, start, start + _BLOCK).tolist()


@final
class SequentialSampler(PositionedSampler):
    """Records in their stored order, the same in every epoch."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def at(self, epoch: int, positions: IndexArray) -> IndexArray:  # noqa: ARG002  (the same in every epoch)
        """The positions themselves."""
        return positions

    def indices(self, epoch: int, start: int, stop: int) -> IndexArray:
        """Positions [start, stop) of the order, as int64."""
        return self._slice(epoch, start, stop)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        return "sequential"


class SeededSampler(PositionedSampler):
    """An order drawn from a seed and the epoch, or from a slot of a generator that each pass takes."""

    def __init__(self, generator: Generator | None, seed: SupportsIndex | None) -> None:
        owner = type(self).__name__
        check_generator(owner, generator, seed)
        self.generator = generator
        self.seed = 0 if seed is None else check_seed(owner, seed)
        self._passes = 0

    def seeded(self, seed: int) -> Self:
        """The same order drawn from `seed`, without a generator."""
        fixed = copy.copy(self)
        fixed.generator, fixed.seed = None, seed
        return fixed

    def __iter__(self) -> Iterator[int]:
        if self.generator is not None:
            seed, slot = self.generator.reserve(1)
            return self.seeded(seed)._records(slot)
        self._passes += 1
        return self._records(self._passes - 1)

    def _drawn_by(self) -> str:
        return f"seed={self.seed}" if self.generator is None else "generator"


@final
class RandomSampler(SeededSampler):
    """Each record once per epoch in a drawn order; without an index array.

    `num_samples` (default: as many as there are records) may be less or more: after each record has come once, a new
    order follows. With `replacement` every draw is from all records.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: SupportsIndex | None = None,
        generator: Generator | None = None,
        *,
        seed: SupportsIndex | None = None,
    ) -> None:
        super().__init__(generator, seed)
        self.data_source = data_source
        self.replacement = check_flag("RandomSampler", "replacement", replacement)
        self._num_samples = None if num_samples is None else check_int("RandomSampler", "num_samples", num_samples, 1)

    @property
    def num_samples(self) -> int:
        """Draws in an epoch; by default the length of the data source, which may change."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        return self.num_samples

    def at(self, epoch: int, positions: IndexArray) -> IndexArray:
        """Records at `positions` of the order of `epoch`."""
        records = len(self.data_source)
        if not records and positions.size:
            raise ValueError(f"RandomSampler: num_samples={self.num_samples} of a data source without records")
        if self.replacement:
            return random_below(records, (self.seed, epoch), positions)
        if self.num_samples <= records:
            return KeyedPermutation(records, (self.seed, epoch))[positions]
        rounds = positions // records
        order = np.empty_like(positions)
        for number in np.unique(rounds).tolist():
            key = (self.seed, epoch, number) if number else (self.seed, epoch)
            here = rounds == number
            order[here] = KeyedPermutation(records, key)[positions[here] - number * records]
        return order

    def indices(self, epoch: int, start: int, stop: int) -> IndexArray:
        """Positions [start, stop) of the order of `epoch`, as int64; a generator's seed is its present one."""
        sampler = self if self.generator is None else self.seeded(self.generator.initial_seed())
        return sampler._slice(epoch, start, stop)

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        how = [self._drawn_by()]
        if self.replacement:
            how.append("replacement")
        if self._num_samples is not None:
            how.append(f"num_samples={self._num_samples}")
        return f"random({', '.join(how)})"


@final
class SubsetRandomSampler(SeededSampler):
    """Each of `indices` once per epoch, in a drawn order."""

    def __init__(
        self,
        indices: Sequence[int] | npt.NDArray[np.integer[Any]],
        generator: Generator | None = None,
        *,
        seed: SupportsIndex | None = None,
    ) -> None:
        super().__init__(generator, seed)
        given = np.asarray(indices)
        if given.size == 0:
            given = given.astype(np.int64)
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise TypeError(
                "SubsetRandomSampler: indices must be integers in one dim, "
                f"got dtype {given.dtype}, shape {given.shape}"
            )
        self.indices: IndexArray = given.astype(np.int64)  # a private copy

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, epoch: int, positions: IndexArray) -> IndexArray:
        """Records at `positions` of the order of `epoch`."""
        return self.indices[KeyedPermutation(len(self), (self.seed, epoch))[positions]]

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        return f"subset({self._drawn_by()}, {_digest(self.indices)})"


@final
class WeightedRandomSampler(SeededSampler):
    """`num_samples` records of [0, len(weights)), each drawn with a chance in proportion to its weight.

    With `replacement` (default) draws are independent. Without it no record comes twice, and each draw is in proportion
    to the weights that are left; ValueError if fewer records than `num_samples` have a weight above 0.
    """

    def __init__(
        self,
        weights: Sequence[float] | npt.NDArray[Any],
        num_samples: SupportsIndex,
        replacement: bool = True,
        generator: Generator | None = None,
        *,
        seed: SupportsIndex | None = None,
    ) -> None:
        super().__init__(generator, seed)
        owner = "WeightedRandomSampler"
        self.num_samples = check_int(owner, "num_samples", num_samples, 1)
        self.replacement = check_flag(owner, "replacement", replacement)
        self.weights = np.array(weights, np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"{owner}: weights must have one dim, got shape {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            bad = int(np.flatnonzero(~(np.isfinite(self.weights) & (self.weights >= 0)))[0])
            raise ValueError(f"{owner}: weights must be finite and >= 0, got {self.weights[bad]} for record {bad}")
        drawable = int(np.count_nonzero(self.weights))
        if not drawable:
            raise ValueError(f"{owner}: no weight is above 0, so nothing can be drawn")
        if not self.replacement and drawable < self.num_samples:
            raise ValueError(
                f"{owner}: num_samples={self.num_samples} without replacement, but only {drawable} records have a "
                "weight above 0"
            )
        self._bounds = np.cumsum(self.weights)
        self._last = int(np.flatnonzero(self.weights)[-1])
        self._order: tuple[tuple[int, int], IndexArray] | None = None  # without replacement: the newest epoch's

    def __len__(self) -> int:
        return self.num_samples

    def at(self, epoch: int, positions: IndexArray) -> IndexArray:
        """Records at `positions` of the order of `epoch`."""
        key = (self.seed, epoch)
        if self.replacement:
            targets = random_uniform(key, positions) * self._bounds[-1]
            # Rounding may carry a product up to the last bound, behind which there is nothing.
            found: IndexArray = np.searchsorted(self._bounds, targets, side="right").astype(np.int64)
            np.minimum(found, self._last, out=found)
            return found
        order = self._order
        if order is None or order[0] != key:
            order = self._order = (key, self._without_replacement(key))
        return order[1][positions]

    def _without_replacement(self, key: tuple[int, int]) -> IndexArray:
        """The records by their arrival times, exponential with rate `weight`: a race in which each next one to arrive
        is in proportion to the weights left (Efraimidis and Spirakis, 2006).
        """
        uniforms = random_uniform(key, np.arange(len(self.weights), dtype=np.int64))
        with np.errstate(divide="ignore"):
            arrivals = -np.log1p(-uniforms) / self.weights
        arrivals[self.weights == 0] = np.inf
        order: IndexArray = np.argsort(arrivals, kind="stable")[: self.num_samples].astype(np.int64)
        return order

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        how = "replacement" if self.replacement else "once each"
        return f"weighted({self._drawn_by()}, {self.num_samples} draws, {how}, {_digest(self.weights)})"


@final
class DistributedSampler(PositionedSampler):
    """Every `num_replicas`-th record of an epoch's order, from `rank` on: one rank's part, equally long on all ranks.

    The order is repeated from its start to fill up the last round, or with `drop_last` cut to whole rounds. `set_epoch`
    chooses the epoch of the next pass, also of a loader's. (A DataLoader with `rank` and `world` deals out batches by
    itself and needs no such sampler.)
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: SupportsIndex | None = None,
        rank: SupportsIndex | None = None,
        shuffle: bool = True,
        seed: SupportsIndex = 0,
        drop_last: bool = False,
    ) -> None:
        owner = "DistributedSampler"
        if num_replicas is None or rank is None:
            raise RuntimeError(
                f"{owner}: there is no process group to ask for num_replicas and rank; pass both, "
                f"got num_replicas={num_replicas!r}, rank={rank!r}"
            )
        self.dataset = dataset
        self.num_replicas = check_int(owner, "num_replicas", num_replicas, 1)
        self.rank = check_int(owner, "rank", rank, 0, self.num_replicas - 1)
        self.shuffle = check_flag(owner, "shuffle", shuffle)
        self.seed = check_seed(owner, seed)
        self.drop_last = check_flag(owner, "drop_last", drop_last)
        self.epoch = 0
        self.times_told = 0  # how often set_epoch was called: a loader sees whether it was since its last pass

    @property
    def num_samples(self) -> int:
        """Records in this rank's part."""
        records = len(self.dataset)
        return records // self.num_replicas if self.drop_last else math.ceil(records / self.num_replicas)

    @property
    def total_size(self) -> int:
        """Records of all ranks' parts together."""
        return self.num_samples * self.num_replicas

    def set_epoch(self, epoch: SupportsIndex) -> None:
        """Let the next pass take the order of `epoch`."""
        self.epoch = check_int("DistributedSampler.set_epoch", "epoch", epoch, 0)
        self.times_told += 1

    def __len__(self) -> int:
        return self.num_samples

    def at(self, epoch: int, positions: IndexArray) -> IndexArray:
        """Records at `positions` of this rank's part of the order of `epoch`."""
        records = len(self.dataset)
        if not positions.size:
            return positions
        globally = (positions * self.num_replicas + self.rank) % records
        return KeyedPermutation(records, (self.seed, epoch))[globally] if self.shuffle else globally

    def __iter__(self) -> Iterator[int]:
        return self._records(self.epoch)

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        order = f"seed={self.seed}" if self.shuffle else "sequential"
        return f"distributed({order}, {self.num_replicas} replicas, drop_last={self.drop_last})"


@final
class BatchSampler(Sampler[list[Any]]):
    """Lists of `batch_size` keys in the sampler's order; `drop_last` leaves out a shorter last one."""

    def __init__(self, sampler: Iterable[Any], batch_size: SupportsIndex, drop_last: bool) -> None:
        if not hasattr(sampler, "__iter__") and not hasattr(sampler, "__getitem__"):
            raise TypeError(f"BatchSampler: sampler must be iterable, got {type(sampler).__name__}")
        self.sampler = sampler
        self.batch_size = check_int("BatchSampler", "batch_size", batch_size, 1)
        self.drop_last = check_flag("BatchSampler", "drop_last", drop_last)

    def __iter__(self) -> Iterator[list[Any]]:
        batch: list[Any] = []
        for key in self.sampler:
            batch.append(key)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]  # TypeError without a length
        return whole if self.drop_last or rest == 0 else whole + 1


def check_generator(owner: str, generator: Generator | None, seed: object) -> None:
    """A generator of this stack and no seed beside it, or none at all."""
    if generator is None:
        return
    if seed is not None:
        raise ValueError(f"{owner}: generator and seed both say what is drawn; pass one of them")
    from lamella.tensor import Generator

    if not isinstance(generator, Generator):
        raise TypeError(f"{owner}: generator must be a lamella.tensor.Generator, got {type(generator).__name__}")


def _digest(array: npt.NDArray[Any]) -> str:
    import hashlib  # not at the top: see lamella.data._columns

    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()
