"""Images of compiled graphs on disk: what is kept, what a key tells apart, and which files are refused."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import program_suite
import pytest

import lamella.graph
import lamella.tensor as lt
from lamella.compiler import _cache, _saved, _toolchain
from lamella.compiler._assembly import Assembly
from lamella.compiler._executable import CompiledGraph
from lamella.compiler._image import Image, View
from lamella.compiler._image_file import read, written
from lamella.compiler._native import _load
from lamella.compiler._scalars import Row
from lamella.compiler._steps import LibraryCall, Place, PythonStep
from lamella.compiler._words import Damaged, Reader, Unwritable, Writer
from lamella.graph import Graph, parse
from lamella.tensor.extend import OPS, Op, as_dtype

STEP = """graph step(%0: f32[6, 8], %1: f32[8, 5], %2: f64, %3: i64[6], %4: f32[6, 8]) {
  %5: f64 = scalar.mul(%2, 2.0)
  %6: f64 = scalar.pow(%5, -0.5)
  %7: f32[6, 5] = matmul(%0, %1)
  %8: f32[6, 5] = mul(%7, %6)
  %9: f32[6, 5], %10: i64[6, 5] = sort(%8; dim=1, descending=False)
  %11: f32[6, 5] = take(%9, %3; dim=0)
  %12: f32[] = sum(%11; dims=(0, 1), keepdim=False)
  %13: f32[6, 8] = add(%4, %0)
  return %12, %10, %5, 3
  write %4 <- %13
}
"""
SCAN = """graph loop(%0: f32[4], %1: f32[5, 4]) {
  %2: f32[4], %3: f32[5, 4] = scan(%0, %1; body=graph body(%0: f32[4], %1: f32[4]) {
    %2: f32[4] = mul(%0, %1)
    %3: f32[4] = add(%2, 1.0)
    return %3, %2
  }, carried=1, scanned=1, length=5, reverse=False, indexed=False)
  return %2, %3
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(path))
    return path


@pytest.fixture
def fresh() -> Iterator[None]:
    """What is found out once a process is found out again."""
    yield
    _saved._code.cache_clear()
    _toolchain._find.cache_clear()


def inputs_of_step() -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = ((6, 8), (8, 5), (6, 8))
    x, w, state = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return [x, w, 0.3, np.array([5, 0, -1, 2, 2, 1]), state]


def lowerings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every graph that is lowered from now on."""
    found: list[str] = []
    made = CompiledGraph._made_anew

    def counted(self: CompiledGraph, key: str | None) -> Image:
        found.append(self.graph.name)
        return made(self, key)

    monkeypatch.setattr(CompiledGraph, "_made_anew", counted)
    return found


def equal(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        assert type(x) is type(y)
        np.testing.assert_array_equal(x, y)


# -- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", [*program_suite.SUITE, "step", "loop"])
def test_what_is_read_is_what_was_written(name: str, in_place: bool) -> None:
    graph = {"step": lambda: parse(STEP), "loop": lambda: parse(SCAN)}.get(name, lambda: program_suite.graph(name))()
    image = Assembly(graph, in_place=in_place).image()
    assert read(written(image), graph) == image


def test_values_of_every_kind() -> None:
    values = (
        None, True, False, 0, -1, 2**62, -(2**63), 2**63, -(3**99), 1.5, -0.0, float("inf"), 1 + 2j, "", "é\ud800\0",
        as_dtype("bf16"), (), ((1, (2.0, "x")), None),
    )  # fmt: skip
    out = Writer()
    for value in values:
        out.value(value)
    file = Reader(out.content())
    found = tuple([file.value() for _ in values])
    file.end()
    assert repr(found) == repr(values)
    with pytest.raises(Unwritable, match="cannot hold a list"):
        out.value([1])


# -- hits -------------------------------------------------------------------------------------------------------------


def test_a_second_compile_lowers_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lowerings(monkeypatch)
    given = inputs_of_step()
    first = CompiledGraph(parse(STEP))(given)
    again = CompiledGraph(parse(STEP))
    assert lowered == ["step"]
    equal(again(given), first)
    given[3][0] = 6
    with pytest.raises(IndexError):
        again(given)
    assert "matmul" in again.explain(measure=True), "what is told of a saved graph is worked out again"


def test_updates_in_place_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lowerings(monkeypatch)
    results = []
    for _ in range(2):
        given = inputs_of_step()
        out = CompiledGraph(parse(STEP), in_place=True)(given)
        results.append([*out, given[4]])
    assert lowered == ["step"]
    equal(*results)


def test_loops_are_kept_with_their_bodies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lowerings(monkeypatch)
    rng = np.random.default_rng(1)
    given = [rng.standard_normal(4).astype(np.float32), rng.standard_normal((5, 4)).astype(np.float32)]
    first = CompiledGraph(parse(SCAN))(given)
    equal(CompiledGraph(parse(SCAN))(given), first)
    assert sorted(lowered) == ["body", "loop"]


PROGRAM = """
import sys
import lamella.compiler
import lamella.tensor as lt
from lamella import nn, optim

lt.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4))
optimizer = optim.AdamW(model.parameters(), lr=1e-2)
x, y = lt.randn(32, 8), lt.randint(0, 4, (32,))

def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

compiled = lamella.compiler.compile(step, fullgraph=True)
print([compiled().item().hex() for _ in range(3)])
print("lamella.compiler._assembly" in sys.modules, "lamella.compiler._lower" in sys.modules)
"""


def started(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "LAMELLA_CACHE_DIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)


def test_processes_that_race_and_one_that_comes_later(folder: Path) -> None:
    jobs = [started(folder) for _ in range(2)]
    first, second = (job.communicate()[0].splitlines() for job in jobs)
    later, _ = started(folder).communicate()
    assert first[0] == second[0] == later.splitlines()[0]
    assert later.splitlines()[1] == "False False", "nothing is lowered, and no module that lowers is imported"
    assert all(_cache.find(entry.key, _cache.IMAGE) for entry in _cache.entries() if entry.path.suffix == ".image")


# -- keys -------------------------------------------------------------------------------------------------------------

BASE = """graph g(%0: f32[4, 6]) {{
  %1: f32[4, 6] = softmax(%0; dim={dim})
  %2: f32[4, 6] = mul(%1, {by})
  return %2
}}"""


def key(graph: Graph, *, in_place: bool = False) -> str:
    found = _saved.key_of(graph, in_place=in_place)
    assert found is not None
    return found


def base(dim: int = 1, by: str = "2") -> Graph:
    return parse(BASE.format(dim=dim, by=by))


def test_graphs_have_keys_of_their_own() -> None:
    texts = [
        BASE.format(dim=1, by="2"), BASE.format(dim=0, by="2"), BASE.format(dim=1, by="2.0"),
        BASE.format(dim=1, by="True"), BASE.format(dim=1, by="-0.0"), BASE.format(dim=1, by="0.0"),
        BASE.format(dim=1, by="2").replace("f32", "f64"), BASE.format(dim=1, by="2").replace("4, 6", "6, 4"),
        BASE.format(dim=1, by="2").replace("return %2", "return %1"),
        BASE.format(dim=1, by="2").replace("return %2", "return %2, %2"),
        BASE.format(dim=1, by="2").replace("return %2", "return %2\n  write %0 <- %2"),
        BASE.format(dim=1, by="2").replace("mul", "add"), BASE.format(dim=1, by="2").replace("%1, 2", "%0, 2"),
        SCAN, SCAN.replace("add(%2, 1.0)", "add(%2, 2.0)"),
    ]  # fmt: skip
    keys = [key(parse(text)) for text in texts]
    assert len(set(keys)) == len(texts)
    assert key(base(), in_place=True) not in keys


def test_lines_of_the_program_are_no_part_of_a_key() -> None:
    text = STEP.replace("matmul(%0, %1)", "matmul(%0, %1)   # model.py:7")
    assert parse(text).nodes[2].source is not None
    assert key(parse(text)) == key(parse(STEP))


def _flags(patch: pytest.MonkeyPatch, _: Path) -> None:
    _toolchain._find.cache_clear()
    patch.setattr(_toolchain, "FLAGS", (*_toolchain.FLAGS, "-O1"))


def _compiler(patch: pytest.MonkeyPatch, folder: Path) -> None:
    wrapper = folder / "cc"
    wrapper.write_text("#!/bin/sh\nexec cc $@\n")
    wrapper.chmod(0o755)
    patch.setenv("CC", str(wrapper))


def _version(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(lamella.graph, "__version__", "0.1.1")


def _file(patch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "more.py").write_text("")
    patch.setattr(lamella.graph, "__path__", [*lamella.graph.__path__, str(folder)])
    patch.setattr(_saved, "LOADED_NS", _saved.LOADED_NS + 10**15)


def _processor(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(_saved, "machine_identity", lambda: "linux x86_64 sse2")


def _cache_bytes(patch: pytest.MonkeyPatch, _: Path) -> None:
    target = _toolchain.host_target()
    patch.setattr(_toolchain, "host_target", lambda: target._replace(cache_bytes=2 * target.cache_bytes))


def _blas(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(_load.runtime(), "blas", None)


def _dtype(patch: pytest.MonkeyPatch, _: Path) -> None:
    patch.setattr(_saved, "get_default_dtype", lambda: lt.float64)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("change", [_flags, _compiler, _version, _file, _processor, _cache_bytes, _blas, _dtype])
def test_whatever_an_image_depends_on_is_in_its_key(
    change: Callable[[pytest.MonkeyPatch, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(base())
    change(monkeypatch, tmp_path)
    _saved._code.cache_clear()
    assert key(base()) != before
    monkeypatch.undo()
    _saved._code.cache_clear()
    _toolchain._find.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_files_that_have_changed_since_they_were_loaded_make_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = max(
        max(entry.stat().st_mtime_ns, entry.stat().st_ctime_ns)
        for layer in _saved._LAYERS
        for path in layer.__path__
        for entry in _saved._files(path)
    )
    for moment, kept in ((newest, False), (newest + 10**9, True)):
        monkeypatch.setattr(_saved, "LOADED_NS", moment)
        _saved._code.cache_clear()
        assert (_saved.key_of(base(), in_place=False) is not None) is kept


def test_what_is_not_ours_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    op = OPS["mul"]
    assert _saved.key_of(base(), in_place=False) is not None
    monkeypatch.setitem(op.rules, "lower", lambda e, a, b: e.map("mul", a, b))
    assert _saved.key_of(base(), in_place=False) is None, "a rule of somebody else's"
    monkeypatch.undo()
    monkeypatch.setattr(OPS["softmax"], "body", lambda x, dim: x)
    assert _saved.key_of(base(), in_place=False) is None, "a body of somebody else's"
    monkeypatch.undo()
    monkeypatch.setattr(_saved, "third_party", lambda kind: [kind] if kind == "rules.lower" else [])
    assert _saved.key_of(base(), in_place=False) is None, "another package has rules"


def test_an_op_of_a_user_without_a_body_is_a_step_of_its_own() -> None:
    name = "test_images.opaque"
    op = Op(name, "x", "opaque", package="test_images")
    try:
        assert _saved._is_ours(op)
        op.body = lambda x: x
        assert not _saved._is_ours(op)
    finally:
        del OPS[name]


# -- damage -----------------------------------------------------------------------------------------------------------


def _entries() -> dict[str, Path]:
    return {entry.path.suffix: entry.path for entry in _cache.entries()}


@pytest.mark.parametrize(
    "attack",
    ["truncated", "emptied", "flipped", "without hash", "swapped", "swapped with hash", "no object", "broken object"],
)
def test_a_file_that_is_not_what_was_written_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    _load.runtime()
    size = 40 + len(attack)  # a graph of its own: the loader keeps a library that it has loaded from one path
    text = f"graph rows(%0: f32[{size}, 9]) {{\n  %1: f32[{size}, 9] = softmax(%0; dim=1)\n  return %1\n}}"
    other = parse(text.replace("softmax", "log_softmax"))
    x = np.random.default_rng(0).standard_normal((size, 9)).astype(np.float32)
    want = CompiledGraph(parse(text))([x])
    files = _entries()
    image, whole = files[".image"], files[".image"].read_bytes()
    CompiledGraph(other)
    theirs = folder / f"{_saved.key_of(other, in_place=False)}.image"
    match attack:
        case "truncated":
            image.write_bytes(whole[:-1])
        case "emptied":
            image.write_bytes(b"")
        case "flipped":
            image.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
        case "without hash":
            image.with_suffix(".sha256").unlink()
        case "swapped" | "swapped with hash":
            image.write_bytes(theirs.read_bytes())
            if attack == "swapped with hash":
                image.with_suffix(".sha256").write_bytes(theirs.with_suffix(".sha256").read_bytes())
        case "no object":
            files[".so"].unlink()
        case _:
            content = files[".so"].read_bytes()
            files[".so"].unlink()  # a new file: the old one may be mapped
            files[".so"].write_bytes(content[:-1])
    lowered = lowerings(monkeypatch)
    equal(CompiledGraph(parse(text))([x]), want)
    assert lowered == ["rows"]
    assert image.read_bytes() == whole
    CompiledGraph(parse(text))
    assert lowered == ["rows"], "and is whole again"


def test_a_file_with_the_right_hash_that_is_no_image_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = parse(STEP)
    given = inputs_of_step()
    want = CompiledGraph(graph)(given)
    wrong = Assembly(base(), in_place=False).image()
    lowered = lowerings(monkeypatch)
    for content in (b"", b"words", written(wrong), written(Assembly(graph, in_place=False).image()) + b"\0"):
        _cache.put(key(graph), content, _cache.IMAGE)
        equal(CompiledGraph(graph)(given), want)
    assert lowered == ["step"] * 4


def changed(image: Image, kind: type, **fields: Any) -> Image:
    """The image with other fields in the first step of a kind."""
    at = next(k for k, step in enumerate(image.steps) if isinstance(step, kind))
    step: Any = image.steps[at]
    return image._replace(steps=(*image.steps[:at], step._replace(**fields), *image.steps[at + 1 :]))


FAR = 1 << 40
VIEW = View("array", 0, "f32", (6, 8), False, 0, (6, 8), (8, 1))
WRONG: list[tuple[str, Callable[[Image], Image]]] = [
    ("kernels", lambda i: i._replace(object="")),
    ("kernels", lambda i: i._replace(object="../../evil")),
    ("an update", lambda i: i._replace(updated=(9,))),
    ("an update", lambda i: i._replace(updated=(2,))),
    ("results", lambda i: i._replace(picks=i.picks[:-1])),
    ("a result", lambda i: i._replace(picks=(("array", 99), *i.picks[1:]))),
    ("a result", lambda i: i._replace(picks=(("array", 0), *i.picks[1:]))),
    ("a result", lambda i: i._replace(picks=(("scalar", 0), *i.picks[1:]))),
    ("a result", lambda i: i._replace(picks=(("constant", 1), *i.picks[1:]))),
    ("a place", lambda i: i._replace(outputs=())),
    ("a host scalar", lambda i: i._replace(scalars=(*i.scalars, Row("f64", "scalar.mul", ("v99", 1.0))))),
    ("a host scalar", lambda i: i._replace(scalars=(*i.scalars, Row("f64", "matmul", (1.0, 1.0))))),
    ("a host scalar", lambda i: i._replace(scalars=(*i.scalars, Row("f64", "", (0,))))),
    ("a host scalar", lambda i: i._replace(scalars=(*i.scalars, Row("f64", "scalar.mul", ("__import__('os')", 1.0))))),
    ("a place", lambda i: changed(i, LibraryCall, places=(Place(0, FAR),))),
    ("a place", lambda i: changed(i, LibraryCall, places=(Place(99, 0),))),
    ("a library kernel", lambda i: changed(i, LibraryCall, symbol="system")),
    ("a library kernel", lambda i: changed(i, LibraryCall, symbol="lm_nothing")),
    ("a library kernel", lambda i: changed(i, LibraryCall, home="../../evil")),
    ("a library call", lambda i: changed(i, LibraryCall, errors=99)),
    ("a number of a call", lambda i: changed(i, LibraryCall, scalars=((99, 0),))),
    ("a region", lambda i: i._replace(together=((0, FAR),))),
    ("a region", lambda i: i._replace(together=((0, 1),))),
    ("a region", lambda i: i._replace(together=((99, 2),))),
    ("a region", lambda i: i._replace(together=((0, len(i.steps)),))),
    ("an operand", lambda i: changed(i, PythonStep, operands=(VIEW._replace(at=99),))),
    ("an operand", lambda i: changed(i, PythonStep, operands=(VIEW._replace(home="arena", at=FAR),))),
    ("an operand", lambda i: changed(i, PythonStep, operands=(VIEW._replace(strides=(9, 1)),))),
    ("an operand", lambda i: changed(i, PythonStep, operands=(VIEW._replace(offset=-1),))),
    ("an operand", lambda i: changed(i, PythonStep, operands=(VIEW._replace(whole=(7, 8)),))),
    ("exist", lambda i: changed(i, PythonStep, op=dataclasses.make_dataclass("Fake", ["name"])("no_such_op"))),
]


@pytest.mark.parametrize(("message", "change"), WRONG)
def test_an_image_out_of_bounds_is_refused(message: str, change: Callable[[Image], Image]) -> None:
    graph = parse(STEP)
    image = Assembly(graph, in_place=False).image()
    with pytest.raises(Damaged, match=message):
        read(written(change(image)), graph)


@pytest.mark.parametrize("text", [STEP, SCAN])
def test_no_file_makes_the_reader_do_anything_but_read_or_refuse(text: str) -> None:
    graph = parse(text)
    whole = written(Assembly(graph, in_place=False).image())
    rng = random.Random(0)
    refused = 0
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 1, 4))):
            at = rng.randrange(len(content))
            if rng.random() < 0.5:
                content[at] = rng.randrange(256)
            else:
                at -= at % 8
                content[at : at + 8] = rng.choice((-1, 0, 1, 7, 2**31, 2**62)).to_bytes(8, "little", signed=True)
        if rng.random() < 0.1:
            del content[rng.randrange(len(content)) :]
        try:
            image = read(bytes(content), graph)
        except Damaged:
            refused += 1
        else:
            assert written(read(written(image), graph)) == written(image)
    assert refused > 500
