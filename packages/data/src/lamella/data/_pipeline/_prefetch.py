"""prefetch: a thread that reads blocks ahead of their use."""

from __future__ import annotations

import queue
import threading
import weakref
from typing import Any, NamedTuple, SupportsIndex, final

from lamella.data._arguments import check_int
from lamella.data._blocks import Block
from lamella.data._pipeline._node import StreamNode
from lamella.data._pipeline._state import State
from lamella.data._pipeline._stream import StreamIterator

_POLL_S = 0.1  # how soon a thread notices that nobody waits for it any more


@final
class StreamPrefetch(StreamNode):
    """The same stream; its state is that of the blocks given, not of those read ahead."""

    op = "prefetch"

    def __init__(self, source: Any, depth: SupportsIndex = 2) -> None:
        self.sources = (self.check_source(source),)
        self.depth = check_int(self.op, "depth", depth, 1)

    def fingerprint(self) -> str:
        """The source's: reading ahead changes nothing."""
        text: str = self.sources[0].fingerprint()
        return text

    def open(self, epoch: int, state: State | None = None) -> StreamIterator:
        return _Prefetched(self.sources[0].open(epoch, state), self.depth)


class _Ready(NamedTuple):
    """A block and the state behind it; or the error that came instead, at the end StopIteration."""

    block: Block | None
    state: State
    error: BaseException | None


class _Prefetched(StreamIterator):
    """The thread starts at the first block that is asked for, and ends with the iterator."""

    def __init__(self, source: StreamIterator, depth: int) -> None:
        self._source = source
        self._state = source.state()
        self._ready: queue.Queue[_Ready] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def __next__(self) -> Block:
        if self._error is not None:
            raise StopIteration if isinstance(self._error, StopIteration) else self._error
        if self._thread is None:
            self._start()
        block, self._state, self._error = self._ready.get()
        return block if self._error is None else next(self)

    def _start(self) -> None:
        # The thread knows the queue and the source, not this object: it must not keep it alive.
        arguments = (self._source, self._state, self._ready, self._stop)
        self._thread = threading.Thread(target=_read_ahead, args=arguments, name="lamella-prefetch", daemon=True)
        weakref.finalize(self, self._stop.set)
        self._thread.start()

    def state(self) -> State:
        return self._state

    def skip(self, rows: int) -> int:
        if self._thread is not None:
            return 0
        passed = self._source.skip(rows)
        self._state = self._source.state()
        return passed


def _read_ahead(source: StreamIterator, state: State, ready: queue.Queue[_Ready], stop: threading.Event) -> None:
    error: BaseException | None = None
    while error is None and not stop.is_set():
        block = None
        try:
            block = next(source, None)
            state = source.state()
        except BaseException as raised:  # noqa: BLE001 - raised again where the block is awaited
            error = raised
        if block is None and error is None:
            error = StopIteration()
        _put(ready, _Ready(block, state, error), stop)


def _put(ready: queue.Queue[_Ready], item: _Ready, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            ready.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return
