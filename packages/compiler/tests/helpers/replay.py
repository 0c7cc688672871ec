"""The replay gate: the code generated for the suite of programs is compared with what is stored in `tests/golden`.

A refactoring shows an empty diff; a change of code is looked at and stored with `--update`. Stored are the C kernels
(for vectors of 32 bytes and FMA) and the Triton functions; of the libraries that they call a hash is kept. Nothing is
compiled. Run: `python packages/compiler/tests/helpers/replay.py [--update]`, or `nox -s replay`.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import sys
from pathlib import Path

import program_suite

from lamella.compiler._c._unit import Unit
from lamella.compiler._lower._graph import lower_graph, mark_stored
from lamella.compiler._lower._kernelize import kernelize
from lamella.compiler._lower._steps import Group
from lamella.compiler._target import Target
from lamella.compiler._triton._library import LIBRARY
from lamella.compiler._triton._program import TritonProgram

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MACHINE = Target(vector_bytes=32, fma=True)
MOST_LINES = 200  # of a diff that is printed


def generated() -> dict[str, str]:
    """The text of every golden file, by name."""
    files = {}
    for name in program_suite.SUITE:
        graph = program_suite.graph(name)
        lowered = lower_graph(graph)
        mark_stored(lowered.steps)
        unit = Unit(MACHINE)
        for step in lowered.steps:
            if isinstance(step, Group) and any(item.root.stored for item in step.items):
                unit.add(kernelize(step).kernel)
        kernels = [text.replace("$KERNEL", f"k{number}") for text, number in unit.kernels.items()]
        files[f"{name}.c"] = "\n".join([f"/* helpers {_hash(unit.h.source())} */", *kernels])
        files[f"{name}.triton"] = _functions(TritonProgram(program_suite.graph(name)))
    for name in program_suite.OPEN:
        graph = program_suite.open_graph(name)
        files[f"{name}.triton"] = _functions(TritonProgram(graph, program_suite.example(graph)))
    files["library.triton"] = f"# the functions that printed kernels call: {_hash(''.join(LIBRARY.values()))}\n"
    return files


def _functions(program: TritonProgram) -> str:
    return "\n\n".join(f.text for f in program.functions.values())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stored(folder: Path) -> dict[str, str]:
    """What was generated when it was last looked at."""
    found = [path for path in folder.iterdir() if path.suffix in (".c", ".triton")]
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(found)}


def difference(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Lines of a unified diff over all files; none where nothing changed."""
    lines: list[str] = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, "").splitlines(), new.get(name, "").splitlines()
        lines += difflib.unified_diff(before, after, f"stored/{name}", f"generated/{name}", lineterm="")
    return lines


def update(folder: Path, new: dict[str, str]) -> None:
    """Store what is generated now."""
    for name in stored(folder).keys() - new.keys():
        (folder / name).unlink()
    for name, text in new.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Compare, or store; 1 where something differs."""
    parser = argparse.ArgumentParser(description="Compare generated code with what is stored.")
    parser.add_argument("--update", action="store_true", help="store what is generated now")
    given = parser.parse_args(arguments)
    new = generated()
    if given.update:
        update(GOLDEN, new)
        sys.stdout.write(f"replay: {len(new)} files stored\n")
        return 0
    lines = difference(stored(GOLDEN), new)
    sys.stdout.write("\n".join(lines[:MOST_LINES]) + "\n" * bool(lines))
    changed = sum(line.startswith("+++ ") for line in lines)
    sys.stdout.write(f"replay: {len(new)} files, {changed} changed; store them with -- --update\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
