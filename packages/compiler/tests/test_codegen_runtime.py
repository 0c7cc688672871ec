"""Threads, fork, the cache, toolchains: what generated code stands on."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.compiler import _cache, _toolchain
from lamella.compiler._native import _load
from lamella.compiler.executor import compile_graph
from lamella.graph import Graph, parse

ROWS = """graph g(%0: f32[512, 300]) {
  %1: f32[512, 300] = softmax(%0; dim=1)
  %2: f32[] = sum(%0; dims=(0, 1), keepdim=False)
  %3: f32[300] = sum(%0; dims=(0,), keepdim=False)
  return %1, %2, %3
}"""


def rows() -> Graph:
    return parse(ROWS)


def normal(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.fixture
def threads() -> Any:
    before = _load.get_num_threads()
    yield _load.set_num_threads
    _load.set_num_threads(before)


def test_results_do_not_depend_on_the_number_of_threads(threads: Any) -> None:
    run, x = compile_graph(rows()), normal(512, 300)
    found = []
    for count in (1, 2, 5, 3):
        threads(count)
        assert _load.get_num_threads() == count
        found.append([array.copy() for _ in range(5) for array in run([x])])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="positive"):
        threads(0)


def test_one_compiled_graph_from_many_threads(threads: Any) -> None:
    threads(3)
    run, inputs = compile_graph(rows()), [normal(512, 300) * k for k in range(1, 5)]
    wanted = [[a.copy() for a in run([x])] for x in inputs]
    wrong: list[str] = []

    def work(k: int) -> None:
        for _ in range(50):
            for got, want in zip(run([inputs[k]]), wanted[k], strict=True):
                if not np.array_equal(got, want):
                    wrong.append(f"thread {k}")

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is what is tested
def test_a_forked_child_has_a_pool_of_its_own(threads: Any) -> None:
    threads(3)
    run, x = compile_graph(rows()), normal(512, 300)
    want = [a.copy() for a in run([x])]
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(a, b) for _ in range(20) for a, b in zip(run([x]), want, strict=True))
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    for a, b in zip(run([x]), want, strict=True):
        np.testing.assert_array_equal(a, b)


# -- the cache --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(path))
    return path


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every call of the C compiler from now on."""
    calls: list[Path] = []
    build = _toolchain.Toolchain.build

    def counted(self: Any, sources: list[Path], *args: Any, **kwargs: Any) -> None:
        calls.append(sources[0])
        build(self, sources, *args, **kwargs)

    monkeypatch.setattr(_toolchain.Toolchain, "build", counted)
    return calls


def objects_first() -> list[_cache.Entry]:
    """What the cache folder holds: objects, then images of graphs."""
    return sorted(_cache.entries(), key=lambda entry: entry.path.suffix == ".image")


def test_a_second_compile_is_a_hit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _load.runtime()
    calls = counting(monkeypatch)
    first = compile_graph(rows())
    assert len(calls) == 1
    assert (folder.stat().st_mode & 0o777) == 0o700
    compile_graph(rows())
    assert len(calls) == 1
    entry, image = objects_first()
    assert (entry.path.suffix, image.path.suffix) == (".so", ".image")
    assert entry.size_bytes > 0
    assert _cache.source(entry.key) == first.c_source
    assert {p.suffix for p in folder.iterdir()} == {".c", ".so", ".image", ".sha256"}, "nothing temporary is left"
    assert _cache.clear() == 2
    assert _cache.entries() == []
    with pytest.raises(KeyError, match="inspect"):
        _cache.source(entry.key)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "append"])
def test_a_damaged_entry_is_rebuilt(folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    _load.runtime()
    # a graph of its own for each damage: the loader keeps a library it has loaded from one path
    text = ROWS.replace("512", str(64 + len(damage)))
    compiled = compile_graph(parse(text))
    entry, _ = objects_first()
    content = entry.path.read_bytes()
    middle = len(content) // 2
    broken = {
        "truncate": content[:middle],
        "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "empty": b"",
        "append": content + b"x",
    }[damage]
    entry.path.unlink()  # a new file: the old one may be mapped
    entry.path.write_bytes(broken)
    calls = counting(monkeypatch)
    again = compile_graph(parse(text))
    assert len(calls) == 1
    x = normal(64 + len(damage), 300)
    for a, b in zip(compiled([x]), again([x]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_folder_others_can_write_is_refused(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(_cache.CacheError, match="chmod 700"):
        _cache.folder()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(_cache.CacheError, match="LAMELLA_CACHE_DIR"):
        _cache.folder()


def test_two_processes_compile_at_once(folder: Path) -> None:
    script = (
        "import numpy as np\nfrom lamella.graph import parse\nfrom lamella.compiler.executor import compile_graph\n"
        f"run = compile_graph(parse({ROWS!r}))\n"
        "x = np.ones((512, 300), np.float32)\nassert run([x])[1] == 512 * 300\n"
    )
    environment = {**os.environ, "LAMELLA_CACHE_DIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    jobs = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(3)]
    assert [job.wait() for job in jobs] == [0, 0, 0]
    assert not [p for p in folder.iterdir() if p.name.startswith("build-")]


# -- toolchains -------------------------------------------------------------------------------------------------------


def test_without_a_compiler_the_error_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    _toolchain._find.cache_clear()
    with pytest.raises(_toolchain.CompilerMissing, match=r"pip install 'lamella-compiler\[zig\]'"):
        _toolchain.find_toolchain()
    _toolchain._find.cache_clear()


def test_a_wrong_cc_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O1")
    with pytest.raises(_toolchain.CompilerMissing, match="no-such-compiler"):
        _toolchain.find_toolchain()


def test_a_failing_compiler_shows_what_it_said(tmp_path: Path) -> None:
    source = tmp_path / "x.c"
    source.write_text("int f(void) { return nothing; }")
    with pytest.raises(_toolchain.CompileError, match="nothing"):
        _toolchain.find_toolchain().build([source], tmp_path / "x.so", [])
    assert not (tmp_path / "x.so").exists()


def test_flags_keep_the_meaning_of_floats() -> None:
    flags = _toolchain.find_toolchain().flags
    wanted = {"-fno-math-errno", "-fno-trapping-math", "-fwrapv", "-ffp-contract=off"}
    assert wanted <= set(flags)
    assert not {"-ffast-math", "-ffinite-math-only", "-fassociative-math", "-Ofast"} & set(flags)


def test_threads_are_those_of_tensors_too(threads: Any) -> None:
    before = lt.get_num_threads()
    try:
        lt.set_num_threads(3)
        assert _load.get_num_threads() == 3
        threads(2)
        assert lt.get_num_threads() == 3
    finally:
        lt.set_num_threads(before)


def test_an_object_depends_on_the_headers_that_it_includes() -> None:
    unit, library = _load._headers('#include "lamella.h"\nint x;\n'), _load._headers(_load._text("library.c"))
    assert unit == _load._text("lamella.h")
    for path in sorted(_load._HERE.rglob("*.h")):
        if path.name != "runtime.h":
            assert path.read_text(encoding="utf-8") in library, path
    assert _load._text("runtime.h") in _load._headers(_load._text("products.c"))


def test_threads_that_ask_at_once_get_one_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    begin = threading.Barrier(4)

    class Slow:
        def __init__(self, _: Path) -> None:
            time.sleep(0.05)
            made.append(self)

    monkeypatch.setattr(_load, "Runtime", Slow)
    monkeypatch.setattr(_load, "_runtime", functools.cache(_load._runtime.__wrapped__))
    found: list[object] = []

    def ask() -> None:
        begin.wait()
        found.append(_load.runtime())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found == made * 4
