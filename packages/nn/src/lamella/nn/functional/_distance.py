"""Similarities and distances of vectors."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import number

from ._arguments import need_tensor

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its norm of order p along dim, but by no less than eps."""
    x = need_tensor(input, "normalize", "input")
    return x / lt.maximum(lt.norm(x, p, dim, keepdim=True), eps)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between x1 and x2 along dim; a norm counts as no less than eps."""
    a, b = need_tensor(x1, "cosine_similarity", "x1"), need_tensor(x2, "cosine_similarity", "x2")
    x, y = _aligned(a, b)
    if x.shape[dim] != y.shape[dim]:
        # one element along dim stands for as many as the other has
        sizes = [-1] * x.ndim
        sizes[dim] = max(x.shape[dim], y.shape[dim])
        x, y = x.expand(*sizes), y.expand(*sizes)
    na, nb = (lt.maximum(lt.norm(v, 2, dim, keepdim=True), eps) for v in (x, y))
    return ((a / na) * (b / nb)).sum(dim)


def _aligned(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    # a dim of the result is a dim of both: the one of lower rank gets ones in front
    rank = max(a.ndim, b.ndim)
    x, y = (t if t.ndim == rank else t.reshape(*(1,) * (rank - t.ndim), *t.shape) for t in (a, b))
    return x, y


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The norm of order p of x1 - x2 + eps along the last dim."""
    a, b = need_tensor(x1, "pairwise_distance", "x1"), need_tensor(x2, "pairwise_distance", "x2")
    return lt.norm(a - b + eps, p, -1, keepdim)


def pdist(input: Any, p: float = 2.0) -> Tensor:
    """The norm of order p of the difference of each pair of rows of x [N, M], [N (N - 1) / 2], in the order (0, 1),
    (0, 2), ...
    """
    x = need_tensor(input, "pdist", "input")
    if x.ndim != 2:
        raise ValueError(f"pdist needs x [N, M], got shape {x.shape}")
    if not number(p, "pdist: p") >= 0:
        raise ValueError(f"pdist needs a non-negative p, got {p}")
    n = x.shape[0]
    counts = [n - 1 - i for i in range(n)]
    first = lt.tensor([i for i in range(n) for _ in range(counts[i])], dtype=lt.int64)
    second = lt.tensor([j for i in range(n) for j in range(i + 1, n)], dtype=lt.int64)
    return lt.norm(lt.take(x, first, 0) - lt.take(x, second, 0), p, 1)
