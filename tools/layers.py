"""The layer check: what a file imports, its package declares, and nobody reaches into a sister's private modules.

The order of the layers is read from the `pyproject.toml` files and must be free of cycles. Every import counts, also
one inside a function or under TYPE_CHECKING: a part that may be missing is found with `interfaces.discover`. What is
declared only by an extra may be imported only inside a function, so that importing the package never needs the extra.
Tests may also import what their package's test extra names, and files of their own folder `helpers`.
Run: `python -m tools.layers`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tools.workspace import ROOT, Package, Requirement, packages

__all__ = ["Import", "check", "imports", "order"]

# Import names that differ from their distribution's normalized name.
_DISTRIBUTIONS = {"cupy": "cupy-cuda12x", "PIL": "pillow", "sklearn": "scikit-learn", "_pytest": "pytest"}
_LOADERS = frozenset({"import_module", "__import__", "find_spec"})
# Folders outside the packages whose files use the whole stack as a user does: no private module of any package.
_OUTSIDE = ("benchmarks", "examples", "integration")


@dataclass(frozen=True)
class Import:
    """One imported module, or one underscored name reached through it."""

    module: str
    line: int
    lazy: bool  # inside a function body


def imports(text: str, own: str | None = None) -> list[Import]:
    """Every absolute import of a source text, once a line: statements, and string literals given to an import function.

    `own` is the module that the text belongs to; its relative imports are its own package's and are left out.
    """
    visitor = _Visitor()
    visitor.visit(ast.parse(text))
    found = dict.fromkeys(visitor.found)
    return [entry for entry in found if own is None or not _inside(entry.module, own)]


def order(root: Path = ROOT) -> list[str]:
    """Folder names, lowest layer first; raises ValueError naming the packages of a cycle."""
    sorter = TopologicalSorter(
        {p.name: {r.sister for r in p.dependencies if r.sister is not None} for p in packages(root).values()}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise ValueError("the packages depend on each other in a cycle: " + " -> ".join(error.args[1])) from None


def check(root: Path = ROOT) -> list[str]:
    """All violations, one sentence each, as `path:line: what is wrong and what to do`."""
    known = packages(root)
    try:
        order(root)
    except ValueError as error:
        return [str(error)]
    problems = list(_check_declarations(known))
    for package in known.values():
        for path in _python_files(package.folder / "src"):
            problems += _check_file(root, path, package, in_tests=False)
        for path in _python_files(package.folder / "tests"):
            problems += _check_file(root, path, package, in_tests=True)
    for folder in _OUTSIDE:
        for path in _python_files(root / folder):
            for entry in imports(path.read_text(encoding="utf-8")):
                if _is_private(entry.module):
                    problems.append(_private(root, path, entry))
    return problems


def _check_declarations(known: dict[str, Package]) -> Iterator[str]:
    for package in known.values():
        declared = [(r, "dependencies") for r in package.dependencies]
        declared += [(r, f"extra {extra}") for extra, listed in package.extras.items() for r in listed]
        for requirement, place in declared:
            if requirement.sister is None:
                continue
            if requirement.sister not in known:
                yield f"{package.distribution}, {place}: {requirement.text!r} names no package of this repository"
            if "==" in requirement.text or "~=" in requirement.text:
                yield f"{package.distribution}, {place}: {requirement.text!r} pins a sister; write a floor (>=)"
            if ("<" in requirement.text) != (requirement.sister == "interfaces"):
                yield f"{package.distribution}, {place}: {requirement.text!r}; only lamella-interfaces is capped (<)"
            if requirement.sister == "testing" and place != "extra test":
                yield f"{package.distribution}, {place}: lamella-testing is for the test extra only"


def _check_file(root: Path, path: Path, package: Package, *, in_tests: bool) -> Iterator[str]:
    declared = _distributions(package.dependencies)
    if in_tests:
        declared |= _distributions(package.extras.get("test", ()))
    shared = {p.stem for p in (package.folder / "tests" / "helpers").glob("*.py")} if in_tests else set()
    extras = {r.distribution: extra for extra, listed in package.extras.items() if extra != "test" for r in listed}
    for entry in imports(path.read_text(encoding="utf-8"), package.module):
        where = f"{path.relative_to(root)}:{entry.line}"
        if _is_private(entry.module):
            yield _private(root, path, entry)
        target = _distribution(entry.module)
        if target is None or target == package.distribution or target in declared or entry.module in shared:
            continue
        if target in extras:
            if not entry.lazy:
                yield f"{where}: imports {entry.module} at module level; only the extra {extras[target]!r} has {target}"
            continue
        section = "the test extra" if in_tests else "the dependencies"
        yield f"{where}: imports {entry.module}, but {section} of {package.distribution} do not name {target}"


def _distribution(module: str) -> str | None:
    """The distribution that provides a module; None for the standard library."""
    top, _, rest = module.partition(".")
    if top == "lamella":
        name = rest.partition(".")[0]
        # `import lamella` alone only names the namespace; what is then read from it is seen as an attribute.
        return f"lamella-{name}" if name else None
    if top in sys.stdlib_module_names:
        return None
    return _DISTRIBUTIONS.get(top, top.replace("_", "-").lower())


def _distributions(listed: tuple[Requirement, ...]) -> set[str]:
    return {requirement.distribution for requirement in listed}


def _is_private(module: str) -> bool:
    top, *rest = module.split(".")
    return top == "lamella" and any(part.startswith("_") and not part.startswith("__") for part in rest)


def _private(root: Path, path: Path, entry: Import) -> str:
    where = f"{path.relative_to(root)}:{entry.line}"
    return f"{where}: uses {entry.module}, private to another package; use a public name or the extend module"


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _python_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


class _Visitor(ast.NodeVisitor):
    """Collects imports, and underscored attributes read from an imported lamella module."""

    def __init__(self) -> None:
        self.found: list[Import] = []
        self._depth = 0
        self._aliases: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node)

    def _function(self, node: ast.AST) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)
            self._aliases[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        for alias in node.names:
            # `from lamella import tensor` imports lamella.tensor; an underscored name is followed to report it.
            deeper = node.module == "lamella" or (node.module.startswith("lamella.") and alias.name.startswith("_"))
            name = f"{node.module}.{alias.name}" if deeper else node.module
            self._add(name, node.lineno)
            self._aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        name = (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id
            if isinstance(function, ast.Name)
            else ""
        )
        if name in _LOADERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
                self._add(first.value, node.lineno)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = self._dotted(node.value) or ""
        if base == "lamella" and not node.attr.startswith("__"):
            self._add(f"lamella.{node.attr}", node.lineno)
        # Only of modules: an underscored attribute of a class (capitalized) is no module's.
        elif (
            base.startswith("lamella.")
            and node.attr.startswith("_")
            and not any(part[0].isupper() for part in base.split("."))
        ):
            self._add(f"{base}.{node.attr}", node.lineno)
        self.generic_visit(node)

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None

    def _add(self, module: str, line: int) -> None:
        self.found.append(Import(module, line, self._depth > 0))


def main() -> int:
    """Print every violation; 1 if there is any."""
    problems = check()
    for problem in problems:
        print(problem)
    print(
        f"layers: {' < '.join(order())}; {len(problems)} problem(s)"
        if not problems
        else f"layers: {len(problems)} problem(s)"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
