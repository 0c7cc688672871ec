"""Orders as functions: positions of an epoch to records, with no state to advance.

A sampler answers for any slice of any epoch at any time, which is what lets a loader resume at once and, later, share
one order among workers and ranks. The length is asked of the data source at every call.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_seed
from lamella.data._permutation import KeyedPermutation
from lamella.data._protocols import IndexArray


@final
class SequentialSampler:
    """Records in their stored order, the same in every epoch."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def indices(self, epoch: int, start: int, stop: int) -> IndexArray:
        """Positions [start, stop) of the order, as int64."""
        return np.arange(start, min(stop, len(self)), dtype=np.int64)

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        return "sequential"


@final
class RandomSampler:
    """Each record once per epoch, in an order that (seed, epoch) determines; without an index array."""

    def __init__(self, data_source: Sized, *, seed: SupportsIndex = 0) -> None:
        self.data_source = data_source
        self.seed = check_seed("RandomSampler", seed)

    def __len__(self) -> int:
        return len(self.data_source)

    def indices(self, epoch: int, start: int, stop: int) -> IndexArray:
        """Positions [start, stop) of the order of `epoch`, as int64."""
        length = len(self)
        return KeyedPermutation(length, (self.seed, epoch))[np.arange(start, min(stop, length), dtype=np.int64)]

    def fingerprint(self) -> str:
        """What a checkpoint compares."""
        return f"random(seed={self.seed})"
