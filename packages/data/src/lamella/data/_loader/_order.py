"""The order of a pass over records: which sampler gives it, what it is drawn from, and its steps from any place on.

Three kinds: a formula, of which any position can be computed; keys that can only be iterated; and lists of keys, one a
batch. The last two begin each pass anew and pass over what was given before, so they resume exactly if iterating them
again gives the same: a sampler that draws needs `state_dict` and `load_state_dict`, or an order fixed by its epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, final

from lamella.data._loader._options import is_formula
from lamella.data._loader._plan import Share, Step, indexed_steps, iterated_steps, listed_steps
from lamella.data._loader._state import Place
from lamella.data._protocols import fingerprint
from lamella.data._samplers import DistributedSampler, RandomSampler, SeededSampler, SequentialSampler

if TYPE_CHECKING:
    from lamella.tensor import Generator


@final
class Order:
    """The keys of every epoch, cut into this rank's steps."""

    def __init__(self, given: Any, share: Share, *, listed: bool, generator: Generator | None) -> None:
        self.given = given
        self.share = share
        self._listed = listed
        self._formula = not listed and is_formula(given)
        own = given.generator if isinstance(given, SeededSampler) else None
        self.generator = own if own is not None else generator
        self._times_told = 0
        self._iterated = False

    def __len__(self) -> int:
        """Steps of a whole epoch."""
        return self.share.steps(len(self.given))

    def keys(self) -> int | None:
        """Keys (or, of a batch sampler, batches) in an epoch, where that is known."""
        try:
            return len(self.given)
        except TypeError:
            return None

    def told_epoch(self) -> int | None:
        """The epoch that the sampler's own `set_epoch` chose since it was last asked here."""
        if not isinstance(self.given, DistributedSampler) or self.given.times_told == self._times_told:
            return None
        self._times_told = self.given.times_told
        return self.given.epoch

    def begin(self, place: Place) -> None:
        """Keep the state of a sampler that has one, or restore it where a state of the loader brought it."""
        if self._formula or not hasattr(self.given, "state_dict"):
            return
        if place.sampler is None:
            place.sampler = self.given.state_dict()
        else:
            self.given.load_state_dict(place.sampler)

    def steps(self, place: Place) -> Iterator[Step]:
        """This rank's steps from `place` on."""
        start = place.progress.position
        if isinstance(self.given, Iterator):
            if self._iterated:
                raise RuntimeError(
                    f"DataLoader: the sampler is a {type(self.given).__name__}, which can be iterated once, and this "
                    "is another pass; pass a list or an object whose __iter__ makes a new one"
                )
            self._iterated = True
        if self._listed:
            return listed_steps(self.given, self.share, start)
        if not self._formula:
            return iterated_steps(self.given, self.share, start)
        sampler, epoch = self.given, place.epoch
        if isinstance(sampler, SeededSampler) and sampler.generator is not None and place.drawn is not None:
            seed, epoch = place.drawn
            sampler = sampler.seeded(seed)
        return indexed_steps(sampler, epoch, self.share, start)

    def name(self, *, own: bool) -> str:
        """What a checkpoint compares; the loader's own orders by their kind, as a state brings its seed."""
        if not own:
            return fingerprint(self.given)
        if isinstance(self.given, SequentialSampler):
            return "sequential"
        return "shuffled" if self.generator is None else "shuffled by a generator"


def own_sampler(dataset: Any, *, shuffle: bool, seed: int, generator: Generator | None) -> Any:
    """The order of a loader that was given no sampler."""
    if not shuffle:
        return SequentialSampler(dataset)
    if generator is not None:
        return RandomSampler(dataset, generator=generator)
    return RandomSampler(dataset, seed=seed)
