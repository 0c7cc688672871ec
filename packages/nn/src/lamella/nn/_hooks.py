"""Handles that take a hook away again; adding and removing one changes the module, which its epoch shows."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._epoch import tick

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["HookHandle", "add_hook"]

_ids = itertools.count()


class HookHandle:
    """Removes one hook; usable as a context manager."""

    def __init__(self, module: Module, hooks: dict[int, Any], key: int) -> None:
        self._module = weakref.ref(module)
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        """Take the hook away; harmless the second time."""
        if self._hooks.pop(self._key, None) is not None:
            module = self._module()
            if module is not None:
                module.__dict__["_epoch"] = tick()

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(
    module: Module, hooks: dict[int, Any], hook: Callable[..., Any], prepend: bool, with_kwargs: bool
) -> HookHandle:
    """Put (hook, with_kwargs) at the end or the front of an ordered dict of hooks; TypeError unless callable."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {hook!r}")
    key = next(_ids)
    entry = (hook, with_kwargs)
    if prepend:
        rest = dict(hooks)
        hooks.clear()
        hooks[key] = entry
        hooks.update(rest)
    else:
        hooks[key] = entry
    module.__dict__["_epoch"] = tick()
    return HookHandle(module, hooks, key)
