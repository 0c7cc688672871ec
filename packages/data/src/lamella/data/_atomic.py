"""Files that appear whole or not at all.

The content is written beside its destination, flushed to the disk and renamed over it: a reader sees the old file or
the new one, and a writer that dies leaves the old one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def written_whole(owner: str, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file `path` when the block ends without an error."""
    destination = os.path.abspath(path)
    folder, file_name = os.path.split(destination)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{owner}: no such folder: {folder}; create it first")
    # Beside the destination, for a rename does not cross file systems; a random name, for two writers may meet.
    beside = os.path.join(folder, f".{file_name}.{os.urandom(6).hex()}.tmp")
    try:
        with open(beside, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, destination)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable; Windows cannot open folders and does not need it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
