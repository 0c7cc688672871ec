"""Runs the Python blocks of Markdown files: documentation that does not run is a failure.

The blocks of one file share one namespace and run in order, in a process and an empty folder of their own, with
warnings as errors; a traceback shows the line in the Markdown file. Every block fenced as `python` runs: there is no
way to skip one. Imports nothing but the standard library, so that it runs where one package alone is installed. Run:
`python tools/blocks.py FILE...`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

__all__ = ["blocks", "run"]

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})[ ]*(?P<language>[A-Za-z0-9_+-]*)[^`]*$")


def blocks(text: str) -> list[tuple[int, str]]:
    """(line of the first code line, code) of every Python block; an unclosed fence raises ValueError."""
    found = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        match = _FENCE.match(lines[number])
        number += 1
        if match is None:
            continue
        start = number
        while number < len(lines) and not _closes(lines[number], match["fence"]):
            number += 1
        if number == len(lines):
            raise ValueError(f"line {start}: the fence is never closed")
        if match["language"].lower() in ("python", "py", "python3"):
            found.append((start + 1, textwrap.dedent("\n".join(lines[start:number])) + "\n"))
        number += 1
    return found


def run(path: Path) -> bool:
    """Run one file's blocks in a fresh process; whether all succeeded. Their output is shown when they fail."""
    count = len(blocks(path.read_text(encoding="utf-8")))
    if count == 0:
        return True
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "error", str(Path(__file__).resolve()), "--inside", str(path.resolve())]
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    verdict = "FAILED" if done.returncode else "passed"
    print(f"{path}: {count} block(s) {verdict} in {time.perf_counter() - started:.1f} seconds")
    if done.returncode:
        print(textwrap.indent(done.stdout, "    "))
    return done.returncode == 0


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and set(stripped) == {fence[0]}


def _run_inside(path: Path) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line, code in blocks(path.read_text(encoding="utf-8")):
        # Padding puts the code at its line of the Markdown file, where tracebacks and inspect look for it.
        exec(compile("\n" * (line - 1) + code, str(path), "exec"), namespace)


def main(arguments: list[str]) -> int:
    """Run the blocks of every file named."""
    if arguments[:1] == ["--inside"]:
        sys.path.pop(0)  # the folder of this script: a block must not import its neighbours
        _run_inside(Path(arguments[1]))
        return 0
    paths = [Path(argument) for argument in arguments]
    results = [run(path) for path in paths]
    print(f"documentation: {results.count(True)} file(s) passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
