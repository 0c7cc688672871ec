"""From what a user names (paths, folders, globs, URIs, lists of them) to the list of files, each with its filesystem.

Every file is read through `pyarrow.fs`, local ones by memory map however they were named. Files of a folder and of a
glob come in the order of their paths, so row numbers do not depend on how a server lists them; names that start with
"." or "_" are bookkeeping of whoever wrote the folder and left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import pyarrow.fs as pafs

Path: TypeAlias = str | os.PathLike[str]

_GLOB = re.compile(r"[*?\[]")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: "C://" is a drive
_OF_A_STORE = re.compile(r"AWS Error|google::cloud::Status|Azure Error")  # how Arrow's filesystems tell of failures
_LOGIN = re.compile(r"(?<=://)[^@?\s]*:[^@?\s]*(?=@)")


class Place(NamedTuple):
    """One file: its path in `filesystem`, and the folder that it was found in (empty where it was named itself)."""

    filesystem: pafs.FileSystem
    path: str
    root: str
    size: int
    mtime_ns: int | None

    @property
    def name(self) -> str:
        """The file as errors call it."""
        from pyarrow.fs import LocalFileSystem

        kind = self.filesystem.type_name
        return self.path if isinstance(self.filesystem, LocalFileSystem) else f"{kind}:{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether asking the filesystem about it costs nothing."""
        from pyarrow.fs import LocalFileSystem

        return isinstance(self.filesystem, LocalFileSystem)

    def now(self) -> Place | None:
        """The same file as it is now; None if it is gone."""
        info = self.filesystem.get_file_info(self.path)
        return self._replace(size=info.size, mtime_ns=info.mtime_ns) if info.is_file else None


class StoreError(OSError):
    """A file far away that its store did not give: no record of it is to blame."""


def check_answers(owner: str, place: Place, error: Exception) -> None:
    """Why a file far away could not be read, where that is not its content; returns where it may be.

    Arrow raises one and the same OSError for damaged files and for stores that do not answer (after its own retries):
    the store is asked again, and the error's text is looked at. StoreError where the store is to blame, ValueError
    where the file is another one by now.
    """
    if place.is_local or not isinstance(error, OSError):
        return
    try:
        now = place.now()
    except OSError as again:
        raise StoreError(f"{owner}: {place.name} cannot be read from its store: {again}") from error
    if now != place:
        raise changed(owner, place) from error
    if _OF_A_STORE.search(str(error)):
        raise StoreError(f"{owner}: {place.name} cannot be read from its store: {error}") from error


def changed(owner: str, place: Place) -> ValueError:
    """The error for a file that is not what it was when the dataset was made."""
    return ValueError(f"{owner}: {place.name} was changed or removed while in use; make a new {owner}")


def find_places(
    owner: str, source: Path | Sequence[Path], filesystem: object | None, suffixes: Sequence[str]
) -> list[Place]:
    """The files that `source` names, in order; of folders those that end in one of `suffixes`.

    FileNotFoundError for a path that is not there and for a folder or glob without such files.
    """
    if isinstance(source, (str, os.PathLike)):
        return _find(owner, os.fspath(source), filesystem, suffixes)
    try:
        paths = list(source)
    except TypeError:
        raise TypeError(
            f"{owner}: expected a path, a URI or a list of them, got {type(source).__name__}; a table in memory goes "
            "into TableDataset"
        ) from None
    if not paths:
        raise ValueError(f"{owner}: the list of files is empty")
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"{owner}: a list of files must hold paths, got {path!r} of type {type(path).__name__}")
    return [place for path in paths for place in _find(owner, os.fspath(path), filesystem, suffixes)]


def as_filesystem(owner: str, filesystem: object) -> pafs.FileSystem:
    """A `pyarrow.fs` filesystem from one, or from an fsspec filesystem; local ones map files into memory."""
    import pyarrow.fs as pafs

    if isinstance(filesystem, pafs.LocalFileSystem):
        return pafs.LocalFileSystem(use_mmap=True)
    if isinstance(filesystem, pafs.FileSystem):
        return filesystem
    # fsspec's own marker, without importing it.
    if any(kind.__name__ == "AbstractFileSystem" for kind in type(filesystem).__mro__):
        return pafs.PyFileSystem(pafs.FSSpecHandler(filesystem))
    raise TypeError(
        f"{owner}: filesystem must be a pyarrow.fs.FileSystem or an fsspec filesystem, got {type(filesystem).__name__}"
    )


def _find(owner: str, source: str, filesystem: object | None, suffixes: Sequence[str]) -> list[Place]:
    where, path = _resolve(owner, source, filesystem)
    with _asking(owner, where, source):
        return _found(owner, where, path, shown(source), suffixes)


def _found(owner: str, where: pafs.FileSystem, path: str, source: str, suffixes: Sequence[str]) -> list[Place]:
    from pyarrow.fs import FileType

    folder, pattern = _split_glob(path)
    if pattern and where.get_file_info(path).type == FileType.NotFound:  # a file may be called "a[1].parquet"
        return _matching(owner, where, folder, pattern)
    info = where.get_file_info(path)
    if info.is_file:
        return [Place(where, path, "", info.size, info.mtime_ns)]
    if info.type == FileType.NotFound:
        raise FileNotFoundError(f"{owner}: no such file: {source}")
    found = [place for place in _below(where, path) if place.path.endswith(tuple(suffixes))]
    if not found:
        raise FileNotFoundError(
            f"{owner}: no {' or '.join(f'*{suffix}' for suffix in suffixes)} files in folder {source}"
        )
    return found


@contextmanager
def _asking(owner: str, where: pafs.FileSystem, source: str) -> Iterator[None]:
    """Errors of a filesystem that does not answer, or not to these credentials, under what was asked for."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise type(error)(f"{owner}: cannot look for {shown(source)} ({where.type_name}): {error}") from error


def shown(source: str) -> str:
    """A path or URI as errors show it: without the credentials that a URI may hold."""
    return _LOGIN.sub("***", source)


def _resolve(owner: str, source: str, filesystem: object | None) -> tuple[pafs.FileSystem, str]:
    """The filesystem and the path in it, without a filesystem that only adds a prefix to a local one."""
    import pyarrow.fs as pafs

    if filesystem is not None:
        where, path = as_filesystem(owner, filesystem), source
        if isinstance(where, pafs.SubTreeFileSystem) and isinstance(where.base_fs, pafs.LocalFileSystem):
            where, path = pafs.LocalFileSystem(use_mmap=True), os.path.join(where.base_path, path.lstrip("/"))
        return where, path
    if not _URI.match(source):
        return pafs.LocalFileSystem(use_mmap=True), source
    # Options follow a "?"; the rest of a glob is no part of the address.
    address, question, options = source.partition("?")
    found = re.search(r"[*\[]", address)
    parent = address if found is None else address[: address.rindex("/", 0, found.start())]
    try:
        where, path = pafs.FileSystem.from_uri(parent + question + options)
    except (OSError, ValueError, NotImplementedError) as error:
        raise type(error)(
            f"{owner}: cannot open the filesystem of {shown(source)!r}: {shown(str(error))}"
        ) from None  # Arrow's own text repeats the URI, credentials and all
    return as_filesystem(owner, where), path + address[len(parent) :]


def _split_glob(path: str) -> tuple[str, str]:
    """The longest folder without wildcards and what follows; the second is empty where there are none."""
    found = _GLOB.search(path)
    if found is None:
        return path, ""
    cut = path.rfind("/", 0, found.start()) + 1
    return path[:cut].rstrip("/") or path[:cut], path[cut:]


def _matching(owner: str, where: pafs.FileSystem, folder: str, pattern: str) -> list[Place]:
    from pyarrow.fs import FileType

    wanted = re.compile(_translate(pattern))
    start = len(folder.rstrip("/")) + 1 if folder else 0
    found = []
    if not folder or where.get_file_info(folder).type == FileType.Directory:
        found = [place for place in _below(where, folder) if wanted.fullmatch(_relative(place.path, start))]
    if not found:
        raise FileNotFoundError(f"{owner}: no file matches {os.path.join(folder, pattern)}")
    return found


def _relative(path: str, start: int) -> str:
    return path[start:] if start else path.removeprefix("./")


def _translate(pattern: str) -> str:
    """A glob as a regular expression: `*` and `?` stay within a folder, `**/` is any number of folders."""
    parts = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            parts.append(r"(?:[^/]+/)*")
            position += 3
        elif rest.startswith("**"):
            parts.append(".*")
            position += 2
        elif rest[0] == "*":
            parts.append(r"[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append(r"[^/]")
            position += 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            inside = rest[1:end].replace("\\", r"\\")
            parts.append(f"[^{inside[1:]}]" if inside[0] == "!" else f"[{inside}]")
            position += end + 1
        else:
            parts.append(re.escape(rest[0]))
            position += 1
    return "".join(parts)


def _below(where: pafs.FileSystem, folder: str) -> list[Place]:
    """All files below a folder, by path."""
    from pyarrow.fs import FileSelector

    start = len(folder.rstrip("/")) + 1 if folder else 0
    found = [
        Place(where, info.path, folder, info.size, info.mtime_ns)
        for info in where.get_file_info(FileSelector(folder or ".", recursive=True))
        if info.is_file and not any(part[0] in "._" for part in _relative(info.path, start).split("/"))
    ]
    return sorted(found, key=lambda place: place.path)
