"""Streams written as users write them: a class with `__iter__`."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from lamella.data._arguments import check_int
from lamella.data._blocks import Block, block_of
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator


class IterableDataset(Stream):
    """Base class for streams of one's own: define `__iter__`, whose records must be the same every time.

    A saved place is a number of records, and resuming passes over that many; define `open` for more. `block_rows`
    records are read at a time. `ragged` names the parts of a record (True: all) whose arrays or lists of numbers differ
    in length.
    """

    block_rows = 32
    ragged: bool | Sequence[Any] = False

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The records from the start, or from a number of them on."""
        owner = type(self).__name__
        (position,) = (0,) if state is None else read_state(owner, state, "position")
        return _Records(self, check_int(owner, "position", position, 0))

    def fingerprint(self) -> str:
        """The class's name: define it where instances differ."""
        return type(self).__qualname__


class _Records(StreamIterator):
    def __init__(self, dataset: IterableDataset, position: int) -> None:
        self._dataset, self._records = dataset, iter(dataset)
        self._position = sum(1 for _ in itertools.islice(self._records, position))
        if self._position < position:
            raise ValueError(
                f"{type(dataset).__name__}: gave {self._position} records where a saved state has passed {position}"
            )

    def __next__(self) -> Block:
        records = list(itertools.islice(self._records, self._dataset.block_rows))
        if not records:
            raise StopIteration
        self._position += len(records)
        return block_of(records, f"{type(self._dataset).__name__}: record", self._dataset.ragged)

    def state(self) -> State:
        return {"position": self._position}
