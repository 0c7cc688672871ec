"""Checks on built wheels: what must hold of the files in them, whoever built them.

No wheel ships `lamella/__init__.py` (the namespace would stop being shared), no two ship the same file, each library
ships `py.typed`, nothing outside `lamella/NAME/`, and a version that equals the tree's. Run: `python -m tools.wheels
FOLDER`.
"""

from __future__ import annotations

import re
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from tools.workspace import ROOT, Package, packages

__all__ = ["check", "check_texts"]

_TOP_VERSION = re.compile(r"^## \[?v?(\d+\.\d+\.\d+[A-Za-z0-9.]*)", re.MULTILINE)
_README_VERSION = re.compile(r"\b[Vv]ersion (\d+\.\d+\.\d+)")


def check(folder: Path, root: Path = ROOT) -> list[str]:
    """Problems of the wheels in `folder`, which must hold exactly one for every package of the tree."""
    known = {package.wheel_name(): package for package in packages(root).values()}
    present = {path.name for path in folder.glob("*.whl")}
    problems = [f"{name}: is missing from {folder}" for name in sorted(known.keys() - present)]
    problems += [
        f"{name}: is the wheel of no package at its present version" for name in sorted(present - known.keys())
    ]
    owners: dict[str, str] = {}
    for name in sorted(known.keys() & present):
        with zipfile.ZipFile(folder / name) as archive:
            files = [entry for entry in archive.namelist() if not entry.endswith("/")]
            metadata = archive.read(next(entry for entry in files if entry.endswith(".dist-info/METADATA"))).decode()
        problems += [f"{name}: {problem}" for problem in _check_one(known[name], files, metadata)]
        for file in files:
            if file in owners:
                problems.append(f"{name}: ships {file}, and so does {owners[file]}")
            owners[file] = name
    return problems


def check_texts(root: Path = ROOT) -> list[str]:
    """Problems of the versions that CHANGELOG and README files state."""
    problems = []
    for package in packages(root).values():
        version = package.version()
        top = _TOP_VERSION.search((package.folder / "CHANGELOG.md").read_text(encoding="utf-8"))
        if top is None or top[1] != version:
            stated = "no version" if top is None else top[1]
            problems.append(f"packages/{package.name}/CHANGELOG.md: its top entry states {stated}, the code {version}")
        for stated in _README_VERSION.findall((package.folder / "README.md").read_text(encoding="utf-8")):
            if stated != version:
                problems.append(f"packages/{package.name}/README.md: states version {stated}, the code {version}")
    return problems


def _check_one(package: Package, files: list[str], metadata: str) -> list[str]:
    problems = []
    modules = [file for file in files if ".dist-info/" not in file]
    if "lamella/__init__.py" in modules:
        problems.append("ships lamella/__init__.py; lamella is a namespace package (PEP 420)")
    own = f"lamella/{package.name}/"
    problems += [f"ships {file}, outside {own}" for file in modules if not file.startswith(own)]
    if package.is_meta and modules:
        problems.append("is a metapackage and ships modules")
    if not package.is_meta:
        problems += [
            f"does not ship {own}{name}" for name in ("__init__.py", "py.typed") if f"{own}{name}" not in modules
        ]
    if not any(file.endswith(".dist-info/licenses/LICENSE") for file in files):
        problems.append("ships no LICENSE")
    headers = HeaderParser().parsestr(metadata)
    if headers["License-Expression"] != "Apache-2.0" or headers["Requires-Python"] != ">=3.11":
        problems.append("its metadata states another licence or Python than Apache-2.0 and >=3.11")
    return problems


def main(arguments: list[str]) -> int:
    """Check the wheels of one folder, and the versions in the texts of the tree."""
    if len(arguments) != 1:
        print("usage: python -m tools.wheels FOLDER")
        return 2
    problems = check(Path(arguments[0])) + check_texts()
    for problem in problems:
        print(problem)
    print(f"wheels: {len(packages())} packages, {len(problems)} problem(s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
