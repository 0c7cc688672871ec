"""Assignments to Python objects older than the call, as effects: (place, value), committed at the end of a run.

Places are attributes, items of dicts and lists, cells, globals and buffers of modules; values are what a result may be:
tensors, numbers, constants, and containers made of these. A number that stands in such a place is a symbolic input
while the program is traced, so that a counter is one program and not one a value. What only grows (appends, new keys
at each call) is no effect, for every call would be another program.
"""

from __future__ import annotations

import collections
import itertools
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from lamella.graph import CaptureError, ScalarType, Trace
from lamella.tensor import Tensor
from lamella.tensor.extend import EPOCH, SymScalar

from ._explore import Explorer
from ._fetch import Fetched
from ._lines import Holder
from ._members import HOOKS, REGISTRIES, is_foreign_class, is_module, own_state, slot_names
from ._tree import take_apart
from ._undo import ABSENT, Change, state_of

__all__ = ["BeginAgain", "Effect", "Moving", "commit_effects", "is_effect", "plan_effects", "planted", "still_absent"]

_DICTS = (dict, collections.defaultdict, collections.OrderedDict)
_LISTS = (list, collections.deque)
_GROWN = 3  # captures in which one dict may get new keys
# serials of our own: those of lamella.nn are positive
_serial = itertools.count(-1, -1)


class Effect(NamedTuple):
    """One assignment of a replay: the holder, counted from the end of what the guard fetches, and the key."""

    holder: int
    owner: int | None  # the module whose registry the holder is
    key: Any
    place: str
    deletes: bool


def is_effect(change: Change, explorer: Explorer, trace: Trace) -> bool:
    """Whether a replay can do again what a program did to a place."""
    holder, key = change.holder, change.key
    if key is ABSENT or not _is_place(holder, key, change.new):
        return False
    if change.new is ABSENT:
        return True
    try:
        leaves, _ = take_apart(change.new, lambda value: id(value) in explorer.identities, trace.stand_ins)
    except CaptureError:
        return False
    fresh = [leaf for leaf in leaves if isinstance(leaf, Tensor) and id(leaf) not in explorer.tensors]
    return all(type(leaf) is Tensor for leaf in fresh) and not _mixes(change.new, explorer)


def _is_place(holder: Holder, key: Any, new: Any) -> bool:
    value = holder.value
    if holder.owner is not None:
        named = "_buffers" in holder.owner.__dict__ and value is holder.owner.__dict__["_buffers"]
        return named and (new is None or isinstance(new, Tensor))
    if isinstance(value, types.CellType):
        return new is not ABSENT
    if type(value) in _LISTS:
        return True
    if isinstance(value, dict):
        return type(value) in _DICTS
    if isinstance(value, type):
        return type(value) is type and not is_foreign_class(value)
    state = own_state(value)
    if state is None:
        return key in slot_names(value)
    return type(key) is str and key not in (*REGISTRIES, *HOOKS)


def _mixes(value: Any, explorer: Explorer) -> bool:
    """Whether a container made by the program is, or holds, a container that is older: a replay would copy that one."""
    if isinstance(value, (list, dict, tuple)) or (hasattr(value, "__dataclass_fields__") and own_state(value)):
        if not isinstance(value, tuple) and explorer.knows(value) and id(value) not in explorer.identities:
            return True
        parts = value.values() if isinstance(value, dict) else value
        if not isinstance(value, (list, dict, tuple)):
            parts = (own_state(value) or {}).values()
        return any(_mixes(part, explorer) for part in parts)
    return False


class BeginAgain(Exception):  # noqa: N818 - no error: a capture has found out what it should have known
    """What stands in places that the program writes has to be an input."""


class Moving:
    """The places that programs of one compiled function write; `places` says of each whether its number is symbolic."""

    def __init__(self) -> None:
        self.places: dict[str, bool] = {}
        self._grown: collections.Counter[str] = collections.Counter()

    def learn(self, changes: Sequence[Change]) -> None:
        """Know the places of effects from now on; BeginAgain where this capture should have known them, CaptureError
        where something grows.
        """
        growing = {c.holder.words for c in changes if c.old is ABSENT and isinstance(c.holder.value, dict)}
        self._grown.update(growing)
        for words in growing:
            if self._grown[words] > _GROWN:
                raise CaptureError(
                    f"{words} gets new keys in call after call, and each would be a program of its own; keep what is "
                    "collected outside, or return it"
                )
        new = {c.holder.place(c.key): c for c in changes if c.holder.place(c.key) not in self.places}
        self.places |= dict.fromkeys(new, True)
        if any(_is_input(c.old, c.new) for c in new.values()):
            raise BeginAgain

    def pin(self, places: Iterable[str]) -> list[str]:
        """Guard numbers by value from now on: the program does not run on symbolic ones. Gives those that changed."""
        found = [place for place in places if self.places.get(place)]
        self.places |= dict.fromkeys(found, False)
        return found

    def unpin(self, places: Iterable[str]) -> None:
        """Take `pin` back."""
        self.places |= dict.fromkeys(places, True)


def _is_input(old: Any, new: Any) -> bool:
    """Whether what stood in a place before it was written must be an input, for it is another thing at each call."""
    numbers = type(old) in (int, float) and (type(new) in (int, float) or isinstance(new, SymScalar))
    return numbers or isinstance(old, Tensor)


def plan_effects(changes: Sequence[Change], fetched: Fetched) -> tuple[Effect, ...]:
    """The effects of a program; the guard fetches their holders from now on."""
    positions = [(fetched.holder(c.holder.value, c.holder.path), c) for c in changes]
    owners = [
        None if c.holder.owner is None else fetched.holder(c.holder.owner, c.holder.path.rpartition(".")[0])
        for c in changes
    ]
    count = len(fetched.holders)
    return tuple(
        [
            Effect(at - count, None if owner is None else owner - count, c.key, c.holder.place(c.key), c.new is ABSENT)
            for (at, c), owner in zip(positions, owners, strict=True)
        ]
    )


def still_absent(changes: Sequence[Change]) -> list[tuple[str, str]]:
    """Conditions, with their words, for places that were empty and that the walk over what is there cannot see."""
    found = []
    for change in changes:
        holder, key = change.holder, change.key
        if change.old is not ABSENT or type(key) is not str or isinstance(holder.value, type):
            continue
        if isinstance(holder.value, dict):
            condition = f"{key!r} not in {holder.path}"
        elif own_state(holder.value) is not None:
            condition = f"{key!r} not in {holder.path}.__dict__"
        else:
            condition = f"not hasattr({holder.path}, {key!r})"
        found.append((condition, f"{holder.place(key)} is there now"))
    return found


def commit_effects(effects: Sequence[Effect], values: Iterator[Any], fetched: Sequence[Any]) -> None:
    """Assign the values of one run, in order."""
    for effect in effects:
        holder = fetched[effect.holder]
        if effect.deletes:
            _delete(holder, effect.key)
        else:
            _store(holder, effect.key, next(values))
        owner = holder if effect.owner is None else fetched[effect.owner]
        if is_module(owner):
            owner.__dict__["_epoch"] = serial = next(_serial)
            EPOCH[0] = serial


def _store(holder: Any, key: Any, value: Any) -> None:
    """Put a value into a place, around a `__setattr__` of the program's own, which has run while it was traced."""
    if isinstance(holder, (dict, list, collections.deque)):
        holder[key] = value
    elif isinstance(holder, types.CellType):
        holder.cell_contents = value
    elif isinstance(holder, type):
        setattr(holder, key, value)
    elif key in (own_state(holder) or ()):
        holder.__dict__[key] = value
    else:
        object.__setattr__(holder, key, value)


def _delete(holder: Any, key: Any) -> None:
    if isinstance(holder, (dict, list, collections.deque)):
        del holder[key]
    elif isinstance(holder, type):
        delattr(holder, key)
    else:
        object.__delattr__(holder, key)


@contextmanager
def planted(explorer: Explorer, trace: Trace) -> Iterator[set[int]]:
    """Put symbolic numbers into the places whose numbers programs write, while one is traced; gives their ids."""
    places: dict[str, list[tuple[Any, Any]]] = {s.place: [] for s in explorer.symbols}
    for holder in explorer.holders if places else ():
        for key, value in _places(holder):
            found = places.get(holder.place(key))
            if found is not None and type(value) in (int, float):
                found.append((holder.value, key))
    put: list[tuple[Any, Any, Any, Any]] = []
    try:
        for symbol in explorer.symbols:
            if len(places[symbol.place]) != 1:
                raise CaptureError(f"{symbol.place} means several numbers that the program may write; name them apart")
            [(holder, key)] = places[symbol.place]
            kind = ScalarType("i64" if type(symbol.value) is int else "f64")
            number = trace.given(kind, symbol.place, symbol.value)
            _store(holder, key, number)
            put.append((holder, key, number, symbol.value))
        yield {id(number) for _, _, number, _ in put}
    finally:
        for holder, key, number, value in put:
            if _is_there(number, holder, key):
                _store(holder, key, value)


def _places(holder: Holder) -> list[tuple[Any, Any]]:
    found = state_of(holder.value, holder.names)
    return list(enumerate(found)) if isinstance(found, list) else list(found.items())


def _is_there(number: Any, holder: Any, key: Any) -> bool:
    found = state_of(holder, None)
    if isinstance(found, list):
        return key < len(found) and found[key] is number
    return found.get(key) is number
