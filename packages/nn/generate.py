"""Writes the public names of lamella.nn: the `__init__` of the package, of `modules` and of `functional`.

A family is a file whose `__all__` says what is public. It is imported when one of its names is first asked for: a
program loads the layers that it uses. Type checkers read the imports that stand beside the table.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable
from pathlib import Path

SRC = "src/lamella/nn/"
HERE = Path(__file__).resolve().parent / SRC
VERSION = "0.1.0"
# files of a package that are no families: helpers, and what stands under its own name
HELPERS = ("_arguments", "_window")

Families = dict[str, tuple[str, ...]]


def families(folder: str) -> Families:
    """The files of a package that have public names, and these names."""
    found: Families = {}
    for path in sorted((HERE / folder).glob("_[a-z]*.py")):
        if path.stem not in HELPERS:
            found[path.stem] = public(path)
    return found


def public(path: Path) -> tuple[str, ...]:
    """The `__all__` of a file, without running it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names: tuple[str, ...] = tuple(ast.literal_eval(node.value))
            return names
    raise ValueError(f"{path} has no __all__: say what of it is public, or name it in HELPERS")


def block(start: str, names: Iterable[str], end: str, indent: int = 0) -> str:
    """Names in dense lines between two brackets."""
    body = textwrap.fill(", ".join(names) + ",", 114 - indent, break_on_hyphens=False)
    return textwrap.indent(f"{start}\n{textwrap.indent(body, '    ')}\n{end}  # fmt: skip", " " * indent)


def imported(module: str, names: Iterable[str], indent: int = 0) -> str:
    """`from .module import names`, on one line where it fits."""
    names = sorted(names)
    line = f"from .{module} import {', '.join(names)}"
    if indent + len(line) <= 120:
        return " " * indent + line
    return block(f"from .{module} import (", names, ")", indent)


def entry(module: str, names: Iterable[str]) -> str:
    """A row of the table: what a submodule holds."""
    quoted = [f'"{n}"' for n in sorted(names)]
    line = f'            "{module}": ({", ".join(quoted)}{"," if len(quoted) == 1 else ""}),'
    if len(line) <= 120:
        return line
    body = textwrap.fill(", ".join(quoted) + ",", 104, break_on_hyphens=False)
    return f'            "{module}": (\n{textwrap.indent(body, " " * 16)}\n            ),'


def exports(names: Iterable[str]) -> str:
    """`__all__`, every name once."""
    listed = sorted(names)
    if len(set(listed)) != len(listed):
        raise ValueError(f"public names given twice: {sorted({n for n in listed if listed.count(n) > 1})}")
    return block("__all__ = [", [f'"{n}"' for n in listed], "]")


def package(doc: str, eager: Families, lazy: Families, submodules: tuple[str, ...] = (), more: str = "") -> str:
    """The text of one `__init__`."""
    lines = [
        f'"""{doc}',
        "",
        "Written by `nox -s generate` from packages/nn/generate.py; edit that file, or the `__all__` of a family.",
        '"""',
        "",
        "from typing import TYPE_CHECKING",
        "",
        "from lamella.interfaces import on_demand",
        "",
        *(imported(module, names) for module, names in eager.items()),
        "",
        "if TYPE_CHECKING:",
    ]
    if submodules:
        lines.append(f"    from . import {', '.join(submodules)}")
    lines += [imported(module, names, 4) for module, names in lazy.items()]
    lines += ["else:", "    __getattr__ = on_demand(", "        __name__,", "        {"]
    lines += [entry(name, (name,)) for name in submodules if name not in lazy]
    lines += [entry(module, (*names, *({module} & set(submodules)))) for module, names in lazy.items()]
    lines += ["        },", "    )  # fmt: skip", "", more, ""]
    names = [n for part in (eager, lazy) for names in part.values() for n in names]
    lines += [exports([*names, *submodules, *(["__version__"] if more else [])]), "", ""]
    lines += ["def __dir__() -> list[str]:", "    return __all__"]
    return "\n".join(lines) + "\n"


def outputs() -> dict[str, str]:
    """Path -> text of every generated file."""
    layers, functions = families("modules"), families("functional")
    everything = [n for names in layers.values() for n in names]
    return {
        SRC + "modules/__init__.py": package("The layers.", {"._module": ("Module",)}, layers, ("module",)),
        SRC + "functional/__init__.py": package(
            "Layers as functions: every argument given, nothing kept.", {}, functions
        ),
        SRC + "__init__.py": package(
            "Modules in thin layers: parameters, layers, losses, initializers.",
            {"_module": ("Module",), "_parameter": ("Buffer", "Parameter")},
            {"modules": tuple(everything)},
            ("functional", "init", "modules", "parameter", "utils"),
            f'__version__ = "{VERSION}"',
        ),
    }
