"""What a function can read: the names in its code, nested functions included.

Reading is found by name: an attribute or a global cannot be read without its name standing in the code, unless the code
looks names up itself (getattr, vars, globals); such code is taken to read everything.
"""

from __future__ import annotations

import dis
import functools
import importlib.util
import sysconfig
from types import CodeType, FunctionType
from typing import NamedTuple

import lamella

__all__ = ["Names", "imported", "is_analyzed", "is_ours", "is_own_module", "names_of"]

_DYNAMIC = frozenset(
    {
        "getattr",
        "hasattr",
        "setattr",
        "vars",
        "globals",
        "locals",
        "eval",
        "exec",
        "__dict__",
        "__getattribute__",
        "attrgetter",
        "dir",
    }
)

# Names of other instructions are attributes, which a global of the same name has nothing to do with.
_IN_GLOBALS = frozenset(
    {
        "DELETE_GLOBAL",
        "DELETE_NAME",
        "LOAD_FROM_DICT_OR_GLOBALS",
        "LOAD_GLOBAL",
        "LOAD_NAME",
        "STORE_GLOBAL",
        "STORE_NAME",
    }
)
_STDLIB = tuple(p for p in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")) if p)
_SITE = tuple(p for p in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")) if p)
# Layers whose state is covered by their own contracts: epochs of modules, versions of tensors. The optimizers are
# read like user code.
_OWN = ("interfaces", "tensor", "graph", "autograd", "compiler", "nn")
_own_roots = tuple(f"{path}/{name}/" for path in (str(p) for p in lamella.__path__) for name in _OWN)
_files: dict[str, bool] = {}


class Names(NamedTuple):
    """What a code object and those nested in it mention."""

    codes: frozenset[CodeType]
    names: frozenset[str]
    globals: frozenset[str]  # those of them that may be looked up in the globals
    imports: frozenset[tuple[str, int]]  # (module name, level) of imports inside the function
    dynamic: bool


def is_analyzed(filename: str) -> bool:
    """Whether code of this file is looked into: not ours, not the standard library, not numpy."""
    found = _files.get(filename)
    if found is None:
        plain = filename.replace("\\", "/")
        found = not plain.startswith(tuple(r.replace("\\", "/") for r in _own_roots)) and not plain.startswith(
            "<frozen"
        )
        if found and plain.startswith(_STDLIB) and not plain.startswith(_SITE):
            found = False
        if found and any(plain.startswith(f"{p}/numpy/") for p in _SITE):
            found = False
        _files[filename] = found
    return found


def is_ours(filename: str) -> bool:
    """Whether a file belongs to our own layers."""
    return filename.replace("\\", "/").startswith(tuple(r.replace("\\", "/") for r in _own_roots))


def is_own_module(name: str) -> bool:
    """Whether a module is one of ours: code generated there (a dataclass's methods) has no file to tell by."""
    return name.startswith(tuple(f"lamella.{own}." for own in _OWN))


def names_of(function: FunctionType) -> Names:
    """Every global and attribute name, import and code object of a function and those nested in it."""
    return _names(function.__code__)


def imported(function: FunctionType, name: str, level: int) -> str:
    """The full name of a module that a function imports."""
    package = function.__globals__.get("__package__") or ""
    return importlib.util.resolve_name("." * level + name, package) if level else name


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> Names:
    codes, names, imports, strings, scoped = {code}, set(code.co_names), set(), set(), set()
    listing = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    for at, instruction in enumerate(listing):
        if instruction.opname == "IMPORT_NAME":
            imports.add((instruction.argval, listing[at - 2].argval))
        if instruction.opname in _IN_GLOBALS:
            scoped.add(instruction.argval)
        if instruction.opname in ("LOAD_CONST", "RETURN_CONST") and isinstance(instruction.argval, str):
            strings.add(instruction.argval)
    dynamic = not names.isdisjoint(_DYNAMIC)
    if dynamic:
        # what getattr is asked for stands there as a string
        names |= {s for s in strings if s.isidentifier()}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            inner = _names(const)
            codes |= inner.codes
            names |= inner.names
            scoped |= inner.globals
            imports |= inner.imports
            dynamic = dynamic or inner.dynamic
    return Names(
        frozenset(codes), frozenset(names), frozenset(names if dynamic else scoped), frozenset(imports), dynamic
    )
