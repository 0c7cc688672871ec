"""What a program can reach: from its arguments, globals and cells, every value it may read, with the Python
expression that fetches it again.

The walk is bounded and errs on the side of guarding too much: every scalar that the code could read by name is
compared at each call. Modules answer with their epoch instead; tensors and numbers of ours are fetched, not compared.
Arguments and containers are compared by what they hold; other objects by identity. Refused: iterators, whose position
cannot be put back, and numpy arrays too large to compare.
"""

from __future__ import annotations

import array
import builtins
import collections
import contextvars
import dataclasses
import functools
import inspect
import random
import sys
import types
import weakref
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from lamella.graph import CaptureError
from lamella.tensor import Generator, Tensor
from lamella.tensor.extend import GRAD, VIEW, Numbers, refresh

from ._code import imported, is_analyzed, is_own_module, names_of
from ._conditions import of_array, of_tensor, of_value
from ._containers import Containers
from ._dynamic import Dynamic
from ._lines import Line, Reached
from ._members import (
    ATOMS,
    HOOKS,
    IN_PLACE,
    MAPPINGS,
    REGISTRIES,
    SCALARS,
    VIEWS,
    argument_names,
    functions_of,
    hidden_by,
    is_compiled,
    is_fixed,
    is_foreign_class,
    is_foreign_module,
    is_frozen,
    is_module,
    is_position,
    name_of,
    overridden,
    own_state,
    slot_names,
    slot_values,
)

__all__ = ["Explorer"]

_LIMIT = 100_000
_LARGE = 1 << 53  # larger numbers are read, not computed with
_MAKING = ("__init__", "__new__", "__post_init__", "__init_subclass__")


class Explorer(Containers):
    """One walk over what `root(*args, **kwargs)` can reach; `lines` stand in an order in which parents come first."""

    def __init__(
        self,
        root: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        dynamic: Dynamic,
        moving: Mapping[str, bool] | None = None,
    ) -> None:
        super().__init__(dynamic, moving)
        self.names: set[str] = set()
        self.everything = False
        self.codes: set[types.CodeType] = set()
        words = argument_names(root, len(args))
        if (
            args
            and is_module(args[0])
            and isinstance(root, types.FunctionType)
            and not is_analyzed(root.__code__.co_filename)
        ):
            # a module compiled in place
            words = [name_of(args[0]), *argument_names(args[0].forward, len(args) - 1)]
        roots = [(root, "", name_of(root)), *[(a, f"args[{i}]", words[i]) for i, a in enumerate(args)]]
        try:
            while True:
                known = (len(self.names), self.everything, len(self.dynamic.shared))
                self._clear()
                self._check(f"len(args) == {len(args)}", "the number of arguments")
                self._inside_args = self._aside = False
                for i, (value, path, what) in enumerate(roots):
                    self._inside_args = i > 0
                    self.visit(value, path or self.constant(value), what)
                self._dict(kwargs, "kwargs", "the keyword arguments")
                if known == (len(self.names), self.everything, len(self.dynamic.shared)):
                    break
        except RecursionError:
            raise CaptureError(
                "what the program can reach is nested too deeply to be guarded; pass what it needs as arguments"
            ) from None

    # -- the walk

    def visit(self, value: Any, path: str, what: str) -> None:
        """Guard one value and what can be reached through it; `path` fetches it in a guard, `what` says it in words."""
        kind = type(value)
        if kind in SCALARS:
            if self.is_symbolic(what) and (kind is float or (kind is int and abs(value) < _LARGE)):
                self._symbol(value, path, what)
            else:
                self._scalar(value, path, what)
        elif isinstance(value, Tensor):
            self._tensor(value, path, what)
        elif kind is tuple:
            self._items(value, path, what)
        elif id(value) in self._known:
            if path and path != self._known[id(value)]:
                self._check(f"{path} is {self._known[id(value)]}", f"{what} is another object")
        else:
            self._alive.append(value)
            if len(self._alive) > _LIMIT:
                raise CaptureError(
                    f"the program can reach more than {_LIMIT} objects, too many to guard; pass what it needs as "
                    "arguments"
                )
            self._new(value, path, what)

    def _new(self, value: Any, path: str, what: str) -> None:
        kind = type(value)
        if isinstance(value, Numbers):
            self._numbers(value, self._same(value, path, what), what)
        elif isinstance(value, Generator):
            self._same(value, path, what)
            self.generators[id(value)] = value
        elif isinstance(value, (list, tuple, collections.deque)):
            self._items(value, path, what)
        elif isinstance(value, dict):
            self._dict(value, path, what)
        elif isinstance(value, (set, frozenset)):
            name = self._local(path)
            self.holds(value, name, what, None, "{words}[{item}]")
            self._check(
                f"type({name}) is {self.constant(kind)} and {name} == {self.constant(kind(value))}",
                f"{what} holds something else",
            )
        elif is_fixed(value):
            self._same(value, path, what)
        elif isinstance(value, (np.ndarray, np.generic)):
            name = self._local(path)
            self._check(of_array(value, name, self.constant, what), f"{what} holds other values")
            if type(value) is np.ndarray:
                self._array(value, name, what)
        elif isinstance(value, (*ATOMS, bytearray, int, float, complex, str, bytes)):
            name = self._local(path)
            self._check(of_value(value, name, self.constant), f"{what} has another value")
        elif isinstance(value, MAPPINGS):
            self._mapping(value, path, what)
        elif isinstance(value, VIEWS):
            name = self._local(path)
            self._check(f"type({name}) is {self.constant(kind)}", f"{what} is something else")
            self.visit(value.mapping, f"{name}.mapping", what)
        elif isinstance(value, (array.array, memoryview)):
            name = self._local(path)
            self._check(
                f"type({name}) is {self.constant(kind)} and {name}.tobytes() == {self.constant(value.tobytes())}",
                f"{what} holds other values",
            )
        elif isinstance(value, contextvars.ContextVar):
            name = self._same(value, path, what)
            self.visit(value.get(None), f"{name}.get(None)", what)
        elif isinstance(value, (random.Random, np.random.Generator, np.random.RandomState)):
            self._same(value, path, what)
            self.drawing.append((value, what))
        elif is_position(value):
            if not self._aside:
                raise CaptureError(
                    f"{what} is an iterator, whose position a replay cannot move; pass what it gives as arguments"
                )
            self._same(value, path, what)
        else:
            self._object(value, path, what)

    # -- tensors

    def _tensor(self, t: Tensor, path: str, what: str, fixed: bool = False) -> None:
        known = self.tensors.get(id(t))
        if known is not None:
            if path and path != known.name:
                self._check(f"{path} is {known.name}", f"{what} is another tensor")
            if fixed and not known.fixed:
                self._check(f"{known.name} is {self.constant(t)}", f"{known.words} is another tensor")
                self.tensors[id(t)] = known._replace(fixed=True)
            return
        if t._flags & VIEW and t._view.version != t._cell.version:  # type: ignore[union-attr]
            refresh(t)
        name = self.constant(t) if fixed else self._local(path)
        found = self.tensors[id(t)] = Reached(t, name, what, fixed)
        if not fixed or t._flags & VIEW:
            self.lines.append(Line("", f"if {name}._flags & {VIEW}: fresh({name})"))
        if not fixed:
            words = f"{'differentiable ' if t._flags & GRAD else ''}{t.dtype}{list(t.shape)} of the same layout"
            self.lines.append(Line("", f"_ = {name}._data"))
            named = self.dynamic.open(t, what)
            another = self._inside_args or self.moves(what)
            self._check(of_tensor(t, name, self.constant, another, named), f"{what} is not a {words}")
            for dim, size in named.items():
                self._size(f"_.shape[{dim}]", repr(size), f"dim {dim} of {what} no longer has the size of another")
        first = self.memory.setdefault(id(t._data), found)
        if first is not found:
            self.dynamic.shared.add(id(t._data))
            self._check(f"{name}._data is {first.name}._data", f"{what} no longer shares its memory with {first.words}")
        if type(t) is not Tensor:
            if not fixed:
                self._check(f"type({name}) is {self.constant(type(t))}", f"{what} has another type")
            self._attributes(t, name, what)
        leaf = t._edge
        for hooks in (leaf.hooks, leaf.post_hooks) if leaf is not None and t.is_leaf else ():
            for hook in list((hooks or {}).values()):
                self._hook(hook, what)

    def _size(self, path: str, name: str, words: str) -> None:
        """Give an open size its name; where another has that name already, both must agree."""
        if name in self._sized:
            self._check(f"{path} == {name}", words)
        else:
            self._sized.add(name)
            self.lines.append(Line("", f"{name} = {path}"))

    def _hook(self, hook: Any, what: str) -> None:
        self.visit(hook, self.constant(hook), f"a hook of {what}")
        if isinstance(hook, types.FunctionType) and not is_analyzed(hook.__code__.co_filename):
            # a wrapper of ours around the user's hook
            for cell in hook.__closure__ or ():
                if isinstance(cell.cell_contents, types.FunctionType):
                    self.visit(cell.cell_contents, self.constant(cell.cell_contents), f"a hook of {what}")

    # -- objects

    def _object(self, value: Any, path: str, what: str) -> None:
        if isinstance(value, types.FunctionType):
            self._function(value, self._same(value, path, what), what)
        elif isinstance(value, types.MethodType):
            # a bound method is a new object at each access: what it is bound to and its function are what counts
            name = self._local(path)
            self._check(f"type({name}) is {self.constant(types.MethodType)}", f"{what} is something else")
            self.visit(value.__self__, f"{name}.__self__", what)
            self.visit(value.__func__, f"{name}.__func__", what)
        elif isinstance(value, functools.partial):
            name = self._local(path)
            self._known[id(value)] = name
            self._check(f"type({name}) is {self.constant(type(value))}", f"{what} is something else")
            for part in ("func", "args", "keywords"):
                self.visit(getattr(value, part), f"{name}.{part}", f"{what}.{part}")
        elif isinstance(value, weakref.ref):
            name = self._same(value, path, what)
            self.visit(value(), f"{name}()", what)
        elif isinstance(value, types.ModuleType):
            self._python_module(value, path, what)
        elif isinstance(value, type):
            self._class(value, self._same(value, path, what), what)
        elif is_module(value):
            self._module(value, path, what)
        elif is_compiled(value):
            name = self._same(value, path, what)
            self.visit(value.original, f"{name}.original", what)
        else:
            if dataclasses.is_dataclass(value) or isinstance(value, types.SimpleNamespace):
                name = self._local(path)
                self._known[id(value)] = name
                self._check(f"type({name}) is {self.constant(type(value))}", f"{what} has another type")
            else:
                name = self._same(value, path, what)
            if hasattr(type(value), "user_functions"):
                rules = value.user_functions
                self._check(f"{name}.user_functions == {self.constant(rules)}", f"{what} has other rules")
                for f in rules:
                    if f is not None:
                        self.visit(f, self.constant(f), f"a rule of {what}")
            if is_own_module(type(value).__module__):
                return  # what our own objects hold is covered by contracts of their own
            self._attributes(value, name, what)
            self._methods(type(value), False)

    def _named(self) -> Set[str] | None:
        """The attributes that count in an object: those with names that the program mentions."""
        return None if self.everything else self.names

    def _wanted(self, name: str) -> bool:
        return self.everything or name in self.names

    def _attribute(self, attribute: str, item: Any, path: str, what: str) -> None:
        """What stands under a name; under one that the program does not mention, code that looks names up may read it,
        and hardly moves an iterator.
        """
        outer, self._aside = self._aside, self._aside or attribute not in self.names
        self.visit(item, path, f"{what}.{attribute}")
        self._aside = outer

    def _function(self, f: types.FunctionType, name: str, what: str) -> None:
        if not is_analyzed(f.__code__.co_filename):
            wrapped = getattr(f, "__wrapped__", None)
            if wrapped is not None:
                self.visit(wrapped, f"{name}.__wrapped__", what)
            return
        found = names_of(f)
        self.codes.update(found.codes)
        self.names |= found.names
        self.everything = self.everything or found.dynamic
        self._check(f"{name}.__code__ is {self.constant(f.__code__)}", f"the code of {what}")
        self._globals(f, found.globals)
        for module, level in found.imports:
            full = imported(f, module, level)
            parts = full.split(".")
            for i in range(len(parts)):
                prefix = ".".join(parts[: i + 1])
                if prefix in sys.modules:
                    self.visit(sys.modules[prefix], f"modules[{prefix!r}]", prefix)
        for cell_name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                continue  # not assigned yet: reading it would raise in the program too
            self.holds(cell, self.constant(cell), cell_name, None, "{words}")
            self.visit(content, f"{self.constant(cell)}.cell_contents", cell_name)
        for i, default in enumerate(f.__defaults__ or ()):
            self.visit(default, f"{name}.__defaults__[{i}]", f"default {i} of {what}")
        for key, default in (f.__kwdefaults__ or {}).items():
            self.visit(default, f"{name}.__kwdefaults__[{key!r}]", f"the default of {key} of {what}")
        if f.__dict__:
            self._attributes(f, name, what)

    def _globals(self, f: types.FunctionType, names: frozenset[str]) -> None:
        # no source can mention names that are no identifiers: pytest puts its own into functions with assertions
        used = sorted(n for n in names if n in f.__globals__ and n.isidentifier())
        shadows = frozenset(n for n in names if n not in f.__globals__ and hasattr(builtins, n))
        if not used and not shadows:
            return
        scope = self.constant(f.__globals__)
        self.holds(f.__globals__, scope, "the globals", names, "{key}")
        if shadows:
            self._check(
                f"{scope}.keys().isdisjoint({self.constant(shadows)})",
                f"one of {', '.join(sorted(shadows))} is a global now",
            )
        for g in used:
            self.visit(f.__globals__[g], f"{scope}[{g!r}]", g)

    def _python_module(self, m: types.ModuleType, path: str, what: str) -> None:
        name = self._same(m, path, what)
        if is_foreign_module(m):
            return
        self.holds(vars(m), f"{name}.__dict__", what, self._named())
        for attribute, item in list(vars(m).items()):
            if self._wanted(attribute) and not attribute.startswith("__") and attribute.isidentifier():
                self._attribute(attribute, item, f"{name}.{attribute}", what)

    def _class(self, cls: type, name: str, what: str) -> None:
        self._methods(cls, True)
        metaclass = type(cls)
        if metaclass is not type:
            self._methods(metaclass, False)

    def _methods(self, cls: type, made_here: bool) -> None:
        """What the program may find in a class, wherever in its bases it stands; what makes an object, if it may make
        one.
        """
        for base in cls.__mro__:
            if (base in self._members and not made_here) or is_foreign_class(base):
                continue
            called = overridden(base)
            self._members.add(base)
            entries = vars(base)
            name = self.constant(entries)
            self.holds(base, self.constant(base), base.__name__, self._named())
            self._check(f"len({name}) == {len(entries)}", f"class {base.__name__} has other attributes")
            for attribute, item in list(entries.items()):
                special = attribute.startswith("__") or attribute in called  # called without being named
                if (not special and not self._wanted(attribute)) or (attribute in _MAKING and not made_here):
                    continue
                functions = [f for f in functions_of(item) if is_analyzed(f.__code__.co_filename)]
                if functions:
                    self._check(
                        f"{name}[{attribute!r}] is {self.constant(item)}",
                        f"{base.__name__}.{attribute} is another function",
                    )
                    for f in functions:
                        if id(f) not in self._known:
                            self._known[id(f)] = self.constant(f)
                            self.identities.add(id(f))
                            self._function(f, self.constant(f), f"{base.__name__}.{attribute}")
                elif not special and not functions_of(item) and not inspect.isdatadescriptor(item):
                    self.visit(item, f"{name}[{attribute!r}]", f"{base.__name__}.{attribute}")

    def _attributes(self, value: Any, name: str, what: str) -> None:
        state = own_state(value)
        if state is not None:
            if not isinstance(value, (dict, list, collections.deque, set)):
                self.holds(value, name, what, self._named())
            for attribute, item in list(state.items()):
                if self._wanted(attribute) and type(attribute) is str and attribute.isidentifier():
                    self._attribute(attribute, item, f"{name}.__dict__[{attribute!r}]", what)
            if "__wrapped__" in state:
                self.visit(state["__wrapped__"], f"{name}.__dict__['__wrapped__']", what)
            if self.everything:
                self._check(f"len({name}.__dict__) == {len(state)}", f"{what} has other attributes")
            else:
                shadows = hidden_by(type(value), self.names, state)
                if shadows:
                    self._check(
                        f"{name}.__dict__.keys().isdisjoint({self.constant(shadows)})", f"{what} has other attributes"
                    )
        elif slot_names(value):
            self.holds(value, name, what, self._named())
        for attribute, item in slot_values(value).items():
            if self._wanted(attribute):
                self._attribute(attribute, item, f"{name}.{attribute}", what)

    def _module(self, m: Any, path: str, what: str) -> None:
        name = self._same(m, path, what)
        self.modules.append((m, what))
        self.holds(m, name, what, None)
        for registry in REGISTRIES:
            self.holds(m.__dict__[registry], f"{name}.{registry}", what, None, owner=m)
            for key, item in m.__dict__[registry].items():
                if registry == "_buffers" and f"{what}.{key}" in self.moving:
                    self.visit(item, f"{name}.{registry}[{key!r}]", f"{what}.{key}")
                elif isinstance(item, Tensor):
                    self._tensor(item, "", f"{what}.{key}", fixed=True)
                elif item is not None and id(item) not in self._known:
                    self._alive.append(item)
                    self._module(item, "", f"{what}.{key}")
        for hooks in HOOKS:
            self.holds(m.__dict__[hooks], f"{name}.{hooks}", f"{hooks} of {what}", None, "{words}[{item}]")
            for hook, *_ in list(m.__dict__[hooks].values()):
                self.visit(hook, self.constant(hook), f"a hook of {what}")
        for attribute, item in m.__dict__.items():
            if attribute in REGISTRIES or attribute in HOOKS or attribute == IN_PLACE:
                continue  # the epoch answers for them
            if f"{what}.{attribute}" in self.moving:
                self.visit(item, f"{name}.__dict__[{attribute!r}]", f"{what}.{attribute}")
                continue
            if is_frozen(item):
                continue
            if isinstance(item, Tensor) or (is_module(item) and id(item) in self._known):
                if id(item) in self.tensors or is_module(item):
                    continue  # a registered part, which lies in the instance as well
            self.visit(item, f"{name}.__dict__[{attribute!r}]", f"{what}.{attribute}")
        self._methods(type(m), False)
