"""The size report: lines of each package, and the files over the ceiling, which need a reason. It reports and never
fails.

Lines are physical lines of Python files; tests are counted beside, not in. Run: `python -m tools.sizes`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.workspace import ROOT, packages

__all__ = ["CEILING", "lines", "over", "report"]

CEILING = 500
_SKIPPED = frozenset({".git", ".nox", ".venv", "__pycache__", "build", "dist", "node_modules"})


def lines(path: Path) -> int:
    """Physical lines of a text file."""
    with path.open("rb") as stream:
        return sum(1 for _ in stream)


def over(root: Path = ROOT, ceiling: int = CEILING) -> list[tuple[int, Path]]:
    """(lines, path) of every Python file with more than `ceiling` lines, longest first."""
    found = [
        (lines(path), path)
        for path in sorted(root.rglob("*.py"))
        if not _SKIPPED.intersection(path.relative_to(root).parts)
    ]
    return sorted(((count, path) for count, path in found if count > ceiling), key=lambda item: (-item[0], item[1]))


def report(root: Path = ROOT) -> str:
    """The table that the lint session prints."""
    rows = [f"{'package':<12} {'files':>5} {'lines':>7} {'longest':>7} {'tests':>7}"]
    for package in packages(root).values():
        sources = [lines(path) for path in sorted(package.folder.glob("src/**/*.py"))]
        tests = sum(lines(path) for path in package.folder.glob("tests/**/*.py"))
        rows.append(f"{package.name:<12} {len(sources):>5} {sum(sources):>7} {max(sources, default=0):>7} {tests:>7}")
    long = over(root)
    rows.append(f"files over {CEILING} lines: {len(long)}" + (" (each needs a reason)" if long else ""))
    rows += [f"  {count:>5}  {path.relative_to(root)}" for count, path in long]
    return "\n".join(rows)


def main() -> int:
    """Print the report."""
    print(report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
