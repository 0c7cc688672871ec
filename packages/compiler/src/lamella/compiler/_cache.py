"""The per-user folder of compiled objects, addressed by what they were made from.

An entry is an object (`KEY.so`, or `KEY.kernel` for a GPU) with its hash in `KEY.sha256`, and its sources `KEY.c`,
`KEY.1.c`, ... or `KEY.py` for readers; or the image of a graph (`KEY.image`), which names the object that it needs. KEY
hashes what an entry is made of: sources, flags, compiler and CPU features or GPU architecture. Files appear by atomic
rename, the hash last; a file that does not match its hash is made again, never used. The folder is 0700 and must belong
to the user: code from a folder others can write is refused.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class CacheError(RuntimeError):
    """The cache folder cannot be trusted or written; the message says what to do."""


class Kind(NamedTuple):
    """File name suffixes of what goes into an object and of the object."""

    source: str
    made: str


STALE_S = 3600.0  # a build that is not done after so long was stopped
NATIVE = Kind(".c", ".so")
GPU = Kind(".py", ".kernel")
IMAGE = Kind("", ".image")  # has no source
_KINDS = (NATIVE, GPU, IMAGE)


class Entry(NamedTuple):
    """One compiled object or image in the cache: its size with its sources, and the seconds since it was made."""

    key: str
    path: Path
    size_bytes: int
    age_s: float
    sources: tuple[Path, ...]


def folder() -> Path:
    """The cache folder, made if missing; $LAMELLA_CACHE_DIR overrides the user's cache folder."""
    return _folder(os.environ.get("LAMELLA_CACHE_DIR"))


@functools.lru_cache(maxsize=8)
def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("lamella")) / "compiler"


def _folder(override: str | None) -> Path:
    path = Path(override) if override else _default_folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise CacheError(
            f"cannot make the cache folder {path}: {error}; set $LAMELLA_CACHE_DIR to one you own"
        ) from error
    if hasattr(os, "getuid"):
        if status.st_uid != os.getuid():
            raise CacheError(f"{path} belongs to another user; set $LAMELLA_CACHE_DIR to a folder of your own")
        if stat.S_IMODE(status.st_mode) & 0o022:
            raise CacheError(f"others can write to {path}; run: chmod 700 {path}")
    return path


def key_of(*parts: str) -> str:
    """The key of what these texts determine."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode())
    return digest.hexdigest()[:40]


def get(key: str, sources: Sequence[str], build: Callable[[list[Path], Path], None], kind: Kind = NATIVE) -> Path:
    """The object of `key`; on a miss `build(source_files, object_file)` makes it in a temporary folder beside it."""
    found = find(key, kind)
    return _make(key, sources, build, kind) if found is None else found


def find(key: str, kind: Kind = NATIVE) -> Path | None:
    """The file of `key`, if it is there and whole."""
    path = folder() / f"{key}{kind.made}"
    return None if _whole(path) is None else path


def content(key: str, kind: Kind) -> bytes | None:
    """What the file of `key` holds, if it is there and whole."""
    return _whole(folder() / f"{key}{kind.made}")


def put(key: str, data: bytes, kind: Kind) -> None:
    """Keep data under a key, in the place of what may be there."""
    _make(key, (), lambda _, made: made.write_bytes(data), kind)


def _make(key: str, sources: Sequence[str], build: Callable[[list[Path], Path], object], kind: Kind) -> Path:
    import tempfile  # which a warm start has no use for

    home = folder()
    path = home / f"{key}{kind.made}"
    with tempfile.TemporaryDirectory(dir=home, prefix="build-") as work:
        files = [Path(work) / _source_file(key, number, kind) for number in range(len(sources))]
        made = Path(work) / path.name
        for file, source in zip(files, sources, strict=True):
            file.write_text(source, encoding="utf-8")
        build(files, made)
        seal = Path(work) / f"{key}.sha256"
        seal.write_text(_seal(key, made.read_bytes()), encoding="ascii")
        for file in (*files, made, seal):
            os.replace(file, home / file.name)
    return path


def _source_file(key: str, number: int, kind: Kind) -> str:
    return f"{key}.{number}{kind.source}" if number else f"{key}{kind.source}"


def _whole(path: Path) -> bytes | None:
    """What a file holds, if it is the one its hash was taken of."""
    try:
        data, seal = path.read_bytes(), path.with_suffix(".sha256").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    return data if _seal(path.stem, data) == seal else None


def _seal(key: str, data: bytes) -> str:
    """The hash of an object and of what it is the object of: one entry's files do not pass as another's."""
    return hashlib.sha256(key.encode() + b":" + data).hexdigest()


def entries() -> list[Entry]:
    """What is cached, by key."""
    home, now = folder(), time.time()
    found = []
    for kind in _KINDS:
        for path in home.glob(f"*{kind.made}"):
            sources = _sources(home, path.stem, kind)
            try:
                status = path.stat()
                size = status.st_size + sum(file.stat().st_size for file in sources)
            except FileNotFoundError:
                continue  # another process cleared it meanwhile
            found.append(Entry(path.stem, path, size, max(0.0, now - status.st_mtime), sources))
    return sorted(found, key=lambda entry: entry.key)


def _sources(home: Path, key: str, kind: Kind) -> tuple[Path, ...]:
    """The source files of an object, in the order they were given."""
    if not kind.source:
        return ()
    more = sorted(home.glob(f"{key}.*{kind.source}"), key=lambda p: int(p.stem.rpartition(".")[2]))
    return tuple(path for path in (home / f"{key}{kind.source}", *more) if path.is_file())


def source(key: str) -> str:
    """The source of a cached object, its files one after another; none for an image, KeyError for an unknown key."""
    home = folder()
    for kind in _KINDS:
        files = _sources(home, key, kind)
        if files:
            return "".join(file.read_text(encoding="utf-8") for file in files)
    if (home / f"{key}{IMAGE.made}").is_file():
        return ""
    raise KeyError(f"no cached object {key!r}; lamella.compiler.cache.inspect() lists them")


def clear(older_than_s: float = 0.0) -> int:
    """Delete the cached objects and images made at least `older_than_s` seconds ago, with their sources, and return
    how many.

    Objects in use stay loaded. Without an age, single files go too, and builds that stopped an hour ago or more.
    ValueError for a negative age.
    """
    if not older_than_s >= 0:
        raise ValueError(f"clear(older_than_s) takes a number of seconds from 0 on, got {older_than_s!r}")
    home = folder()
    doomed = [entry for entry in entries() if entry.age_s >= older_than_s]
    for entry in doomed:
        # the hash first: without it an object is no longer loaded, whatever stops this loop
        for path in (home / f"{entry.key}.sha256", entry.path, *entry.sources):
            path.unlink(missing_ok=True)
    if not older_than_s:
        for kind in _KINDS:
            for suffix in filter(None, (kind.source, kind.made, ".sha256")):
                for path in home.glob(f"*{suffix}"):
                    path.unlink(missing_ok=True)
        for path in home.glob("build-*"):  # a build under way has a young one
            if path.stat().st_mtime < time.time() - STALE_S:
                shutil.rmtree(path, ignore_errors=True)
    return len(doomed)
