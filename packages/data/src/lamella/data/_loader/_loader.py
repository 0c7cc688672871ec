"""DataLoader: batches of Tensors in an order that is a function of (seed, epoch, step).

Invariant: batch `step` of epoch `epoch` is the same whoever reads it, in whatever worker, after any number of restarts.
So a checkpoint is a few integers plus fingerprints, and resuming costs nothing where the order is a formula. The global
random state is never read. A position counts what all ranks took, so a pass goes on with other workers and other ranks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, final

from lamella.data._arguments import check_flag, check_int, check_seed
from lamella.data._loader._crew import Crew
from lamella.data._loader._device import pinning
from lamella.data._loader._fetch import Fetcher, Skipped
from lamella.data._loader._iterable import InTurns, IterableFetcher, IterableSource, Serial, own_copies
from lamella.data._loader._options import Kind, check_orders, check_workers, dataset_kind
from lamella.data._loader._order import Order, own_sampler
from lamella.data._loader._pass import Pass
from lamella.data._loader._plan import Share
from lamella.data._loader._progress import find_tqdm, make_bar
from lamella.data._loader._source import Fetched, Plan, PooledSource, SerialSource, Source
from lamella.data._loader._stall import StallClock, StallReport
from lamella.data._loader._state import VERSION, Place, check_state
from lamella.data._loader._stream import StreamFetcher, StreamSource, start_of
from lamella.data._permutation import mixed_key
from lamella.data._protocols import fingerprint
from lamella.data._samplers import BatchSampler, DistributedSampler, check_generator
from lamella.data._workers._lease import Lease

if TYPE_CHECKING:
    from lamella.tensor import Generator

_SHOWN_SKIPPED = 100
_SETTABLE = frozenset({"timeout", "progress", "skipped"})  # what a next pass may find changed
_WORKER_SEED = 0x5EED  # tells what worker seeds are drawn from apart from what orders are drawn from


@final
class DataLoader:
    """Iterates `dataset` in batches; each pass is one epoch, and the next pass takes the next epoch's order.

    Names, positions and meaning are PyTorch's. A dataset has records by position, is a Stream, or can only be iterated.
    The order is the stored one, drawn by `shuffle=True` (from `seed`, or from a slot of `generator` each pass), or
    given by a `sampler` or `batch_sampler`. A batch has the record's structure with a new first dim: Tensors over
    freshly gathered memory; with `collate_fn` it is whatever that returns for the list of records, and with
    `batch_size=None` a record as it is.

    Beyond PyTorch: `workers` are "thread" (default) or "process"; with `restart_workers` a process that dies is
    replaced and its batches are read again. `rank` of `world` takes its part of every step, and all ranks take equally
    many steps. `on_error="skip"` leaves out and counts records that cannot be read. `progress` draws a bar with tqdm.
    `state_dict` and `load_state_dict` resume exactly, also with other workers and ranks.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: SupportsIndex | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: SupportsIndex = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: SupportsIndex | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        workers: str = "thread",
        restart_workers: bool = False,
        seed: SupportsIndex | None = None,
        rank: SupportsIndex = 0,
        world: SupportsIndex = 1,
        on_error: str = "raise",
        progress: bool = False,
    ) -> None:
        self.dataset = dataset
        self._kind = dataset_kind(dataset, has_order=sampler is not None or batch_sampler is not None)
        check_orders(dataset, self._kind, batch_size, shuffle, sampler, batch_sampler, drop_last, seed, generator)
        check_generator("DataLoader", generator, seed)
        if collate_fn is not None and not callable(collate_fn):
            raise TypeError(f"DataLoader: collate_fn must be callable, got {type(collate_fn).__name__}")
        self.num_workers, self.prefetch_factor, self.timeout = check_workers(
            num_workers,
            prefetch_factor,
            persistent_workers,
            timeout,
            worker_init_fn,
            multiprocessing_context,
            in_order,
            workers,
            restart_workers,
        )
        self.world = check_int("DataLoader", "world", world, 1)
        self.rank = check_int("DataLoader", "rank", rank, 0, self.world - 1)
        self.generator = generator
        self.seed = 0 if seed is None else check_seed("DataLoader", seed)
        self.collate_fn = collate_fn
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.workers = workers
        self.restart_workers = restart_workers
        self.pin_memory = check_flag("DataLoader", "pin_memory", pin_memory)
        if pin_memory_device not in ("", "cuda"):
            raise ValueError(f"DataLoader: pin_memory_device must be '' or 'cuda', got {pin_memory_device!r}")
        self.pin_memory_device = pin_memory_device
        self.progress = check_flag("DataLoader", "progress", progress)
        if self.progress:
            find_tqdm()  # missing: said here and not in the first pass
        if on_error not in ("raise", "skip"):
            raise ValueError(f"DataLoader: on_error must be 'raise' or 'skip', got {on_error!r}")
        self.on_error = on_error
        self._shuffle = bool(shuffle)
        self._own_order = sampler is None and batch_sampler is None
        self._take_order(batch_size, sampler, batch_sampler, drop_last)
        self._check_iterated()
        self._crew = Crew(
            workers,
            self.num_workers,
            worker_init_fn,
            multiprocessing_context,
            persistent_workers,
            in_order,
            restart_workers,
        )
        self._place = Place()
        self._clock = StallClock()
        self._used_up = False
        self.skipped = 0
        self.skipped_records: deque[Skipped] = deque(maxlen=_SHOWN_SKIPPED)
        self._passes = 0  # the last attribute: from here on the others are fixed

    def _take_order(self, batch_size: SupportsIndex | None, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
        """Decide what a step is and where its keys come from."""
        self.batch_size = None if batch_sampler is not None or batch_size is None else _batch_size(batch_size)
        self.drop_last = drop_last
        size, listed = self.batch_size, False
        if isinstance(batch_sampler, BatchSampler):
            # Its batches are slices of an order: kept apart they resume in no time, if the order is a formula.
            sampler, size, drop_last = batch_sampler.sampler, batch_sampler.batch_size, batch_sampler.drop_last
        elif batch_sampler is not None:
            sampler, listed = batch_sampler, True
        self._single = size is None and not listed
        self._size = size  # None: a step is one key, or one list of a batch sampler
        share = Share(size or 1, self.rank, self.world, drop_last)
        if self._kind is not Kind.POSITIONS:
            self._share = share if self._kind is Kind.STREAM else Share(1, self.rank, self.world, drop_last)
            self._order = None
            self._generator = self.generator
            return
        if sampler is None:
            sampler = own_sampler(self.dataset, shuffle=self._shuffle, seed=self.seed, generator=self.generator)
        if self.world > 1 and isinstance(sampler, DistributedSampler):
            raise ValueError(
                f"DataLoader: a DistributedSampler deals to {sampler.num_replicas} ranks already; leave out rank and "
                "world, or the sampler"
            )
        self._share = share
        self._order = Order(sampler, share, listed=listed, generator=self.generator)
        self._generator = self._order.generator
        self._listed = listed

    @property
    def sampler(self) -> Any:
        """The order of single records; None where there is none."""
        return None if self._order is None or self._listed else self._order.given

    @property
    def batch_sampler(self) -> Any:
        """The order of batches, as lists of keys; None without batches, and where the order cannot be iterated."""
        if self._order is None or self._listed:
            return None if self._order is None else self._order.given
        if self._size is None or not hasattr(self._order.given, "__iter__"):
            return None
        return BatchSampler(self._order.given, self._size, self._share.drop_last)

    def _check_iterated(self) -> None:
        """What does not go with a dataset that is only read forwards."""
        if self._kind is Kind.POSITIONS:
            return
        if self.on_error == "skip":
            raise ValueError("DataLoader: on_error='skip' needs records by position: behind an error nothing is known")
        in_order = self.in_order or not self.num_workers
        if self._kind is Kind.STREAM and not in_order:
            raise ValueError("DataLoader: in_order=False is not for streams: their states are places in an order")
        readers = self.world * max(self.num_workers, 1)
        if self._kind is Kind.STREAM and readers > 1 and not self.dataset.repeatable:
            raise ValueError(
                f"DataLoader: {readers} ranks and workers would each get another order of {self.dataset!r}, and "
                "records be lost and repeated; give each rank a part of its own, and use num_workers <= 1"
            )
        if self.num_workers > 1 and isinstance(self.dataset, Iterator):
            raise ValueError(
                f"DataLoader: a {type(self.dataset).__name__} can be iterated once, and {self.num_workers} workers "
                "need an iterator each; pass an object whose __iter__ makes a new one, or num_workers <= 1"
            )
        if not in_order and self.workers == "process":
            raise ValueError("DataLoader: in_order=False over an iterable needs workers='thread'")

    def __setattr__(self, name: str, value: object) -> None:
        if "_passes" in self.__dict__ and not name.startswith("_") and name not in _SETTABLE:
            raise ValueError(f"DataLoader: {name} is fixed when the loader is made; make another loader")
        super().__setattr__(name, value)

    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)  # DataLoader[X] in annotations, as with PyTorch's

    @property
    def epoch(self) -> int:
        """The epoch of the newest pass, or of the next one if none is under way."""
        return self._place.epoch

    @property
    def step(self) -> int:
        """Batches already given in `epoch`."""
        return self._place.progress.step + len(self._place.progress.ahead)

    def __len__(self) -> int:
        """Batches that this rank gets in one whole epoch; TypeError where nobody knows."""
        if self._order is not None:
            return len(self._order)
        if self._kind is Kind.STREAM:
            raise TypeError(f"DataLoader: a stream has no length: {self.dataset!r}")
        return Share(self._size or 1, self.rank, self.world, self.drop_last).steps(len(self.dataset))

    def __iter__(self) -> Iterator[Any]:
        """A pass over the next epoch, or over the rest of the one that `load_state_dict` restored."""
        place = self._place
        if place.begun:
            place = Place(place.epoch + 1)
        told = None if self._order is None else self._order.told_epoch()
        if told is not None and told != place.epoch:
            place = Place(told)
        if self._used_up and isinstance(self.dataset, Iterator):
            raise RuntimeError(
                f"DataLoader: the {type(self.dataset).__name__} was iterated to its end and has nothing for epoch "
                f"{place.epoch}; pass an object whose __iter__ makes a new iterator"
            )
        if self._generator is not None and place.drawn is None:
            place.drawn = self._generator.reserve(1)
        pin = pinning() if self.pin_memory else None
        # Worker threads pin what they read; what comes from processes is pinned here.
        in_worker = pin if self.num_workers and self.workers == "thread" else None
        source = self._open(place, in_worker)
        place.begun = True  # a pass that could not be opened has not begun, and its epoch is still to come
        self._place, self._clock = place, StallClock()
        return Pass(
            source,
            place,
            convert=self.collate_fn is None,
            pin=None if in_worker else pin,
            clock=self._clock,
            bar=make_bar(place.epoch, place.progress.step, self._steps()) if self.progress else None,
            on_skip=self._count_skipped,
            on_end=self._end,
        )

    def _open(self, place: Place, finish: Callable[[Any], Any] | None) -> Source:
        if self._kind is Kind.STREAM:
            return self._open_stream(place, finish)
        if self._order is None:
            return self._open_iterated(place, finish)
        self._order.begin(place)
        plan = Plan(self._order.steps(place), place.progress)
        skip = self.on_error == "skip"
        fetch = Fetcher(self.dataset, self.collate_fn, single=self._single, skip=skip, finish=finish)
        if self.prefetch_factor is None:
            return SerialSource(plan, place.epoch, fetch)
        lease = self._crew.hire(lambda _: fetch, self._worker_seed(place))
        depth = self.prefetch_factor * self.num_workers
        return PooledSource(plan, place.epoch, lease, depth, in_order=self.in_order, timeout=self.timeout)

    def _open_iterated(self, place: Place, finish: Callable[[Any], Any] | None) -> Source:
        def make_fetch(worker: int) -> IterableFetcher:
            return IterableFetcher(copies[worker], self._size, self.collate_fn, drop_last=self.drop_last, finish=finish)

        batches: Serial | InTurns
        if self.prefetch_factor is None:
            copies = [self.dataset]
            batches = Serial(make_fetch(0), place.epoch, [])
        else:
            copies = own_copies(self.dataset, self.num_workers)
            lease = self._crew.hire(make_fetch, self._worker_seed(place), apart=True)
            batches = self._in_turns(lease, place, [], self.prefetch_factor)
        return IterableSource(batches, self._share, place.progress)

    def _open_stream(self, place: Place, finish: Callable[[Any], Any] | None) -> Source:
        def make_fetch(reader: int) -> StreamFetcher:
            return StreamFetcher(
                self.dataset,
                self._share,
                self.collate_fn,
                single=self._single,
                reader=reader,
                readers=max(self.num_workers, 1),
                finish=finish,
            )

        self._passes += 1
        keys = [start_of(self._passes, place.progress)]
        if self.prefetch_factor is None:
            return StreamSource(Serial(make_fetch(0), place.epoch, keys))
        lease = self._crew.hire(make_fetch, self._worker_seed(place), apart=True, told=False)
        return StreamSource(self._in_turns(lease, place, keys, self.prefetch_factor))

    def _in_turns(self, lease: Lease, place: Place, keys: list[Any], depth: int) -> InTurns:
        return InTurns(lease, self.num_workers, place.epoch, keys, depth, in_order=self.in_order, timeout=self.timeout)

    def _worker_seed(self, place: Place) -> int:
        words = (self.seed, place.epoch) if place.drawn is None else place.drawn
        # Half of the range: a worker's number is added, and int64 has to hold it.
        return mixed_key((*words, self.rank, _WORKER_SEED)) >> 1

    def _steps(self) -> int | None:
        try:
            return len(self)
        except TypeError:
            return None

    def _count_skipped(self, skipped: tuple[Skipped, ...], fetched: Fetched, empty: bool) -> None:
        self.skipped += len(skipped)
        self.skipped_records.extend(skipped)
        if empty and self.world > 1:
            raise RuntimeError(
                f"DataLoader: no record of batch {fetched.step} can be read ({skipped[0].error}); one of {self.world} "
                "ranks cannot leave out a whole batch, as the others would wait for it"
            )

    def _end(self, place: Place) -> None:
        self._used_up = True
        if place is self._place:
            self._place = Place(place.epoch + 1)

    def set_epoch(self, epoch: SupportsIndex) -> None:
        """Let the next pass take `epoch` from its start; a restored position in that same epoch is kept."""
        number = check_int("DataLoader.set_epoch", "epoch", epoch, 0)
        if number != self._place.epoch or self._place.begun:
            self._place = Place(number)

    def mark(self) -> Place:
        """Where the newest pass stands, for `state_dict(mark)` at a later time; costs next to nothing."""
        return self._place.mark()

    def state_dict(self, mark: Place | None = None) -> dict[str, Any]:
        """Where the newest pass stands (or stood at `mark`), as plain numbers and text; the batch last given counts as
        consumed. It is the same on all ranks.
        """
        place = self._place if mark is None else mark
        return {
            "version": VERSION,
            "epoch": place.epoch,
            "step": place.progress.step,
            "position": place.progress.position,
            "ahead": [list(pair) for pair in sorted(place.progress.ahead.items())],
            "seed": self.seed,
            "batch_size": self._size,
            "world": self.world,
            "drop_last": self._share.drop_last,
            "order": self._order_name(),
            "dataset": fingerprint(self.dataset),
            "drawn": None if place.drawn is None else list(place.drawn),
            "generator": None if self._generator is None else self._generator.get_state(),
            "sampler": place.sampler,
            "stream": place.progress.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly after the batch at which `state` was taken, with its seed and its generator's position.

        The workers and the ranks may be others than those of the state, and the batch size too if all ranks together
        still take as many records in a step. ValueError if dataset, drop_last or kind of order differ from the saved
        ones: the sequence could not continue. A state taken at the last batch resumes to an empty rest of that epoch,
        so that what follows an epoch happens once.
        """
        if self._order is None and self.num_workers and not self.in_order:
            raise ValueError(
                "DataLoader.load_state_dict: with in_order=False over an iterable the order depends on which worker "
                "was faster, so no position in it can be found again"
            )
        place = check_state(state, self.state_dict(), None if self._order is None else self._order.keys())
        seed = check_seed("DataLoader.load_state_dict", state["seed"])
        if self._generator is not None:
            self._generator.set_state(state["generator"])
        if self._own_order and self._order is not None:
            super().__setattr__("seed", seed)
            self._order.given = own_sampler(self.dataset, shuffle=self._shuffle, seed=seed, generator=self.generator)
        self._place = place

    def _order_name(self) -> str:
        if self._kind is Kind.STREAM:
            return "streamed"
        if self._order is None:
            return f"iterated by {max(self.num_workers, 1)}"
        return self._order.name(own=self._own_order)

    def stall_report(self) -> StallReport:
        """Where the newest pass waited for data, per step and stage, and the one knob to turn; print it."""
        return self._clock.report(self.workers, self.num_workers, self.pin_memory)

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.dataset!r}, batch_size={self._size}, order={self._order_name()}, "
            f"drop_last={self._share.drop_last})"
        )


def _batch_size(value: SupportsIndex) -> int:
    return check_int("DataLoader", "batch_size", value, 1)
