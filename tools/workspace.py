"""The packages of this repository, as their `pyproject.toml` files declare them.

Every tool asks here and none keeps a list: a folder `packages/NAME` with a `pyproject.toml` is a package, its
distribution is `lamella-NAME` (the metapackage `lamella` excepted) and its import name `lamella.NAME`. Standard
library only, so that the noxfile can use it in an environment that holds nothing but nox. Refuses a folder whose
declared name does not fit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["META", "ROOT", "Package", "Requirement", "closure", "packages", "requirements", "third_party"]

ROOT = Path(__file__).resolve().parents[1]
META = "lamella"  # the metapackage: dependencies only, no modules

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Requirement:
    """One requirement: the normalized distribution name, its extras, and the text it was written as."""

    distribution: str
    extras: frozenset[str]
    text: str

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read the name and extras of a requirement string; versions and markers stay in `text`."""
        match = _REQUIREMENT.match(text)
        if match is None:
            raise ValueError(f"{text!r} is not a requirement: expected NAME[extras] followed by version bounds")
        extras = frozenset(extra.strip() for extra in (match[2] or "").split(",") if extra.strip())
        return cls(re.sub(r"[-_.]+", "-", match[1]).lower(), extras, text)

    @property
    def sister(self) -> str | None:
        """The folder name when this is one of our own distributions, else None."""
        if self.distribution == META:
            return META
        return self.distribution.removeprefix("lamella-") if self.distribution.startswith("lamella-") else None


@dataclass(frozen=True)
class Package:
    """One folder under `packages/`."""

    name: str
    folder: Path
    distribution: str
    dependencies: tuple[Requirement, ...]
    extras: dict[str, tuple[Requirement, ...]]
    static_version: str | None

    @property
    def module(self) -> str:
        """The import name, `lamella.NAME`."""
        return f"lamella.{self.name}"

    @property
    def source(self) -> Path:
        """The folder of the import package (absent in the metapackage)."""
        return self.folder / "src" / "lamella" / self.name

    @property
    def is_meta(self) -> bool:
        """Whether this package ships dependencies only."""
        return self.name == META

    def version(self) -> str:
        """The version literal of `__init__.py`, or of `pyproject.toml` for the metapackage."""
        if self.static_version is not None:
            return self.static_version
        path = self.source / "__init__.py"
        match = _VERSION.search(path.read_text(encoding="utf-8"))
        if match is None:
            raise ValueError(f'{path}: expected a line __version__ = "X.Y.Z"')
        return match[1]

    def wheel_name(self) -> str:
        """The file name of this package's wheel."""
        return f"{self.distribution.replace('-', '_')}-{self.version()}-py3-none-any.whl"


@cache
def packages(root: Path = ROOT) -> dict[str, Package]:
    """All packages by folder name, sorted by name."""
    found = {}
    for path in sorted(root.glob("packages/*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        name = path.parent.name
        expected = META if name == META else f"lamella-{name}"
        if project["name"] != expected:
            raise ValueError(f"{path}: [project] name is {project['name']!r}; the folder's name asks for {expected!r}")
        found[name] = Package(
            name=name,
            folder=path.parent,
            distribution=expected,
            dependencies=requirements(project.get("dependencies", [])),
            extras={key: requirements(value) for key, value in project.get("optional-dependencies", {}).items()},
            static_version=project.get("version"),
        )
    return found


def requirements(texts: Iterable[str]) -> tuple[Requirement, ...]:
    """Parse several requirement strings."""
    return tuple(Requirement.parse(text) for text in texts)


def closure(wanted: Iterable[str], root: Path = ROOT) -> list[str]:
    """The sister folders that `pip install WANTED...` needs, e.g. `["lamella-nn[test]"]`; follows extras, sorted."""
    known = packages(root)
    seen: set[tuple[str, str]] = set()
    pending = list(requirements(wanted))
    while pending:
        requirement = pending.pop()
        if requirement.sister is None:
            continue
        package = known.get(requirement.sister)
        if package is None:
            raise ValueError(f"{requirement.text!r}: no package folder packages/{requirement.sister}")
        for extra in ("", *requirement.extras):
            if (package.name, extra) in seen:
                continue
            if extra and extra not in package.extras:
                raise ValueError(f"{requirement.text!r}: {package.distribution} has no extra {extra!r}")
            seen.add((package.name, extra))
            pending.extend(package.extras[extra] if extra else package.dependencies)
    return sorted({name for name, _ in seen})


def third_party(root: Path = ROOT, extras: Iterable[str] = ("test",)) -> list[str]:
    """Every requirement of every package, and of these extras, that is not one of our own distributions; sorted,
    unique.
    """
    found: set[str] = set()
    for package in packages(root).values():
        for extra in ("", *extras):
            listed = package.extras.get(extra, ()) if extra else package.dependencies
            found.update(requirement.text for requirement in listed if requirement.sister is None)
    return sorted(found)
