"""Shared memory that leaves nothing behind, whichever process dies.

A segment is a file without a name (memfd on Linux, an unlinked temporary file on other POSIX systems), whose descriptor
travels over a socket, or on Windows a mapping that goes with its last user. So it is not bounded by the size of
/dev/shm, and there is nothing to clean up. On Linux its pages are allocated when it is made: running out of memory is
an OSError there, and never a bus error at a later write.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from multiprocessing import reduction
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt

ALIGN = 64  # bytes: a cache line, and what vector loads of every width like

Bytes = npt.NDArray[np.uint8]


def aligned(size: int) -> int:
    """`size` rounded up to a multiple of ALIGN."""
    return -(-size // ALIGN) * ALIGN


class Segment:
    """Bytes that several processes see; the memory lives as long as any array over `bytes`."""

    def __init__(self, memory: mmap.mmap, size: int, handle: int | str) -> None:
        self.size = size
        self.bytes: Bytes = np.frombuffer(memory, np.uint8, count=size)
        self._handle = handle  # a descriptor, on Windows a name

    def send(self, to: Connection, process: int) -> None:
        """Let process `process`, at the other end of the connection, `receive` it there."""
        to.send_bytes(self.size.to_bytes(8, "little"))
        if isinstance(self._handle, int):
            reduction.send_handle(to, self._handle, process)
        else:
            to.send_bytes(self._handle.encode())

    def close(self) -> None:
        """Give the descriptor back: the segment cannot be sent any more, its memory stays."""
        if isinstance(self._handle, int) and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def create(size: int) -> Segment:
    """A new segment; OSError that says what to do where there is no memory for it."""
    size = max(size, 1)
    if sys.platform == "win32":
        name = f"lamella-data-{os.getpid()}-{os.urandom(8).hex()}"
        return Segment(mmap.mmap(-1, size, tagname=name), size, name)
    handle = _nameless()
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            os.ftruncate(handle, size)
        return Segment(mmap.mmap(handle, size), size, handle)
    except OSError as error:
        os.close(handle)
        raise OSError(
            error.errno,
            f"no shared memory for a batch of {size:,} bytes ({error.strerror}); use smaller batches, fewer workers or "
            "a smaller prefetch_factor, workers='thread', or give the machine or its container more memory",
        ) from error


def receive(source: Connection, *, private: bool = False) -> Segment:
    """The segment that the other end sends; with `private`, what is written here is not seen elsewhere."""
    size = int.from_bytes(source.recv_bytes(8), "little")
    if sys.platform == "win32":
        name = source.recv_bytes().decode()
        access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
        return Segment(mmap.mmap(-1, size, tagname=name, access=access), size, name)
    handle = reduction.recv_handle(source)
    return Segment(mmap.mmap(handle, size, flags=mmap.MAP_PRIVATE if private else mmap.MAP_SHARED), size, handle)


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("lamella-data")
    handle, path = tempfile.mkstemp(prefix="lamella-data-")
    os.unlink(path)
    return handle
