"""What a compiled function could not capture: calls like these run uncompiled at once, and are tried again rarely.

A refusal holds for calls that pass the guard of the call that was refused. Where the same line refuses calls of several
kinds (a counter that every call moves), it holds for all that no program fits. After n refusals the next attempt comes
2**n calls later, at most 256: what hung on the moment recovers, and what does not costs next to nothing.
"""

from __future__ import annotations

import functools
import weakref
from typing import Any

from lamella.graph import CaptureError

from ._guards import Guard

__all__ = ["Refusal", "Refusals"]

_LONGEST = 256
_KEPT = 32


class Refusal:
    """One line that refuses, and how many calls are not tried before the next attempt."""

    def __init__(self, error: CaptureError, guard: Guard | None) -> None:
        self.error = (type(error), str(error), error.place)
        self.guard = guard  # None: all calls
        self._pause = 1
        self._left = 1

    def again(self, error: CaptureError) -> None:
        """Refused once more: wait longer."""
        self.error = (type(error), str(error), error.place)
        self._pause = min(2 * self._pause, _LONGEST)
        self._left = self._pause

    def check(self) -> None:
        """The error again, unless an attempt is due."""
        if self._left > 0:
            self._left -= 1
            kind, message, place = self.error
            raise kind(message, place)


class Refusals:
    """All of one compiled function."""

    def __init__(self) -> None:
        self._all: list[Refusal] = []
        self._told: dict[str, str] = {}

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was told, in the order in which it came up."""
        return tuple(self._told.values())

    def check(self, args: Any, kwargs: Any) -> None:
        """Raise the error of an earlier call like this one; nothing where there is none, or an attempt is due."""
        for refusal in self._all:
            if refusal.guard is None or type(refusal.guard.fetch(args, kwargs)) is tuple:
                refusal.check()
                return

    def add(self, error: CaptureError, guard: Guard | None) -> None:
        """Remember that a call could not be captured."""
        for refusal in self._all:
            if _place(error) == (refusal.error[2] or refusal.error[1]):
                if refusal.guard is not None and guard is not None and refusal.guard.source != guard.source:
                    refusal.guard = None
                refusal.again(error)
                return
        new = Refusal(error, guard)
        if guard is not None:
            guard.when_dead(functools.partial(_drop, weakref.ref(self), weakref.ref(new)))
        self._all = [new, *self._all][:_KEPT]

    def tell(self, error: CaptureError) -> bool:
        """Whether an error is to be told: the first one of its line is."""
        new = _place(error) not in self._told
        if new:
            self._told[_place(error)] = str(error)
        return new


def _drop(refusals: Any, refusal: Any, _: Any) -> None:
    """Forget a refusal one of whose objects is gone: no call will pass its guard again."""
    owner, dead = refusals(), refusal()
    if owner is not None:
        owner._all = [r for r in owner._all if r is not dead]


def _place(error: CaptureError) -> str:
    return error.place or str(error)
