"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import INT, OPS, dispatch

from ._arguments import need_tensor, reduction_of

__all__ = ["ctc_loss"]

_CTC = OPS["ctc_loss"]


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log likelihood of label sequences under log_probs [T, N, C], or [T, C] for one.

    targets are [N, S], padded, or 1-d, one sequence behind the other; lengths are tensors or tuples of N ints. The
    mean divides each loss by its target length first. A target that does not fit its input has an infinite loss, or
    with zero_infinity the loss and gradient 0. The gradient is that of log_probs as free numbers.
    """
    how = reduction_of("ctc_loss", reduction, None, None)
    x, y = need_tensor(log_probs, "ctc_loss", "log_probs"), need_tensor(targets, "ctc_loss", "targets")
    if x.ndim not in (2, 3):
        raise ValueError(f"ctc_loss needs log_probs [T, N, C] or [T, C], got shape {x.shape}")
    single = x.ndim == 2
    if single:
        x, y = x.unsqueeze(1), y.reshape(1, -1)
    steps, n, classes = x.shape
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank {blank} is not a class of [0, {classes})")
    if y.dtype.category != INT:
        raise TypeError(f"ctc_loss needs integer targets, got {y.dtype}")
    inputs = _lengths(input_lengths, n, "input_lengths")
    given = _lengths(target_lengths, n, "target_lengths")
    _check(inputs, steps, "input_lengths", "log_probs have")
    y = _padded(y, given, n)
    _check(given, y.shape[1], "target_lengths", "targets have")
    _check_labels(y, given, classes, blank)
    loss: Tensor = dispatch(_CTC, (x, y, lt.tensor(inputs), lt.tensor(given)), {"blank": int(blank)})
    if zero_infinity:
        loss = lt.where(loss == float("inf"), 0.0, loss)
    if how == "none":
        return loss.reshape(()) if single else loss
    if how == "sum":
        return loss.sum()
    return (loss / lt.tensor([max(length, 1) for length in given]).to(loss.dtype)).mean()


def _lengths(value: Any, n: int, name: str) -> list[int]:
    given = value.reshape(-1).tolist() if isinstance(value, Tensor) else value
    found = [given] if isinstance(given, int) else list(given)
    if len(found) != n or not all(isinstance(v, int) for v in found):
        raise ValueError(f"ctc_loss needs {name} as {n} ints, one an example, got {found[:8]}")
    return found


def _check(lengths: list[int], most: int, name: str, where: str) -> None:
    if any(not 0 <= length <= most for length in lengths):
        raise ValueError(f"ctc_loss: {name} lie in [0, {most}], for {where} {most} steps, got {lengths[:8]}")


def _padded(y: Tensor, lengths: list[int], n: int) -> Tensor:
    """[N, S] of targets one behind the other."""
    if y.ndim == 2:
        if y.shape[0] != n:
            raise ValueError(f"ctc_loss needs targets [{n}, S], got {y.shape}")
        return y
    if y.ndim != 1 or y.shape[0] != sum(lengths):
        raise ValueError(
            f"ctc_loss needs targets [{n}, S], or 1-d with the sum of target_lengths {sum(lengths)}, got {y.shape}"
        )
    if not y.shape[0]:
        return lt.zeros((n, 0), dtype=lt.int64)
    longest = max(lengths)
    places, start = [], 0
    for length in lengths:
        places.append([min(start + i, y.shape[0] - 1) for i in range(longest)])
        start += length
    return lt.take(y, lt.tensor(places), 0)


def _check_labels(y: Tensor, lengths: list[int], classes: int, blank: int) -> None:
    for row, length in zip(y.tolist(), lengths, strict=True):
        for label in row[:length]:
            if not 0 <= label < classes:
                raise IndexError(f"ctc_loss: label {label} is not a class of [0, {classes})")
            if label == blank:
                raise ValueError(f"ctc_loss: label {label} is the blank, which targets cannot hold")
