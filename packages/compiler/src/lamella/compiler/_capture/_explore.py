"""What a program can reach: from its arguments, globals and cells, every value it may read, with the Python expression that fetches it again.

The walk is bounded and errs on the side of guarding too much: every scalar that the code could read by name is compared at each call.
Modules answer with their epoch instead; tensors and numbers of ours are fetched, not compared.
"""

from __future__ import annotations

import enum
import functools
import types
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lamella.graph import CaptureError
from lamella.tensor import DType, Device, Generator, Tensor
from lamella.tensor.extend import Numbers

from ._code import DYNAMIC, code_objects, is_analyzed, names_of

__all__ = ["Explorer", "is_module", "snapshot"]

_LIMIT = 100_000
_SCALARS = (bool, int, float, complex, str, bytes, type(None))
_MAKING = ("__init__", "__new__", "__post_init__", "__init_subclass__")
_REGISTRIES = ("_parameters", "_buffers", "_modules")


@runtime_checkable
class Compiled(Protocol):
    """A compiled function met inside another: what counts is the function it was made of."""

    @property
    def original(self) -> Any: ...

    @property
    def programs(self) -> tuple[Any, ...]: ...


def is_module(value: Any) -> bool:
    """Whether an object is a module of ours: it counts its own changes in `_epoch`."""
    state = getattr(value, "__dict__", None)
    return type(state) is dict and "_epoch" in state and "_parameters" in state


def snapshot(module: Any) -> tuple[Any, ...]:
    """What a module's epoch stands for: its scalars by value, everything else by identity."""
    out: list[Any] = []
    for name, value in module.__dict__.items():
        if name == "_epoch":
            continue
        if name in _REGISTRIES and type(value) is dict:
            out.extend((name, key, id(item)) for key, item in value.items())
        else:
            out.append((name, value if type(value) in _SCALARS else id(value)))
    return tuple(out)


class Explorer:
    """One walk. `checks` are (expression, value) to compare, in an order in which parents come first."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.everything = False
        self.codes: set[types.CodeType] = set()
        self.constants: list[Any] = []
        self.lines: list[tuple[str, ...]] = []
        self.tensors: dict[int, tuple[Tensor, str]] = {}
        self.numbers: dict[int, str] = {}
        self.generators: dict[int, str] = {}
        self.modules: list[Any] = []
        self._seen: set[int] = set()
        self._roots: list[tuple[Any, str]] = []

    # -- the walk

    def run(self, roots: list[tuple[Any, str]]) -> None:
        """Walk until no function adds a name."""
        while True:
            known = (len(self.names), self.everything)
            self.constants, self.lines, self.modules = [], [], []
            self.tensors, self.numbers, self.generators, self._seen = {}, {}, {}, set()
            for value, path in roots:
                self.visit(value, path)
            if known == (len(self.names), self.everything):
                return

    def constant(self, value: Any) -> str:
        """The name under which the guard function knows an object."""
        self.constants.append(value)
        return f"k{len(self.constants) - 1}"

    def _local(self, path: str) -> str:
        name = f"v{len(self.lines)}"
        self.lines.append(("let", name, path))
        return name

    def _same(self, value: Any, path: str) -> str:
        """Guard identity, and give the object a name of its own."""
        name = self.constant(value)
        self.lines.append(("is", path, name))
        return name

    def visit(self, value: Any, path: str) -> None:
        kind = type(value)
        if kind in _SCALARS:
            self._scalar(value, path)
            return
        if isinstance(value, Tensor):
            self._tensor(value, path)
            return
        if id(value) in self._seen:
            self._again(value, path)
            return
        self._seen.add(id(value))
        if len(self._seen) > _LIMIT:
            raise CaptureError(f"the program can reach more than {_LIMIT} objects, too many to guard; pass what it needs as arguments")
        if isinstance(value, Numbers):
            name = self._same(value, path)
            self.numbers[id(value)] = name
            self._methods(kind, False)
            for key, item in dict.items(value):
                if type(item) is not int and type(item) is not float:
                    self.visit(item, f"dict.__getitem__({name}, {key!r})")
        elif isinstance(value, Generator):
            self.generators[id(value)] = self._same(value, path)
        elif kind in (list, tuple):
            name = self._local(path)
            self.lines.append(("len", name, kind.__name__, str(len(value))))
            for i, item in enumerate(value):
                self.visit(item, f"{name}[{i}]")
        elif kind is dict or isinstance(value, dict):
            self._dict(value, path)
        elif isinstance(value, tuple):
            name = self._local(path)
            self.lines.append(("type", name, self.constant(kind)))
            for i, item in enumerate(value):
                self.visit(item, f"{name}[{i}]")
        elif isinstance(value, (set, frozenset)):
            self.lines.append(("eq", path, self.constant(kind(value)), self.constant(kind)))
        elif isinstance(value, (DType, Device, enum.Enum, np.dtype, type(Ellipsis), types.BuiltinFunctionType, np.ufunc)):
            self._same(value, path)
        else:
            self._object(value, path)

    def _tensor(self, t: Tensor, path: str) -> None:
        known = self.tensors.get(id(t._data))
        if known is None:
            self.tensors[id(t._data)] = (t, path)
            return
        first = known[1] or self.constant(known[0])
        self.lines.append(("is", path, first) if known[0] is t else ("memory", path, first))

    def _again(self, value: Any, path: str) -> None:
        # known already: that it is still the same object is all there is to check
        if not isinstance(value, (list, tuple, dict, set, frozenset)):
            self._same(value, path)

    def _scalar(self, value: Any, path: str) -> None:
        if value is None or type(value) is bool:
            self.lines.append(("is", path, repr(value)))
        elif value != value:
            self.lines.append(("nan", path))
        elif type(value) in (int, float, complex):
            self.lines.append(("eq", path, self.constant(value), type(value).__name__))
        else:
            self.lines.append(("eq", path, self.constant(value), type(value).__name__))

    def _dict(self, value: Any, path: str) -> None:
        name = self._local(path)
        self.lines.append(("len", name, self.constant(type(value)) if type(value) is not dict else "dict", str(len(value))))
        for key, item in list(value.items()):
            at = repr(key) if type(key) in (str, int, bool) else self.constant(key)
            self.visit(item, f"{name}[{at}]")

    # -- objects

    def _object(self, value: Any, path: str) -> None:
        if isinstance(value, types.FunctionType):
            self._function(value, self._same(value, path))
        elif isinstance(value, types.MethodType):
            # a bound method is a new object at each access: what it is bound to and its function are what counts
            name = self._local(path)
            self.visit(value.__self__, f"{name}.__self__")
            self.visit(value.__func__, f"{name}.__func__")
        elif isinstance(value, functools.partial):
            name = self._same(value, path)
            for part in ("func", "args", "keywords"):
                self.visit(getattr(value, part), f"{name}.{part}")
        elif isinstance(value, types.ModuleType):
            self._python_module(value, path)
        elif isinstance(value, type):
            self._class(value, self._same(value, path))
        elif is_module(value):
            self._module(value, path)
        else:
            name = self._same(value, path)
            if isinstance(value, Compiled):
                self.visit(value.original, f"{name}.original")
                return
            self._attributes(value, name)
            self._methods(type(value), False)

    def _wanted(self, name: str) -> bool:
        return self.everything or name in self.names

    def _function(self, f: types.FunctionType, name: str) -> None:
        if not is_analyzed(f.__code__.co_filename):
            wrapped = getattr(f, "__wrapped__", None)
            if wrapped is not None:
                self.visit(wrapped, f"{name}.__wrapped__")
            return
        names = names_of(f)
        self.codes.update(code_objects(f.__code__))
        self.names |= names
        if names & DYNAMIC:
            self.everything = True
        self.lines.append(("is", f"{name}.__code__", self.constant(f.__code__)))
        scope = None
        for g in sorted(names):
            if g in f.__globals__:
                scope = scope or self.constant(f.__globals__)
                self.visit(f.__globals__[g], f"{scope}[{g!r}]")
        for i, cell in enumerate(f.__closure__ or ()):
            try:
                content = cell.cell_contents
            except ValueError:
                continue  # not assigned yet: reading it would raise in the program too
            self.visit(content, f"{self.constant(cell)}.cell_contents")
        for i, default in enumerate(f.__defaults__ or ()):
            self.visit(default, f"{name}.__defaults__[{i}]")
        for key, default in (f.__kwdefaults__ or {}).items():
            self.visit(default, f"{name}.__kwdefaults__[{key!r}]")

    def _python_module(self, m: types.ModuleType, path: str) -> None:
        file = getattr(m, "__file__", None)
        if file is None or not is_analyzed(file):
            return
        name = self._same(m, path)
        for attribute, item in list(vars(m).items()):
            if self._wanted(attribute) and not attribute.startswith("__"):
                self.visit(item, f"{name}.{attribute}")

    def _class(self, cls: type, name: str) -> None:
        for attribute, item in list(vars(cls).items()):
            if self._wanted(attribute) and not attribute.startswith("__") and not isinstance(item, (property, classmethod, staticmethod)):
                if isinstance(item, types.MemberDescriptorType):
                    continue
                self.visit(item, f"{name}.{attribute}")
        self._methods(cls, True)

    def _methods(self, cls: type, made_here: bool) -> None:
        """Functions of a class that the program may call, wherever in its bases they stand; those that make an object if it may make one."""
        for base in cls.__mro__:
            for attribute, item in list(vars(base).items()):
                special = attribute.startswith("__") or attribute == "forward"  # called without being named
                if (not special and not self._wanted(attribute)) or (attribute in _MAKING and not made_here):
                    continue
                for f in _functions(item):
                    if is_analyzed(f.__code__.co_filename) and id(f) not in self._seen:
                        self._seen.add(id(f))
                        self._function(f, self.constant(f))
                if not special and not callable(item) and not _functions(item) and type(item) in _SCALARS and not attribute.startswith("__"):
                    self.visit(item, f"{self.constant(cls)}.{attribute}")

    def _attributes(self, value: Any, name: str) -> None:
        state = getattr(value, "__dict__", None)
        found = dict(state) if type(state) is dict else {}
        for base in type(value).__mro__:
            for slot in _slots(base):
                if slot not in found:
                    try:
                        found[slot] = object.__getattribute__(value, slot)
                    except AttributeError:
                        continue  # an empty slot: reading it raises in the program too
        for attribute, item in found.items():
            if self._wanted(attribute):
                self.visit(item, f"{name}.{attribute}")

    def _module(self, m: Any, path: str) -> None:
        name = self._same(m, path)
        at = len(self.modules)
        self.modules.append(m)
        self.lines.append(("epoch", name, str(at)))
        for registry in _REGISTRIES:
            for key, item in m.__dict__[registry].items():
                if isinstance(item, Tensor):
                    self.tensors.setdefault(id(item._data), (item, ""))  # fixed by the epoch
                elif item is not None and id(item) not in self._seen:
                    self._seen.add(id(item))
                    self._module(item, "")
        for attribute, item in m.__dict__.items():
            if attribute not in _REGISTRIES and attribute != "_epoch" and type(item) not in _SCALARS:
                self.visit(item, f"{name}.__dict__[{attribute!r}]")
        self._methods(type(m), False)


def _functions(item: Any) -> list[types.FunctionType]:
    if isinstance(item, types.FunctionType):
        return [item]
    if isinstance(item, (classmethod, staticmethod)):
        return _functions(item.__func__)
    if isinstance(item, property):
        return [f for f in (item.fget, item.fset) if isinstance(f, types.FunctionType)]
    return []


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(s for s in slots if s not in ("__dict__", "__weakref__"))


