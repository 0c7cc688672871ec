"""Tables that are read in groups, as streams: whole groups at a time, decoded ahead, copied nowhere.

In stored order a block is a group; with a shuffle by groups it is a window of them with its rows mixed. A state is a
position, and what lies before it is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int
from lamella.data._blocks import concat_blocks, cut_rows, take_rows
from lamella.data._pipeline._state import State, read_state
from lamella.data._pipeline._stream import Stream, StreamIterator
from lamella.data._protocols import IndexArray
from lamella.data._sources._group_order import EpochOrder, GroupShuffle, Window
from lamella.data._sources._mapped_rows import Columns
from lamella.data._sources._read_ahead import own, read_ahead


class Grouped(Protocol):
    """A table whose groups can be read alone."""

    @property
    def group_rows(self) -> IndexArray:
        """Rows of each group."""

    def read_group(self, group: int, /) -> Columns:
        """A group's columns, which nobody else holds where they are no views of a file."""

    def fingerprint(self) -> str:
        """What a checkpoint compares."""


@final
class GroupStream(Stream):
    """The rows of a table in groups, `block_rows` at a time; in stored order, or shuffled by groups.

    `depth` groups (of a shuffle: windows) are decoded ahead.
    """

    def __init__(
        self, source: Grouped, shuffle: GroupShuffle | None, block_rows: SupportsIndex, depth: SupportsIndex
    ) -> None:
        self.source = source
        self.order = shuffle
        self.block_rows = check_int("stream", "block_rows", block_rows, 1)
        self.depth = check_int("stream", "read_ahead", depth, 0)

    @property
    def varies(self) -> bool:
        """Whether epochs differ."""
        return self.order is not None

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        """The blocks of an epoch, from its start or from where a state was taken."""
        (position,) = (0,) if state is None else read_state("stream", state, "position")
        rows = self.source.group_rows
        check_int("stream", "position", position, 0, int(rows.sum()))
        plan: _Plan = _Stored(rows) if self.order is None else _Shuffled(self.order.epoch(epoch))
        return _GroupIterator(self, plan, position)

    def fingerprint(self) -> str:
        """The source's own and the shuffle."""
        return f"{self._call()} of [{self.source.fingerprint()}]"

    def _call(self) -> str:
        return "stream()" if self.order is None else f"stream({self.order})"

    def __repr__(self) -> str:
        return f"{self.source!r}.{self._call()}"


class _Piece(NamedTuple):
    """What is read at once: its rows of the epoch, its groups, and the place of their rows in it (None: as joined)."""

    start: int
    stop: int
    groups: list[int]
    window: Window | None


class _Plan(Protocol):
    def pieces(self, position: int, /) -> Iterator[_Piece]:
        """The pieces from the one that holds `position` on."""

    def places(self, piece: _Piece, first: int, /) -> IndexArray | None:
        """The rows of a piece's groups, joined, that come from its row `first` on; None: all from there."""


class _Stored:
    def __init__(self, rows: IndexArray) -> None:
        self._bounds = [0, *np.cumsum(rows).tolist()]

    def pieces(self, position: int) -> Iterator[_Piece]:
        first = int(np.searchsorted(self._bounds, position, side="right")) - 1
        for group in range(first, len(self._bounds) - 1):
            start, stop = self._bounds[group], self._bounds[group + 1]
            if start < stop:
                yield _Piece(start, stop, [group], None)

    def places(self, piece: _Piece, first: int) -> IndexArray | None:
        return None


class _Shuffled:
    def __init__(self, order: EpochOrder) -> None:
        self._order = order

    def pieces(self, position: int) -> Iterator[_Piece]:
        for number in range(self._order.window_at(position), self._order.windows):
            window = self._order.window(number)
            if window.rows:
                yield _Piece(window.start, window.start + window.rows, window.groups.tolist(), window)

    def places(self, piece: _Piece, first: int) -> IndexArray | None:
        assert piece.window is not None
        return self._order.rows_of(piece.window, np.arange(first, piece.stop - piece.start, dtype=np.int64))


class _GroupIterator(StreamIterator):
    def __init__(self, stream: GroupStream, plan: _Plan, position: int) -> None:
        self._source, self._block_rows, self._depth = stream.source, stream.block_rows, stream.depth
        self._plan = plan
        self._position = position
        self._total = int(self._source.group_rows.sum())
        self._read_far = int(self._source.group_rows.max(initial=0))
        self._pieces: Iterator[tuple[int, int, Any]] | None = None
        self._piece: tuple[int, int, Any] = (0, 0, None)  # rows [start, stop) of the epoch, and their block

    def __next__(self) -> Any:
        while self._position >= self._piece[1]:
            if self._pieces is None:
                self._pieces = read_ahead(self._plan.pieces(self._position), self._read, self._depth)
            self._piece = next(self._pieces)
        start, stop, block = self._piece
        first, self._position = self._position, min(self._position + self._block_rows, stop)
        if self._position == stop:
            self._piece = (stop, stop, None)  # its memory belongs to those who were given it
        return cut_rows(block, first - start, self._position - start)

    def _read(self, piece: _Piece) -> tuple[int, int, Any]:
        # Rows that were passed over before this piece's turn are not put in order; those passed over later are cut off.
        first = min(max(self._position - piece.start, 0), piece.stop - piece.start)
        parts = [self._source.read_group(group) for group in piece.groups if self._source.group_rows[group]]
        places = self._plan.places(piece, first)
        if places is not None:
            return piece.start + first, piece.stop, take_rows(concat_blocks(parts), places)
        return piece.start, piece.stop, own(parts[0])

    def state(self) -> State:
        return {"position": self._position}

    def skip(self, rows: int) -> int:
        passed = min(rows, self._total - self._position)
        self._position += passed
        if self._position > self._piece[1] + self._read_far:
            self._pieces = None  # what was read ahead is behind
        return passed
