"""The noxfile discovers packages and defines only the sessions whose subject is in the tree."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.workspace import ROOT, packages

pytestmark = pytest.mark.skipif(importlib.util.find_spec("nox") is None, reason="nox is not installed here")

ALWAYS = {"wheels", "tests", "lint", "types", "docs", "coverage", "matrix", "dev", "release"}


def sessions(root: Path) -> set[str]:
    command = [sys.executable, "-m", "nox", "--list", "--noxfile", str(root / "noxfile.py")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return set(re.findall(r"^[*-] ([a-z_-]+)", done.stdout, re.MULTILINE))


@pytest.fixture
def tree(make_repository) -> Path:
    root: Path = make_repository({"base": "dependencies = []", "upper": 'dependencies = ["lamella-base>=0.1"]'}, {})
    for name in ("noxfile.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return root


def test_packages_are_discovered(tree: Path) -> None:
    assert sessions(tree) == ALWAYS | {"unit-base", "unit-upper"}


@pytest.mark.parametrize(
    ("path", "appears"),
    [
        ("examples/quickstart.py", {"quickstart"}),
        ("benchmarks/__main__.py", {"bench"}),
        ("integration/test_x.py", {"integration"}),
        ("integration/oracle/test_x.py", {"integration", "oracle"}),
        ("packages/compiler/tests_gpu/compiled/test_x.py", {"triton"}),
        ("packages/compiler/tests/helpers/replay.py", {"compiled", "replay"}),
        ("packages/compiler/tests/helpers/sanitize.py", {"compiled", "sanitize"}),
        ("packages/compiler/tests_gpu/device/test_x.py", {"gpu"}),
        ("integration/torture/test_x.py", {"integration", "compiled"}),
        ("packages/upper/tests/test_fuzz.py", {"fuzz"}),
        ("packages/upper/src/lamella/upper/array_api/__init__.py", {"array_api"}),
        ("packages/upper/generate.py", {"generate"}),
    ],
)
def test_a_session_appears_with_its_subject(tree: Path, path: str, appears: set[str]) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text("")
    assert sessions(tree) - ALWAYS - {"unit-base", "unit-upper"} == appears


def test_this_tree_has_a_unit_session_for_every_package() -> None:
    assert {f"unit-{name}" for name in packages()} <= sessions(ROOT)


def test_every_session_that_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {word for words in re.findall(r"`nox -s ([a-z_ ]+)", text) for word in words.split()}
    assert {"dev", "tests", "lint", "types"} <= named
    optional = {"bench", "generate"}  # there once their subject is
    assert named - optional - sessions(ROOT) == {"unit"} & named
