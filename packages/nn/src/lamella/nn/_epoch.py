"""The serials by which a captured program notices that a module changed.

Every module carries one int, `_epoch`; whatever changes the module gives it a serial never used before, after the
change is made. So a guard that saw the same serial twice saw the same module, also when two threads change it at
once. Setting an equal scalar is no change.
"""

from __future__ import annotations

import itertools
from typing import Any

from lamella.tensor.extend import EPOCH

__all__ = ["EPOCH", "same", "stamp", "tick"]

_serial = itertools.count(1).__next__
_SCALARS = frozenset((int, float, bool, str, type(None), bytes, complex))


def stamp(state: dict[str, Any]) -> None:
    """Give a module, by its `__dict__`, a fresh serial, after the change is made; EPOCH learns it last."""
    state["_epoch"] = serial = _serial()
    EPOCH[0] = serial


def tick() -> int:
    """A fresh serial, also put into EPOCH."""
    EPOCH[0] = serial = _serial()
    return serial


def same(old: Any, new: Any) -> bool:
    """Whether replacing `old` by `new` changes nothing: the same object, or equal scalars (or tuples of these) of one
    type.
    """
    if old is new:
        return True
    kind = type(new)
    if type(old) is not kind:
        return False
    if kind in _SCALARS:
        return bool(old == new)
    return kind is tuple and len(old) == len(new) and all(map(same, old, new))
