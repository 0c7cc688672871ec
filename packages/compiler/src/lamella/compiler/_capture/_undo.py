"""What stood where before a capture: the Python state that a program can reach, to see what it changed and to put it
back.

A replay repeats tensor ops, not Python assignments. So a program that assigned to something older than its call is
refused, and everything it assigned is as before when the error is raised. Tensors' own writes are not here: the trace
keeps them from happening.
"""

from __future__ import annotations

import collections
import functools
import inspect
import types
from collections.abc import Iterable, Set
from typing import Any

from lamella.tensor import Tensor, get_default_dtype, set_default_dtype
from lamella.tensor.extend import METADATA, default_generator, set_edge, settle_modes, tls

from ._explore import Explorer
from ._members import SCALARS, is_fixed, is_module, own_state, slot_names, slot_values

__all__ = ["Before"]

_ABSENT = object()
# These appear by themselves and mean nothing to a program.
_LAZY = frozenset({"__annotations__", "__doc__", "__warningregistry__", "__builtins__"})


class Before:
    """A shallow copy of everything that may be written, taken before a capture."""

    def __init__(self, explorer: Explorer) -> None:
        self._items = [(holder, words, names, _state(holder, names)) for holder, words, names in explorer.holders]
        self._tensors = [(r.tensor, r.words, r.tensor._edge, r.tensor._flags) for r in explorer.tensors.values()]
        generators = [default_generator, *explorer.generators.values()]
        self._generators = [(g, g.get_state()) for g in generators]
        self._arrays = explorer.arrays
        self._foreign = [(words, get, put, get()) for words, get, put in explorer.foreign_generators()]
        self._modes = (tls.grad, get_default_dtype())
        self._hooks = [(leaf, dict(leaf.hooks or {}), dict(leaf.post_hooks or {})) for leaf in self._leaves()]

    def _leaves(self) -> list[Any]:
        return [t._edge for t, _, edge, _ in self._tensors if edge is not None and t.is_leaf]

    def moved(self) -> bool:
        """Whether something that the last `restore` put back has changed again."""
        if any(t._edge is not edge for t, _, edge, _ in self._tensors):
            return True
        if any(generator.get_state() != state for generator, state in self._generators):
            return True
        if (tls.grad, get_default_dtype()) != self._modes:
            return True
        if any(get() != drawn for _, get, _, drawn in self._foreign):
            return True
        if any(array.tobytes() != kept.tobytes() for array, kept, _ in self._arrays):
            return True
        for holder, names, old in self._moved:
            new = _state(holder, names)
            if isinstance(old, list):
                if len(old) != len(new) or any(a is not b for a, b in zip(old, new, strict=True)):
                    return True
            elif any(not _same(old.get(k, _ABSENT), new.get(k, _ABSENT)) for k in {**old, **new}):
                return True
        return False

    def restore(self) -> list[str]:
        """Put everything back; what had changed, in words."""
        changed: list[str] = []
        self._moved: list[tuple[Any, Set[str] | None, Any]] = []
        for holder, words, names, old in self._items:
            new = _state(holder, names)
            if isinstance(old, list):
                if len(old) != len(new) or any(a is not b for a, b in zip(old, new, strict=True)):
                    changed.append(f"{words} was changed")
                    self._moved.append((holder, names, old))
                    _refill(holder, old)
                continue
            different = [k for k in {**old, **new} if not _same(old.get(k, _ABSENT), new.get(k, _ABSENT))]
            different = [k for k in different if k not in _LAZY and not _is_cached(holder, k)]
            for key in different:
                changed.append(_told(words, holder, key, old.get(key, _ABSENT), new.get(key, _ABSENT)))
            if different or (isinstance(holder, dict) and names is None and list(old) != list(new)):
                self._moved.append((holder, names, old))
                _put(holder, old, new, different)
        for t, words, edge, flags in self._tensors:
            if t._edge is not edge:
                changed.append(f"requires_grad (or the history) of {words}")
                set_edge(t, edge)
                t._flags = flags
                METADATA[0] += 1
        for generator, state in self._generators:
            if generator.get_state() != state:
                changed.append("the state of a random generator (seed it outside)")
                generator.set_state(state)
        for array, kept, words in self._arrays:
            if array.tobytes() != kept.tobytes():
                changed.append(f"{words} was written")
                array[...] = kept
        for words, get, put, drawn in self._foreign:
            if get() != drawn:
                changed.append(f"the state of {words}")
                put(drawn)
        for leaf, hooks, post in self._hooks:
            for now, was in ((leaf.hooks, hooks), (leaf.post_hooks, post)):
                if now is not None and now != was:
                    changed.append("the hooks of a tensor")
                    now.clear()
                    now.update(was)
        if (tls.grad, get_default_dtype()) != self._modes:
            changed.append("grad mode or the default dtype")
            tls.grad = self._modes[0]
            settle_modes()
            set_default_dtype(self._modes[1])
        return changed


def _state(holder: Any, names: Set[str] | None) -> Any:
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
    for key in new:
        dict.pop(holder, key, None)
    dict.update(holder, old)


def _told(words: str, holder: Any, key: Any, old: Any, new: Any) -> str:
    place = (
        f"{words}[{key!r:.40}]"
        if isinstance(holder, (dict, set))
        else words
        if isinstance(holder, types.CellType)
        else f"{words}.{key}"
    )
    if words == "the globals":
        place = f"global {key}"
    return f"{place} went from {_short(old)} to {_short(new)}"


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if type(value) in SCALARS or is_fixed(value):
        return f"{value!r:.40}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {value.shape}"
    return f"a {type(value).__name__}"
