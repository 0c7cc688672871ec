"""The folder of compiled objects: what it lists, what is cleared, and which files are refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lamella.compiler import _cache, cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(path))
    return path


def put(key: str, text: str = "int x;", *, kind: _cache.Kind = _cache.NATIVE, age_s: float = 0.0) -> Path:
    """An entry whose object is its source again."""
    path = _cache.get(key, [text, "more"], lambda files, made: made.write_bytes(files[0].read_bytes()), kind)
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


def builds(key: str, text: str = "int x;") -> bool:
    """Whether asking for an entry makes it again."""
    calls = []
    _cache.get(key, [text], lambda files, made: (calls.append(1), made.write_bytes(files[0].read_bytes())))
    return bool(calls)


def test_inspect_tells_sizes_ages_and_sources(folder: Path) -> None:
    put("one", age_s=100)
    put("two", "pass", kind=_cache.GPU)
    first, second = cache.inspect()
    assert (first.key, second.key) == ("one", "two")
    assert first.size_bytes == len("int x;") * 2 + len("more")
    assert 100 <= first.age_s < 160
    assert 0 <= second.age_s < 60
    assert [path.name for path in first.sources] == ["one.c", "one.1.c"]
    assert [path.name for path in second.sources] == ["two.py", "two.1.py"]
    assert cache.source("one") == "int x;more"
    assert cache.source("two") == "passmore"
    with pytest.raises(KeyError, match="no cached object 'three'"):
        cache.source("three")


def test_clear_by_age_keeps_what_is_younger(folder: Path) -> None:
    put("old", age_s=3 * 86400)
    put("new")
    assert cache.clear(older_than_s=7 * 86400) == 0
    assert cache.clear(older_than_s=86400) == 1
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == {"new"}
    assert not builds("new")
    assert builds("old")


def test_clear_leaves_nothing_but_builds_under_way(folder: Path) -> None:
    put("one")
    put("two", kind=_cache.GPU)
    (folder / "lone.c").write_text("")
    for name, age in (("build-stopped", 2 * _cache.STALE_S), ("build-running", 0)):
        (folder / name).mkdir()
        os.utime(folder / name, (time.time() - age,) * 2)
    assert cache.clear() == 2
    assert [path.name for path in folder.iterdir()] == ["build-running"]


@pytest.mark.parametrize("age", [-1, float("nan")])
def test_clear_refuses_what_is_no_age(folder: Path, age: float) -> None:
    put("one")
    with pytest.raises(ValueError, match="seconds from 0 on"):
        cache.clear(older_than_s=age)
    assert len(cache.inspect()) == 1


@pytest.mark.parametrize(
    "attack", ["truncated", "emptied", "changed", "without its hash", "swapped", "swapped with hash"]
)
def test_an_object_that_is_not_what_was_made_is_made_again(folder: Path, attack: str) -> None:
    path, other = put("one", "int one;"), put("two", "int two;")
    seal, other_seal = path.with_suffix(".sha256"), other.with_suffix(".sha256")
    match attack:
        case "truncated":
            path.write_bytes(path.read_bytes()[:-1])
        case "emptied":
            path.write_bytes(b"")
        case "changed":
            path.write_bytes(b"int eno;")
        case "without its hash":
            seal.unlink()
        case "swapped":
            path.write_bytes(other.read_bytes())
        case _:
            path.write_bytes(other.read_bytes())
            seal.write_bytes(other_seal.read_bytes())
    assert builds("one", "int one;")
    assert path.read_bytes() == b"int one;"
    assert not builds("two", "int two;")


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cache.folder()
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(cache.CacheError, match="belongs to another user"):
        _cache.folder()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(cache.CacheError, match="chmod 700"):
        put("one")
    assert list(folder.iterdir()) == []


def test_a_link_to_a_folder_of_others_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs").chmod(0o777)
    folder.symlink_to(tmp_path / "theirs")
    with pytest.raises(cache.CacheError, match="chmod 700"):
        _cache.folder()
