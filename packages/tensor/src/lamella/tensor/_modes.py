"""Grad mode and inference mode: whether ops of this thread are recorded, and whether what they make ever can be.

All of them work as context managers and as decorators of functions and of generators, whose body then runs in the
mode while the caller's code between two values does not.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from types import FunctionType
from typing import Any, Self

from ._state import Mode, settle_grad, settle_modes, tls

__all__ = [
    "DecoratingMode", "enable_grad", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "no_grad",
    "set_grad_enabled",
]  # fmt: skip

# the flags of code objects: importing inspect, which names them, takes 5 ms
_GENERATOR = 0x20
_SUSPENDS = 0x80 | 0x200  # coroutines and asynchronous generators


class DecoratingMode(Mode):
    """A mode whose instances decorate functions, each call opening a mode of its own."""

    def _again(self) -> Mode:
        return Mode(**self._values)

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        name = type(self).__name__
        if isinstance(fn, type) or not callable(fn):
            raise TypeError(f"{name} decorates functions, got {fn!r}; decorate the methods of a class one by one")
        flags = fn.__code__.co_flags if isinstance(fn, FunctionType) else 0
        if flags & _SUSPENDS:
            # other tasks of the thread would run in the mode while this one waits
            raise TypeError(f"{name} does not decorate coroutines; use `with` around the parts of {fn!r} that need it")
        if flags & _GENERATOR:
            return _in_steps(fn, self._again)

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return fn(*args, **kwargs)

        return wrapped


def _in_steps(fn: Callable[..., Any], mode: Callable[[], Mode]) -> Callable[..., Any]:
    """A generator function whose body runs in the mode, and only the body."""

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        body = fn(*args, **kwargs)
        try:
            with mode():
                value = next(body)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with mode():
                        body.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - all of them are the body's to handle
                    with mode():
                        value = body.throw(error)
                else:
                    with mode():
                        value = body.send(sent)
        except StopIteration as end:
            return end.value

    return wrapped


class _Bare(DecoratingMode):
    """A mode without arguments: `@no_grad` means `@no_grad()`."""

    def __new__(cls, fn: Callable[..., Any] | None = None) -> Any:
        mode = super().__new__(cls)
        if fn is None:
            return mode
        mode.__init__()  # type: ignore[misc]
        return mode(fn)


class no_grad(_Bare):
    """Context manager and decorator: ops inside are not recorded."""

    _grad = False

    def __init__(self) -> None:
        # in place of the general mode: this one is opened in every step
        self._before: list[bool] = []

    def __enter__(self) -> Any:
        self._before.append(tls.grad)
        tls.grad = grad = self._grad and not tls.inference  # nothing records inside inference mode
        settle_grad(grad)
        return self

    def __exit__(self, *exc: object) -> None:
        tls.grad = grad = self._before.pop()
        settle_grad(grad)

    def _again(self) -> Mode:
        return type(self)()


class enable_grad(no_grad):
    """Context manager and decorator: ops inside are recorded again within a `no_grad`, but not in inference mode."""

    _grad = True


class set_grad_enabled(DecoratingMode):
    """Turns recording on or off by a bool: at once when called, until its end as a context manager or decorator."""

    def __init__(self, mode: bool) -> None:
        super().__init__(grad=bool(mode))
        self._before: bool = tls.grad
        self._set(bool(mode))

    def _set(self, mode: bool) -> None:
        tls.grad = grad = mode and not tls.inference
        settle_grad(grad)

    def __enter__(self) -> Self:
        self._set(self._values["grad"])
        return self

    def __exit__(self, *exc: object) -> None:
        tls.grad = self._before
        settle_grad(self._before)

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        self.__exit__()  # as a decorator it says nothing about the code around
        return super().__call__(fn)

    def _again(self) -> Mode:
        return set_grad_enabled(self._values["grad"])


class inference_mode(DecoratingMode):
    """Context manager and decorator: ops inside are not recorded, and what they make can never be.

    Such tensors count no versions, cannot be saved for a backward, and are written inside the mode only; a clone()
    made outside is an ordinary tensor. `inference_mode(False)` lifts the mode, and turns recording on.
    """

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> Any:
        self._before.append((tls.inference, tls.grad))
        tls.inference = self._mode
        tls.grad = not self._mode
        settle_modes()
        return self

    def __exit__(self, *exc: object) -> None:
        tls.inference, tls.grad = self._before.pop()
        settle_modes()

    def _again(self) -> Mode:
        return inference_mode(self._mode)


def is_grad_enabled() -> bool:
    """Whether ops of this thread are recorded."""
    return tls.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return tls.inference
