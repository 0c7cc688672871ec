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

__all__ = ["Converted", "take_apart"]

Build = Callable[[Iterator[Any]], Any]
StandIns = Mapping[int, tuple[Any, SymScalar, type]]


class Converted(NamedTuple):
    """A leaf that the program made of a symbolic number by float() or int()."""

    number: SymScalar
    kind: type


def take_apart(
    value: Any, is_older: Callable[[Any], bool], stand_ins: StandIns | None = None, once: bool = False
) -> tuple[list[Any], Build]:
    """(leaves, function from leaves to the value); CaptureError for what a replay could not make anew.

    `stand_ins` are the plain numbers, by id, that stand for symbolic ones. With `once`, a container that can be changed
    stands in one place only: a replay would make two of it.
    """
    stand_ins = stand_ins or {}
    leaves: list[Any] = []
    if once:
        _refuse_twice(value, is_older, set())
    return leaves, _walk(value, leaves, is_older, stand_ins)


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


def _walk(value: Any, leaves: list[Any], is_older: Callable[[Any], bool], stand_ins: StandIns) -> Build:
    kind = type(value)
    if isinstance(value, (Tensor, SymScalar)):
        leaves.append(value)
        return next
    if id(value) in stand_ins:
        _, number, to = stand_ins[id(value)]
        leaves.append(Converted(number, to))
        return next
    if kind in (list, tuple):
        parts = [_walk(v, leaves, is_older, stand_ins) for v in value]
        if len(parts) == 1:
            only = parts[0]
            return lambda it: kind((only(it),))
        return lambda it: kind([part(it) for part in parts])
    if isinstance(value, tuple):
        parts = [_walk(v, leaves, is_older, stand_ins) for v in value]
        return lambda it: tuple.__new__(kind, [part(it) for part in parts])
    if isinstance(value, dict) and not is_older(value):
        return _dict(value, leaves, is_older, stand_ins)
    if kind in SCALARS or is_fixed(value) or isinstance(value, ATOMS) or is_older(value):
        return lambda _: value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value, leaves, is_older, stand_ins)
    raise CaptureError(
        f"the program returns a {kind.__qualname__} made by itself, which a replay cannot make again; "
        f"return tensors and numbers in lists, tuples, dicts or dataclasses"
    )


def _dict(value: dict[Any, Any], leaves: list[Any], is_older: Callable[[Any], bool], stand_ins: StandIns) -> Build:
    kind = type(value)
    keys = list(value)
    parts = [_walk(v, leaves, is_older, stand_ins) for v in dict.values(value)]
    factory = getattr(value, "default_factory", None)

    def build(it: Iterator[Any]) -> Any:
        new: Any = kind() if factory is None else kind(factory)
        for key, part in zip(keys, parts, strict=True):
            new[key] = part(it)
        return new

    return build


def _dataclass(value: Any, leaves: list[Any], is_older: Callable[[Any], bool], stand_ins: StandIns) -> Build:
    kind = type(value)
    names = list(own_state(value) or [f.name for f in dataclasses.fields(value)])
    parts = [_walk(getattr(value, name), leaves, is_older, stand_ins) for name in names]

    def build(it: Iterator[Any]) -> Any:
        new = object.__new__(kind)
        for name, part in zip(names, parts, strict=True):
            object.__setattr__(new, name, part(it))
        return new

    return build
