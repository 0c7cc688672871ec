"""Streams: batches cut from what is read forwards, with a state of the stream after each.

Workers are to a stream what ranks are: each reads it on its own, takes every n-th step and passes over the others,
which costs little where the stream can skip (rows of files with known counts, ops on single rows) and a whole read
where it cannot (windows). What a stream gives never depends on who reads it, so its code is not told of workers:
`get_worker_info()` is None there.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

from lamella.data._blocks import Block, count_rows, cut_rows, record_at, records_of
from lamella.data._loader._fetch import Collate, finished
from lamella.data._loader._iterable import Ended, InTurns, Serial
from lamella.data._loader._plan import Share
from lamella.data._loader._source import Fetched, Progress
from lamella.data._pipeline._cursor import Cursor
from lamella.data._pipeline._state import State
from lamella.data._pipeline._stream import Stream
from lamella.data._workers._clock import measuring, stage
from lamella.data._workers._task import Task, Timings


class Start(NamedTuple):
    """Where a pass begins: its number, so that readers know a new one, and the place in the epoch."""

    serial: int
    step: int
    position: int
    state: State | None


class Piece(NamedTuple):
    """A batch, its step, and the position and the stream's state after that step."""

    batch: Any
    step: int
    position: int
    state: State


@final
class StreamFetcher:
    """`fetcher(task)` gives the next batch of reader `reader` of `readers`; `Ended` after the last.

    A task's keys are the start of its pass, and its step counts what this reader has given in the pass.
    """

    def __init__(
        self,
        dataset: Stream,
        share: Share,
        collate_fn: Collate | None,
        *,
        single: bool,
        reader: int = 0,
        readers: int = 1,
        finish: Collate | None = None,
    ) -> None:
        self.dataset = dataset
        self._share = share
        self._collate = collate_fn
        self._single = single
        self._finish = finish
        self._reader, self._readers = reader, readers
        self._serial = -1
        self._given = 0
        self._cursor: Cursor | None = None

    def __call__(self, task: Task) -> tuple[Any, Timings]:
        (start,) = task.indices
        if start.serial != self._serial:
            # A new pass, or (with a step above 0) a worker in the place of one that died.
            self._serial, self._given, self._cursor = start.serial, task.step, None
        timings = Timings()
        step = start.step + self._given * self._readers + self._reader
        try:
            with measuring(timings):
                piece = self._next(task.epoch, start, step)
        except Exception as error:
            worker = f", in worker {self._reader} of {self._readers}" if self._readers > 1 else ""
            error.add_note(f"while loading batch {step} of epoch {task.epoch} of {self.dataset!r}{worker}")
            raise
        self._given += 1
        return piece, timings

    def _next(self, epoch: int, start: Start, step: int) -> Any:
        taken = self._share.taken
        if self._cursor is None:
            self._cursor = self.dataset.cursor(epoch, start.state)
            others = step - start.step
        else:
            others = self._readers - 1
        if self._cursor.skip(others * taken) < others * taken:
            return Ended
        rows, count = self._take(self._cursor, epoch)
        if rows is None:
            return Ended
        position = start.position + (step - start.step) * taken + count
        return Piece(finished(self._collated(rows), self._finish), step, position, self._cursor.state())

    def _take(self, cursor: Cursor, epoch: int) -> tuple[Block | None, int]:
        """This rank's rows of the step at the cursor, and how many rows the step has; None at the end."""
        share = self._share
        before = cursor.state() if share.world > 1 else None
        count = cursor.skip(share.rank * share.batch_size)
        rows = cursor.take(share.batch_size)
        count += 0 if rows is None else count_rows(rows)
        count += cursor.skip((share.world - 1 - share.rank) * share.batch_size)
        if count == share.taken:
            return rows, count
        if not count or share.drop_last:
            return None, 0
        if share.world > 1:
            rest = self.dataset.cursor(epoch, before).take(count)
            return cut_rows(rest, *share.of_rest(count)), count
        return rows, count

    def _collated(self, rows: Block) -> Any:
        if self._single:
            record = record_at(rows, 0)
            if self._collate is None:
                return record
            with stage("collate"):
                return self._collate(record)
        if self._collate is None:
            return rows
        with stage("collate"):
            return self._collate(records_of(rows))


@final
class StreamSource:
    """The pieces that one reader gives, or several in turn; behind an error there are none."""

    def __init__(self, pieces: Serial | InTurns) -> None:
        self._pieces = pieces
        self._failure = ""
        self._closed = False

    def __next__(self) -> Fetched:
        if self._failure:
            raise RuntimeError(f"DataLoader: behind an error a stream gives nothing, and it raised {self._failure}")
        if self._closed:
            raise StopIteration
        done = self._pieces.next()
        if done is None:
            self.close()
            raise StopIteration
        if done.error is not None:
            self._failure = f"{type(done.error).__name__}: {done.error}"
            self.close()
            try:
                raise done.error
            finally:
                del done
        piece = done.batch
        return Fetched(piece.batch, done.timings, piece.step, piece.position, piece.state)

    def close(self) -> None:
        """Give back the readers."""
        if not self._closed:
            self._closed = True
            self._pieces.close()


def start_of(serial: int, progress: Progress) -> Start:
    """Where a pass at `progress` begins."""
    return Start(serial, progress.step, progress.position, progress.state)
