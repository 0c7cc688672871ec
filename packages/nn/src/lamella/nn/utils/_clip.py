"""Bounding gradients in place, as tensor arithmetic: no number is forced, so a captured step stays one program."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad
from lamella.tensor.extend import number

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _grads(parameters: Tensor | Iterable[Tensor], name: str) -> list[Tensor]:
    return [p.grad for p in tensors_of(parameters, name) if p.grad is not None]


def tensors_of(given: Tensor | Iterable[Tensor], name: str) -> list[Tensor]:
    """The tensors of an argument that is one or several; TypeError for anything else."""
    if not isinstance(given, Iterable):
        raise TypeError(f"{name} needs tensors, got {type(given).__name__}")
    ts = [given] if isinstance(given, Tensor) else list(given)
    for t in ts:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} needs tensors, got {type(t).__name__}")
    return ts


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm, of any order, of the norms of all tensors, 0-d: for a positive order that of all elements together.

    Half types are taken in float32. With error_if_nonfinite RuntimeError where it is nan or inf, which looks at its
    value. PyTorch's `foreach` says how the tensors are walked; the result is the same for each of its values.
    """
    _check_walk(foreach)
    try:
        order = float(norm_type)  # also "inf"
    except (TypeError, ValueError):
        order = math.nan
    if math.isnan(order):
        raise ValueError(f"a norm needs a number for norm_type, got {norm_type!r}")
    # the square of a half type overflows early
    ts = [t.float() if t.dtype.itemsize < 4 else t for t in tensors_of(tensors, "get_total_norm")]
    if not ts:
        return lt.zeros(())
    norms = [lt.norm(t, order) for t in ts]
    widest = lt.float64 if any(n.dtype is lt.float64 for n in norms) else lt.float32
    total = lt.norm(lt.stack([n.to(widest) for n in norms]), order)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(f"the norm of order {order:g} is {total.item()}; look for nan or inf in the loss")
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by max_norm / (total_norm + 1e-6) if that is below 1; see get_total_norm for foreach."""
    _check_walk(foreach)
    _check_bound("clip_grads_with_norm_", "max_norm", max_norm)
    with no_grad():
        _scale(_grads(parameters, "clip_grads_with_norm_"), max_norm, total_norm)


def _scale(grads: list[Tensor], max_norm: float, total: Tensor) -> None:
    factor = lt.minimum(max_norm / (total + 1e-6), 1.0)
    for g in grads:
        g.mul_(factor)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by max_norm / (their total norm + 1e-6) if that is below 1; returns the norm before.

    See get_total_norm for the other arguments; RuntimeError comes before anything is scaled.
    """
    _check_bound("clip_grad_norm_", "max_norm", max_norm)
    with no_grad():
        grads = _grads(parameters, "clip_grad_norm_")
        total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
        _scale(grads, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of all gradients to [-clip_value, clip_value]; see get_total_norm for foreach."""
    _check_walk(foreach)
    _check_bound("clip_grad_value_", "clip_value", clip_value)
    with no_grad():
        for g in _grads(parameters, "clip_grad_value_"):
            g.clamp_(-clip_value, clip_value)


def _check_bound(function: str, name: str, value: Any) -> None:
    if not number(value, f"{function}: {name}") >= 0:
        raise ValueError(f"{function} needs a non-negative {name}, got {value!r}")


def _check_walk(foreach: Any) -> None:
    if foreach is not None and not isinstance(foreach, bool):
        raise TypeError(f"foreach is True, False or None, got {foreach!r}")
