"""Rows of a table at integer indices, one by one or summed up in bags."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad
from lamella.tensor.extend import INT, OPS, dispatch

from ._arguments import need_tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]

_MODES = ("sum", "mean", "max")


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of weight [rows, width] at integer input [...].

    The row padding_idx gets no gradient from here; max_norm first scales the rows that are read, in place, down to
    that norm; scale_grad_by_freq divides a row's gradient by how often it is read. NotImplementedError for sparse.
    """
    index, table = _table(input, weight, "embedding", sparse)
    padding = _padding(padding_idx, table, "embedding")
    if max_norm is not None:
        _renorm(table, index, max_norm, norm_type)
    y = lt.take(table, index, 0)
    if scale_grad_by_freq:
        y = _by_frequency(y, index, table.shape[0])
    return y if padding is None else lt.where((index == padding).unsqueeze(-1), y.detach(), y)


def _table(input: Any, weight: Any, function: str, sparse: bool) -> tuple[Tensor, Tensor]:
    index, table = need_tensor(input, function, "input"), need_tensor(weight, function, "weight")
    if sparse:
        raise NotImplementedError(f"{function}: sparse gradients are not available; leave sparse=False")
    if table.ndim != 2:
        raise ValueError(f"{function} needs weight [rows, width], got shape {table.shape}")
    if index.dtype.category != INT:
        raise TypeError(f"{function} needs integer indices, got {index.dtype}; convert them with .to(int64)")
    return index, table


def _padding(padding_idx: int | None, table: Tensor, function: str) -> int | None:
    rows = table.shape[0]
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"{function}: padding_idx {padding_idx} is no row of a table with {rows}")
    return padding_idx % rows


def _renorm(table: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    if not max_norm > 0:
        raise ValueError(f"embedding: max_norm must be positive, got {max_norm}")
    with no_grad():
        norms = lt.norm(table, norm_type, 1)
        read = _counts(index, table.shape[0]) > 0
        # the margin is torch's; a row of norm 0 is not above any bound
        factor = lt.where(lt.logical_and(read, norms > max_norm), max_norm / (norms + 1e-7), 1.0)
        table.mul_(factor.to(table.dtype).unsqueeze(-1))


def _counts(index: Tensor, rows: int) -> Tensor:
    flat = index.reshape(-1)
    ones = lt.ones((flat.shape[0], 1), dtype=lt.float32)
    return dispatch(OPS["take_grad"], (ones, flat), {"dim": 0, "size": rows}).reshape(-1)  # type: ignore[no-any-return]


def _by_frequency(y: Tensor, index: Tensor, rows: int) -> Tensor:
    if not y.requires_grad:
        return y
    from .._gate import Gate

    share = (1 / lt.take(_counts(index, rows), index, 0)).unsqueeze(-1).to(y.dtype)
    (out,) = Gate.apply(lambda grads: (None if grads[0] is None else grads[0] * share,), y)
    return out  # type: ignore[no-any-return]


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or largest element of the rows of weight [rows, width] in each bag, [bags, width].

    A bag is a row of a 2-d input, or what lies between two offsets of a 1-d input. Elements padding_idx are left out;
    an empty bag gives 0. per_sample_weights, of the shape of input, scale the rows of a sum.
    """
    index, table = _table(input, weight, "embedding_bag", sparse)
    padding = _padding(padding_idx, table, "embedding_bag")
    if mode not in _MODES:
        raise ValueError(f"embedding_bag: mode is one of {', '.join(_MODES)}, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("embedding_bag: scale_grad_by_freq has no meaning for mode='max'")
    weights = _sample_weights(per_sample_weights, index, mode)
    flat, bags, count = _bags(index, offsets, include_last_offset)
    rows = embedding(flat, table, None, max_norm, norm_type, scale_grad_by_freq)
    if weights is not None:
        rows = rows * weights.reshape(-1, 1)
    keep = None if padding is None else flat != padding
    if mode == "max":
        return _largest(rows, bags, count, keep)
    if keep is not None:
        rows = lt.where(keep.unsqueeze(-1), rows, 0.0)
    total = _summed(rows, bags, count)
    if mode == "sum":
        return total
    ones = lt.ones((flat.shape[0], 1), dtype=rows.dtype)
    held = _summed(ones if keep is None else keep.to(rows.dtype).unsqueeze(-1), bags, count)
    return total / lt.maximum(held, 1.0)


def _summed(rows: Tensor, bags: Tensor, count: int) -> Tensor:
    return dispatch(OPS["take_grad"], (rows, bags), {"dim": 0, "size": count})  # type: ignore[no-any-return]


def _sample_weights(given: Any, index: Tensor, mode: str) -> Tensor | None:
    if given is None:
        return None
    weights = need_tensor(given, "embedding_bag", "per_sample_weights")
    if mode != "sum":
        raise NotImplementedError(f"embedding_bag: per_sample_weights scale a sum; mode is {mode!r}")
    if weights.shape != index.shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights must have the shape of input {index.shape}, got {weights.shape}"
        )
    return weights


def _bags(index: Tensor, offsets: Any, include_last: bool) -> tuple[Tensor, Tensor, int]:
    """(1-d indices, the bag of each, number of bags)."""
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError("embedding_bag: a 2-d input has a bag a row; offsets go with a 1-d input")
        count, width = index.shape
        return index.reshape(-1), lt.arange(count).unsqueeze(1).expand(count, width).reshape(-1), count
    if index.ndim != 1:
        raise ValueError(f"embedding_bag needs input [bags, n] or [n] with offsets, got shape {index.shape}")
    starts = need_tensor(offsets, "embedding_bag", "offsets")
    if starts.ndim != 1 or starts.dtype.category != INT:
        raise ValueError(f"embedding_bag needs offsets as a 1-d integer tensor, got {starts.dtype}{list(starts.shape)}")
    given, n = starts.tolist(), index.shape[0]
    rising = all(a <= b for a, b in pairwise(given))
    if (given and given[0] != 0) or not rising or (given and given[-1] > n) or (include_last and given[-1:] != [n]):
        ends = f"and end in {n}" if include_last else f"up to {n}"
        raise ValueError(f"embedding_bag: offsets begin with 0 and rise {ends}, got {given[:8]}")
    if not given and n:
        raise ValueError(f"embedding_bag: {n} indices need offsets, got none")
    bounds = starts[:-1] if include_last else starts
    bags = lt.searchsorted(bounds, lt.arange(n, dtype=starts.dtype), right=True) - 1
    return index, bags, bounds.shape[0]


def _largest(rows: Tensor, bags: Tensor, count: int, keep: Tensor | None) -> Tensor:
    """The first largest of each bag, read through a table [bags, longest bag] of places."""
    number = bags.tolist()
    members: list[list[int]] = [[] for _ in range(count)]
    kept = [True] * len(number) if keep is None else keep.tolist()
    for place, (bag, counts) in enumerate(zip(number, kept, strict=True)):
        if counts:
            members[bag].append(place)
    longest = max(map(len, members), default=0)
    if not longest:
        return lt.zeros((count, rows.shape[1]), dtype=rows.dtype) + rows.sum() * 0
    # a short bag repeats its first member: ties go to the first
    table = lt.tensor([m + [m[0] if m else 0] * (longest - len(m)) for m in members])
    found = lt.take(rows, table, 0)
    best = lt.gather(found, 1, lt.argmax(found.detach(), 1, keepdim=True)).squeeze(1)
    empty = lt.tensor([not m for m in members]).unsqueeze(-1)
    return lt.where(empty, 0.0, best)


def one_hot(input: Any, num_classes: int = -1) -> Tensor:
    """A new last dim with 1 at the index, in int64; the number of classes is the largest index + 1 unless given."""
    return lt.one_hot(input, num_classes)
