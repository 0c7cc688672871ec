"""Losses element by element: a number per batch unless reduction='none'.

`reduction` stands where torch has it, behind size_average and reduce, which are refused by name.
"""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, dispatch

from ._arguments import need_tensor, reduced, reduction_of

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss", "kl_div",
    "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
]  # fmt: skip

_HUBER = OPS["huber"]
_BCE = OPS["binary_cross_entropy"]


def _pair(input: Any, target: Any, function: str) -> tuple[Tensor, Tensor]:
    x, y = need_tensor(input, function, "input"), need_tensor(target, function, "target")
    if x.shape != y.shape:
        # broadcasting [N, 1] against [N] gives a plausible wrong number
        raise ValueError(f"{function} needs input and target of one shape, got {x.shape} and {y.shape}; reshape one")
    return x, y


def _weighted(loss: Tensor, weight: Any, reduction: str, function: str) -> Tensor:
    """The loss with a weight an element; the mean divides by the sum of the weights."""
    if weight is None:
        return reduced(loss, reduction)
    w = need_tensor(weight, function, "weight")
    if w.shape != loss.shape:
        raise ValueError(f"{function}: weight must have the shape of input {loss.shape}, got {w.shape}")
    if reduction == "mean":
        return (loss * w).sum() / w.sum()
    return reduced(loss * w, reduction)


def l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Tensor:
    """|input - target|; ValueError unless the shapes are equal."""
    x, y = _pair(input, target, "l1_loss")
    how = reduction_of("l1_loss", reduction, size_average, reduce)
    return _weighted(lt.abs(x - y), weight, how, "l1_loss")


def mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Tensor:
    """(input - target)**2; ValueError unless the shapes are equal."""
    x, y = _pair(input, target, "mse_loss")
    how = reduction_of("mse_loss", reduction, size_average, reduce)
    d = x - y
    return _weighted(d * d, weight, how, "mse_loss")


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d**2 / (2 beta) where d = |input - target| is below beta, else d - beta / 2; l1_loss for beta=0."""
    x, y = _pair(input, target, "smooth_l1_loss")
    how = reduction_of("smooth_l1_loss", reduction, size_average, reduce)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss needs beta >= 0, got {beta}")
    if beta == 0:
        return reduced(lt.abs(x - y), how)
    loss = _huber(x, y, beta, how)
    return loss if beta == 1 else loss * (1 / beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Tensor:
    """d**2 / 2 where d = |input - target| is below delta, else delta * (d - delta / 2) (Huber 1964)."""
    x, y = _pair(input, target, "huber_loss")
    how = reduction_of("huber_loss", reduction, None, None)
    if not delta > 0:
        raise ValueError(f"huber_loss needs a positive delta, got {delta}")
    if weight is None:
        return _huber(x, y, delta, how)
    return _weighted(_huber(x, y, delta, "none"), weight, how, "huber_loss")


def _huber(x: Tensor, y: Tensor, delta: float, reduction: str) -> Tensor:
    if x.dtype is not y.dtype:
        x, y = x - y, lt.zeros_like(x - y)
    return dispatch(_HUBER, (x, y), {"delta": float(delta), "reduction": reduction})  # type: ignore[no-any-return]


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log input + (1 - target) log(1 - input)) for probabilities; a logarithm counts as no less than -100."""
    x, y = _pair(input, target, "binary_cross_entropy")
    how = reduction_of("binary_cross_entropy", reduction, size_average, reduce)
    loss = dispatch(_BCE, (x, y.to(x.dtype)))
    if weight is not None:
        loss = loss * _broadcast(weight, x, "binary_cross_entropy", "weight")
    return reduced(loss, how)


def _broadcast(weight: Any, x: Tensor, function: str, name: str) -> Tensor:
    w = need_tensor(weight, function, name)
    fits = w.ndim <= x.ndim and all(a in (1, b) for a, b in zip(w.shape[::-1], x.shape[::-1], strict=False))
    if not fits:
        raise ValueError(f"{function}: {name} of shape {w.shape} does not broadcast to input {x.shape}")
    return w


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), stable for any input; pos_weight scales the loss of positive targets."""
    name = "binary_cross_entropy_with_logits"
    x, y = _pair(input, target, name)
    how = reduction_of(name, reduction, size_average, reduce)
    if pos_weight is None:
        loss: Tensor = lt.softplus(x, threshold=math.inf) - x * y
    else:
        # log(1 + exp(-x)) = -log sigmoid(x)
        w = _broadcast(pos_weight, x, name, "pos_weight")
        loss = (1 - y) * x + (1 + (w - 1) * y) * lt.softplus(-x, threshold=math.inf)
    if weight is not None:
        loss = loss * _broadcast(weight, x, name, "weight")
    return reduced(loss, how)


def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log target - input), for input in logarithms (and target too with log_target).

    reduction='batchmean' divides the sum by the first dim, which is the divergence; 'mean' divides by all elements.
    """
    x, y = need_tensor(input, "kl_div", "input"), need_tensor(target, "kl_div", "target")
    how = reduction_of("kl_div", "sum" if reduction == "batchmean" else reduction, size_average, reduce)
    if log_target:
        loss = lt.exp(y) * (y - x)
    else:
        # 0 log 0 = 0
        zero = y == 0
        loss = lt.where(zero, 0.0, y * lt.log(lt.where(zero, 1.0, y))) - y * x
    if reduction == "batchmean" and not x.ndim:
        raise ValueError("kl_div: reduction='batchmean' needs a batch dim, got a 0-d input")
    out = reduced(loss, how)
    return out / x.shape[0] if reduction == "batchmean" else out


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: Any = None,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of counts under a Poisson distribution, whose rate is exp(input), or input itself.

    `full` adds Stirling's approximation of log(target!) for targets above 1; it is constant in input.
    """
    x, y = need_tensor(input, "poisson_nll_loss", "input"), need_tensor(target, "poisson_nll_loss", "target")
    how = reduction_of("poisson_nll_loss", reduction, size_average, reduce)
    loss: Tensor = lt.exp(x) - y * x if log_input else x - y * lt.log(x + eps)
    if full:
        many = y > 1
        n = lt.where(many, y, 1.0).to(x.dtype)
        stirling = n * lt.log(n) - n + 0.5 * lt.log(2 * math.pi * n)
        loss = loss + lt.where(many, stirling, 0.0)
    return reduced(loss, how)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (input - target)**2 / var) / 2, with var of the shape of input, or one per row of its last dim, or a
    number.

    A variance counts as no less than eps, and its gradient passes as if it did not (Nix & Weigend 1994). `full` adds
    log(2 pi) / 2.
    """
    x, y = need_tensor(input, "gaussian_nll_loss", "input"), need_tensor(target, "gaussian_nll_loss", "target")
    how = reduction_of("gaussian_nll_loss", reduction, None, None)
    if not eps > 0:
        raise ValueError(f"gaussian_nll_loss needs a positive eps, got {eps}")
    v = lt.full((), float(var), dtype=x.dtype) if isinstance(var, (int, float)) else var
    v = need_tensor(v, "gaussian_nll_loss", "var")
    if v.ndim and v.shape != x.shape:
        if v.shape == x.shape[:-1]:
            v = v.unsqueeze(-1)
        elif v.shape != (*x.shape[:-1], 1):
            raise ValueError(
                f"gaussian_nll_loss: var must have the shape of input {x.shape}, or {(*x.shape[:-1], 1)}, got {v.shape}"
            )
    if bool((v.detach() < 0).any()):
        raise ValueError("gaussian_nll_loss: var has negative elements; give variances, not logarithms")
    v = v + (lt.maximum(v, eps) - v).detach()
    d = x - y
    loss = 0.5 * (lt.log(v) + d * d / v)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, how)


def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-target * input)) for targets 1 and -1."""
    x, y = need_tensor(input, "soft_margin_loss", "input"), need_tensor(target, "soft_margin_loss", "target")
    how = reduction_of("soft_margin_loss", reduction, size_average, reduce)
    return reduced(lt.softplus(-y * x, threshold=math.inf), how)
