"""The per-user folder of compiled objects, addressed by what they were made from.

An entry is an object (`KEY.so`, or `KEY.kernel` for a GPU) with its hash in `KEY.sha256`, and its sources `KEY.c`,
`KEY.1.c`, ... or `KEY.py` for readers. KEY hashes sources, flags, compiler and CPU features or GPU architecture. Files
appear by atomic rename, the hash last; an object that does not match its hash is rebuilt, never loaded. The folder is
0700 and must belong to the user: code from a folder others can write is refused.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class CacheError(RuntimeError):
    """The cache folder cannot be trusted or written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Kind:
    """File name suffixes of what goes into an object and of the object."""

    source: str
    made: str


NATIVE = Kind(".c", ".so")
GPU = Kind(".py", ".kernel")
_KINDS = (NATIVE, GPU)


@dataclass(frozen=True, slots=True)
class Entry:
    """One compiled object in the cache."""

    key: str
    path: Path
    size_bytes: int


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
    home = folder()
    path = home / f"{key}{kind.made}"
    if _sealed(path):
        return path
    with tempfile.TemporaryDirectory(dir=home, prefix="build-") as work:
        files = [Path(work) / _source_file(key, number, kind) for number in range(len(sources))]
        made = Path(work) / path.name
        for file, source in zip(files, sources, strict=True):
            file.write_text(source, encoding="utf-8")
        build(files, made)
        seal = Path(work) / f"{key}.sha256"
        seal.write_text(hashlib.sha256(made.read_bytes()).hexdigest(), encoding="ascii")
        for file in (*files, made, seal):
            os.replace(file, home / file.name)
    return path


def _source_file(key: str, number: int, kind: Kind) -> str:
    return f"{key}.{number}{kind.source}" if number else f"{key}{kind.source}"


def _sealed(path: Path) -> bool:
    """Whether the file is whole and is the one its hash was taken of."""
    try:
        content, seal = path.read_bytes(), path.with_suffix(".sha256").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return False
    return hashlib.sha256(content).hexdigest() == seal


def entries() -> list[Entry]:
    """What is cached, by key."""
    home = folder()
    found = [path for kind in _KINDS for path in home.glob(f"*{kind.made}")]
    return [Entry(p.stem, p, p.stat().st_size) for p in sorted(found)]


def source(key: str) -> str:
    """The source of a cached object, its files one after another."""
    home = folder()
    for kind in _KINDS:
        path = home / f"{key}{kind.source}"
        if path.is_file():
            more = home.glob(f"{key}.*{kind.source}")
            rest = sorted(more, key=lambda p: int(p.stem.rpartition(".")[2]))
            return "".join(file.read_text(encoding="utf-8") for file in (path, *rest))
    raise KeyError(f"no cached object {key!r}; cache.entries() lists them")


def clear() -> int:
    """Delete all cached objects and return how many there were; objects in use stay loaded."""
    made, sources = {kind.made for kind in _KINDS}, {kind.source for kind in _KINDS}
    count = 0
    for path in folder().iterdir():
        if path.suffix in made | sources | {".sha256"}:
            count += path.suffix in made
            path.unlink(missing_ok=True)
    return count
