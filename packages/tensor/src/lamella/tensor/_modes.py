"""Grad mode: whether ops on tensors that require grad are recorded in this thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ._state import Mode, tls

__all__ = ["enable_grad", "is_grad_enabled", "no_grad", "set_grad_enabled"]

_SUSPENDS = 0x20 | 0x80 | 0x200  # generators, coroutines, asynchronous generators (importing inspect takes 5 ms)


class _GradMode(Mode):
    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(fn, FunctionType) and fn.__code__.co_flags & _SUSPENDS:
            # the mode would be open while the call makes the generator, and closed while its body runs
            raise TypeError(
                f"{type(self).__name__} does not decorate generators and coroutines; use `with` inside {fn!r}"
            )
        values = self._values

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with Mode(**values):
                return fn(*args, **kwargs)

        return wrapped


class no_grad(_GradMode):
    """Context manager and decorator: ops inside are not recorded."""

    def __init__(self) -> None:
        super().__init__(grad=False)


class enable_grad(_GradMode):
    """Context manager and decorator: ops inside are recorded again within a `no_grad`."""

    def __init__(self) -> None:
        super().__init__(grad=True)


class set_grad_enabled(_GradMode):
    """Context manager and decorator that turns recording on or off by a bool."""

    def __init__(self, mode: bool) -> None:
        super().__init__(grad=bool(mode))


def is_grad_enabled() -> bool:
    """Whether ops of this thread are recorded."""
    return tls.grad
