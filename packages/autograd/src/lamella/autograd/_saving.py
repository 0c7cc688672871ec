"""What the modes around an op change about its node: saved tensors through hooks, and where it was called.

A packed entry keeps what the pack hook returned in place of the tensor, and asks the unpack hook for it whenever a
rule reads it. Only the recorder's slow path comes here: the modes count in HOT.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import GRAD, LEVEL, VIEW, Mode, cell_of, tls, user_location, wrap

__all__ = ["Packed", "recorded_specially"]

_UNSEEN = ~(GRAD | VIEW)


class Packed:
    """A saved tensor that went through a pair of hooks."""

    __slots__ = ("_dtype", "_edge", "_i", "_lower", "_packed", "_shape", "_unpack")

    def __init__(self, t: Tensor, entry: tuple[Any, ...], pack: Any, unpack: Any) -> None:
        _, _, _, self._edge, flags, self._i = entry
        self._lower = flags == -1
        self._shape = tuple(t._data.shape)
        self._dtype = t._data.dtype
        self._unpack = unpack
        cell = cell_of(t)
        version = cell.version
        # at a transform's level the grad mode stays, for it would cut lower levels too
        with Mode(saving=()) if t._flags & LEVEL or self._lower else Mode(saving=(), grad=False):
            self._packed = pack(t)
        if cell.version != version:
            raise RuntimeError(
                "a hook that packs saved tensors wrote into the one it was given; return a changed copy instead"
            )

    def opened(self) -> tuple[Any, ...]:
        """(storage or lower tensor, version cell, edge, flags, operand), as `unpack` of the tape reads an entry."""
        t = self._unpack(self._packed)
        if not isinstance(t, Tensor):
            raise TypeError(f"the hook that unpacks saved tensors must return a tensor, got {type(t).__name__}")
        if tuple(t._data.shape) != self._shape or t._data.dtype != self._dtype:
            raise RuntimeError(
                f"the hook that unpacks saved tensors must return what was packed, {self._dtype}{list(self._shape)}, "
                f"got {t._data.dtype}{list(t._data.shape)}"
            )
        if self._lower:
            return t, None, None, -1, self._i
        t.requires_grad  # noqa: B018 - brings a stale view up to date
        return t._data, cell_of(t), self._edge, t._flags, self._i


def recorded_specially(node: Any, depth: int) -> None:
    """Finish a node that was recorded while a special mode is on, `depth` frames below the user's call."""
    if tls.saving and node.plan.saves:
        pack, unpack = tls.saving[-1]
        saved = list(node.saved)
        for n in range(len(node.plan.saves)):
            entry = saved[n]
            if type(entry) is tuple:
                data, cell, _, _, flags, _ = entry
                t = data
                if flags != -1:
                    t = wrap(data)
                    t._cell = cell
                    t._flags = flags & _UNSEEN
                saved[n] = Packed(t, entry, pack, unpack)
        node.saved = tuple(saved)
    if tls.anomaly is not None and node.location is None:
        node.location = user_location(depth + 1)
