"""Finding the parts of the stack that are installed, without importing them before they are needed.

First-party parts are module names in one fixed table, looked up with `find_spec`, so that everything works from
source paths alone. Third parties are entry points in the group `lamella.KIND`, scanned once, when a kind is first asked
for: a scan costs 14-24 ms, which is why it never happens at import.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType
from typing import Any

__all__ = ["MissingPackage", "discover", "first_party", "missing"]

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
    for entry in sorted(_entry_points().select(group=f"lamella.{kind}"), key=lambda e: e.name):
        loaded = entry.load()
        if not isinstance(loaded, ModuleType):
            raise TypeError(
                f"entry point {entry.name!r} of lamella.{kind} must name a module, got {type(loaded).__name__}"
            )
        modules.append(loaded)
    return tuple(modules)


@cache
def _entry_points() -> Any:
    """All that is installed, with `select`: the class has another name in Python 3.11."""
    from importlib.metadata import entry_points  # here: it takes half of what lamella.tensor's import would

    return entry_points()


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    # Only the package is looked up: find_spec of a submodule would import its parent.
    return find_spec(".".join(name.split(".")[:2])) is not None
