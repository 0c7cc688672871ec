"""Which sizes a capture leaves open: those that were marked, those seen to change, or all of them.

While a program is traced, a tensor with an open size holds a `NamedArray`, whose shape tells the size by name; the
memory itself is put back afterwards. Kept as they are: sizes 0 and 1, tensors that are one fixed object (parameters),
views, results that require grad, and tensors that share their memory with another.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamella.graph import Sizes, Trace
from lamella.tensor import Tensor
from lamella.tensor.extend import LEVEL, VIEW, MetaArray

__all__ = ["Dynamic", "NamedArray", "array_of", "mark_dynamic", "named_inputs"]

_marks: dict[int, tuple[Any, dict[int, tuple[int, int | None]]]] = {}


def mark_dynamic(t: Tensor, dim: int, min: int = 2, max: int | None = None) -> None:  # noqa: A002 - the names users know
    """Let compiled functions leave the size of this very tensor along dim open, between min (at least 2) and max.

    IndexError for a dim that t does not have, ValueError where the size it has lies outside.
    """
    if not isinstance(t, Tensor):
        raise TypeError(f"mark_dynamic takes a tensor, got {type(t).__name__}")
    rank = t.ndim
    if not -rank <= dim < rank:
        raise IndexError(f"mark_dynamic: dim {dim} is out of range for a tensor of {rank} dims")
    if min < 2 or (max is not None and max < min):
        raise ValueError(
            f"mark_dynamic needs 2 <= min <= max (sizes 0 and 1 have programs of their own), got {min}, {max}"
        )
    dim %= rank
    if not min <= t.shape[dim] or (max is not None and t.shape[dim] > max):
        raise ValueError(f"mark_dynamic: the size {t.shape[dim]} of dim {dim} is not between {min} and {max}")
    found = _marks.get(id(t))
    if found is None or found[0]() is not t:
        key = id(t)
        found = _marks[key] = (weakref.ref(t, lambda _: _marks.pop(key, None)), {})
    found[1][dim] = (min, max)


def _marked(t: Tensor) -> dict[int, tuple[int, int | None]]:
    found = _marks.get(id(t))
    return found[1] if found is not None and found[0]() is t else {}


class NamedArray(MetaArray):
    """Stands for an older tensor's memory while a program is traced: its layout, with some sizes known by name."""

    __slots__ = ("array", "flags")

    def __init__(self, array: Any, shape: tuple[Any, ...]) -> None:
        super().__init__(shape, array.dtype)
        self.array = array
        self.flags = array.flags


def array_of(data: Any) -> Any:
    """The memory of an older tensor while a program is traced."""
    return data.array if type(data) is NamedArray else data


class Dynamic:
    """The open sizes of one capture. `mode` None opens what changed since `seen`: {words: (shape, open dims)}."""

    def __init__(self, mode: bool | None, seen: dict[str, tuple[tuple[int, ...], frozenset[int]]]) -> None:
        self.mode = mode
        self.seen = seen
        self._before = dict(seen)
        self.shared: set[int | str] = set()  # arrays that several tensors hold, and words that mean several tensors
        self.clear()

    def clear(self) -> None:
        """Begin again: the walk over what a program reaches may take several turns."""
        self.sizes = Sizes()
        self._by_hint: dict[int, Any] = {}
        self.tensors: dict[int, tuple[Tensor, dict[int, Any]]] = {}
        self._met: set[str] = set()

    def open(self, t: Tensor, words: str) -> dict[int, Any]:
        """{dim: size} of the sizes that are left open. Sizes that are equal now share a name, and are guarded so."""
        shape = tuple(t._data.shape)
        dims = self._wanted(t, words, shape)
        kept = t._flags & (VIEW | LEVEL) or type(t._data) is not np.ndarray or id(t._data) in self.shared
        if not dims or kept or not t.is_leaf:
            return {}
        named = {}
        for dim, (low, high) in sorted(dims.items()):
            hint = shape[dim]
            size = self._by_hint.get(hint)
            if size is None:
                size = self._by_hint[hint] = self.sizes.new(hint, low, high)
            else:
                self.sizes.narrow(size, low, high)
            named[dim] = size
        self.tensors[id(t)] = (t, named)
        return named

    def _wanted(self, t: Tensor, words: str, shape: tuple[int, ...]) -> dict[int, tuple[int, int | None]]:
        if words in self._met:
            self.shared.add(words)
        self._met.add(words)
        last, changed = self._before.get(words, (shape, frozenset()))
        if len(last) == len(shape) and words not in self.shared:
            changed |= {d for d, (a, b) in enumerate(zip(last, shape, strict=True)) if a != b}
        else:
            changed = frozenset()
        self.seen[words] = (shape, changed)
        if self.mode is False:
            return {}
        chosen: Iterable[int] = range(len(shape)) if self.mode else changed
        dims: dict[int, tuple[int, int | None]] = dict.fromkeys(chosen, (2, None))
        return {d: bounds for d, bounds in {**dims, **_marked(t)}.items() if shape[d] >= 2}


@contextmanager
def named_inputs(dynamic: Dynamic, memory: dict[int, Any], trace: Trace) -> Iterator[None]:
    """Put `NamedArray`s in the place of the tensors' memory; `memory` (by id, how it was reached) has both."""
    kept = []
    for t, named in dynamic.tensors.values():
        data = t._data
        shape = tuple([named.get(d, n) for d, n in enumerate(data.shape)])
        t._data = NamedArray(data, shape)
        if t._edge is not None:
            t._edge.shape = shape  # gradients that reach the leaf are compared with it
        memory[id(t._data)] = memory[id(data)]
        kept.append((t, data, t._data))
    try:
        yield
    finally:
        back = {id(stand_in): data for _, data, stand_in in kept}
        # the trace may have met the memory under another handle, such as a detached one
        for t in [*[t for t, _, _ in kept], *[t for t, _ in trace.tensors], *trace.written.values()]:
            t._data = back.get(id(t._data), t._data)
        for t, data, stand_in in kept:
            if t._edge is not None:
                t._edge.shape = tuple(data.shape)
            del memory[id(stand_in)]
