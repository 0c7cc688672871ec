"""The value that a function returns, as leaves and a structure: lists, tuples, dicts, named tuples and dataclasses
made by the call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lamella.graph import CaptureError
from lamella.tensor import Tensor
from lamella.tensor.extend import SymScalar

from ._members import ATOMS, SCALARS, is_fixed, own_state

__all__ = ["Build", "Converted", "by_state", "take_apart"]

Build = Callable[[Iterator[Any]], Any]
StandIns = Mapping[int, tuple[Any, SymScalar, type]]
More = Callable[[Any, list[Any], Callable[[Any], Build]], Build | None]


class Converted(NamedTuple):
    """A leaf that the program made of a symbolic number by float() or int()."""

    number: SymScalar
    kind: type


def take_apart(
    value: Any,
    is_older: Callable[[Any], bool],
    stand_ins: StandIns | None = None,
    once: bool = False,
    more: More | None = None,
) -> tuple[list[Any], Build]:
    """(leaves, function from leaves to the value); CaptureError for what a replay could not make anew.

    `stand_ins` are the plain numbers, by id, that stand for symbolic ones. With `once`, a container that can be changed
    stands in one place only: a replay would make two of it. `more` is asked first about each part of the value.
    """
    if once:
        _refuse_twice(value, is_older, set())
    walk = _Walk(is_older, stand_ins or {}, more)
    return walk.leaves, walk(value)


def _refuse_twice(value: Any, is_older: Callable[[Any], bool], met: set[int]) -> None:
    kept = own_state(value) if dataclasses.is_dataclass(value) else None
    if not isinstance(value, (list, tuple, dict)) and kept is None:
        return
    if is_older(value):
        return
    if not isinstance(value, tuple):
        if id(value) in met:
            raise CaptureError(
                f"the program keeps one {type(value).__qualname__} made by itself in two places, of which a replay "
                "would make two; keep it in one, or make it outside"
            )
        met.add(id(value))
    for part in kept.values() if kept is not None else value.values() if isinstance(value, dict) else value:
        _refuse_twice(part, is_older, met)


class _Walk:
    """One walk over a value: the leaves that it meets, and what makes each part again."""

    def __init__(self, is_older: Callable[[Any], bool], stand_ins: StandIns, more: More | None) -> None:
        self.leaves: list[Any] = []
        self._is_older = is_older
        self._stand_ins = stand_ins
        self._more = more

    def __call__(self, value: Any) -> Build:
        kind = type(value)
        found = None if self._more is None else self._more(value, self.leaves, self)
        if found is not None:
            return found
        if isinstance(value, (Tensor, SymScalar)):
            self.leaves.append(value)
            return next
        if id(value) in self._stand_ins:
            _, number, to = self._stand_ins[id(value)]
            self.leaves.append(Converted(number, to))
            return next
        if kind in (list, tuple):
            parts = [self(v) for v in value]
            if len(parts) == 1:
                only = parts[0]
                return lambda it: kind((only(it),))
            return lambda it: kind([part(it) for part in parts])
        if isinstance(value, tuple):
            parts = [self(v) for v in value]
            return lambda it: tuple.__new__(kind, [part(it) for part in parts])
        if isinstance(value, dict) and not self._is_older(value):
            return _dict(value, self)
        if kind in SCALARS or is_fixed(value) or isinstance(value, ATOMS) or self._is_older(value):
            return lambda _: value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return by_state(value, self)
        raise CaptureError(
            f"the program returns a {kind.__qualname__} made by itself, which a replay cannot make again; "
            f"return tensors and numbers in lists, tuples, dicts or dataclasses"
        )


def _dict(value: dict[Any, Any], walk: _Walk) -> Build:
    kind = type(value)
    keys = list(value)
    parts = [walk(v) for v in dict.values(value)]
    factory = getattr(value, "default_factory", None)

    def build(it: Iterator[Any]) -> Any:
        new: Any = kind() if factory is None else kind(factory)
        for key, part in zip(keys, parts, strict=True):
            new[key] = part(it)
        return new

    return build


def by_state(value: Any, walk: Callable[[Any], Build]) -> Build:
    """What makes an object anew from its attributes, without its __init__."""
    kind = type(value)
    names = list(own_state(value) or [f.name for f in dataclasses.fields(value)])
    parts = [walk(getattr(value, name)) for name in names]

    def build(it: Iterator[Any]) -> Any:
        new = object.__new__(kind)
        for name, part in zip(names, parts, strict=True):
            object.__setattr__(new, name, part(it))
        return new

    return build
