"""Hooks of modules: where they are kept, and handles that take them away again.

Adding and removing a hook changes the module, which its epoch shows. Hooks of every module at once stand in GLOBAL;
changing that table changes every module there is.
"""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ._epoch import stamp, tick

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["GLOBAL", "NONE", "HookHandle", "add_global_hook", "add_hook", "of_kind", "renumbered"]

NONE: Any = MappingProxyType({})
"""No hooks: what a module has of a kind until the first is registered."""

GLOBAL: dict[int, tuple[str, Any]] = {}
"""Hooks of every module, (kind, entry) by key; empty in almost every program, which the call of a module looks at."""

_ids = itertools.count()


class HookHandle:
    """Removes one hook; usable as a context manager."""

    def __init__(self, hooks: dict[int, Any], key: int, changed: Callable[[], None]) -> None:
        self._hooks = hooks
        self._changed = changed
        self.id = key

    def remove(self) -> None:
        """Take the hook away; harmless the second time."""
        if self._hooks.pop(self.id, None) is not None:
            self._changed()

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(module: Module, kind: str, hook: Any, prepend: bool, *flags: bool) -> HookHandle:
    """Put (hook, *flags) at the end or the front of the module's hooks of a kind; TypeError unless callable."""
    _check(hook)
    state = module.__dict__
    hooks: dict[int, Any] = state.setdefault(kind, {})
    key = next(_ids)
    if prepend:
        rest = dict(hooks)
        hooks.clear()
        hooks[key] = (hook, *flags)
        hooks.update(rest)
    else:
        hooks[key] = (hook, *flags)
    stamp(state)
    owner = weakref.ref(module)

    def changed() -> None:
        alive = owner()
        if alive is not None:
            stamp(alive.__dict__)

    return HookHandle(hooks, key, changed)


def add_global_hook(kind: str, hook: Any, *flags: bool) -> HookHandle:
    """Put (hook, *flags) behind the hooks of a kind that every module has; TypeError unless callable."""
    _check(hook)
    key = next(_ids)
    GLOBAL[key] = (kind, (hook, *flags))
    _stamp_all()
    return HookHandle(GLOBAL, key, _stamp_all)


def of_kind(module: Module, kind: str) -> list[tuple[Any, ...]]:
    """The hooks of a kind that a call of the module runs: every module's, then its own."""
    own = list(getattr(module, kind).values())
    return [entry for k, entry in GLOBAL.values() if k == kind] + own if GLOBAL else own


def renumbered(hooks: dict[int, Any]) -> dict[int, Any]:
    """A copy under keys of this process: what was unpickled has those of another."""
    return {next(_ids): entry for entry in hooks.values()}


def _check(hook: Any) -> None:
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {hook!r}")


def _stamp_all() -> None:
    # a captured program compares what its modules hold: the newest change of the table is a part of each
    from ._module import Module

    for thing in gc.get_objects():
        # by its type: a lazy object of another library may load or warn when it is asked for its class
        if issubclass(type(thing), Module) and "_epoch" in thing.__dict__:
            thing.__dict__["_global_hooks"] = tick()
            stamp(thing.__dict__)
