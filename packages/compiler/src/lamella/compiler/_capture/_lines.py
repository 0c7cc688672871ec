"""What a walk over a program collects: the lines of the guard, and what was found where.

`Containers` and `Explorer` are the walk itself.
"""

from __future__ import annotations

import functools
import random
import weakref
from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple

import numpy as np

from lamella.tensor import Tensor

from ._conditions import of_scalar
from ._dynamic import Dynamic
from ._members import frozen, is_mortal

__all__ = ["Holder", "Line", "Lines", "Reached", "Symbol"]


class Line(NamedTuple):
    """One line of a guard: a condition that must hold, or (empty `condition`) a statement that gives a name to a
    value.
    """

    condition: str
    text: str


class Reached(NamedTuple):
    """A tensor that the guard can fetch: under which name, in which words, and whether it is one fixed object."""

    tensor: Tensor
    name: str
    words: str
    fixed: bool


class Holder(NamedTuple):
    """Something older that may be written: how a guard fetches it, what it is called, which names in it count (None:
    all), and how one place in it is called.
    """

    value: Any
    path: str
    words: str
    names: Set[str] | None
    form: str
    owner: Any = None  # the module that answers for a registry, by its epoch

    def place(self, key: Any) -> str:
        """One place in it, in words."""
        return self.form.format(key=key, item="a tensor" if isinstance(key, Tensor) else f"{key!r:.40}")


class Symbol(NamedTuple):
    """A number that stays symbolic: its place in words, its name in the guard, and what it is now."""

    place: str
    name: str
    value: Any


class Lines:
    """Lines stand in an order in which parents come first."""

    def __init__(self, dynamic: Dynamic, moving: Mapping[str, bool] | None = None) -> None:
        self.dynamic = dynamic
        # places that programs write: what stands there is another thing at each call, a number symbolic or not
        self.moving = {} if moving is None else moving
        self._clear()

    def _clear(self) -> None:
        self.dynamic.clear()
        self.constants: list[Any] = []
        self.lines: list[Line] = []
        self.modules: list[tuple[Any, str]] = []  # with their epochs, in words
        self.holders: list[Holder] = []
        self.symbols: list[Symbol] = []
        self.tensors: dict[int, Reached] = {}
        self.memory: dict[int, Reached] = {}
        self.numbers: dict[int, str] = {}
        self.generators: dict[int, Any] = {}
        self.identities: set[int] = set()
        self.mortal: list[Any] = []  # weak references to objects with which the program dies
        self.drawing: list[tuple[Any, str]] = []  # numpy's random generators, in words
        self.arrays: list[tuple[Any, Any, str]] = []  # numpy arrays, what they held, in words
        self._known: dict[int, str] = {}
        self._numbered: dict[int, str] = {}
        self._alive: list[Any] = []
        self._members: set[type] = set()
        self._locals = 0
        self._sized: set[str] = set()

    def constant(self, value: Any) -> str:
        """The name under which the guard function knows an object."""
        name = self._numbered.get(id(value))
        if name is None:
            name = self._numbered[id(value)] = f"k{len(self.constants)}"
            self.constants.append(value)
        return name

    def _check(self, condition: str, words: str) -> None:
        self.lines.append(Line(condition, words))

    def _local(self, path: str) -> str:
        if path.isidentifier():
            return path
        self._locals += 1
        name = f"v{self._locals}"
        self.lines.append(Line("", f"{name} = {path}"))
        return name

    def _same(self, value: Any, path: str, what: str) -> str:
        """Guard identity, and give the object a name of its own. What is found by a path is held weakly."""
        if path and self._numbered.get(id(value)) != path and is_mortal(value):
            name = self._local(path)
            reference = weakref.ref(value)
            self.mortal.append(reference)
            self._check(f"{name} is {self.constant(reference)}()", f"{what} is another object")
            self.identities.add(id(value))
            self._known[id(value)] = name
            return name
        name = self.constant(value)
        if path and path != name:
            self._check(f"{path} is {name}", f"{what} is another object")
        self.identities.add(id(value))
        self._known[id(value)] = name
        return name

    def _scalar(self, value: Any, path: str, what: str) -> None:
        name = path if value is None or type(value) is bool else self._local(path)
        self._check(of_scalar(value, name, self._fresh), f"{what} is not {value!r:.60}")

    def moves(self, what: str) -> bool:
        """Whether programs write a place, or one through which it is reached."""
        return what in self.moving or self._mover(what) is not None

    def is_symbolic(self, what: str) -> bool:
        """Whether a number is an input."""
        found = self.moving.get(what)
        return found if found is not None else self._mover(what) is not None

    def _mover(self, what: str) -> str | None:
        return next((p for p in self.moving if what.startswith(p) and what[len(p) : len(p) + 1] in (".", "[")), None)

    def _symbol(self, value: Any, path: str, what: str) -> None:
        """A number that is an input; its type is guarded."""
        name = self._local(path)
        self._check(f"type({name}) is {type(value).__name__}", f"{what} is no {type(value).__name__}")
        self.symbols.append(Symbol(what, name, value))

    def _fresh(self, value: Any) -> str:
        # scalars are told apart by type, which a table of equal values would not do
        self.constants.append(value)
        return f"k{len(self.constants) - 1}"

    def foreign_generators(self) -> list[tuple[str, Callable[[], Any], Callable[[Any], Any]]]:
        """Random generators of Python and numpy that the program can draw from: in words, how to read and to set where
        they stand.
        """
        found: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = [
            ("Python's random", random.getstate, random.setstate)
        ]
        bits = [(np.random.mtrand._rand._bit_generator, "numpy.random")]
        for g, words in self.drawing:
            if isinstance(g, random.Random):
                found.append((words, g.getstate, g.setstate))
            else:
                bits.append((g.bit_generator if isinstance(g, np.random.Generator) else g._bit_generator, words))
        for b, words in bits:
            found.append((words, functools.partial(_position, b), functools.partial(_seek, b, b.state)))
        return found

    def holds(
        self, value: Any, path: str, words: str, names: Set[str] | None, form: str = "{words}.{key}", owner: Any = None
    ) -> None:
        """Note something that may be written; `form` says a place in it, with {words} and {key} or {item}."""
        # braces of names stay as they are
        form = form.replace("{words}", words.replace("{", "{{").replace("}", "}}"))
        self.holders.append(Holder(value, path, words, names, form, owner))

    def knows(self, value: Any) -> bool:
        """Whether an object is older than the call and reached by the walk."""
        return id(value) in self._known

    def knows_array(self, array: Any) -> bool:
        """Whether a guard can fetch a numpy array."""
        return id(array) in self.memory


def _position(bits: Any) -> Any:
    return frozen(bits.state)


def _seek(bits: Any, state: Any, _: Any) -> None:
    bits.state = state
