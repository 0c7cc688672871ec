"""weight_norm and spectral_norm in their older form, whose parameters stand in the module itself: weight_g and
weight_v, weight_orig and weight_u.

New programs use `parametrizations`; states and programs of this form are many.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import no_grad

from .._hooks import HookHandle
from .._module import Module
from .._parameter import Parameter
from ._computed import compute, restore
from ._norms import as_matrix, checked_dim, from_length, iterate, length, output_dim, over_sigma, start

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def _check_module(module: Any, function: str) -> None:
    if not isinstance(module, Module):
        raise TypeError(f"{function} needs a module, got {type(module).__name__}")


def _taken(module: Module, name: str, function: str) -> Parameter:
    """The parameter, taken out of the module; ValueError where there is none."""
    _check_module(module, function)
    found = module._parameters.get(name)
    if found is None:
        raise ValueError(f"{function}: {type(module).__name__} has no parameter {name!r}")
    delattr(module, name)
    return found


def _rule(module: Module, name: str, kind: type[Any], function: str) -> Any:
    rule = getattr(module, "_computed", {}).get(name)
    if not isinstance(rule, kind):
        raise ValueError(f"{function}: there is none on {name!r} of {type(module).__name__}")
    return rule


class _Older:
    parts = ""

    def write(self, module: Module, name: str, value: Any) -> None:
        """Refused."""
        parts = self.parts.format(name)
        raise AttributeError(f"{name} of {type(module).__name__} is computed; write into {parts}, or remove the norm")


class _WeightNorm(_Older):
    parts = "{0}_g and {0}_v"

    def __init__(self, dim: int | None) -> None:
        self.dim = dim

    def read(self, module: Any, name: str) -> Any:
        """The weight of the lengths and directions now."""
        return from_length(getattr(module, name + "_g"), getattr(module, name + "_v"), self.dim)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """The parameter is learned as lengths along dim (name_g) and directions (name_v); returns the module.

    With dim=None one length for all.
    """
    kept = checked_dim(dim)
    _check_module(module, "weight_norm")
    weight = module._parameters.get(name)
    if weight is not None:
        length(weight.detach(), kept)  # a dim that is none is named before anything is changed
    weight = _taken(module, name, "weight_norm")
    with no_grad():
        g = Parameter(length(weight, kept), bool(weight.requires_grad))
        v = Parameter(weight.detach(), bool(weight.requires_grad))
    module.register_parameter(name + "_g", g)
    module.register_parameter(name + "_v", v)
    compute(module, name, _WeightNorm(kept))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """The tensor is a parameter with the value it had again; returns the module."""
    _rule(module, name, _WeightNorm, "remove_weight_norm")
    with no_grad():
        weight = Parameter(getattr(module, name).detach())
    restore(module, name)
    delattr(module, name + "_g")
    delattr(module, name + "_v")
    module.register_parameter(name, weight)
    return module


class _SpectralNorm(_Older):
    parts = "{0}_orig"

    def __init__(self, name: str, steps: int, eps: float, dim: int) -> None:
        self.name, self.steps, self.eps, self.dim = name, steps, eps, dim

    def _parts(self, module: Any) -> tuple[Any, Any, Any, Any]:
        weight, u, v = (getattr(module, self.name + part) for part in ("_orig", "_u", "_v"))
        return weight, as_matrix(weight, self.dim), u, v

    def read(self, module: Any, name: str) -> Any:
        """The weight over its largest singular value, as far as it is known."""
        return over_sigma(*self._parts(module))

    def __call__(self, module: Any, args: Any) -> None:
        """Before forward, while training: the steps of the power method."""
        if module.training:
            _, matrix, u, v = self._parts(module)
            iterate(matrix.detach(), u, v, self.steps, self.eps)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """The parameter (name_orig) is divided by its largest singular value, which every call of the module in training
    follows by n_power_iterations steps (of name_u and name_v, buffers); returns the module.
    """
    if not isinstance(n_power_iterations, int) or n_power_iterations < 1:
        raise ValueError(f"spectral_norm: n_power_iterations must be a positive int, got {n_power_iterations!r}")
    weight = _taken(module, name, "spectral_norm")
    rule = _SpectralNorm(name, n_power_iterations, eps, output_dim(module, dim))
    u, v = start(as_matrix(weight.detach(), rule.dim), eps)
    module.register_parameter(name + "_orig", weight)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    compute(module, name, rule)
    module.register_forward_pre_hook(rule)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """The tensor is a parameter with the value it had again; returns the module."""
    rule = _rule(module, name, _SpectralNorm, "remove_spectral_norm")
    with no_grad():
        weight = Parameter(getattr(module, name).detach())
    restore(module, name)
    for part in ("_orig", "_u", "_v"):
        delattr(module, name + part)
    for key in [key for key, (hook, *_) in module._forward_pre_hooks.items() if hook is rule]:
        HookHandle(module._forward_pre_hooks, key, lambda: None).remove()
    module.register_parameter(name, weight)
    return module
