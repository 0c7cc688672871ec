"""Dense maps, table look-ups and activations with torch's argument names."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, linear, relu, sigmoid, tanh

from ._arguments import need_tensor

__all__ = [
    "dropout",
    "embedding",
    "gelu",
    "linear",
    "log_softmax",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def gelu(input: Any, *, approximate: str = "none") -> Tensor:
    """x * Phi(x) (Hendrycks & Gimpel 2016); approximate='tanh' for their tanh form."""
    return lt.gelu(input, approximate)


def softmax(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) normalized to sum 1 along dim, computed in dtype where given."""
    return lt.softmax(input if dtype is None else need_tensor(input, "softmax", "input").to(dtype), dim)


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """Logarithm of softmax along dim, computed in dtype where given."""
    return lt.log_softmax(input if dtype is None else need_tensor(input, "log_softmax", "input").to(dtype), dim)


def dropout(input: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each element with probability p and scale the rest by 1/(1-p); the input itself outside training."""
    return lt.dropout(input, p, training)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """Rows of weight [rows, width] at integer input [...]; the row padding_idx gets no gradient from here."""
    index, table = need_tensor(input, "embedding", "input"), need_tensor(weight, "embedding", "weight")
    if table.ndim != 2:
        raise ValueError(f"embedding needs weight [rows, width], got shape {table.shape}")
    rows = table.shape[0]
    y = lt.take(table, index, 0)
    if padding_idx is None:
        return y
    if not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx {padding_idx} is no row of a table with {rows}")
    return lt.where((index == padding_idx % rows).unsqueeze(-1), y.detach(), y)


def one_hot(input: Any, num_classes: int = -1) -> Tensor:
    """A new last dim with 1 at the index, in int64; the number of classes is the largest index + 1 unless given."""
    index = need_tensor(input, "one_hot", "input")
    if num_classes == -1:
        if not index.numel():
            raise ValueError("one_hot of an empty tensor needs num_classes")
        num_classes = int(index.amax().item()) + 1
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes is positive, or -1 for the largest index + 1, got {num_classes}")
    return lt.one_hot(index, num_classes)
