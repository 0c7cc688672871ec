"""A sample of the random programs of `nox -s fuzz -- programs N`, and the fuzzer's own eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

import lamella.tensor as lt
from integration.fuzz.check import check, minimised
from integration.fuzz.program import Line, Program, make
from lamella.tensor.extend import OPS

SHAPES = {"a": (3, 5), "b": (5,), "c": (5, 5), "w": (8, 8), "i": (4,)}


@pytest.mark.parametrize("seed", range(24))
def test_a_random_program_is_the_same_compiled(seed: int) -> None:
    program = make(seed)
    assert check(program) == "", program.source()


def test_a_program_is_a_function_of_its_seed() -> None:
    assert make(7).source() == make(7).source()
    assert len({make(seed).source() for seed in range(20)}) > 15


def test_a_wrong_rule_is_found_and_the_program_made_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = [Line("v0", "a * 2.0"), Line("v1", "lt.sin(v0)"), Line("v2", "v1 + b"), Line("v3", "v2.sum()")]
    program = Program(0, lt.float64, SHAPES, lines, ["v2", "v3"], backward=True)
    assert check(program) == ""
    # the image of a graph that was compiled right stays in the compiler's cache: the wrong rule has a folder of its own
    tmp_path.chmod(0o700)
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(OPS["sin"].rules, "lower", OPS["cos"].rules["lower"])
    assert check(program).startswith("c: result 0 differs by")
    small = minimised(program)
    assert check(small)
    assert [line.text for line in small.lines] == ["lt.sin(a)"]
    assert not small.backward
