"""Checks, inside an environment, that one package is installed alone: with only its declared sisters, and importable
whole.

Run before the test tools are installed: `python tools/alone.py NAME SISTER...` fails when other distributions of ours
are there, when the package comes from anywhere but this environment, or when one of its modules does not import with
warnings as errors.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from importlib.metadata import distributions
from pathlib import Path

__all__ = ["modules"]


def modules(name: str) -> list[str]:
    """Every module of `lamella.NAME`, imported; `__main__` modules are left out because importing them runs them."""
    package = importlib.import_module(f"lamella.{name}")
    found = [package.__name__]
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not info.name.endswith(".__main__"):
            importlib.import_module(info.name)
            found.append(info.name)
    return found


def main(name: str, *sisters: str) -> int:
    """Check the environment of the running interpreter."""
    warnings.simplefilter("error")
    installed = {d.metadata["Name"] for d in distributions() if d.metadata["Name"].partition("-")[0] == "lamella"}
    expected = {"lamella" if sister == "lamella" else f"lamella-{sister}" for sister in sisters}
    if installed != expected:
        print(f"installed: {sorted(installed)}; declared: {sorted(expected)}")
        return 1
    if name == "lamella":
        print(f"lamella installs {len(expected) - 1} packages")
        return 0
    found = modules(name)
    origin = Path(str(importlib.import_module(f"lamella.{name}").__file__)).resolve()
    if not origin.is_relative_to(Path(sys.prefix).resolve()):
        print(f"lamella.{name} comes from {origin}, outside the environment {sys.prefix}")
        return 1
    print(f"lamella.{name}: {len(found)} modules import with only {', '.join(sorted(expected))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
