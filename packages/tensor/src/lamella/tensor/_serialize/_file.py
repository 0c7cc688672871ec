"""Files: a save replaces the old file with a whole new one or leaves it as it was.

The new content is written beside the target, synced, and renamed over it. Whatever stops that, an error or Ctrl-C,
removes the unfinished file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from typing import Any

from .._errors import FileFormatError
from ._codec import decode_stream, encode
from ._record import Rebuild, RecordOf

__all__ = ["load", "save"]


def save(obj: object, path: str | os.PathLike[str], record_of: RecordOf) -> None:
    """Write `obj` (dicts with str or int keys, lists, tuples, str, int, float, bool, None and tensors) to `path`.

    TypeError or ValueError for what cannot be saved, OSError where the system refuses; the old file is then untouched.
    """
    target = os.path.realpath(os.fspath(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save: the folder {folder!r} of {os.fspath(path)!r} does not exist; create it first")
    mode = None
    if os.path.exists(target):
        mode = os.stat(target).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"save: {os.fspath(path)!r} exists and is not a regular file; choose another path")
    _replace(target, encode(obj, record_of), mode)


def _replace(target: str, pieces: Iterable[bytes | memoryview], mode: int | None) -> None:
    """Put the pieces at `target`, with the permissions of the file that was there."""
    folder, name = os.path.split(target)
    # The name leaves room for the suffix in file systems that allow 255 bytes.
    beside = os.path.join(folder, f".{name[:48]}.{os.urandom(8).hex()}.part")
    try:
        with open(beside, "xb") as file:
            if mode is not None:
                os.chmod(beside, stat.S_IMODE(mode))
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable; Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems that cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def load(path: str | os.PathLike[str], rebuild: Rebuild) -> Any:
    """The object that `save` wrote to `path`; FileFormatError for other content, OSError where it cannot be read."""
    source = os.fspath(path)
    if not stat.S_ISREG(os.stat(source).st_mode):  # before opening: that would wait for a writer of a pipe
        raise FileFormatError(source, "not a regular file", "give the path of a file that save() wrote")
    with open(source, "rb") as file:
        return decode_stream(file, os.fstat(file.fileno()).st_size, rebuild, source)
