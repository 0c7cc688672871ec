"""DataLoader: batches of Tensors in an order that is a function of (seed, epoch, step).

Invariant: batch `step` of epoch `epoch` is the same whoever asks, after any number of restarts; no other state exists.
So a checkpoint is a few integers plus fingerprints, and resuming costs nothing. The global random state is never read.
Batches are read in the caller's thread: there are no workers, no pinned memory and no streams here, and no arguments
that pretend so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, SupportsIndex, final

from lamella.data._arguments import check_int, check_seed
from lamella.data._collate import batch_reader, to_tensors
from lamella.data._protocols import Dataset, IndexArray, Sampler, fingerprint
from lamella.data._samplers import RandomSampler, SequentialSampler

_STATE_VERSION = 1
# Positions of the order computed at once: enough to spread the permutation's fixed cost thinly, small enough for the
# cache.
_BLOCK_POSITIONS = 65536


@final
class DataLoader:
    """Iterates `dataset` in batches; each pass is one epoch, and the next pass takes the next epoch's order.

    `shuffle=True` draws every record once per epoch in an order given by `seed` and the epoch; `sampler` gives the
    order instead. A batch has the record's structure with a new first dim: Tensors over freshly gathered memory. With
    `collate_fn` it is whatever that returns for the list of records. `drop_last` leaves out a last batch shorter than
    `batch_size`.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: SupportsIndex = 1,
        shuffle: bool = False,
        sampler: Sampler | None = None,
        *,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        seed: SupportsIndex | None = None,
    ) -> None:
        if isinstance(dataset, Mapping) or not isinstance(dataset, Dataset):
            raise TypeError(
                f"DataLoader: dataset must have __len__ and __getitem__ by position, got {type(dataset).__name__}; "
                "wrap a mapping of columns in TableDataset, and read a stream into a list (streams are not supported)"
            )
        for name, flag in (("shuffle", shuffle), ("drop_last", drop_last)):
            if not isinstance(flag, bool):
                raise TypeError(f"DataLoader: {name} must be True or False, got {flag!r}")
        if collate_fn is not None and not callable(collate_fn):
            raise TypeError(f"DataLoader: collate_fn must be callable, got {type(collate_fn).__name__}")
        if sampler is not None:
            if shuffle:
                raise ValueError("DataLoader: shuffle=True and a sampler both give an order; pass one of them")
            if seed is not None:
                raise ValueError(
                    "DataLoader: seed belongs to shuffle=True; give it to the sampler, e.g. RandomSampler(data, seed=0)"
                )
            if not isinstance(sampler, Sampler):
                raise TypeError(
                    f"DataLoader: a sampler needs __len__ and indices(epoch, start, stop), got "
                    f"{type(sampler).__name__}; for a fixed list of positions pass Subset(dataset, positions)"
                )
        self.dataset = dataset
        self._read_arrays = batch_reader(dataset)
        self.batch_size = check_int("DataLoader", "batch_size", batch_size, 1)
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.seed = 0 if seed is None else check_seed("DataLoader", seed)
        self._shuffle = shuffle
        self._own_sampler = sampler is None
        self.sampler: Sampler = self._make_sampler() if sampler is None else sampler
        self._epoch = 0
        self._step = 0
        self._begun = False  # whether a pass over _epoch has been handed out: the next one takes the epoch after it
        self._pass = 0  # serial of the newest pass: only that one moves epoch and step

    def _make_sampler(self) -> Sampler:
        return RandomSampler(self.dataset, seed=self.seed) if self._shuffle else SequentialSampler(self.dataset)

    @property
    def epoch(self) -> int:
        """The epoch of the newest pass, or of the next one if none is under way."""
        return self._epoch

    @property
    def step(self) -> int:
        """Batches already given in `epoch`."""
        return self._step

    def __len__(self) -> int:
        """Batches in one whole epoch."""
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[Any]:
        """A pass over the next epoch, or over the rest of the one that `load_state_dict` restored."""
        if self._begun:
            self._epoch, self._step = self._epoch + 1, 0
        self._begun = True
        self._pass += 1
        return self._batches(self._pass, self._epoch, self._step)

    def _batches(self, serial: int, epoch: int, step: int) -> Iterator[Any]:
        records, steps = len(self.sampler), len(self)
        block_steps = max(1, _BLOCK_POSITIONS // self.batch_size)
        while step < steps:
            first, last = step, min(step + block_steps, steps)
            begin, end = first * self.batch_size, min(last * self.batch_size, records)
            if len(self.sampler) != records:
                raise RuntimeError(f"DataLoader: {records} records became {len(self.sampler)} during epoch {epoch}")
            order = self.sampler.indices(epoch, begin, end)
            if len(order) != end - begin:
                raise RuntimeError(
                    f"DataLoader: {type(self.sampler).__name__}.indices({epoch}, {begin}, {end}) gave {len(order)} "
                    f"positions, expected {end - begin}"
                )
            for start in range(0, end - begin, self.batch_size):
                batch = self._read(order[start : start + self.batch_size], epoch, step)
                step += 1
                if serial == self._pass:
                    self._step = step
                yield batch
        if serial == self._pass:
            self._epoch, self._step, self._begun = epoch + 1, 0, False

    def _read(self, indices: IndexArray, epoch: int, step: int) -> Any:
        try:
            if self.collate_fn is not None:
                return self.collate_fn([self.dataset[index] for index in indices.tolist()])
            return to_tensors(self._read_arrays(indices, epoch))
        except Exception as error:
            error.add_note(f"while loading batch {step} of epoch {epoch}, records {_shorten(indices.tolist())}")
            raise

    def set_epoch(self, epoch: SupportsIndex) -> None:
        """Let the next pass take `epoch` from its start; a restored position in that same epoch is kept."""
        number = check_int("DataLoader.set_epoch", "epoch", epoch, 0)
        if number == self._epoch and not self._begun:
            return
        self._move(number, 0)

    def _move(self, epoch: int, step: int) -> None:
        self._epoch, self._step, self._begun = epoch, step, False
        self._pass += 1

    def state_dict(self) -> dict[str, int | bool | str]:
        """Where the newest pass stands, as plain numbers and text; the batch last given counts as consumed."""
        return {
            "version": _STATE_VERSION,
            "epoch": self._epoch,
            "step": self._step,
            "seed": self.seed,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "order": self._order(),
            "dataset": fingerprint(self.dataset),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly after the batch at which `state` was taken, with its seed.

        ValueError if dataset, batch size, drop_last or kind of order differ from the saved ones: the sequence could not
        continue. A state taken at the last batch resumes to an empty rest of that epoch, so that what follows an epoch
        happens once.
        """
        here = self.state_dict()
        if set(state) != set(here):
            raise ValueError(
                f"DataLoader.load_state_dict: expected a state with keys {sorted(here)}, got {sorted(map(str, state))}"
            )
        for name in ("version", "batch_size", "drop_last", "order", "dataset"):
            if state[name] != here[name]:
                raise ValueError(
                    f"DataLoader.load_state_dict: {name} was {state[name]!r} when the state was saved and is "
                    f"{here[name]!r} now; the saved order cannot be continued"
                )
        owner = "DataLoader.load_state_dict"
        epoch = check_int(owner, "epoch", state["epoch"], 0)
        step = check_int(owner, "step", state["step"], 0, len(self))
        seed = check_seed(owner, state["seed"])
        if self._own_sampler:
            self.seed = seed
            self.sampler = self._make_sampler()
        self._move(epoch, step)

    def _order(self) -> str:
        if self._own_sampler:
            return "shuffled" if self._shuffle else "sequential"
        return fingerprint(self.sampler)

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, order={self._order()}, "
            f"drop_last={self.drop_last})"
        )


def _shorten(indices: Sequence[int]) -> str:
    return (
        str(list(indices)) if len(indices) <= 8 else f"[{', '.join(map(str, indices[:8]))}, ... {len(indices)} in all]"
    )
