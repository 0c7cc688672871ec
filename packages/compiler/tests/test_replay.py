"""The replay gate itself: it sees every change, stores what is generated, which no process changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import replay


def test_differences_are_shown_by_file() -> None:
    old = {"a.c": "one\ntwo\n", "gone.c": "x\n", "same.triton": "y\n"}
    new = {"a.c": "one\n2\n", "fresh.c": "z\n", "same.triton": "y\n"}
    lines = replay.difference(old, new)
    assert [line for line in lines if line.startswith("+++")] == [
        "+++ generated/a.c", "+++ generated/fresh.c", "+++ generated/gone.c",
    ]  # fmt: skip
    assert {"-two", "+2", "+z", "-x"} <= set(lines)
    assert replay.difference(new, dict(new)) == []


def test_what_is_stored_is_what_was_generated(tmp_path: Path) -> None:
    (tmp_path / "gone.c").write_text("x", encoding="utf-8")
    (tmp_path / "notes.md").write_text("kept", encoding="utf-8")
    replay.update(tmp_path, {"a.c": "one\n"})
    assert replay.stored(tmp_path) == {"a.c": "one\n"}
    assert (tmp_path / "notes.md").exists()


def test_generated_code_does_not_depend_on_the_process() -> None:
    code = "import replay, hashlib, json; print(replay._hash(json.dumps(replay.generated())))"
    found = set()
    for seed in ("1", "2"):
        path = os.pathsep.join([str(Path(replay.__file__).parent), *sys.path])
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1
