"""Module, and hooks that every module has.

They run before a module's own. Adding or removing one looks for every module there is, so that captured programs see
it; they are for looking into programs, not for hot loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._hooks import HookHandle, add_global_hook
from .._module import Module

__all__ = [
    "Module", "register_module_forward_hook", "register_module_forward_pre_hook",
    "register_module_full_backward_hook", "register_module_full_backward_pre_hook",
]  # fmt: skip


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call hook(module, args) before the forward of every module."""
    return add_global_hook("_forward_pre_hooks", hook, False)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> HookHandle:
    """Call hook(module, args[, kwargs], result) after the forward of every module."""
    return add_global_hook("_forward_hooks", hook, with_kwargs, always_call)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call hook(module, grad_output) when the gradients of the results of a module are known."""
    return add_global_hook("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call hook(module, grad_input, grad_output) when the gradients of the arguments of a module are known."""
    return add_global_hook("_backward_hooks", hook)
