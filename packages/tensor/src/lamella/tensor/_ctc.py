"""Bodies of connectionist temporal classification: what the kernels of `_ops/ctc.py` compute, as compositions."""

from __future__ import annotations

import math
from typing import Any

from . import _functions as f
from . import _pointwise as p
from ._creation import arange, full
from ._dtype import float32, from_numpy_dtype, int64
from ._op import OPS

__all__: list[str] = []

_NONE = -math.inf


def _places(targets: Any, target_lengths: Any, blank: int) -> tuple[Any, Any]:
    n, s = targets.shape
    labels = f.where(p.lt(arange(s), f.reshape(target_lengths, -1, 1)), targets, blank)
    pairs = f.stack([full((n, s), blank, dtype=int64), f.to_dtype(labels, int64)], 2)
    at = f.cat([f.reshape(pairs, n, 2 * s), full((n, 1), blank, dtype=int64)], 1)
    apart = p.logical_and(p.ne(at, blank), p.ne(at, _moved(at, 2, blank)))
    return at, p.logical_and(apart, p.ge(arange(2 * s + 1), 2))


def _moved(x: Any, by: int, fill: float = _NONE) -> Any:
    n, width = x.shape
    gap = full((n, min(abs(by), width)), fill, dtype=x.dtype)
    if abs(by) >= width:
        return gap
    return f.cat([gap, x[:, :-by]] if by > 0 else [x[:, -by:], gap], 1)


def _log_sum(*xs: Any) -> Any:
    top = xs[0]
    for x in xs[1:]:
        top = p.maximum(top, x)
    top = top.detach()
    safe = f.where(p.eq(top, _NONE), 0.0, top)
    total = p.exp(p.sub(xs[0], safe))
    for x in xs[1:]:
        total = p.add(total, p.exp(p.sub(x, safe)))
    never = p.eq(total, 0.0)
    return f.where(never, _NONE, p.add(p.log(f.where(never, 1.0, total)), safe))


def _at_places(log_probs: Any, at: Any) -> list[Any]:
    wide = f.to_dtype(log_probs, float32) if log_probs._data.dtype.itemsize < 4 else log_probs
    return [f.gather(wide[step], 1, at) for step in range(wide.shape[0])]


def _forward(y: list[Any], leap: Any) -> list[Any]:
    alphas: list[Any] = []
    for step, now in enumerate(y):
        if step:
            before = alphas[-1]
            reach = _log_sum(before, _moved(before, 1), f.where(leap, _moved(before, 2), _NONE))
            alphas.append(p.add(reach, now))
        else:
            alphas.append(f.where(p.lt(arange(now.shape[1]), 2), now, _NONE))
    return alphas


def _losses(alphas: list[Any], input_lengths: Any, target_lengths: Any, dtype: Any) -> Any:
    last = p.mul(target_lengths, 2)
    none = f.where(p.gt(last, 0), math.inf, 0.0)
    if not alphas:
        return f.to_dtype(none, dtype)
    alpha = f.stack(alphas, 1)  # N T L
    steps = f.reshape(p.maximum(p.sub(input_lengths, 1), 0), -1, 1, 1)
    final = f.gather(alpha, 1, f.expand(steps, (alpha.shape[0], 1, alpha.shape[2])))[:, 0]
    end = f.gather(final, 1, f.reshape(last, -1, 1))[:, 0]
    inner = f.gather(final, 1, f.reshape(p.maximum(p.sub(last, 1), 0), -1, 1))[:, 0]
    loss = p.neg(_log_sum(end, f.where(p.gt(last, 0), inner, _NONE)))
    return f.where(p.gt(input_lengths, 0), loss, f.to_dtype(none, loss.dtype))


def _ctc_loss(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    at, leap = _places(targets, target_lengths, blank)
    y = _at_places(log_probs, at)
    dtype = from_numpy_dtype(log_probs._data.dtype)
    return f.to_dtype(_losses(_forward(y, leap), input_lengths, target_lengths, dtype), dtype)


def _ctc_loss_grad(g: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    classes = log_probs.shape[2]
    at, leap = _places(targets, target_lengths, blank)
    y = _at_places(log_probs, at)
    alphas = _forward(y, leap)
    n, width = at.shape
    loss = _losses(alphas, input_lengths, target_lengths, y[0].dtype)
    last = f.reshape(p.mul(target_lengths, 2), -1, 1)
    places = arange(width)
    ends = p.logical_or(p.eq(places, last), p.eq(places, p.sub(last, 1)))
    leap_from = f.cat([leap[:, 2:], full((n, min(2, width)), False, dtype=leap.dtype)], 1)
    hot = f.to_dtype(p.eq(f.unsqueeze(at, 2), arange(classes)), y[0].dtype)
    weight = f.reshape(f.to_dtype(g, y[0].dtype), -1, 1)
    steps: list[Any] = []
    beta: Any = None
    for step in reversed(range(len(y))):
        reach: Any = full((n, width), _NONE, dtype=y[0].dtype)
        if beta is not None:
            reach = _log_sum(beta, _moved(beta, -1), f.where(leap_from, _moved(beta, -2), _NONE))
        begin = f.where(ends, 0.0, f.to_dtype(full((), _NONE), y[0].dtype))
        ahead = f.where(p.eq(f.reshape(input_lengths, -1, 1), step + 1), begin, reach)
        beta = p.add(ahead, y[step])
        share = p.exp(p.add(p.add(alphas[step], ahead), f.reshape(loss, -1, 1)))
        d = f.matmul(f.unsqueeze(share, 1), hot)[:, 0]
        steps.append(f.where(p.eq(weight, 0.0), 0.0, p.neg(p.mul(d, weight))))
    return f.to_dtype(f.stack(steps[::-1], 0), from_numpy_dtype(log_probs._data.dtype))


OPS["ctc_loss"].body = _ctc_loss
OPS["ctc_loss_grad"].body = _ctc_loss_grad
