"""Reading a stream by rows: any number of them, wherever its blocks begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from lamella.data._arguments import check_int
from lamella.data._blocks import Block, concat_blocks, count_rows, cut_rows
from lamella.data._pipeline._state import State, read_state

if TYPE_CHECKING:
    from lamella.data._pipeline._stream import Stream


@final
class Cursor:
    """A place between two rows of an epoch of a stream.

    Its state is the stream's own at the start of the current block, and how many rows of that block are gone; resuming
    reads that one block again.
    """

    def __init__(self, stream: Stream, epoch: int, state: State | None = None) -> None:
        inner, gone = (None, 0) if state is None else read_state("Cursor", state, "source", "gone")
        self._iterator = stream.open(epoch, inner)
        self._at = self._iterator.state()
        self._block: Block | None = None
        self._rows = self._gone = 0
        self._failed = False
        gone = check_int("Cursor", "gone", gone, 0)
        if gone and (not self._load() or gone > self._rows):
            raise ValueError(f"Cursor: the stream ends before the saved place; was its source changed? {stream!r}")
        self._gone = gone

    def state(self) -> State:
        """Where the next row is."""
        return {"source": self._at, "gone": self._gone}

    def take(self, rows: int) -> Block | None:
        """The next `rows` rows; fewer at the end, and None there."""
        parts = []
        while rows:
            part = self.rest(rows)
            if part is None:
                break
            parts.append(part)
            rows -= count_rows(part)
        return concat_blocks(parts) if parts else None

    def rest(self, most: int | None = None) -> Block | None:
        """What is left of the current block, or the next one; at most `most` rows of it. None at the end."""
        if self._block is None and not self._load():
            return None
        block, first = self._block, self._gone
        last = self._rows if most is None else min(self._rows, first + most)
        self._advance(last - first)
        return block if last - first == count_rows(block) else cut_rows(block, first, last)

    def skip(self, rows: int) -> int:
        """Pass over `rows` rows, without reading what the stream can do without; returns how many there were."""
        done = 0
        while done < rows:
            if self._block is None:
                passed = self._iterator.skip(rows - done)
                if passed:
                    done += passed
                    self._at = self._iterator.state()
                    continue
                if not self._load():
                    break
            step = min(rows - done, self._rows - self._gone)
            self._advance(step)
            done += step
        return done

    def _load(self) -> bool:
        if self._failed:
            raise RuntimeError("behind an error a stream gives nothing: what the failed block held would be left out")
        self._failed = True
        self._block = next(self._iterator, None)
        self._failed = False
        self._rows = 0 if self._block is None else count_rows(self._block)
        self._gone = 0
        return self._block is not None

    def _advance(self, rows: int) -> None:
        self._gone += rows
        if self._gone == self._rows:
            self._block, self._gone = None, 0
            self._at = self._iterator.state()
