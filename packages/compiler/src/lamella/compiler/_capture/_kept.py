"""What a traced history keeps, in terms of a program: the values of its tensors and numbers are outputs of the traced
forward, and what hooks and contexts hold is taken apart like a result.

Objects that the guard holds by identity stay as they are. Refused by UnkeptError: any other object, since the next call
may have another, and variables that functions assign to.
"""

from __future__ import annotations

import dis
import functools
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

from lamella.autograd.extend import Shared, UnkeptError
from lamella.graph import CaptureError, Graph, Size, Trace, Value, bind, bound, plain
from lamella.tensor import Tensor
from lamella.tensor.extend import SymScalar, detached

from ._code import is_own_module
from ._explore import Explorer
from ._members import ATOMS, SCALARS, is_fixed, is_mortal, own_state
from ._tree import Build, Converted, by_state, take_apart

__all__ = ["Call", "Kept"]


class Kept:
    """The values that a history stands over, in the order in which they were met."""

    def __init__(self, trace: Trace, explorer: Explorer) -> None:
        self._trace = trace
        self._explorer = explorer
        self._at: dict[Value, int] = {}

    @property
    def values(self) -> list[Value]:
        """The values, of the traced forward."""
        return list(self._at)

    def tensor(self, t: Tensor) -> int:
        """The place of a tensor's value."""
        try:
            return self._place(self._trace.value_of(t))
        except CaptureError as error:
            raise UnkeptError(str(error)) from error

    def number(self, n: Any) -> Any:
        """The place of a symbolic number; a size stands for itself."""
        if isinstance(n, Size):
            return plain(n)
        if isinstance(n, Converted):
            return (self._place(n.number.value), n.kind)
        return (self._place(n.value), None)

    def apart(self, value: Any, what: str) -> tuple[list[Any], Build]:
        """The leaves of a value of Python, and what makes such a value of others."""
        parts = _Parts(self._explorer.identities, value, what)
        return take_apart(value, parts.is_older, self._trace.stand_ins, more=parts)

    def plain(self, value: Any) -> Any:
        """A param or a shape without the sizes of the trace."""
        return plain(value)

    def _place(self, value: Value) -> int:
        return self._at.setdefault(value, len(self._at))


class Call:
    """The values of one call."""

    def __init__(self, values: Sequence[Any], sizes: Mapping[str, int]) -> None:
        self._values = values
        self._sizes = sizes

    def tensor(self, kept: int) -> Tensor:
        """An unrecorded tensor."""
        return detached(self._values[kept])  # type: ignore[no-any-return]

    def number(self, kept: Any) -> Any:
        """A number, or a size."""
        if type(kept) is not tuple:
            return bind(kept, self._sizes)
        at, kind = kept
        return self._values[at] if kind is None else kind(self._values[at])

    def bind(self, kept: Any) -> Any:
        """A param or a shape with its sizes."""
        return bound(kept, self._sizes) if type(kept) is Graph else bind(kept, self._sizes)


_WRITES = ("STORE_DEREF", "DELETE_DEREF")


class _Parts:
    """How `take_apart` deals with objects and functions."""

    def __init__(self, identities: set[int], whole: Any, what: str) -> None:
        self._identities = identities
        self._whole = whole
        self._what = what
        self._inside: list[int] = []  # functions that are being taken apart
        self._unheld = 0  # objects met that must not be held

    def is_older(self, value: Any) -> bool:
        """Whether the guard holds an object by its identity."""
        return id(value) in self._identities

    def __call__(self, value: Any, leaves: list[Any], walk: Callable[[Any], Build]) -> Build | None:
        """What makes the value; None where it is taken apart like any result."""
        if isinstance(value, (Tensor, SymScalar)):
            return None
        if self.is_older(value):
            if not is_mortal(value):
                return lambda _: value
            self._unheld += 1
            return _weakly(value, self._what)
        if isinstance(value, type):
            return lambda _: value
        if isinstance(value, types.FunctionType):
            return self._function(value, leaves, walk)
        if isinstance(value, types.MethodType):
            pair = walk((value.__func__, value.__self__))
            return lambda it: types.MethodType(*pair(it))
        if type(value) is functools.partial:
            whole = walk((value.func, value.args, tuple(value.keywords.items())))
            return lambda it: _partial(*whole(it))
        if isinstance(value, (*SCALARS, *ATOMS, tuple)) or is_fixed(value):
            return None
        own = is_own_module(type(value).__module__) and own_state(value) is not None  # a gate of backward hooks
        if own or isinstance(value, (list, dict)) or is_dataclass(value):
            if value is self._whole:
                self._whole = self  # where it is met again, it is a part of itself
                return by_state(value, walk) if own else None
            leaves.append(Shared(value))
            return next
        raise UnkeptError(f"{self._what} keeps a {type(value).__qualname__} that another call may not have")

    def _function(self, f: types.FunctionType, leaves: list[Any], walk: Callable[[Any], Build]) -> Build:
        if id(f) in self._inside:
            raise UnkeptError(f"{self._what} is a function that calls itself")
        written = {i.argval for i in dis.get_instructions(f.__code__) if i.opname in _WRITES}
        if not written.isdisjoint(f.__code__.co_freevars):
            raise UnkeptError(f"{self._what} assigns to a variable of the function around it")
        self._inside.append(id(f))
        before = len(leaves), self._unheld
        try:
            cells = tuple([cell.cell_contents for cell in f.__closure__ or ()])
        except ValueError:
            raise UnkeptError(f"{self._what} reads a variable that has no value yet") from None
        parts = walk((cells, f.__defaults__, tuple((f.__kwdefaults__ or {}).items())))
        self._inside.pop()
        if (len(leaves), self._unheld) == before:
            return lambda _: f  # it reads nothing of the call
        pieces = (f.__code__, f.__globals__, f.__name__, dict(f.__dict__))
        return lambda it: _made(*pieces, *parts(it))


def _weakly(value: Any, what: str) -> Build:
    """An object that must not live on for the sake of a program."""
    reference = weakref.ref(value)

    def build(_: Iterator[Any]) -> Any:
        found = reference()
        if found is None:
            raise RuntimeError(f"{what} needs an object that is gone")
        return found

    return build


def _partial(function: Any, args: tuple[Any, ...], keywords: tuple[Any, ...]) -> Any:
    return functools.partial(function, *args, **dict(keywords))


def _made(
    code: types.CodeType, scope: dict[str, Any], name: str, attributes: dict[str, Any],
    cells: tuple[Any, ...], defaults: Any, keywords: tuple[Any, ...],
) -> Any:  # fmt: skip
    """A function of these cells and defaults."""
    out = types.FunctionType(code, scope, name, defaults, tuple(map(types.CellType, cells)))
    out.__kwdefaults__ = dict(keywords) or None
    out.__dict__.update(attributes)
    return out
