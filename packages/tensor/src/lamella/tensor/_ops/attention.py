"""Attention as one op, and the step of its backward rule: kernels that hold a block of the scores at a time.

The scores of all heads together are far larger than a cache, and their only use is inside: forward keeps the logarithm
of the sum a row, from which backward makes the weights again (Dao et al. 2022). Which weights are dropped is drawn
again too, from the slots of the generator that forward used. The bodies stand in `_functions/attention.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _random
from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from ._parts import with_products
from .reduction import total

__all__: list[str] = []

# scores of a block: they and the gradient of them stay in a cache of a megabyte or two
_SCORES = 1 << 17


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x


def _stat_dtype(dtype: Any) -> Any:
    return np.dtype(np.float32) if dtype.itemsize < 4 else dtype


def _heads(batch: tuple[int, ...], scores: int) -> list[tuple[Any, ...]]:
    """Indices of the batch dims that take about _SCORES scores each, of heads with `scores` each, or one head."""
    fit = max(1, _SCORES // max(1, scores))
    axis, inner = len(batch), 1
    while axis and inner * batch[axis - 1] <= fit:
        axis -= 1
        inner *= batch[axis]
    if not axis:
        return [()]
    n = batch[axis - 1]
    step = -(-n // -(-n // max(1, fit // max(1, inner))))  # pieces of one size
    return [(*lead, slice(low, low + step)) for lead in np.ndindex(batch[: axis - 1]) for low in range(0, n, step)]


class _Scores:
    """The operands of one call, broadcast to the batch dims, and the weights before they are normalized."""

    def __init__(self, q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> None:
        self.q, self.k, self.v = _wide(q), _wide(k), _wide(v)
        self.batch = broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        self.rows, self.cols = q.shape[-2], k.shape[-2]
        self.whole = self.rows * self.cols <= _SCORES  # a block holds all rows of its heads
        self.dtype = self.q.dtype
        self.scale = self.dtype.type(scale)
        self.causal = causal
        self.bias = None
        if mask is not None:
            if mask.dtype == np.bool_:
                mask = np.where(mask, self.dtype.type(0), self.dtype.type(-np.inf))
            self.bias = np.broadcast_to(_wide(mask), (*self.batch, self.rows, self.cols))
        self._triangle: tuple[Any, Any] = (None, None)
        self.q, self.k, self.v = (np.broadcast_to(x, (*self.batch, *x.shape[-2:])) for x in (self.q, self.k, self.v))

    def each(self, body: Callable[[tuple[Any, ...], slice, int], None]) -> None:
        """body(index of heads, rows, how many keys these rows may see) for all blocks.

        Threads take different heads.
        """
        heads = _heads(self.batch, self.rows * self.cols)
        some = self.rows if self.whole else max(16, _SCORES // self.cols)

        def run(start: int, stop: int) -> None:
            for at in heads[start:stop]:
                for low in range(0, self.rows, max(1, some)):
                    rows = slice(low, min(low + some, self.rows))
                    body(at, rows, min(self.cols, rows.stop) if self.causal else self.cols)

        with_products(len(heads), run)

    def of(self, at: tuple[Any, ...], rows: slice, cols: int) -> tuple[Any, Any]:
        """(scaled queries, scores) of a block, -inf where masked."""
        q = self.q[at][..., rows, :] * self.scale
        s = np.matmul(q, self.k[at][..., :cols, :].swapaxes(-1, -2))
        if self.bias is not None:
            s += self.bias[at][..., rows, :cols]
        if self.causal:
            s += self._future(rows, cols)
        return q, s

    def _future(self, rows: slice, cols: int) -> Any:
        key = (rows.start, rows.stop)
        of, triangle = self._triangle  # another thread may put its own there
        if of != key:
            ahead = np.arange(cols) > np.arange(rows.start, rows.stop).reshape(-1, 1)
            triangle = np.where(ahead, self.dtype.type(-np.inf), self.dtype.type(0))
            self._triangle = (key, triangle)
        return triangle

    def kept(self, s: Any, at: tuple[Any, ...], rows: slice, seed: int, offset: int, p: float) -> Any:
        """Which weights of a block are kept, scaled to keep their mean: 0 or 1/(1-p)."""
        first = np.zeros(len(self.batch) + 2, np.int64)
        for axis, i in enumerate(at):
            first[axis] = i.start if isinstance(i, slice) else i
        first[-2] = rows.start
        start = 0
        for i, n in zip(first, (*self.batch, self.rows, self.cols), strict=True):
            start = start * n + int(i)
        drawn = _random.bernoulli(seed, offset + start, 1 - p, (*s.shape[:-1], self.cols))
        keep = drawn[..., : s.shape[-1]].astype(self.dtype)
        if p < 1:
            keep *= self.dtype.type(1 / (1 - p))
        return keep


def _attention(
    q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, *, scale: float, causal: bool, p: float
) -> Any:
    _attention_shape(q, k, v, mask, seed, offset, scale=scale, causal=causal, p=p)
    scores = _Scores(q, k, v, mask, scale, causal)
    o = np.empty_like(scores.q, shape=(*scores.batch, scores.rows, v.shape[-1]))  # laid out as the queries are
    lse = np.empty((*scores.batch, scores.rows), scores.dtype)
    if not scores.cols:
        o[...] = 0
        lse[...] = -np.inf
        return o.astype(q.dtype, copy=False), lse

    def block(at: tuple[Any, ...], rows: slice, cols: int) -> None:
        _, s = scores.of(at, rows, cols)
        top = np.maximum.reduce(s, axis=-1, keepdims=True)
        if mask is not None:
            top = np.where(np.isneginf(top), top.dtype.type(0), top)
        s -= top
        np.exp(s, out=s)
        weight = total(s, (s.ndim - 1,), True)
        lse[at][..., rows] = (np.log(weight) + top)[..., 0]
        if p:
            s *= scores.kept(s, at, rows, seed, offset, p)
        part = o[at][..., rows, :]
        np.matmul(s, scores.v[at][..., :cols, :], out=part)
        # a row with every key masked attends to nothing: its output is zero, and its lse -inf
        part /= weight if mask is None else np.where(weight == 0, weight.dtype.type(1), weight)

    scores.each(block)
    return o.astype(q.dtype, copy=False), lse


def _attention_shape(
    q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, *, scale: float, causal: bool, p: float
) -> tuple[MetaArray, ...]:
    if (
        len(q.shape) < 2
        or len(k.shape) < 2
        or len(v.shape) < 2
        or q.shape[-1] != k.shape[-1]
        or k.shape[-2] != v.shape[-2]
    ):
        raise ValueError(
            f"attention needs q [..., L, E], k [..., S, E], v [..., S, V], got {q.shape}, {k.shape}, {v.shape}"
        )
    batch = broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    scores = (*batch, q.shape[-2], k.shape[-2])
    if mask is not None and broadcast_shapes(mask.shape, scores) != scores:
        raise ValueError(f"attention: a mask of shape {mask.shape} does not broadcast to the scores {scores}")
    if mask is not None and mask.dtype.kind in "iuc":
        raise TypeError(f"attention: mask must be bool (True: may look) or floating (added), got {mask.dtype}")
    if not q.dtype == k.dtype == v.dtype:
        raise TypeError(f"attention needs one dtype, got {q.dtype}, {k.dtype}, {v.dtype}; cast them with .to(dtype)")
    if q.dtype.kind in "biuc":
        raise TypeError(f"attention needs real floating tensors, got {q.dtype}; convert them with .to(float32)")
    return MetaArray((*batch, q.shape[-2], v.shape[-1]), q.dtype), MetaArray(scores[:-1], _stat_dtype(q.dtype))


def _attention_grad(
    go: Any, gl: Any, q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, o: Any, lse: Any, *,
    scale: float, causal: bool, p: float,
) -> Any:  # fmt: skip
    scores = _Scores(q, k, v, mask, scale, causal)
    go, o = _wide(go), _wide(o)
    # how far a weight's gradient lies above the mean of its row
    level = total(go * o, (o.ndim - 1,), True)
    if gl is not None:
        level -= gl[..., None]
    if mask is not None:  # no weight anywhere in a row with every key masked
        lse = np.where(lse == -np.inf, lse.dtype.type(np.inf), lse)  # complex numbers have no isneginf
    whole = scores.whole  # a block sets what blocks of some rows add to
    written = whole and scores.cols and scores.rows
    grads = [
        (np.empty_like if written else np.zeros_like)(x, shape=(*scores.batch, *x.shape[-2:]))
        for x in (scores.q, scores.k, scores.v)
    ]
    gq, gk, gv = grads

    def block(at: tuple[Any, ...], rows: slice, cols: int) -> None:
        qs, w = scores.of(at, rows, cols)
        w -= lse[at][..., rows, None]
        np.exp(w, out=w)
        g = go[at][..., rows, :]
        gs = np.matmul(g, scores.v[at][..., :cols, :].swapaxes(-1, -2))
        used = w
        if p:
            keep = scores.kept(w, at, rows, seed, offset, p)
            used = w * keep
            gs *= keep
        gs -= level[at][..., rows, :]
        gs *= w
        np.matmul(gs, scores.k[at][..., :cols, :], out=gq[at][..., rows, :])
        for sum_, a, b in ((gk, gs, qs), (gv, used, g)):
            target = sum_[at][..., :cols, :]
            if whole:
                np.matmul(a.swapaxes(-1, -2), b, out=target)
            else:
                target += np.matmul(a.swapaxes(-1, -2), b)

    if scores.cols:
        scores.each(block)
    if whole and causal and scores.cols > scores.rows:  # keys that no row may see
        gk[..., scores.rows :, :] = 0
        gv[..., scores.rows :, :] = 0
    gq *= scores.scale
    return tuple(_summed(g, x.shape) for g, x in zip(grads, (q, k, v), strict=True))


def _summed(g: Any, shape: tuple[int, ...]) -> Any:
    """g summed over the batch dims that an operand of `shape` was broadcast along."""
    if g.shape == shape:
        return g
    missing = g.ndim - len(shape)
    dims = tuple(d for d in range(g.ndim) if d < missing or (shape[d - missing] == 1 and g.shape[d] != 1))
    return total(g, dims, True).reshape(shape)


def _attention_grad_shape(go: Any, gl: Any, q: Any, k: Any, v: Any, *rest: Any, **params: Any) -> tuple[MetaArray, ...]:
    return tuple(MetaArray(x.shape, _stat_dtype(x.dtype)) for x in (q, k, v))


def _flops(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    q, k, v = xs[:3]
    scores = math.prod(q.shape[:-1]) * k.shape[-2]
    return int(2 * scores * q.shape[-1] + 4 * scores + 2 * scores * v.shape[-1])


def _grad_flops(xs: list[Any], outs: list[Any], params: dict[str, Any]) -> int:
    gq, gk, gv = outs
    scores = math.prod(gq.shape[:-1]) * gk.shape[-2]
    return int(scores * (6 * gq.shape[-1] + 6 + 4 * gv.shape[-1]))


Op("attention", "q, k, v, mask?, seed?, offset?; scale, causal, p", "opaque", outputs=2, unit=True)
Op(
    "attention_grad",
    "go, gl?, q, k, v, mask?, seed?, offset?, o, lse; scale, causal, p",
    "opaque",
    outputs=3,
    step=True,
)
register_rules("numpy", {"attention": _attention, "attention_grad": _attention_grad})
register_rules("shape", {"attention": _attention_shape, "attention_grad": _attention_grad_shape})
register_rules("flops", {"attention": _flops, "attention_grad": _grad_flops})
