"""Connectionist temporal classification (Graves et al. 2006) in log space, all examples of a batch at once.

Letters: T steps, N examples, C classes, S labels at most, L = 2 S + 1 places: the labels with a blank before, between
and behind them. `alpha[n, t, l]` is the logarithm of the probability of all beginnings that stand at place l after
step t. Lengths are data: what lies behind an example's end reaches nothing. The bodies stand in `_ctc.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []

_NONE = -np.inf


def _places(targets: Any, target_lengths: Any, blank: int) -> tuple[Any, Any]:
    """(the class of each place [N, L], whether it may be entered from two places before [N, L])."""
    n, s = targets.shape
    at = np.full((n, 2 * s + 1), blank, np.int64)
    at[:, 1::2] = np.where(np.arange(s) < target_lengths.reshape(-1, 1), targets, blank)
    leap = np.zeros(at.shape, np.bool_)
    leap[:, 2:] = (at[:, 2:] != blank) & (at[:, 2:] != at[:, :-2])
    return at, leap


def _log_sum(*xs: Any) -> Any:
    top = np.maximum.reduce(xs)
    safe = np.where(top == _NONE, 0, top).astype(top.dtype, copy=False)
    total = np.exp(xs[0] - safe)
    for x in xs[1:]:
        total += np.exp(x - safe)
    return np.log(total) + safe


def _moved(x: Any, by: int) -> Any:
    """x shifted along its last dim, by places that are reached from nowhere."""
    out = np.full_like(x, _NONE)
    if abs(by) < x.shape[-1]:
        out[..., max(by, 0) : x.shape[-1] + min(by, 0)] = x[..., max(-by, 0) : x.shape[-1] - max(by, 0)]
    return out


def _at_places(log_probs: Any, at: Any) -> Any:
    wide = log_probs.astype(np.float32) if log_probs.dtype.itemsize < 4 else log_probs
    return np.take_along_axis(wide.transpose(1, 0, 2), at[:, None, :], axis=2)  # N T L


def _ctc_loss(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    _check(log_probs, targets, input_lengths, target_lengths)
    at, leap = _places(targets, target_lengths, blank)
    alpha = _forward(_at_places(log_probs, at), leap)
    return _losses(alpha, input_lengths, target_lengths).astype(log_probs.dtype, copy=False)


def _forward(y: Any, leap: Any) -> Any:
    t = y.shape[1]
    alpha = np.full_like(y, _NONE)
    if t:
        alpha[:, 0, :2] = y[:, 0, :2]
    for step in range(1, t):
        before = alpha[:, step - 1]
        two = np.where(leap, _moved(before, 2), _NONE).astype(y.dtype, copy=False)
        alpha[:, step] = _log_sum(before, _moved(before, 1), two) + y[:, step]
    return alpha


def _losses(alpha: Any, input_lengths: Any, target_lengths: Any) -> Any:
    n, t, _ = alpha.shape
    rows, last = np.arange(n), 2 * target_lengths
    steps = np.maximum(input_lengths - 1, 0)
    if t:
        end = alpha[rows, steps, last]
        inner = np.where(last > 0, alpha[rows, steps, np.maximum(last - 1, 0)], _NONE).astype(alpha.dtype, copy=False)
        loss = -_log_sum(end, inner)
    else:
        loss = np.zeros(n, alpha.dtype)
    # without a step only the empty target can be
    return np.where(input_lengths > 0, loss, np.where(last > 0, np.inf, 0)).astype(alpha.dtype, copy=False)


def _ctc_loss_grad(g: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> Any:
    t, _, classes = log_probs.shape
    at, leap = _places(targets, target_lengths, blank)
    y = _at_places(log_probs, at)
    alpha = _forward(y, leap)
    loss = _losses(alpha, input_lengths, target_lengths)
    beta = np.full_like(y, _NONE)
    ends = np.arange(at.shape[1]) == 2 * target_lengths.reshape(-1, 1)
    ends |= np.arange(at.shape[1]) == 2 * target_lengths.reshape(-1, 1) - 1
    leap_from = np.zeros_like(leap)
    leap_from[:, :-2] = leap[:, 2:]
    for step in reversed(range(t)):
        reach = np.full_like(y[:, 0], _NONE)
        if step + 1 < t:
            after = beta[:, step + 1]
            two = np.where(leap_from, _moved(after, -2), _NONE).astype(y.dtype, copy=False)
            reach = _log_sum(after, _moved(after, -1), two)
        last = (input_lengths == step + 1).reshape(-1, 1)
        beta[:, step] = np.where(last, np.where(ends, 0, _NONE), reach).astype(y.dtype, copy=False) + y[:, step]
    # alpha and beta both count the step itself
    through = np.where((alpha == _NONE) | (beta == _NONE), _NONE, alpha + beta - y)
    share = np.exp(through + loss.reshape(-1, 1, 1))
    hot = (at[:, :, None] == np.arange(classes)).astype(y.dtype)
    d = np.matmul(share, hot)  # N T C
    weight = g.astype(y.dtype, copy=False).reshape(-1, 1, 1)
    # an infinite loss that does not count has gradient 0, not nan
    d = np.where(weight == 0, 0, d * -weight)
    return np.ascontiguousarray(d.transpose(1, 0, 2)).astype(log_probs.dtype, copy=False)


def _check(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> None:
    if len(log_probs.shape) != 3 or log_probs.dtype.kind in "biuc":
        raise TypeError(f"ctc_loss needs floating log_probs [T, N, C], got {log_probs.dtype}{list(log_probs.shape)}")
    n = log_probs.shape[1]
    if len(targets.shape) != 2 or targets.shape[0] != n or input_lengths.shape != (n,) or target_lengths.shape != (n,):
        raise ValueError(
            f"ctc_loss needs targets [{n}, S] and lengths [{n}] for log_probs {log_probs.shape}, got {targets.shape}, "
            f"{input_lengths.shape} and {target_lengths.shape}"
        )


def _ctc_loss_shape(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *, blank: int) -> MetaArray:
    _check(log_probs, targets, input_lengths, target_lengths)
    return MetaArray(target_lengths.shape, log_probs.dtype)


def _ctc_loss_grad_shape(g: Any, log_probs: Any, *_: Any, blank: int) -> MetaArray:
    return MetaArray(log_probs.shape, log_probs.dtype)


def _flops(log_probs: Any, targets: Any) -> int:
    t, n, _ = log_probs.shape
    return int(t * n * (2 * targets.shape[1] + 1) * 8)


Op("ctc_loss", "log_probs, targets, input_lengths, target_lengths; blank", "opaque", unit=True)
Op("ctc_loss_grad", "g, log_probs, targets, input_lengths, target_lengths; blank", "opaque")
register_rules("numpy", {"ctc_loss": _ctc_loss, "ctc_loss_grad": _ctc_loss_grad})
register_rules("shape", {"ctc_loss": _ctc_loss_shape, "ctc_loss_grad": _ctc_loss_grad_shape})
register_rules(
    "flops",
    {
        "ctc_loss": lambda xs, outs, params: _flops(xs[0], xs[1]),
        "ctc_loss_grad": lambda xs, outs, params: 2 * _flops(xs[1], xs[2]),
    },
)
