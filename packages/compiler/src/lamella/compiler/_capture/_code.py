"""What a function can read: the names in its code, nested functions included.

Reading is found by name: an attribute or a global cannot be read without its name standing in the code, unless the code
looks names up itself (getattr, vars, globals); such code is taken to read everything.
"""

from __future__ import annotations

import sysconfig
from types import CodeType, FunctionType

import lamella

__all__ = ["DYNAMIC", "code_objects", "is_analyzed", "is_own_module", "names_of"]

DYNAMIC = frozenset(
    {"getattr", "vars", "globals", "locals", "eval", "exec", "__dict__", "__getattribute__", "attrgetter"}
)

_STDLIB = tuple(p for p in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")) if p)
_SITE = tuple(p for p in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")) if p)
# Layers whose state is covered by their own contracts: epochs of modules, versions of tensors. The optimizers are
# read like user code.
_OWN = ("interfaces", "tensor", "graph", "autograd", "compiler", "nn")
_own_roots = tuple(f"{path}/{name}/" for path in (str(p) for p in lamella.__path__) for name in _OWN)
_files: dict[str, bool] = {}


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


def is_own_module(name: str) -> bool:
    """Whether a module is one of ours: code generated there (a dataclass's methods) has no file to tell by."""
    return name.startswith(tuple(f"lamella.{own}." for own in _OWN))


def code_objects(code: CodeType) -> list[CodeType]:
    """A code object and those nested in it."""
    out = [code]
    for const in code.co_consts:
        if isinstance(const, CodeType):
            out.extend(code_objects(const))
    return out


def names_of(function: FunctionType) -> set[str]:
    """Every global and attribute name that a function or one nested in it mentions."""
    names: set[str] = set()
    for code in code_objects(function.__code__):
        names.update(code.co_names)
    return names
