"""Parametrizations: a parameter or buffer of a module as a function, written as a module, of others that are learned.

After `register_parametrization(layer, "weight", f)` layer.weight is f(layer.parametrizations.weight.original) at every
reading; what is learned, moved and saved is `original`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from lamella.tensor import Tensor, no_grad

from .._module import Module
from .._parameter import Parameter
from ..modules._container import ModuleDict, ModuleList
from ._computed import compute, plain_class, restore

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip


class _Cache(threading.local):
    def __init__(self) -> None:
        self.depth = 0
        self.values: dict[tuple[int, str], Any] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Compute every parametrized tensor once, at its first reading, until the outermost `with cached()` ends.

    Of this thread. What is learned must not change meanwhile, and one reading's gradient mode holds for all.
    """
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.values.clear()


class _Parametrized:
    """The rule of a parametrized attribute."""

    def read(self, module: Any, name: str) -> Any:
        parametrization = module.parametrizations[name]
        if not _cache.depth:
            return parametrization()
        key = (id(module), name)
        if key not in _cache.values:
            _cache.values[key] = (parametrization(), module)  # the module too: its id must stay its own
        return _cache.values[key][0]

    def write(self, module: Any, name: str, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} of {type(module).__name__} is a parametrized tensor, got {type(value).__name__}")
        if isinstance(value, Parameter):
            raise KeyError(
                f"{name!r} of {type(module).__name__} is parametrized: assign a tensor, which goes through "
                f"right_inverse, or remove the parametrization first"
            )
        module.parametrizations[name].right_inverse(value)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order to `original`, or to original0, original1, ... where the
    right_inverse of the first one gives several tensors.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList needs at least one parametrization")
        super().__init__(modules)
        self.unsafe = unsafe
        new = self._start(original)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if new.dtype is not original.dtype:
                raise ValueError(f"right_inverse must keep the dtype {original.dtype}, got {new.dtype}")
            _set(original, new)
            self._keep("original", original)
        else:
            for i, one in enumerate(new):
                if not isinstance(one, Tensor):
                    raise ValueError(f"right_inverse must return tensors, got {type(one).__name__} at {i}")
                kept = Parameter(one) if isinstance(original, Parameter) else one
                self._keep(f"original{i}", kept.requires_grad_(original.requires_grad))
        if not unsafe:
            _check_alike("a parametrization", self(), original)

    def _start(self, original: Tensor) -> Any:
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                # without an inverse for this value, what is learned starts where the tensor is
                with suppress(NotImplementedError):
                    new = module.right_inverse(new) if hasattr(module, "right_inverse") else new
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(f"right_inverse must return a tensor or a sequence of tensors, got {type(new).__name__}")
        return new

    def _keep(self, name: str, value: Tensor) -> None:
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """The tensor in the place of the one that was parametrized."""
        first, *rest = self
        x: Tensor = first(*self._originals())
        for module in rest:
            x = module(x)
        return x

    def right_inverse(self, value: Tensor) -> None:
        """Set what is learned to what gives value, as the right_inverse of every parametrization has it."""
        with no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse")
                new = module.right_inverse(new)
            found = [new] if self.is_tensor else new
            if not isinstance(found, Sequence) or not all(isinstance(v, Tensor) for v in found):
                raise ValueError(f"right_inverse must return {_count(self)}, got {type(new).__name__}")
            if len(found) != self.ntensors:
                raise ValueError(f"right_inverse must return {_count(self)}, got {len(found)}")
            for have, one in zip(self._originals(), found, strict=True):
                if one.dtype is not have.dtype:
                    raise ValueError(f"right_inverse must keep the dtype {have.dtype}, got {one.dtype}")
            for have, one in zip(self._originals(), found, strict=True):
                _set(have, one)


def _count(parametrization: ParametrizationList) -> str:
    return "a tensor" if parametrization.is_tensor else f"a sequence of {parametrization.ntensors} tensors"


def _set(have: Tensor, new: Tensor) -> None:
    # the parameter stays: an optimizer may hold it
    if new is not have:
        have.data = new.detach()


def _check_alike(what: str, new: Any, old: Tensor) -> None:
    if not isinstance(new, Tensor):
        raise ValueError(f"{what} must return a tensor, got {type(new).__name__}")
    if new.dtype is not old.dtype or new.shape != old.shape:
        raise ValueError(
            f"{what} must keep dtype and shape of the tensor, {old.dtype} and {old.shape}, got {new.dtype} and "
            f"{new.shape}; unsafe=True accepts it"
        )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has a parametrized tensor, or one of this name."""
    parametrizations = module._modules.get("parametrizations")
    if not isinstance(parametrizations, ModuleDict):
        return False
    return bool(len(parametrizations)) if tensor_name is None else tensor_name in parametrizations


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Put parametrization(original) in the place of the parameter or buffer; returns the module.

    On one that is parametrized already it is applied behind the others. Where the parametrization has a right_inverse,
    the original starts there. Unless unsafe, ValueError where dtype or shape would change.
    """
    if not isinstance(module, Module) or not isinstance(parametrization, Module):
        found = type(parametrization if isinstance(module, Module) else module).__name__
        raise TypeError(f"register_parametrization needs a module and a parametrization that is one, got {found}")
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            _check_behind(parametrization, getattr(module, tensor_name))
        chain.append(parametrization)
        chain.unsafe = chain.unsafe or unsafe
    elif module._parameters.get(tensor_name) is not None or module._buffers.get(tensor_name) is not None:
        original = getattr(module, tensor_name)
        chain = ParametrizationList([parametrization], original, unsafe)
        delattr(module, tensor_name)
        if "parametrizations" not in module._modules:
            module.register_module("parametrizations", ModuleDict())
        module.parametrizations[tensor_name] = chain
        compute(module, tensor_name, _Parametrized())
    else:
        raise ValueError(f"{type(module).__name__} has no parameter or buffer {tensor_name!r} to parametrize")
    return module


def _check_behind(parametrization: Any, before: Tensor) -> None:
    with no_grad():
        after = parametrization(before)
        _check_alike("a parametrization", after, before)
        if hasattr(parametrization, "right_inverse"):
            try:
                back = parametrization.right_inverse(after)
            except NotImplementedError:
                return
            _check_alike("right_inverse of a parametrization behind another", back, before)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the tensor an ordinary parameter or buffer again; returns the module.

    It keeps the value that was computed, or with leave_parametrized=False the original (ValueError where that is
    several tensors). What was `original` is the parameter again.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"{type(module).__name__} has no parametrization on {tensor_name!r}")
    chain = module.parametrizations[tensor_name]
    originals = chain._originals()
    if not chain.is_tensor and not leave_parametrized:
        raise ValueError(
            f"{tensor_name!r} is parametrized by {len(originals)} tensors: there is no single original to go back to; "
            f"use leave_parametrized=True"
        )
    kept = originals[0]
    if leave_parametrized:
        with no_grad():
            value = chain()
        if chain.is_tensor:
            _set(kept, value)
        else:
            follows = any(t.requires_grad for t in originals)
            kept = Parameter(value) if isinstance(kept, Parameter) or follows else value
            kept.requires_grad_(follows)
    restore(module, tensor_name)
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    if isinstance(kept, Parameter):
        module.register_parameter(tensor_name, kept)
    else:
        module.register_buffer(tensor_name, kept)
    return module


def type_before_parametrizations(module: Module) -> type[Any]:
    """The class of the module as it was written."""
    return plain_class(module)
