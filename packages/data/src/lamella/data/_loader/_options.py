"""What a DataLoader is told, checked: names, positions and meaning are PyTorch's.

Every argument is either in force or refused; nothing is accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, SupportsIndex

from lamella.data._arguments import check_flag, check_int
from lamella.data._pipeline._iterable import IterableDataset
from lamella.data._pipeline._stream import Stream
from lamella.data._samplers import BatchSampler, PositionedSampler, SeededSampler

_OWNER = "DataLoader"


class Kind(Enum):
    """How records are reached."""

    POSITIONS = "by position or key"
    ITERATED = "by iterating"
    STREAM = "forwards, from any state on"


def dataset_kind(dataset: Any, *, has_order: bool) -> Kind:
    """Whether `dataset` has records by position (or by the keys of the order given), is a stream, or is iterated;
    TypeError for anything else.

    An IterableDataset as PyTorch knows it, with `__iter__` alone, is iterated: its records may be anything.
    """
    if isinstance(dataset, Stream) and type(dataset).open is not IterableDataset.open:
        return Kind.STREAM
    if not isinstance(dataset, Mapping):
        if hasattr(dataset, "__getitem__") and (has_order or hasattr(dataset, "__len__")):
            return Kind.POSITIONS
        if hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__"):
            return Kind.ITERATED
    raise TypeError(
        f"{_OWNER}: dataset must have __len__ and __getitem__ by position, or else only __iter__, got "
        f"{type(dataset).__name__}; wrap a mapping of columns in TableDataset"
    )


def check_workers(
    num_workers: SupportsIndex,
    prefetch_factor: SupportsIndex | None,
    persistent_workers: bool,
    timeout: float,
    worker_init_fn: Callable[[int], object] | None,
    multiprocessing_context: object,
    in_order: bool,
    workers: str,
    restart_workers: bool,
) -> tuple[int, int | None, float]:
    """num_workers, prefetch_factor (2 by default where there are workers) and timeout, if all go together."""
    count = check_int(_OWNER, "num_workers", num_workers, 0)
    ahead = None if prefetch_factor is None else check_int(_OWNER, "prefetch_factor", prefetch_factor, 1)
    check_flag(_OWNER, "persistent_workers", persistent_workers)
    check_flag(_OWNER, "in_order", in_order)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout < float("inf"):
        raise ValueError(f"{_OWNER}: timeout must be seconds >= 0 (0: no limit), got {timeout!r}")
    if worker_init_fn is not None and not callable(worker_init_fn):
        raise TypeError(f"{_OWNER}: worker_init_fn must be callable, got {type(worker_init_fn).__name__}")
    if workers not in ("thread", "process"):
        raise ValueError(f"{_OWNER}: workers must be 'thread' or 'process', got {workers!r}")
    if multiprocessing_context is not None and (workers == "thread" or not count):
        raise ValueError(
            f"{_OWNER}: multiprocessing_context is about worker processes; pass workers='process' and num_workers >= 1 "
            "with it"
        )
    if check_flag(_OWNER, "restart_workers", restart_workers) and workers == "thread":
        raise ValueError(f"{_OWNER}: restart_workers=True is about worker processes; threads are not lost")
    if not count:
        for name, given in (
            ("prefetch_factor", prefetch_factor is not None),
            ("persistent_workers", persistent_workers),
            ("timeout", timeout != 0),
            ("restart_workers", restart_workers),
        ):
            if given:
                raise ValueError(f"{_OWNER}: {name} is about workers, and num_workers is 0")
    if multiprocessing_context is not None:
        from lamella.data._workers._process import as_context

        as_context(multiprocessing_context)
    return count, (2 if count and ahead is None else ahead), float(timeout)


def check_orders(
    dataset: Any,
    kind: Kind,
    batch_size: SupportsIndex | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
    seed: SupportsIndex | None,
    generator: Any,
) -> None:
    """At most one source of the order, and nothing that contradicts it."""
    if shuffle is not None:
        check_flag(_OWNER, "shuffle", shuffle)
    check_flag(_OWNER, "drop_last", drop_last)
    if kind is not Kind.POSITIONS:
        for name, given in (("shuffle=True", shuffle), ("a sampler", sampler), ("a batch_sampler", batch_sampler)):
            if given is not None and given is not False:
                instead = "; a stream shuffles by itself: stream.shuffle(seed)" if kind is Kind.STREAM else ""
                raise ValueError(
                    f"{_OWNER}: {name} needs records by position, and a {type(dataset).__name__} is only read "
                    f"forwards{instead}"
                )
    if sampler is not None and shuffle:
        raise ValueError(f"{_OWNER}: shuffle=True and a sampler both give an order; pass one of them")
    if batch_sampler is not None:
        for name, given in (
            ("batch_size", batch_size != 1),
            ("shuffle", bool(shuffle)),
            ("sampler", sampler is not None),
            ("drop_last", drop_last),
        ):
            if given:
                raise ValueError(f"{_OWNER}: a batch_sampler says what a batch is; {name} does not go with it")
    if batch_size is None and drop_last:
        raise ValueError(f"{_OWNER}: drop_last=True is about batches, and batch_size=None makes none")
    for name, order in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if order is not None and not any(hasattr(order, ability) for ability in ("__iter__", "indices", "__getitem__")):
            raise TypeError(
                f"{_OWNER}: a {name} needs __iter__, or __len__ and indices(epoch, start, stop), got "
                f"{type(order).__name__}"
            )
    if seed is not None and (sampler is not None or batch_sampler is not None):
        raise ValueError(
            f"{_OWNER}: seed belongs to shuffle=True; give it to the sampler, e.g. RandomSampler(data, seed=0)"
        )
    own = batch_sampler.sampler if isinstance(batch_sampler, BatchSampler) else sampler
    if isinstance(own, SeededSampler) and None is not own.generator is not generator is not None:
        raise ValueError(f"{_OWNER}: the {type(own).__name__} draws from another generator; pass one of them")


def is_formula(sampler: Any) -> bool:
    """Whether any position of the order can be asked for."""
    return isinstance(sampler, PositionedSampler) or (
        callable(getattr(sampler, "indices", None)) and hasattr(sampler, "__len__")
    )
