"""The part of the walk that knows containers: guarded by type, length, keys and what they hold, never by identity."""

from __future__ import annotations

import collections
from abc import ABC, abstractmethod
from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import wrap

from ._lines import Lines, Reached
from ._members import SCALARS

__all__ = ["Containers"]

_ITEM = "{words}[{item}]"


class Containers(Lines, ABC):
    """Lists, tuples, dicts and their kin, numpy arrays, and numbers of ours."""

    @abstractmethod
    def visit(self, value: Any, path: str, what: str) -> None:
        """Guard one value and what can be reached through it; `path` fetches it in a guard, `what` says it in words."""

    @abstractmethod
    def _attributes(self, value: Any, name: str, what: str) -> None:
        """What stands in the instance."""

    @abstractmethod
    def _methods(self, cls: type, made_here: bool) -> None:
        """What stands in the class."""

    def _items(self, value: Any, path: str, what: str) -> None:
        kind = type(value)
        name = self._local(path)
        if kind is not tuple:
            self._known[id(value)] = name
        self._check(
            f"type({name}) is {self.constant(kind)} and len({name}) == {len(value)}",
            f"{what} has another type or length",
        )
        if not isinstance(value, tuple):
            self.holds(value, name, what, None, _ITEM)
        for i, item in enumerate(value):
            if isinstance(value, tuple) and type(item) in (int, float):
                self._scalar(item, f"{name}[{i}]", f"{what}[{i}]")  # nothing can be put in its place
            else:
                self.visit(item, f"{name}[{i}]", f"{what}[{i}]")
        if kind not in (list, tuple, collections.deque):
            self._attributes(value, name, what)
            self._methods(kind, False)

    def _dict(self, value: Any, path: str, what: str) -> None:
        kind = type(value)
        name = self._local(path)
        self._known[id(value)] = name
        keys = list(dict.keys(value))
        if keys:
            self._check(
                f"type({name}) is {self.constant(kind)} and [*{name}] == {self.constant(keys)}",
                f"other keys in {what}",
            )
        else:
            self._check(f"type({name}) is {self.constant(kind)} and not {name}", f"other keys in {what}")
        self.holds(value, name, what, None, _ITEM)
        for key, item in list(dict.items(value)):
            at = repr(key) if type(key) in (str, int, bool) else self.constant(key)
            if type(key) not in SCALARS:
                self.visit(key, self.constant(key), f"a key of {what}")
            words = "a tensor" if isinstance(key, Tensor) else f"{key!r:.40}"
            self.visit(
                item, f"dict.__getitem__({name}, {at})" if kind is not dict else f"{name}[{at}]", f"{what}[{words}]"
            )
        if kind is not dict:
            self._attributes(value, name, what)
            self._methods(kind, False)

    def _mapping(self, value: Any, path: str, what: str) -> None:
        """A mapping of the standard library, whose own methods read attributes that the program does not name."""
        name = self._local(path)
        self._known[id(value)] = name
        keys = list(value)
        self._check(
            f"type({name}) is {self.constant(type(value))} and [*{name}] == {self.constant(keys)}",
            f"other keys in {what}",
        )
        if isinstance(value, collections.UserDict):
            self.holds(value.data, f"{name}.data", what, None, _ITEM)
        for i, holder in enumerate(getattr(value, "maps", ())):
            self.holds(holder, f"{name}.maps[{i}]", what, None, _ITEM)
        for key in keys:
            at = repr(key) if type(key) in (str, int, bool) else self.constant(key)
            self.visit(value[key], f"{name}[{at}]", f"{what}[{key!r:.40}]")

    def _numbers(self, value: Any, name: str, what: str) -> None:
        self.numbers[id(value)] = name
        self.holds(value, name, what, None, _ITEM)
        self._check(f"len({name}) == {len(value)}", f"other keys in {what}")
        self._methods(type(value), False)
        for key, item in dict.items(value):
            if type(item) is not int and type(item) is not float:
                self.visit(item, f"dict.__getitem__({name}, {key!r})", f"{what}[{key!r}]")

    def _array(self, value: Any, name: str, what: str) -> None:
        """A tensor that the program makes over this array is an input, and writing it an effect."""
        self._known[id(value)] = name
        t = wrap(value)
        found = self.tensors[id(t)] = Reached(t, f"wrap({name})", what, False)
        first = self.memory.setdefault(id(value), found)
        if first is not found:
            self._check(f"{name} is {first.name}._data", f"{what} no longer shares its memory with {first.words}")
        self.arrays.append((value, value.copy(), what))
