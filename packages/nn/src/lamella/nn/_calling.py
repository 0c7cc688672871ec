"""A call of a module with hooks: before forward, behind it, and around its backward.

Backward hooks stand at two gates, identities of autograd: what comes back through the gate behind the outputs is
grad_output, through the gate before the positional inputs grad_input. Only tensors that stand in the arguments or in
the tuple of results themselves are seen.
"""

from __future__ import annotations

import warnings
from types import FunctionType
from typing import TYPE_CHECKING, Any

from lamella.interfaces import discover, missing
from lamella.tensor import Tensor

from ._hooks import of_kind

if TYPE_CHECKING:
    from ._module import Module

__all__ = ["call_with_hooks", "compiled_call"]


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """See Module.__call__."""
    called: set[int] = set()
    try:
        args, kwargs = _before(module, args, kwargs)
        gates = _Gates.of(module)
        if gates is not None:
            args = gates.enter(args)
        result = module.forward(*args, **kwargs)
        for entry in of_kind(module, "_forward_hooks"):
            called.add(id(entry))
            new = _after(module, entry, args, kwargs, result)
            if new is not None:
                result = new
        return result if gates is None else gates.leave(result)
    except Exception:
        _always_called(module, args, kwargs, called)
        raise


def compiled_call(name: str, options: dict[str, Any]) -> Any:
    """What runs the calls of a module compiled in place; it gets the module first, and does not keep it alive."""
    found = discover("programs")
    if not found:
        raise missing("lamella-compiler", "Module.compile")
    as_written = FunctionType(_call_as_written.__code__, globals(), name)
    return found[0].compile(as_written, **options)


def _call_as_written(module: Module, /, *args: Any, **kwargs: Any) -> Any:
    return call_with_hooks(module, args, kwargs)


def _before(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for hook, with_kwargs in of_kind(module, "_forward_pre_hooks"):
        if with_kwargs:
            new = hook(module, args, kwargs)
            if new is not None:
                if not isinstance(new, tuple) or len(new) != 2:
                    raise TypeError(
                        f"a forward pre-hook with kwargs must return None or (args, kwargs), got {new!r:.80}"
                    )
                args, kwargs = new
        else:
            new = hook(module, args)
            if new is not None:
                args = new if isinstance(new, tuple) else (new,)
    return args, kwargs


def _after(module: Module, entry: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
    hook, with_kwargs, _ = entry
    return hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)


def _always_called(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> None:
    """The hooks that run although the call failed, each once; what they raise is a warning beside the first error."""
    for entry in of_kind(module, "_forward_hooks"):
        if not entry[2] or id(entry) in called:
            continue
        try:
            _after(module, entry, args, kwargs, None)
        except Exception as error:  # noqa: BLE001 - the first error goes on; this one is told beside it
            warnings.warn(f"a forward hook with always_call=True raised {error!r}", RuntimeWarning, stacklevel=4)


class _Gates:
    """The backward hooks of one call."""

    def __init__(self, module: Module, hooks: list[Any], pre_hooks: list[Any]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.inputs = 0
        self.gated = False
        self.grad_output: tuple[Any, ...] | None = None

    @staticmethod
    def of(module: Module) -> _Gates | None:
        hooks = [hook for (hook,) in of_kind(module, "_backward_hooks")]
        pre_hooks = [hook for (hook,) in of_kind(module, "_backward_pre_hooks")]
        return _Gates(module, hooks, pre_hooks) if hooks or pre_hooks else None

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.inputs = len(args)
        if not self.hooks:
            return args
        at = _followed(args)
        self.gated = bool(at)
        return _through(args, at, lambda grads: self._at_inputs(grads, at))

    def leave(self, result: Any) -> Any:
        several = isinstance(result, tuple)
        given = result if several else (result,)
        at, count = _followed(given), len(given)  # the gate must not keep what was given
        outs = _through(given, at, lambda grads: self._at_outputs(grads, at, count))
        if not several:
            return outs[0]
        return type(result)._make(outs) if hasattr(result, "_make") else outs

    def _at_outputs(self, grads: tuple[Any, ...], at: list[int], count: int) -> tuple[Any, ...]:
        full = _spread(grads, at, count)
        for hook in self.pre_hooks:
            full = _replaced("backward pre-hook", "grad_output", hook(self.module, full), full)
        self.grad_output = full
        if self.hooks and not self.gated:  # no input leads further: this is where the backward of the module ends
            self._run((None,) * self.inputs)
        return tuple([full[i] for i in at])

    def _at_inputs(self, grads: tuple[Any, ...], at: list[int]) -> tuple[Any, ...]:
        if self.grad_output is None:  # the walk began inside the module
            return grads
        full = self._run(_spread(grads, at, self.inputs))
        return tuple([full[i] for i in at])

    def _run(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output, self.grad_output = self.grad_output, None
        for hook in self.hooks:
            new = hook(self.module, grad_input, grad_output)
            grad_input = _replaced("full backward hook", "grad_input", new, grad_input)
        return grad_input


def _followed(values: tuple[Any, ...]) -> list[int]:
    return [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]


def _spread(grads: tuple[Any, ...], at: list[int], count: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * count
    for i, g in zip(at, grads, strict=True):
        full[i] = g
    return tuple(full)


def _replaced(what: str, name: str, new: Any, old: tuple[Any, ...]) -> tuple[Any, ...]:
    if new is None:
        return old
    values = new if isinstance(new, tuple) else (new,)
    if len(values) != len(old):
        raise RuntimeError(f"a {what} must return None or {len(old)} values for {name}, got {len(values)}")
    for value in values:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"a {what} must return tensors or None, got {type(value).__name__}")
    return values


def _through(values: tuple[Any, ...], at: list[int], fn: Any) -> tuple[Any, ...]:
    if not at:
        return values
    from ._gate import Gate

    outs = Gate.apply(fn, *[values[i] for i in at])
    passed = list(values)
    for i, out in zip(at, outs, strict=True):
        passed[i] = out
    return tuple(passed)
