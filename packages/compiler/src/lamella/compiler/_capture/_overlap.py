"""Whether arrays that a program reads share memory with one that it writes: then a captured program, which keeps
every input apart, is wrong.

Arrays that own their memory, and views of these, are told apart by their owner alone; only where owners agree, or
where the owner is not numpy's (a buffer, a file), are addresses compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

__all__ = ["Overlap", "overlaps", "touching"]

_WORK = 100_000


def overlaps(a: Any, b: Any) -> bool:
    """Whether two arrays share an element; True where that is too hard to tell."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return bool(np.shares_memory(a, b, max_work=_WORK))  # type: ignore[arg-type] # any count is taken
    except np.exceptions.TooHardError:
        return True


def touching(arrays: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of arrays whose spans of addresses meet, found in one pass over them by address."""
    spans = sorted(((*byte_bounds(a), k) for k, a in enumerate(arrays)), key=lambda span: span[0])
    open_: list[tuple[int, int, int]] = []
    for low, high, k in spans:
        open_ = [other for other in open_ if other[1] > low]
        for _, _, j in open_:
            yield arrays[j], arrays[k]
        open_.append((low, high, k))


def _owner(a: Any) -> int | None:
    """What tells the memory of an array apart, or None where numpy does not own it."""
    base = a.base
    if base is None:
        return id(a)
    return id(base) if type(base) is np.ndarray and base.base is None else None


class Overlap:
    """The check of one program: `settled` arrays are always the same objects, the loose ones come with each call, in
    the order of `written`.
    """

    def __init__(self, settled: Sequence[tuple[Any, bool]], written: Sequence[bool]) -> None:
        self._settled = list(settled)
        self._written = tuple(written)
        owners = [(_owner(a), w) for a, w in settled]
        self._simple = all(o is not None for o, _ in owners)
        self._owners = frozenset(o for o, _ in owners)
        self._written_owners = frozenset(o for o, w in owners if w)

    def apart(self, *loose: Any) -> bool:
        """Whether no array shares memory with a written one."""
        if not self._simple:
            return self._apart(loose)
        seen: dict[int, bool] = {}
        for a, written in zip(loose, self._written, strict=True):
            base = a.base
            if base is None:
                key = id(a)
            elif type(base) is np.ndarray and base.base is None:
                key = id(base)
            else:
                return self._apart(loose)
            if (
                key in self._written_owners
                or (written and key in self._owners)
                or (key in seen and (written or seen[key]))
            ):
                return self._apart(loose)
            seen[key] = written or seen.get(key, False)
        return True

    def _apart(self, loose: Sequence[Any]) -> bool:
        every = [*zip(loose, self._written, strict=True), *self._settled]
        for i, (a, wa) in enumerate(every[: len(loose)]):
            for b, wb in every[i + 1 :]:
                if (wa or wb) and overlaps(a, b):
                    return False
        return True
