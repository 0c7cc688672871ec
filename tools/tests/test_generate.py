"""The generate driver writes what generators give, formatted, and tells what is stale."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import generate

PLAIN = "dependencies = []"
BASE = "packages/base"
GENERATOR = f"{BASE}/generate.py"


@pytest.fixture(autouse=True)
def restore_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_stale_files_are_found_with_their_difference(make_repository) -> None:
    source = "def outputs():\n    return {'table.md': 'new\\n', 'same.md': 'same\\n', 'none.md': ''}\n"
    files = {GENERATOR: source, f"{BASE}/table.md": "old\n", f"{BASE}/same.md": "same\n"}
    root: Path = make_repository({"base": PLAIN}, files)
    found = generate.stale(generate.collect(root))
    assert sorted(path.name for path in found) == ["none.md", "table.md"]
    assert "-old\n+new" in found[root / BASE / "table.md"]


def test_python_output_is_formatted(make_repository) -> None:
    source = "def outputs():\n    return {'x.py': 'import sys\\nimport os\\nx = [os,sys ]'}\n"
    root: Path = make_repository({"base": PLAIN}, {GENERATOR: source})
    assert generate.collect(root)[root / BASE / "x.py"] == "import os\nimport sys\n\nx = [os, sys]\n"


def test_outputs_stay_inside_the_repository(make_repository) -> None:
    root = make_repository({"base": PLAIN}, {GENERATOR: "def outputs():\n    return {'../../../x.md': ''}\n"})
    with pytest.raises(ValueError, match="outside the repository"):
        generate.collect(root)


def test_a_generator_sees_the_sources(make_repository) -> None:
    files = {
        GENERATOR: "from _only_here import TEXT\ndef outputs():\n    return {'x.md': TEXT}\n",
        "packages/base/src/_only_here.py": "TEXT = 'from the tree\\n'\n",
    }
    root: Path = make_repository({"base": PLAIN}, files)
    assert generate.collect(root) == {root / BASE / "x.md": "from the tree\n"}
