"""What kinds of things a program can reach: questions about one object, asked by the walk and by the undo log."""

from __future__ import annotations

import collections
import collections.abc
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import os
import pathlib
import sys
import types
import weakref
from collections.abc import Set
from typing import Any

import numpy as np

from lamella.tensor import Device, DType, Generator, Tensor
from lamella.tensor.extend import Numbers

from ._code import is_analyzed

__all__ = [
    "ATOMS",
    "HOOKS", "IN_PLACE",
    "MAPPINGS",
    "REGISTRIES",
    "SCALARS",
    "VIEWS",
    "argument_names",
    "frozen",
    "functions_of",
    "hidden_by",
    "is_compiled",
    "is_fixed",
    "is_foreign_class",
    "is_foreign_module",
    "is_frozen",
    "is_module", "is_mortal",
    "is_position",
    "name_of",
    "overridden",
    "own_state",
    "slot_names",
    "slot_values",
    "snapshot",
    "unchanged",
]  # fmt: skip

SCALARS = (bool, int, float, complex, str, bytes, type(None))
REGISTRIES = ("_parameters", "_buffers", "_modules")
IN_PLACE = "_compiled"  # where a module that is compiled in place keeps how it is called
HOOKS = ("_forward_hooks", "_forward_pre_hooks")
# Immutable values of the standard library that equality tells apart.
ATOMS = (range, slice, datetime.date, datetime.timedelta, decimal.Decimal, fractions.Fraction, pathlib.PurePath)
# Mappings that are no dict, and views of dicts.
MAPPINGS = (types.MappingProxyType, collections.UserDict, collections.ChainMap, type(os.environ))
VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()))
# Values of which identity is all there is.
_FIXED = (DType, Device, enum.Enum, np.dtype, type(Ellipsis), types.BuiltinFunctionType, np.ufunc)


def is_compiled(value: Any) -> bool:
    """Whether an object is a compiled function met inside another: what counts is the function it was made of."""
    # asked of the class: an attribute of the object may be anything, and finding it may run code
    return hasattr(type(value), "programs") and hasattr(type(value), "original")


def is_module(value: Any) -> bool:
    """Whether an object is a module of ours: it counts its own changes in `_epoch`."""
    state = getattr(value, "__dict__", None)
    return type(state) is dict and "_epoch" in state and "_parameters" in state


def is_fixed(value: Any) -> bool:
    """Whether identity says everything about a value."""
    return isinstance(value, _FIXED)


def is_mortal(value: Any) -> bool:
    """Whether a guard must not keep an object alive, and can do without: no part of the code, and weakly held."""
    kind = type(value)
    return bool(getattr(kind, "__weakrefoffset__", 0)) and not isinstance(
        value, (type, types.FunctionType, types.ModuleType, Numbers, Generator, weakref.ref, *_FIXED)
    )


def is_frozen(value: Any) -> bool:
    """Whether a value can never change: a scalar, a fixed value, or a tuple of these."""
    return (
        type(value) in SCALARS
        or isinstance(value, (*_FIXED, *ATOMS))
        or (type(value) in (tuple, frozenset) and all(map(is_frozen, value)))
    )


def is_foreign_module(m: types.ModuleType) -> bool:
    """Whether a Python module is not looked into: the standard library, numpy, and our own layers."""
    file = getattr(m, "__file__", None)
    if file is None:
        return m.__name__.partition(".")[0] in sys.stdlib_module_names
    return not is_analyzed(file)


def is_position(value: Any) -> bool:
    """Whether an object is an iterator, which reading moves: generators, and those of the standard containers."""
    return isinstance(value, collections.abc.Iterator) and type(value).__module__ in ("builtins", "itertools")


def own_state(value: Any) -> dict[str, Any] | None:
    """The instance dict of an object, if it has a plain one."""
    state = getattr(value, "__dict__", None)
    return state if type(state) is dict else None


def slot_names(value: Any) -> list[str]:
    """The slots of an object, filled or not; a tensor's are not Python state."""
    out: list[str] = []
    for base in () if isinstance(value, Tensor) else type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__"):
                continue
            private = slot.startswith("__") and not slot.endswith("__")
            out.append(f"_{base.__name__.lstrip('_')}{slot}" if private else slot)
    return out


def slot_values(value: Any) -> dict[str, Any]:
    """Slots that hold something, by name."""
    out: dict[str, Any] = {}
    for slot in slot_names(value):
        try:
            out[slot] = object.__getattribute__(value, slot)
        except AttributeError:  # an empty slot: reading it raises in the program too
            out.pop(slot, None)
    return out


def frozen(state: Any) -> Any:
    """The state of one of numpy's random generators as values that can be compared."""
    if isinstance(state, dict):
        return tuple((k, frozen(v)) for k, v in state.items())
    return state.tobytes() if isinstance(state, np.ndarray) else state


def functions_of(item: Any) -> list[types.FunctionType]:
    """The Python functions behind an entry of a class."""
    if isinstance(item, types.FunctionType):
        return [item]
    if isinstance(item, (classmethod, staticmethod)):
        return functions_of(item.__func__)
    if isinstance(item, property):
        return [f for f in (item.fget, item.fset) if isinstance(f, types.FunctionType)]
    if isinstance(item, functools.cached_property):
        return functions_of(item.func)
    return []


def snapshot(module: Any, moving: Set[str] = frozenset()) -> dict[Any, Any]:
    """What a module's epoch stands for; of the attributes and buffers in `moving`, that they are there."""
    out: dict[Any, Any] = {}
    for name, value in module.__dict__.items():
        if name == "_epoch" or name == IN_PLACE:
            continue
        if name in REGISTRIES or name in HOOKS:
            out.update(((name, key), None if key in moving else item) for key, item in value.items())
        else:
            out[name] = None if name in moving else value
    return out


def unchanged(old: dict[Any, Any], new: dict[Any, Any]) -> bool:
    """Whether two snapshots stand for the same: scalars by type and value, everything else by identity."""
    if list(old) != list(new):
        return False
    for was, now in zip(old.values(), new.values(), strict=True):
        if was is not now and not (type(was) is type(now) and type(now) in SCALARS and was == now):
            return False
    return True


def is_foreign_class(cls: type) -> bool:
    """Whether a class is not looked into: built in, of the standard library, of numpy or of our own layers."""
    if cls.__module__ == "builtins":
        return True
    module = sys.modules.get(cls.__module__)
    return module is not None and is_foreign_module(module)


def overridden(cls: type) -> frozenset[str]:
    """Names that a class takes from bases which are not looked into: code there calls them without the program's
    naming them (forward, setup_context, get_lr).
    """
    found: set[str] = set()
    for base in cls.__mro__:
        if base is not object and is_foreign_class(base):
            found.update(vars(base))
    return frozenset(found)


def hidden_by(cls: type, names: set[str], state: dict[str, Any]) -> frozenset[str]:
    """Names that the program reads from the class, and that an attribute of the instance would hide."""
    found = set()
    for base in cls.__mro__:
        if is_foreign_class(base):
            continue
        for attribute, item in vars(base).items():
            if attribute in names and attribute not in state and not attribute.startswith("__"):
                if not isinstance(item, functools.cached_property) and not inspect.isdatadescriptor(item):
                    found.add(attribute)
    return frozenset(found)


def name_of(root: Any) -> str:
    """What to call a function, module or callable object in messages."""
    name = getattr(root, "__name__", None)
    return name if isinstance(name, str) else type(root).__name__


def argument_names(root: Any, count: int) -> list[str]:
    """The names of positional arguments, where the function tells."""
    try:
        parameters = list(inspect.signature(root).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[i] if i < len(names) else f"argument {i}" for i in range(count)]
