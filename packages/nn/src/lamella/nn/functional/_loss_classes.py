"""Losses over classes."""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import FLOAT, INT, OPS, dispatch

from ._arguments import need_tensor, optional_tensor, reduced, reduction_of

__all__ = ["cross_entropy", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss"]

_IGNORED = -100
_PICK = OPS["pick_class"]


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = _IGNORED,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Negative log likelihood of classes [N, d...], or of probabilities [N, C, d...], under logits [N, C, d...].

    weight [C] scales each class. The mean is over targets that are not ignored, by their weights; over all of
    [N, d...] for probabilities.
    """
    how = reduction_of("cross_entropy", reduction, size_average, reduce)
    x, y = need_tensor(input, "cross_entropy", "input"), need_tensor(target, "cross_entropy", "target")
    by_class = y.dtype.category < FLOAT
    if weight is None and by_class:
        if x.ndim > 2 and not label_smoothing and _fits(x, y):
            return -_picked(lt.log_softmax(x, 1), y, ignore_index, how)
        return lt.cross_entropy(x, y, ignore_index=ignore_index, reduction=how, label_smoothing=label_smoothing)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing lies in [0, 1], got {label_smoothing}")
    at = _class_dim(x, "cross_entropy")
    logp = lt.log_softmax(x, at)
    w = _class_weight(weight, x.shape[at], "cross_entropy")
    if not by_class:
        if ignore_index >= 0:
            raise ValueError("cross_entropy: ignore_index has no meaning for targets that are probabilities")
        return _soft(logp, y, w, at, label_smoothing, how)
    flat, classes, kept = _flat(logp, y, ignore_index, "cross_entropy")
    factor = _factors(w, classes, kept, flat.dtype)
    loss = -_picked(flat, classes, ignore_index) * factor
    if label_smoothing:
        spread = -(flat if w is None else flat * w).sum(1) * kept.to(flat.dtype)
        loss = loss * (1 - label_smoothing) + spread * (label_smoothing / flat.shape[1])
    return _mean_by(loss, factor, how, y.shape)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = _IGNORED,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of classes [N, d...] under logarithms of probabilities [N, C, d...]; otherwise as
    cross_entropy.
    """
    how = reduction_of("nll_loss", reduction, size_average, reduce)
    x, y = need_tensor(input, "nll_loss", "input"), need_tensor(target, "nll_loss", "target")
    if weight is None and x.ndim > 1 and _fits(x, y):
        return -_picked(x, y, ignore_index, how)
    flat, classes, kept = _flat(x, y, ignore_index, "nll_loss")
    factor = _factors(_class_weight(weight, flat.shape[1], "nll_loss"), classes, kept, flat.dtype)
    return _mean_by(-_picked(flat, classes, ignore_index) * factor, factor, how, y.shape)


def _fits(x: Tensor, y: Tensor) -> bool:
    return y.dtype.category == INT and y.shape == (*x.shape[:1], *x.shape[2:])


def _class_dim(x: Tensor, function: str) -> int:
    if not x.ndim:
        raise ValueError(f"{function} needs input [C], [N, C] or [N, C, d...], got a 0-d tensor")
    return 0 if x.ndim == 1 else 1


def _class_weight(weight: Any, classes: int, function: str) -> Tensor | None:
    w = optional_tensor(weight, function, "weight")
    if w is not None and w.shape != (classes,):
        raise ValueError(f"{function}: weight must be [{classes}], one a class, got {w.shape}")
    return w


def _flat(x: Tensor, y: Tensor, ignore_index: int, function: str) -> tuple[Tensor, Tensor, Tensor]:
    """(x [M, C], classes [M], which of them count [M])."""
    expected = () if x.ndim == 1 else (*x.shape[:1], *x.shape[2:])
    _class_dim(x, function)
    if y.dtype.category != INT:
        raise TypeError(f"{function} needs integer classes, got {y.dtype}; convert them with .to(int64)")
    if y.shape != expected:
        raise ValueError(f"{function}: input {x.shape} needs targets {expected}, got {y.shape}")
    if x.ndim == 1:
        x = x.unsqueeze(0)
    elif x.ndim > 2:
        x = x.permute(0, *range(2, x.ndim), 1).reshape(-1, x.shape[1])
    y = y.reshape(-1)
    return x, y, y != ignore_index


def _picked(x: Tensor, classes: Tensor, ignore_index: int | None, reduction: str = "none") -> Tensor:
    params = {"ignore_index": ignore_index, "reduction": reduction}
    return dispatch(_PICK, (x, classes), params)  # type: ignore[no-any-return]


def _factors(w: Tensor | None, classes: Tensor, kept: Tensor, dtype: Any) -> Tensor:
    if w is None:
        return kept.to(dtype)
    return lt.take(w, lt.where(kept, classes, 0), 0) * kept.to(w.dtype)


def _mean_by(loss: Tensor, factor: Tensor, how: str, shape: tuple[int, ...]) -> Tensor:
    if how == "none":
        return loss.reshape(shape)
    total = loss.sum()
    return total / factor.sum().to(total.dtype) if how == "mean" else total


def _soft(logp: Tensor, y: Tensor, w: Tensor | None, at: int, label_smoothing: float, how: str) -> Tensor:
    if y.shape != logp.shape:
        raise ValueError(f"cross_entropy: probabilities must have the shape of input {logp.shape}, got {y.shape}")
    classes = logp.shape[at]
    if label_smoothing:
        y = y * (1 - label_smoothing) + label_smoothing / classes
    terms = logp * y
    if w is not None:
        terms = terms * w.reshape(*(-1 if d == at else 1 for d in range(logp.ndim)))
    loss = -terms.sum(at)
    return reduced(loss, how)


def _rows(input: Any, function: str) -> Tensor:
    x = need_tensor(input, function, "input")
    if x.ndim not in (1, 2):
        raise ValueError(f"{function} needs input [N, C] or [C], got shape {x.shape}")
    return x if x.ndim == 2 else x.unsqueeze(0)


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Sum over the other classes of max(0, margin - x[target] + x[class])**p / C, for input [N, C] or [C], p 1 or 2.

    weight [C] scales the example by its class.
    """
    name = "multi_margin_loss"
    how = reduction_of(name, reduction, size_average, reduce)
    x, y = _rows(input, name), need_tensor(target, name, "target")
    if p not in (1, 2):
        raise ValueError(f"{name}: p is 1 or 2, got {p}")
    if y.shape not in ((input.shape[:1], ()) if input.ndim == 2 and len(x) == 1 else (input.shape[:-1],)):
        raise ValueError(f"{name}: input {input.shape} needs targets {input.shape[:-1]}, got {y.shape}")
    w = _class_weight(weight, x.shape[1], name)
    classes = y.reshape(-1)
    z = lt.relu(margin - _picked(x, classes, None).unsqueeze(1) + x)
    z = z * z if p == 2 else z
    if w is not None:
        z = z * lt.take(w, classes, 0).unsqueeze(1)
    own = lt.arange(x.shape[1]) == classes.unsqueeze(1)
    return reduced((lt.where(own, 0.0, z).sum(1) / x.shape[1]).reshape(y.shape), how)


def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """Sum over target classes j and other classes i of max(0, 1 - (x[j] - x[i])) / C, for input [N, C] or [C].

    target, of the same shape, lists the classes of each example up to the first negative number.
    """
    name = "multilabel_margin_loss"
    how = reduction_of(name, reduction, size_average, reduce)
    x, y = _rows(input, name), need_tensor(target, name, "target")
    if y.shape != input.shape or y.dtype.category != INT:
        raise ValueError(f"{name} needs integer targets of shape {input.shape}, got {y.dtype}{list(y.shape)}")
    n, c = x.shape
    listed = y.reshape(n, c)
    if listed.numel() and int(listed.amax().item()) >= c:
        raise IndexError(f"{name}: target {int(listed.amax().item())} is not a class of [0, {c})")
    valid = lt.cumsum((listed < 0).to(lt.int64), 1) == 0
    if listed.numel():
        listed, valid = (t[:, : int(valid.sum(1).amax().item())] for t in (listed, valid))
    classes = lt.where(valid, listed, 0)
    hot = lt.logical_and(classes.unsqueeze(2) == lt.arange(c), valid.unsqueeze(2))
    others = lt.logical_not(hot.any(1))
    z = lt.relu(1 - lt.gather(x, 1, classes).unsqueeze(2) + x.unsqueeze(1))
    z = lt.where(lt.logical_and(valid.unsqueeze(2), others.unsqueeze(1)), z, 0.0)
    return reduced((z.sum((1, 2)) / c).reshape(input.shape[:-1]), how)


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean over classes of the binary cross entropy of sigmoid(input [N, C]) and target; weight [C] scales each."""
    name = "multilabel_soft_margin_loss"
    how = reduction_of(name, reduction, size_average, reduce)
    x, y = need_tensor(input, name, "input"), need_tensor(target, name, "target")
    if not x.ndim or x.shape != y.shape:
        raise ValueError(f"{name} needs input and target of one shape [N, C], got {x.shape} and {y.shape}")
    loss: Tensor = lt.softplus(x, threshold=math.inf) - x * y
    w = _class_weight(weight, x.shape[-1], name)
    return reduced((loss if w is None else loss * w).mean(-1), how)
