"""Finding the parts of the stack that are installed, without importing them before they are needed.

First-party parts are module names in one fixed table, looked up with `find_spec`, so that everything works from
source paths alone. Third parties are entry points in the group `lamella.KIND`, scanned once, when a kind is first asked
for. A scan by importlib.metadata costs 14-24 ms, most of it for its own import; it is only made where a look into the
metadata finds that a package speaks of a lamella group at all, or where packages may lie elsewhere than in folders.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from functools import cache
from types import ModuleType
from typing import Any

__all__ = ["LOADED_NS", "MissingPackage", "discover", "first_party", "missing", "third_party"]

LOADED_NS = time.time_ns()
"""When the first of the layers was loaded, by the clock of files: later changes of files are not in this process."""

# kind -> modules of ours that may provide it, lowest layer first.
_TABLE: dict[str, tuple[str, ...]] = {
    "autograd": ("lamella.autograd.extend",),
    "rules.vjp": ("lamella.autograd.rules",),
    "rules.jvp": ("lamella.autograd.rules",),
    "rules.batch": ("lamella.autograd.rules",),
    "rules.lower": ("lamella.compiler.rules",),
    "rules.cost": ("lamella.tensor.costs",),
    "rules.meaning": ("lamella.tensor.meanings", "lamella.graph.meanings"),
    "kernels": (),
    "arrow": ("lamella.data.arrow",),
    "storage": ("lamella.testing.storage",),
    "programs": ("lamella.compiler.programs",),
    "executor": ("lamella.compiler.executor", "lamella.graph.executor"),
}


class MissingPackage(ImportError):
    """An optional part of the stack is needed and not installed; the message names the pip command."""


def missing(distribution: str, needed_for: str) -> MissingPackage:
    """The error to raise when `distribution` is not installed and `needed_for` needs it."""
    return MissingPackage(f"{needed_for} needs the package {distribution}; install it with: pip install {distribution}")


def first_party(kind: str) -> list[str]:
    """Module names of the first-party providers of `kind` whose package is installed, in table order.

    Imports none of them.
    """
    if kind not in _TABLE:
        raise ValueError(f"unknown kind {kind!r}; known kinds: {', '.join(sorted(_TABLE))}")
    return [name for name in _TABLE[kind] if _installed(name)]


@cache
def discover(kind: str) -> tuple[ModuleType, ...]:
    """Import and return the providers of `kind`: first-party modules in table order, then entry points of
    `lamella.KIND`.

    A broken third-party provider raises where it is first needed: it is never skipped in silence.
    """
    modules = [importlib.import_module(name) for name in first_party(kind)]
    for entry in third_party(kind):
        loaded = entry.load()
        if not isinstance(loaded, ModuleType):
            raise TypeError(
                f"entry point {entry.name!r} of lamella.{kind} must name a module, got {type(loaded).__name__}"
            )
        modules.append(loaded)
    return tuple(modules)


def third_party(kind: str) -> list[Any]:
    """The entry points of `lamella.KIND`, by name, not loaded."""
    return sorted(_entry_points().select(group=f"lamella.{kind}"), key=lambda e: e.name)


class _Nothing:
    """No entry points."""

    @staticmethod
    def select(**_: str) -> list[Any]:
        return []


@cache
def _entry_points() -> Any:
    """All that is installed, with `select`: the class has another name in Python 3.11."""
    if not _spoken_of():
        return _Nothing()
    from importlib.metadata import entry_points  # here: it takes half of what lamella.tensor's import would

    return entry_points()


def _spoken_of() -> bool:
    """Whether there may be an entry point of ours: some metadata names a group, or not all of it can be looked at."""
    from importlib.machinery import PathFinder

    for finder in sys.meta_path:
        if finder is not PathFinder and hasattr(finder, "find_distributions"):
            return True  # it has metadata of its own
    return any(map(_names_ours, dict.fromkeys(sys.path)))


def _names_ours(folder: str) -> bool:
    """Whether the metadata in a folder of sys.path may name a group of ours."""
    if folder.lower().rstrip("/\\").endswith(".egg"):
        return True
    try:
        for name in os.listdir(folder or "."):
            if name.lower().endswith((".dist-info", ".egg-info")) and _is_ours(os.path.join(folder, name)):
                return True
    except FileNotFoundError:
        return False
    except OSError:
        return True  # an archive, perhaps
    return False


def _is_ours(metadata: str) -> bool:
    try:
        with open(os.path.join(metadata, "entry_points.txt"), "rb") as file:
            return b"lamella." in file.read()
    except (FileNotFoundError, NotADirectoryError):
        return False  # no entry points


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    # Only the package is looked up: find_spec of a submodule would import its parent.
    return find_spec(".".join(name.split(".")[:2])) is not None
