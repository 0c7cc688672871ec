"""The namespace check: `lamella` stays an implicit namespace package, and every package keeps the same shape.

Nothing lies directly in `src/lamella/` but the one folder of the package; its `__init__.py` states `__version__` as a
literal and `__all__`, re-exports and does nothing else; `py.typed`, README, CHANGELOG and LICENSE lie beside. Run:
`python -m tools.namespace`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.workspace import ROOT, Package, packages

__all__ = ["check"]

# Module-level hooks through which a package loads names lazily or describes itself.
_HOOKS = frozenset({"__getattr__", "__dir__"})
_STATED = frozenset({"__all__", "__version__"})


def check(root: Path = ROOT) -> list[str]:
    """All violations, one sentence each."""
    licence = (root / "LICENSE").read_bytes()
    problems = []
    for package in packages(root).values():
        for name in ("README.md", "CHANGELOG.md", "LICENSE"):
            if not (package.folder / name).is_file():
                problems.append(f"{package.folder.relative_to(root)}: {name} is missing")
        copy = package.folder / "LICENSE"
        if copy.is_file() and copy.read_bytes() != licence:
            problems.append(f"{copy.relative_to(root)}: differs from the LICENSE at the root; copy that one")
        problems += [] if package.is_meta else _check_source(root, package)
    return problems


def _check_source(root: Path, package: Package) -> Iterator[str]:
    for path in sorted(package.source.parent.glob("*")):
        where = path.relative_to(root)
        if path.name == "__init__.py":
            yield f"{where}: must not exist; lamella is a namespace package (PEP 420)"
        elif path != package.source and path.name != "__pycache__":
            yield f"{where}: only the folder {package.name}/ may lie in src/lamella/ of {package.distribution}"
    if not (package.source / "py.typed").is_file():
        yield f"{package.source.relative_to(root)}: py.typed is missing"
    initial = package.source / "__init__.py"
    if not initial.is_file():
        yield f"{initial.relative_to(root)}: is missing"
        return
    yield from (
        f"{initial.relative_to(root)}{problem}" for problem in _check_initial(initial.read_text(encoding="utf-8"))
    )


def _check_initial(text: str) -> Iterator[str]:
    stated = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if any(alias.name == "*" for alias in node.names):
                yield f":{node.lineno}: star import; name what is re-exported"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            continue  # a second name of what is re-exported
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            stated |= names
            if not names <= _STATED:
                yield f":{node.lineno}: assigns {', '.join(sorted(names - _STATED))}; an __init__.py only re-exports"
        elif isinstance(node, ast.FunctionDef) and node.name in _HOOKS:
            continue
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) and not _is_type_checking(node):
            yield f":{node.lineno}: an __init__.py only re-exports; move this to a module"
    for name in sorted(_STATED - stated):
        yield f": states no {name}"


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def main() -> int:
    """Print every violation; 1 if there is any."""
    problems = check()
    for problem in problems:
        print(problem)
    print(f"namespace: {len(packages())} packages, {len(problems)} problem(s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
