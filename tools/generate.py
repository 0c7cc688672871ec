"""Writes the generated files of the repository, or with `--check` fails when one is stale.

A generator is a file `packages/NAME/generate.py` (beside `pyproject.toml`, so no wheel ships it) that defines
`outputs() -> dict[str, str]`: paths relative to the file's own folder, and their texts. It runs with every
`packages/*/src` on the path. Python texts are formatted with ruff here, so a generator need not care. Run: `python -m
tools.generate [--check]`.
"""

from __future__ import annotations

import difflib
import importlib.util
import subprocess
import sys
from pathlib import Path

from tools.workspace import ROOT, packages

__all__ = ["collect", "generators", "stale"]


def generators(root: Path = ROOT) -> list[Path]:
    """The generator files, in package order."""
    return sorted(root.glob("packages/*/generate.py"))


def collect(root: Path = ROOT) -> dict[Path, str]:
    """Run every generator; absolute path -> text. Two generators may not write one file."""
    for package in packages(root).values():
        sys.path.insert(0, str(package.folder / "src"))
    texts: dict[Path, str] = {}
    for path in generators(root):
        spec = importlib.util.spec_from_file_location(f"generate_{path.parent.name}", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be loaded as a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, text in module.outputs().items():
            target = (path.parent / name).resolve()
            if target in texts or not target.is_relative_to(root.resolve()):
                raise ValueError(f"{path}: output {name!r} is outside the repository or written by two generators")
            texts[target] = _formatted(target, text)
    return texts


def stale(texts: dict[Path, str]) -> dict[Path, str]:
    """The files whose text on disk differs, with a unified diff of each."""
    found = {}
    for path, text in texts.items():
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current != text or not path.exists():
            diff = difflib.unified_diff(
                current.splitlines(), text.splitlines(), f"{path} (now)", f"{path} (generated)", lineterm=""
            )
            found[path] = "\n".join(diff)
    return found


def _formatted(path: Path, text: str) -> str:
    if path.suffix not in (".py", ".pyi"):
        return text
    for arguments in (["check", "--fix-only", "--select", "I"], ["format"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--stdin-filename", str(path), "-"]
        text = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return text


def main(arguments: list[str]) -> int:
    """Write the stale files, or list them with their differences."""
    if arguments not in ([], ["--check"]):
        print(f"usage: python -m tools.generate [--check]; got {arguments}")
        return 2
    texts = collect()
    changed = stale(texts)
    for path, diff in changed.items():
        if arguments:
            print(f"stale: {path.relative_to(ROOT)}; run nox -s generate\n{diff}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    print(f"generate: {len(texts)} file(s), {len(changed)} {'stale' if arguments else 'written'}")
    return 1 if changed and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
