"""Losses over pairs and triples of examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import number

from ._arguments import need_tensor, reduced, reduction_of
from ._distance import pairwise_distance

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """A distance x where the target is 1, max(0, margin - x) where it is -1."""
    x, y = need_tensor(input, "hinge_embedding_loss", "input"), need_tensor(target, "hinge_embedding_loss", "target")
    how = reduction_of("hinge_embedding_loss", reduction, size_average, reduce)
    margin = number(margin, "hinge_embedding_loss: margin")
    apart = lt.where(y != 1, lt.relu(margin - x), 0.0)
    return reduced(apart + lt.where(y != -1, x, 0.0), how)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target * (input1 - input2)): target 1 asks input1 to be larger, -1 input2."""
    name = "margin_ranking_loss"
    how = reduction_of(name, reduction, size_average, reduce)
    a, b, y = (need_tensor(t, name, n) for t, n in ((input1, "input1"), (input2, "input2"), (target, "target")))
    if not a.ndim == b.ndim == y.ndim:
        raise ValueError(f"{name} needs inputs and target of one rank, got {a.shape}, {b.shape} and {y.shape}")
    return reduced(lt.relu(number(margin, f"{name}: margin") - y * (a - b)), how)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1; inputs [N, D] or [D]."""
    name = "cosine_embedding_loss"
    how = reduction_of(name, reduction, size_average, reduce)
    a, b, y = (need_tensor(t, name, n) for t, n in ((input1, "input1"), (input2, "input2"), (target, "target")))
    if a.ndim not in (1, 2) or b.ndim != a.ndim or y.ndim != a.ndim - 1:
        raise ValueError(
            f"{name} needs inputs [N, D] and target [N], or [D] and [], got {a.shape}, {b.shape} and {y.shape}"
        )
    margin = number(margin, f"{name}: margin")
    tiny = 1e-12  # under the root: a zero vector has cosine 0 and finite gradients
    cosine = (a * b).sum(-1) * lt.rsqrt(((a * a).sum(-1) + tiny) * ((b * b).sum(-1) + tiny))
    alike = lt.where(y == 1, 1 - cosine, 0.0)
    return reduced(alike + lt.where(y == -1, lt.relu(cosine - margin), 0.0), how)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|), distances of order p (Balntas et al. 2016).

    With `swap`, the negative may be nearer to the positive than to the anchor, and then counts from there.
    """
    how = reduction_of("triplet_margin_loss", reduction, size_average, reduce)
    return _triplet(
        "triplet_margin_loss", anchor, positive, negative, lambda x, y: pairwise_distance(x, y, p, eps), margin, swap,
        how,
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own; pairwise_distance unless given."""
    name = "triplet_margin_with_distance_loss"
    how = reduction_of(name, reduction, None, None)
    return _triplet(name, anchor, positive, negative, distance_function or pairwise_distance, margin, swap, how)


def _triplet(
    name: str, anchor: Any, positive: Any, negative: Any, distance: Callable[[Tensor, Tensor], Tensor],
    margin: float, swap: bool, how: str,
) -> Tensor:  # fmt: skip
    if not number(margin, f"{name}: margin") > 0:
        raise ValueError(f"{name} needs a positive margin, got {margin}")
    a, pos, neg = (
        need_tensor(t, name, n) for t, n in ((anchor, "anchor"), (positive, "positive"), (negative, "negative"))
    )
    if not a.ndim == pos.ndim == neg.ndim:
        raise ValueError(f"{name} needs tensors of one rank, got {a.shape}, {pos.shape} and {neg.shape}")
    near, far = distance(a, pos), distance(a, neg)
    if swap:
        far = lt.minimum(far, distance(pos, neg))
    return reduced(lt.relu(margin + near - far), how)
