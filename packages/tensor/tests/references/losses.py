"""References in float64 of losses and of root mean square normalization: formulas, and paths counted one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np


def binary_cross_entropy(x: Any, target: Any) -> Any:
    return -(target * np.maximum(np.log(x), -100) + (1 - target) * np.maximum(np.log1p(-x), -100))


def binary_cross_entropy_grad(g: Any, x: Any, target: Any) -> Any:
    return g * (x - target) / np.maximum(x * (1 - x), 1e-12)


def huber(x: Any, target: Any, delta: float, reduction: str) -> Any:
    d = np.abs(x - target)
    loss = np.where(d < delta, d * d / 2, delta * (d - delta / 2))
    return {"none": loss, "sum": loss.sum(), "mean": loss.mean()}[reduction]


def huber_grad(g: Any, x: Any, target: Any, delta: float, reduction: str) -> Any:
    return np.clip(x - target, -delta, delta) * (g / x.size if reduction == "mean" else g)


def pick_class(x: Any, target: Any, ignore_index: int | None, reduction: str) -> Any:
    picked = np.zeros(target.shape)
    for (n, *d), t in np.ndenumerate(target):
        picked[(n, *d)] = 0.0 if t == ignore_index else x[(n, t, *d)]
    return {"none": picked, "sum": picked.sum(), "mean": picked.sum() / (target != ignore_index).sum()}[reduction]


def pick_class_grad(g: Any, target: Any, classes: int, ignore_index: int | None, reduction: str) -> Any:
    out = np.zeros((len(target), classes, *target.shape[1:]))
    each = np.broadcast_to(g / (target != ignore_index).sum() if reduction == "mean" else g, target.shape)
    for (n, *d), t in np.ndenumerate(target):
        if t != ignore_index:
            out[(n, t, *d)] = each[(n, *d)]
    return out


def _labels(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """What a path of classes says: repetitions once, blanks not at all."""
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def _paths(log_probs: Any, targets: Any, inputs: Any, lengths: Any, blank: int) -> list[list[tuple[float, Any]]]:
    """For each example (probability, path) of every path that says its labels."""
    found = []
    for n, (steps, length) in enumerate(zip(inputs, lengths, strict=True)):
        wanted = tuple(int(t) for t in targets[n, :length])
        paths = itertools.product(range(log_probs.shape[2]), repeat=int(steps))
        found.append(
            [
                (math.exp(sum(log_probs[t, n, c] for t, c in enumerate(path))), path)
                for path in paths
                if _labels(path, blank) == wanted
            ]
        )
    return found


def ctc_loss(log_probs: Any, targets: Any, inputs: Any, lengths: Any, blank: int) -> Any:
    sums = [sum(p for p, _ in paths) for paths in _paths(log_probs, targets, inputs, lengths, blank)]
    return np.array([-math.log(p) if p else math.inf for p in sums])


def ctc_loss_grad(g: Any, log_probs: Any, targets: Any, inputs: Any, lengths: Any, blank: int) -> Any:
    out = np.zeros(log_probs.shape)
    for n, paths in enumerate(_paths(log_probs, targets, inputs, lengths, blank)):
        total = sum(p for p, _ in paths)
        for probability, path in paths:
            for t, c in enumerate(path):
                out[t, n, c] -= g[n] * probability / total
    return out


def rms_norm(x: Any, weight: Any, ndims: int, eps: float) -> Any:
    dims = tuple(range(x.ndim - ndims, x.ndim))
    rstd = 1 / np.sqrt((x * x).mean(dims, keepdims=True) + eps)
    return (x * rstd if weight is None else x * rstd * weight), rstd


REFERENCE: dict[str, Callable[..., Any]] = {
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_grad": binary_cross_entropy_grad,
    "ctc_loss": ctc_loss,
    "ctc_loss_grad": ctc_loss_grad,
    "huber": huber,
    "huber_grad": huber_grad,
    "pick_class": pick_class,
    "pick_class_grad": pick_class_grad,
    "rms_norm": rms_norm,
}
