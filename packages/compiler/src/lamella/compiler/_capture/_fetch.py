"""Which tensors a program needs as objects at each call (to write to, to return, to hang a backward on), and how its
guard fetches them.
"""

from __future__ import annotations

from typing import Any

from lamella.graph import CaptureError, Trace
from lamella.tensor import Tensor

from ._explore import Explorer
from ._lines import Reached

__all__ = ["Fetched"]


class Fetched:
    """Positions in the list of tensors that a guard returns."""

    def __init__(self, explorer: Explorer, trace: Trace) -> None:
        self.tensors: list[Tensor] = []
        self.holders: list[str] = []  # expressions of what is assigned to
        self.conditions: list[tuple[str, str]] = []  # what else must hold, in words
        self._holders: dict[int, int] = {}
        self._explorer = explorer
        self._at: dict[int, int] = {}
        self._constants = {id(t): t for t in trace.constants}
        self._by_leaf = {id(r.tensor._edge): r for r in explorer.tensors.values() if r.tensor._edge is not None}
        self._grads = {id(e[1]._data): e[0] for e in trace.grads.values() if e[1] is not None}

    def at(self, t: Tensor) -> int:
        """The position of a tensor, which is fetched from now on; CaptureError for one that the guard cannot reach."""
        found = self._at.get(id(t))
        if found is None:
            self.reached(t)
            if t._edge is not None and not self.known(t) and id(t._data) not in self._grads:
                raise CaptureError(
                    f"the program returns or follows a tensor of shape {t.shape} that requires grad and that capture "
                    "cannot fetch again, only "
                    f"another over the same memory; pass it as an argument"
                )
            found = self._at[id(t)] = len(self.tensors)
            self.tensors.append(t)
        return found

    def place(self, t: Tensor) -> int | None:
        """The position of a tensor over the memory of t; None where the guard cannot reach one as an object."""
        try:
            found = self.reached(t)
            return self.at(t if found is None else found.tensor)
        except CaptureError:
            return None

    def holder(self, value: Any, path: str) -> int:
        """The position of an object that is assigned to, which is fetched from now on."""
        found = self._holders.get(id(value))
        if found is None:
            found = self._holders[id(value)] = len(self.holders)
            self.holders.append(path)
        return found

    def known(self, t: Tensor) -> bool:
        """Whether the walk found this very tensor, so that it can be returned as it is."""
        return id(t) in self._explorer.tensors

    def reached(self, t: Tensor) -> Reached | None:
        """How the walk found a tensor or its memory; None for a constant or a gradient."""
        explorer = self._explorer
        found = explorer.tensors.get(id(t)) or explorer.memory.get(id(t._data))
        if found is None and id(t) not in self._constants and id(t._data) not in self._grads:
            raise CaptureError(
                f"the program uses a tensor of shape {t.shape} that capture cannot fetch again; pass it as an "
                "argument, "
                f"or keep it where the program reads it by name (a global, a closure, an attribute, a module)"
            )
        return found

    def is_constant(self, t: Tensor) -> bool:
        """Whether a tensor was made of Python values while tracing."""
        return id(t) in self._constants

    def owner(self, leaf: Any) -> Tensor:
        """The tensor of a leaf of autograd."""
        found = self._by_leaf.get(id(leaf))
        if found is None:
            raise CaptureError(
                "the program changes or reads the .grad of a tensor that capture cannot fetch again (it went "
                "backward into a graph made before "
                "the call); pass that tensor as an argument, or compute the graph inside"
            )
        return found.tensor

    def graded(self, t: Tensor) -> Tensor:
        """The tensor whose .grad t is."""
        return self.owner(self._grads[id(t._data)])
