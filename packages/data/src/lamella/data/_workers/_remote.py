"""What runs in a worker process: it reads tasks, lays batches into shared memory and says where they are.

A second thread receives, so that the parent never waits in a send, and sees the connection close: then the process
ends, whatever it is doing, and no worker outlives the process that started it.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from lamella.data._workers import _segments
from lamella.data._workers._parcel import Parcel, pack, unpack
from lamella.data._workers._transport import portable

if TYPE_CHECKING:
    from lamella.data._workers._task import Task, Timings

INLINE_BYTES = 1 << 14  # below it a message is cheaper than a segment's bookkeeping
_GRACE_SECONDS = 0.5  # for code that ends by itself once nobody listens
_PAGE = 4096


def main(connection: Connection, number: int) -> None:
    """The life of worker `number`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes the connection
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers are the threads; Arrow reads it when it is first used
    try:
        size, sizes = pickle.loads(connection.recv_bytes())
        shared = _segments.receive(connection, private=True)
        shared.close()
        try:
            fetch, init = unpack(shared.bytes, size, sizes)
            if init is not None:
                init(number)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent raises it
            connection.send_bytes(pickle.dumps(("unusable", portable(error))))
            return
        connection.send_bytes(pickle.dumps(("ready",)))
        _serve(connection, fetch)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent closed the connection or is gone


def _serve(connection: Connection, fetch: Any) -> None:
    tasks: queue.SimpleQueue[tuple[Task, list[int]] | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    segments = _Segments(connection)
    while (message := tasks.get()) is not None:
        task, free = message
        segments.free(free)
        answer: tuple[Any, ...]
        try:
            batch, timings = fetch(task)
            begin = time.perf_counter()
            parcel = pack(batch)
        except Exception as error:  # noqa: BLE001 - errors of the user's code are raised where the batch is asked for
            answer = ("failed", task.ticket, portable(error))
        else:
            answer = segments.answer(task.ticket, parcel, timings, begin)
        connection.send_bytes(pickle.dumps(answer))


def _receive(connection: Connection, tasks: queue.SimpleQueue[tuple[Task, list[int]] | None]) -> None:
    try:
        while True:
            tasks.put(pickle.loads(connection.recv_bytes()))
    except (EOFError, OSError):
        tasks.put(None)
        time.sleep(_GRACE_SECONDS)
        sys.stderr.flush()
        os._exit(0)


class _Segments:
    """This worker's shared memory: segments come back when the parent has no array over them any more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._all: dict[int, _segments.Segment] = {}
        self._free: list[int] = []
        self._made = 0

    def free(self, numbers: list[int]) -> None:
        """The parent has let go of these."""
        self._free += numbers

    def answer(self, ticket: int, parcel: Parcel, timings: Timings, begin: float) -> tuple[Any, ...]:
        """What tells the parent where a batch lies, or that there is no memory for it."""
        try:
            place = self.lay(parcel)
        except (BrokenPipeError, ConnectionResetError):
            raise  # the parent is gone: in the user's code the same errors are the user's
        except OSError as error:
            return "failed", ticket, portable(error)
        timings.transfer += time.perf_counter() - begin
        return "done", ticket, timings, *place

    def lay(self, parcel: Parcel) -> tuple[Any, ...]:
        """Where the parcel lies: its bytes if they are few, else (segment, length of the pickle, sizes)."""
        if parcel.size <= INLINE_BYTES:
            return parcel.pickled, [bytes(buffer) for buffer in parcel.buffers]
        number = self._fitting(parcel.size)
        parcel.write(self._all[number].bytes)
        return number, len(parcel.pickled), parcel.sizes

    def _fitting(self, size: int) -> int:
        fitting = [number for number in self._free if self._all[number].size >= size]
        if fitting:
            best = min(fitting, key=lambda number: self._all[number].size)
            self._free.remove(best)
            return best
        # batches have outgrown a free one: it goes, so that their number is bounded by the batches on their way
        dropped = None
        if self._free:
            dropped = max(self._free, key=lambda number: self._all[number].size)
            self._free.remove(dropped)
            del self._all[dropped]
        segment = _segments.create(-(-(size + size // 8) // _PAGE) * _PAGE)
        number = self._made
        self._made += 1
        self._all[number] = segment
        self._connection.send_bytes(pickle.dumps(("segment", number, dropped)))
        segment.send(self._connection, os.getppid())
        segment.close()
        return number
