"""Reads one batch: the same in the caller's thread, in a worker thread and, pickled, in a worker process.

A fetcher gives numpy arrays, or whatever `collate_fn` makes; errors say which batch and which records. With
`on_error="skip"` it leaves out records that cannot be read, and says which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from lamella.data._blocks import as_block, record_at, records_of
from lamella.data._collate import batch_reader, read_records, stack_records
from lamella.data._pipeline._calls import describe_ids
from lamella.data._pipeline._random_access import RandomAccess
from lamella.data._protocols import BatchedDataset, EpochDataset, IndexArray
from lamella.data._sources._places import StoreError
from lamella.data._workers._clock import measuring, stage
from lamella.data._workers._info import get_worker_info
from lamella.data._workers._task import Task, Timings

Collate = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that could not be read: its key, and the error as text."""

    key: Any
    error: str


@dataclass(frozen=True, slots=True)
class Partial:
    """A batch without the records that could not be read; `empty` if none could."""

    batch: Any
    skipped: tuple[Skipped, ...]
    empty: bool


@final
class Fetcher:
    """`fetcher(task)` reads the task's records as one batch; with `single` its one key is the whole request."""

    def __init__(
        self, dataset: Any, collate_fn: Collate | None, *, single: bool, skip: bool, finish: Collate | None = None
    ) -> None:
        self._options = (dataset, collate_fn, single, skip, finish)
        self.dataset = dataset
        self._collate = collate_fn
        self._single = single
        self._skip = skip
        self._finish = finish
        # collate_fn wants records as they are before they are put together: they may have no common layout.
        self._records = dataset.records if collate_fn is not None and isinstance(dataset, RandomAccess) else None
        self._by_position = isinstance(dataset, (EpochDataset, BatchedDataset))
        self._read_batch = batch_reader(dataset) if self._by_position else None

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, self._options

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        timings = Timings()
        try:
            with measuring(timings):
                return self._fetch(task), timings
        except StopIteration as error:
            # Passed on, it would end the pass in silence.
            raise RuntimeError(f"{type(self.dataset).__name__} raised StopIteration {_place(task, self)}") from error
        except Exception as error:
            error.add_note(_place(task, self))
            raise

    def _fetch(self, task: Task) -> Any:
        if not self._skip:
            return self._read_task(task)
        try:
            return self._read_task(task)
        except (MemoryError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  (told, or raised again below if no record is to blame)
            if self._single:
                return Partial(None, (Skipped(task.indices[0], describe(error)),), empty=True)
            return self._without_unreadable(task.indices, task.epoch, error)

    def _read_task(self, task: Task) -> Any:
        if self._single:
            return finished(self._read_single(task.indices[0], task.epoch), self._finish)
        return finished(self._read(task.indices, task.epoch), self._finish)

    def _read(self, keys: Any, epoch: int) -> Any:
        if self._records is not None and isinstance(keys, np.ndarray):
            return self._collated(self._records(keys, epoch))
        if self._read_batch is not None and isinstance(keys, np.ndarray):
            batch = self._read_batch(keys, epoch)
            return batch if self._collate is None else self._collated(records_of(as_block(batch)))
        return self._collated(read_records(self.dataset, _as_list(keys)))

    def _collated(self, records: Sequence[Any]) -> Any:
        with stage("collate"):
            return stack_records(records) if self._collate is None else self._collate(records)

    def _read_single(self, key: Any, epoch: int) -> Any:
        """The record of one key, or the whole batch of a key that is a list of positions."""
        positions = _as_positions(key) if self._by_position else None
        if positions is not None and self._read_batch is not None:
            if np.ndim(key):
                record = self._read_batch(positions, epoch)
            elif self._records is not None:
                (record,) = self._records(positions, epoch)
            else:
                record = record_at(as_block(self._read_batch(positions, epoch)), 0)
        else:
            record = self.dataset[key]
        if self._collate is None:
            return record
        with stage("collate"):
            return self._collate(record)

    def _without_unreadable(self, keys: Any, epoch: int, error: Exception) -> Partial:
        """The batch of those records that can be read one by one; `error` again if every one can."""
        good, skipped = [], []
        for place, key in enumerate(_as_list(keys)):
            try:
                if self._records is not None and isinstance(keys, np.ndarray):
                    self._records(keys[place : place + 1], epoch)
                elif self._read_batch is not None and isinstance(keys, np.ndarray):
                    self._read_batch(keys[place : place + 1], epoch)
                else:
                    read_records(self.dataset, [key])
            except (MemoryError, StoreError):
                raise
            except Exception as failure:  # noqa: BLE001  (counted, and told in the loader's skipped_records)
                skipped.append(Skipped(key, describe(failure)))
            else:
                good.append(place)
        if not skipped:
            raise error
        if not good:
            return Partial(None, tuple(skipped), empty=True)
        kept = keys[good] if isinstance(keys, np.ndarray) else [keys[place] for place in good]
        return Partial(finished(self._read(kept, epoch), self._finish), tuple(skipped), empty=False)


def finished(batch: Any, finish: Collate | None) -> Any:
    """The batch after the last step that a worker does (a copy to page-locked memory), if there is one."""
    if finish is None:
        return batch
    with stage("copy"):
        return finish(batch)


def _restore(dataset: Any, collate_fn: Collate | None, single: bool, skip: bool, finish: Collate | None) -> Fetcher:
    return Fetcher(dataset, collate_fn, single=single, skip=skip, finish=finish)


def _as_list(keys: Any) -> list[Any]:
    """Keys as Python objects: a dataset of the user's own may not take numpy integers."""
    return keys.tolist() if isinstance(keys, np.ndarray) else list(keys)


def _as_positions(key: Any) -> IndexArray | None:
    """A position, or a list of them, as int64[k]; None for any other key."""
    if isinstance(key, (bool, str, bytes)):
        return None
    try:
        positions = np.atleast_1d(np.asarray(key))
    except ValueError:
        return None
    return positions.astype(np.int64) if positions.ndim == 1 and positions.dtype.kind in "iu" else None


def _place(task: Task, fetcher: Fetcher) -> str:
    """Where something went wrong, in words."""
    worker = get_worker_info()
    where = "" if worker is None else f", in worker {worker.id} of {worker.num_workers}"
    return (
        f"while loading batch {task.step} of epoch {task.epoch}, {describe_ids(_as_list(task.indices))} "
        f"of {type(fetcher.dataset).__name__}{where}"
    )


def describe(error: Exception) -> str:
    """An error as one line."""
    return f"{type(error).__name__}: {error}"
