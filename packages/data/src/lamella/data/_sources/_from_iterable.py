"""Iterables and functions that make iterators (generators) as streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, SupportsIndex, final

from lamella.data._arguments import check_flag, check_int
from lamella.data._pipeline._iterable import IterableDataset
from lamella.data._pipeline._state import State
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._protocols import Fingerprinted


def from_iterable(
    source: Iterable[Any] | Callable[..., Iterable[Any]],
    *,
    epochs: bool = False,
    ragged: bool | Sequence[Any] = False,
    block_rows: SupportsIndex = 32,
    name: str | None = None,
) -> Stream:
    """The records of an iterable, or of what a function gives: the same ones every time, for a stream begins anew.

    With `epochs` the function is given the epoch. A saved place is a number of records, and resuming passes over that
    many. `ragged`, `block_rows`: see IterableDataset. `name` is what a checkpoint compares, by default the source's own
    fingerprint or the name of its function or type. TypeError for an iterator, which can be read once only.
    """
    given = check_flag("from_iterable", "epochs", epochs)
    if callable(source) and not isinstance(source, Iterable):
        make = source
    elif given:
        raise TypeError("from_iterable: epochs=True needs a function of the epoch that gives an iterable")
    elif not isinstance(source, Iterable):
        raise TypeError(
            f"from_iterable: expected an iterable or a function that gives one, got {type(source).__name__}"
        )
    elif iter(source) is source:
        raise TypeError(
            f"from_iterable: a {type(source).__name__} can be read once only, and every epoch begins anew; pass the "
            "function that makes it"
        )
    else:
        make = None
    rows = check_int("from_iterable", "block_rows", block_rows, 1)
    return IterableStream(source, make, given, ragged, rows, _name_of(source) if name is None else name)


@final
class IterableStream(IterableDataset):
    """What `from_iterable` gives."""

    def __init__(
        self,
        source: Any,
        make: Callable[..., Iterable[Any]] | None,
        epochs: bool,
        ragged: bool | Sequence[Any],
        block_rows: int,
        name: str,
    ) -> None:
        self._source, self._make, self._epochs = source, make, epochs
        self._epoch = 0
        self.ragged, self.block_rows = ragged, block_rows
        self._name = name

    @property
    def varies(self) -> bool:
        """Whether epochs differ."""
        return self._epochs

    def __iter__(self) -> Iterator[Any]:
        if self._make is None:
            return iter(self._source)
        made = self._make(self._epoch) if self._epochs else self._make()
        if not isinstance(made, Iterable):
            raise TypeError(f"from_iterable: {self._name} gave {made!r}, expected an iterable")
        return iter(made)

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The blocks of an epoch, from its start or from where a state was taken."""
        if not self._epochs:
            return super().open(epoch, state)
        of_epoch = IterableStream(self._source, self._make, True, self.ragged, self.block_rows, self._name)
        of_epoch._epoch = epoch
        return IterableDataset.open(of_epoch, epoch, state)

    def fingerprint(self) -> str:
        """The name."""
        return f"iterable({self._name})"

    def __repr__(self) -> str:
        return f"from_iterable({self._name})"


def _name_of(source: Any) -> str:
    if isinstance(source, Fingerprinted):
        return source.fingerprint()
    named = source if hasattr(source, "__qualname__") else type(source)
    return f"{named.__module__}.{named.__qualname__}"
