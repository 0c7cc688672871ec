"""What stood where before a capture: the Python state that a program can reach, to see what it changed and to put it
back.

What a program assigned is found by comparing, and put back: assignments of values that a replay can make again are
effects (`_effects`), any other change is refused. Tensors' own writes are not here: the trace keeps them from
happening.
"""

from __future__ import annotations

import collections
import functools
import inspect
import types
from collections.abc import Iterable, Set
from typing import Any, NamedTuple

from lamella.tensor import Tensor, get_default_dtype, set_default_dtype
from lamella.tensor.extend import METADATA, default_generator, set_edge, settle_modes, tls

from ._explore import Explorer
from ._lines import Holder
from ._members import SCALARS, is_fixed, is_module, own_state, slot_names, slot_values

__all__ = ["ABSENT", "Before", "Change", "state_of"]

ABSENT = object()
# These appear by themselves and mean nothing to a program.
_LAZY = frozenset({"__annotations__", "__doc__", "__warningregistry__", "__builtins__"})


class Change(NamedTuple):
    """What a program did to one place of something older, in words. ABSENT stands for nothing; `key` is ABSENT where
    the change is no assignment of places.
    """

    words: str
    holder: Holder
    key: Any
    old: Any
    new: Any

    def same(self, other: Change) -> bool:
        """Whether two are the same value in the same place."""
        key = self.key is other.key or (type(self.key) is int is type(other.key) and self.key == other.key)
        return self.holder is other.holder and key and self.new is other.new


class Before:
    """A shallow copy of everything that may be written, taken before a capture."""

    def __init__(self, explorer: Explorer) -> None:
        self._items = [(holder, state_of(holder.value, holder.names)) for holder in explorer.holders]
        self._tensors = [(r.tensor, r.words, r.tensor._edge, r.tensor._flags) for r in explorer.tensors.values()]
        generators = [default_generator, *explorer.generators.values()]
        self._generators = [(g, g.get_state()) for g in generators]
        self._arrays = explorer.arrays
        self._foreign = [(words, get, put, get()) for words, get, put in explorer.foreign_generators()]
        self._modes = (tls.grad, get_default_dtype())
        self._blamed: list[tuple[Holder, list[Any]]] = []
        self._hooks = [(leaf, dict(leaf.hooks or {}), dict(leaf.post_hooks or {})) for leaf in self._leaves()]

    def _leaves(self) -> list[Any]:
        return [t._edge for t, _, edge, _ in self._tensors if edge is not None and t.is_leaf]

    def moved(self) -> bool:
        """Whether something that was blamed has changed again."""
        if self.elsewhere():
            return True
        for holder, keys in self._blamed:
            old = next(state for h, state in self._items if h is holder)
            new = state_of(holder.value, holder.names)
            if isinstance(old, list):
                if len(old) != len(new) or any(a is not b for a, b in zip(old, new, strict=True)):
                    return True
            elif any(not _same(old.get(k, ABSENT), new.get(k, ABSENT)) for k in keys):
                return True
        return False

    def blame(self, changes: Iterable[Change]) -> None:
        """The assignments that `moved` asks about, beside what changed elsewhere."""
        found: dict[int, tuple[Holder, list[Any]]] = {}
        for change in changes:
            found.setdefault(id(change.holder), (change.holder, []))[1].append(change.key)
        self._blamed = list(found.values())

    def assignments(self) -> list[Change]:
        """What stands in places now, and what stood there before."""
        found: list[Change] = []
        for holder, old in self._items:
            new = state_of(holder.value, holder.names)
            if isinstance(old, list):
                found += _of_list(holder, old, new)
                continue
            different = [k for k in {**old, **new} if not _same(old.get(k, ABSENT), new.get(k, ABSENT))]
            different = [k for k in different if k not in _LAZY and not _is_cached(holder.value, k)]
            for key in different:
                was, now = old.get(key, ABSENT), new.get(key, ABSENT)
                found.append(Change(_told(holder, key, was, now), holder, key, was, now))
            order = [k for k in old if k in new] + [k for k in new if k not in old]
            if isinstance(holder.value, dict) and holder.names is None and order != list(new):
                found.append(Change(f"the order of {holder.words} was changed", holder, ABSENT, old, new))
        return found

    def elsewhere(self) -> list[str]:
        """What else differs from what was, in words; to be asked when the trace has been undone."""
        found = [f"requires_grad (or the history) of {w}" for t, w, edge, _ in self._tensors if t._edge is not edge]
        found += [
            "the state of a random generator (seed it outside)" for g, s in self._generators if g.get_state() != s
        ]
        found += [f"{words} was written" for array, kept, words in self._arrays if array.tobytes() != kept.tobytes()]
        found += [f"the state of {words}" for words, get, _, drawn in self._foreign if get() != drawn]
        for leaf, hooks, post in self._hooks:
            for now, was in ((leaf.hooks, hooks), (leaf.post_hooks, post)):
                if now is not None and now != was:
                    found.append("the hooks of a tensor")
        if (tls.grad, get_default_dtype()) != self._modes:
            found.append("grad mode or the default dtype")
        return found

    def restore(self) -> None:
        """Put everything back."""
        for holder, old in self._items:
            _restore(holder, old)
        for t, _, edge, flags in self._tensors:
            if t._edge is not edge:
                set_edge(t, edge)
                t._flags = flags
                METADATA[0] += 1
        for generator, state in self._generators:
            if generator.get_state() != state:
                generator.set_state(state)
        for array, kept, _ in self._arrays:
            if array.tobytes() != kept.tobytes():
                array[...] = kept
        for _, get, put, drawn in self._foreign:
            if get() != drawn:
                put(drawn)
        for leaf, hooks, post in self._hooks:
            for now, was in ((leaf.hooks, hooks), (leaf.post_hooks, post)):
                if now is not None and now != was:
                    now.clear()
                    now.update(was)
        if (tls.grad, get_default_dtype()) != self._modes:
            tls.grad = self._modes[0]
            settle_modes()
            set_default_dtype(self._modes[1])


def _of_list(holder: Holder, old: list[Any], new: list[Any]) -> list[Change]:
    if len(old) != len(new):
        return [Change(f"{holder.words} was changed", holder, ABSENT, old, new)]
    return [
        Change(f"{holder.words} was changed", holder, i, a, b)
        for i, (a, b) in enumerate(zip(old, new, strict=True))
        if not _same(a, b)
    ]


def _restore(holder: Holder, old: Any) -> None:
    value = holder.value
    new = state_of(value, holder.names)
    if isinstance(old, list):
        if len(old) != len(new) or any(a is not b for a, b in zip(old, new, strict=True)):
            _refill(value, old)
        return
    different = [k for k in {**old, **new} if old.get(k, ABSENT) is not new.get(k, ABSENT)]
    different = [k for k in different if k not in _LAZY and not _is_cached(value, k)]
    if different or (isinstance(value, dict) and holder.names is None and list(old) != list(new)):
        _put(value, old, new, different)


def state_of(holder: Any, names: Set[str] | None) -> Any:
    """What a holder holds: a list for sequences, else a dict by key."""
    if isinstance(holder, (list, collections.deque)):
        return list(holder)
    if isinstance(holder, (set, frozenset)):
        return dict.fromkeys(holder)
    if isinstance(holder, dict):
        return {k: v for k, v in dict.items(holder) if names is None or k in names}
    if isinstance(holder, types.CellType):
        try:
            return {"cell_contents": holder.cell_contents}
        except ValueError:
            return {}
    if isinstance(holder, type):
        found: dict[Any, Any] = {k: v for k, v in vars(holder).items() if not k.startswith("__")}
    else:
        found = {**slot_values(holder), **(own_state(holder) or {})}
    return found if names is None else {k: v for k, v in found.items() if k in names}


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and type(a) in SCALARS and (a == b or (a != a and b != b)))


def _is_cached(holder: Any, key: Any) -> bool:
    """Whether an attribute is the memory of a cached_property, or the epoch of a module."""
    if is_module(holder) and key == "_epoch":
        return True
    if type(key) is not str or isinstance(holder, dict):
        return False
    return isinstance(inspect.getattr_static(type(holder), key, None), functools.cached_property)


def _refill(holder: Any, old: list[Any]) -> None:
    if isinstance(holder, list):
        holder[:] = old
    else:
        holder.clear()
        holder.extend(old)


def _put(holder: Any, old: dict[Any, Any], new: dict[Any, Any], different: list[Any]) -> None:
    if isinstance(holder, set):
        holder.clear()
        holder.update(old)
    elif isinstance(holder, dict):
        _put_dict(holder, old, new)
    elif isinstance(holder, types.CellType):
        holder.cell_contents = old["cell_contents"]
    elif isinstance(holder, type):
        for key in different:
            if key in old:
                setattr(holder, key, old[key])
            else:
                delattr(holder, key)
    else:
        # around __setattr__, which may be the program's: this must not fail halfway
        slots = slot_names(holder)
        state = own_state(holder)
        if state is not None:
            epoch = {"_epoch": state["_epoch"]} if is_module(holder) else {}
            _put_dict(
                state, {**{k: v for k, v in old.items() if k not in slots}, **epoch}, [k for k in new if k not in slots]
            )
        for key in [k for k in different if k in slots]:
            if key in old:
                object.__setattr__(holder, key, old[key])
            else:
                object.__delattr__(holder, key)


def _put_dict(holder: dict[Any, Any], old: dict[Any, Any], new: Iterable[Any]) -> None:
    """The old items in their old order, after those that do not count."""
    now = list(new)
    kind: Any = collections.OrderedDict if isinstance(holder, collections.OrderedDict) else dict
    for key in now[len(old) :] if now[: len(old)] == list(old) else now:
        kind.pop(holder, key, None)
    kind.update(holder, old)


def _told(holder: Holder, key: Any, old: Any, new: Any) -> str:
    what = "global " if holder.words == "the globals" else ""
    return f"{what}{holder.place(key)} went from {_short(old)} to {_short(new)}"


def _short(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    if type(value) in SCALARS or is_fixed(value):
        return f"{value!r:.40}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {value.shape}"
    return f"a {type(value).__name__}"
