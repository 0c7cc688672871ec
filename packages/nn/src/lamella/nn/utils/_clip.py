"""Bounding gradients in place, as tensor arithmetic: no number is forced, so a captured step stays one program."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm"]


def _grads(parameters: Tensor | Iterable[Tensor], name: str) -> list[Tensor]:
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for p in params:
        if not isinstance(p, Tensor):
            raise TypeError(f"{name} needs tensors, got {type(p).__name__}")
    return [p.grad for p in params if p.grad is not None]


def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """The p-norm of all elements of all tensors together, 0-d; p may be inf."""
    # the square of a half type overflows early
    ts = [t.float() if t.dtype.itemsize < 4 else t for t in tensors]
    if not norm_type > 0:
        raise ValueError(f"a norm needs a positive norm_type, got {norm_type}")
    if not ts:
        return lt.zeros(())
    if math.isinf(norm_type):
        return lt.amax(lt.stack([lt.amax(lt.abs(t)) for t in ts]))
    if norm_type == 2:
        return lt.sqrt(lt.sum(lt.stack([lt.sum(t * t) for t in ts])))
    return lt.sum(lt.stack([lt.sum(lt.abs(t) ** norm_type) for t in ts])) ** (1 / norm_type)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients by max_norm / (their common norm + 1e-6) if that is below 1; returns the norm before.

    error_if_nonfinite looks at the norm's value: RuntimeError where it is nan or inf.
    """
    _check_bound("clip_grad_norm_", "max_norm", max_norm)
    with no_grad():
        grads = _grads(parameters, "clip_grad_norm_")
        total = get_total_norm(grads, norm_type)
        if error_if_nonfinite and not math.isfinite(total.item()):
            raise RuntimeError(
                f"clip_grad_norm_: the norm of the gradients is {total.item()}; look for nan or inf in the loss"
            )
        factor = lt.minimum(max_norm / (total + 1e-6), 1.0)
        for g in grads:
            g.mul_(factor)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of all gradients to [-clip_value, clip_value]."""
    _check_bound("clip_grad_value_", "clip_value", clip_value)
    with no_grad():
        for g in _grads(parameters, "clip_grad_value_"):
            g.clamp_(-clip_value, clip_value)


def _check_bound(function: str, name: str, value: Any) -> None:
    if not value >= 0:
        raise ValueError(f"{function} needs a non-negative {name}, got {value!r}")
