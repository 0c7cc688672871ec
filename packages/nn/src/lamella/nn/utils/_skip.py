"""Modules whose parameters are not drawn."""

from __future__ import annotations

import inspect
from typing import Any

from .._module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """module_cls(*args, **kwargs) with memory that was never written: for a state that is loaded next.

    The constructor must take a device and hand it to all parameters and buffers.
    """
    if not isinstance(module_cls, type) or not issubclass(module_cls, Module):
        raise TypeError(f"skip_init needs a class of modules, got {module_cls!r}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(f"skip_init: {module_cls.__name__} takes no device, which says where nothing is drawn")
    device = kwargs.pop("device", "cpu")
    made = module_cls(*args, **{**kwargs, "device": "meta"})
    return made.to_empty(device=device)
