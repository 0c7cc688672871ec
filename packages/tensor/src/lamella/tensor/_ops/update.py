"""Optimizer updates as single functional ops; their numpy kernels have an in-place twin that writes the state operands.

Formulas: SGD with momentum (Sutskever et al. 2013, as PyTorch writes it), Adam (Kingma & Ba 2015), decoupled weight
decay (Loshchilov & Hutter 2019).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []

_PLAIN = frozenset(map(np.dtype, (np.float32, np.float64)))


def _sgd_inplace(p: Any, g: Any, lr: float, weight_decay: float) -> None:
    if weight_decay:
        g = g + p * weight_decay
    _descend(p, g, lr)


_CHUNK = 16384


def _descend(p: Any, g: Any, lr: float) -> None:
    """p -= g * lr; a large product would be fresh memory at every step, and is made in parts that stay in the cache."""
    if p.size <= _CHUNK or p.dtype not in _PLAIN or not (p.flags.c_contiguous and g.flags.c_contiguous):
        p -= g * lr
        return
    scratch = np.empty(_CHUNK, p.dtype)
    old, slope = p.reshape(-1), g.reshape(-1)
    for start in range(0, p.size, _CHUNK):
        part = old[start : start + _CHUNK]
        product = scratch[: part.size]
        np.multiply(slope[start : start + _CHUNK], lr, out=product)
        np.subtract(part, product, out=part)


def _sgd(p: Any, g: Any, lr: float, weight_decay: float) -> Any:
    p = p.copy()
    _sgd_inplace(p, g, lr, weight_decay)
    return p


def _sgd_shape(p: Any, g: Any, lr: float, weight_decay: float) -> MetaArray:
    _same("sgd", p, g)
    return MetaArray(p.shape, p.dtype)


def _momentum_inplace(
    p: Any, g: Any, buf: Any, lr: float, momentum: float, weight_decay: float, *, nesterov: bool
) -> None:
    if weight_decay:
        g = g + p * weight_decay
    buf *= momentum
    buf += g
    _descend(p, g + buf * momentum if nesterov else buf, lr)


def _momentum(p: Any, g: Any, buf: Any, lr: float, momentum: float, weight_decay: float, *, nesterov: bool) -> Any:
    p, buf = p.copy(), buf.copy()
    _momentum_inplace(p, g, buf, lr, momentum, weight_decay, nesterov=nesterov)
    return p, buf


def _momentum_shape(p: Any, g: Any, buf: Any, *_: Any, **__: Any) -> Any:
    _same("momentum", p, g)
    return MetaArray(p.shape, p.dtype), MetaArray(buf.shape, buf.dtype)


def _adam_inplace(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    step: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    *,
    decoupled: bool,
) -> None:
    step += 1
    n = float(step)
    if weight_decay:
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            g = g + p * weight_decay
    key = (n, lr, beta1, beta2, eps, p.dtype)
    known = _adam_known[0]
    if known[0] != key:
        known = _adam_known[0] = (key, _adam_factors(*key))
    first, second, small, rate = known[1]
    # m += (1 - beta1)(g - m), v likewise; the two bias corrections are folded into the step size and into eps
    t = np.subtract(g, m)
    if type(t) is not np.ndarray:  # numpy makes a scalar of a 0-d result, which cannot be written into
        t = np.asarray(t)
    t *= first
    m += t
    np.multiply(g, g, out=t)
    t -= v
    t *= second
    v += t
    np.sqrt(v, out=t)
    t += small
    np.divide(m, t, out=t)
    t *= rate
    p -= t


def _adam_factors(n: float, lr: float, beta1: float, beta2: float, eps: float, dtype: Any) -> tuple[Any, ...]:
    root = math.sqrt(1 - beta2**n)
    factors = (1 - beta1, 1 - beta2, eps * root, lr * root / (1 - beta1**n))
    return tuple([np.asarray(f, dtype) for f in factors])


# The factors of the newest step, which most parameters share: as arrays they cost numpy half of what Python numbers do.
_adam_known: list[tuple[Any, tuple[Any, ...]]] = [((), ())]


def _adam(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    step: Any,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    *,
    decoupled: bool,
) -> Any:
    p, m, v, step = p.copy(), m.copy(), v.copy(), np.array(step)
    _adam_inplace(p, g, m, v, step, lr, beta1, beta2, eps, weight_decay, decoupled=decoupled)
    return p, m, v, step


def _adam_shape(p: Any, g: Any, m: Any, v: Any, step: Any, *_: Any, **__: Any) -> Any:
    _same("adam", p, g)
    return tuple(MetaArray(a.shape, a.dtype) for a in (p, m, v, step))


def _same(name: str, p: Any, g: Any) -> None:
    if p.shape != g.shape or p.dtype != g.dtype:
        raise ValueError(
            f"{name}: the gradient is {g.dtype}{list(g.shape)} and the parameter {p.dtype}{list(p.shape)}; "
            "they must be alike"
        )


Op("sgd", "p, g, lr, weight_decay", "opaque", mutates=(0,), differentiable=())
Op(
    "momentum",
    "p, g, buf, lr, momentum, weight_decay; nesterov",
    "opaque",
    outputs=2,
    mutates=(0, 2),
    differentiable=(),
)
Op(
    "adam",
    "p, g, m, v, step, lr, beta1, beta2, eps, weight_decay; decoupled",
    "opaque",
    outputs=4,
    mutates=(0, 2, 3, 4),
    differentiable=(),
)
register_rules("numpy", {"sgd": _sgd, "momentum": _momentum, "adam": _adam})
register_rules("inplace", {"sgd": _sgd_inplace, "momentum": _momentum_inplace, "adam": _adam_inplace})
register_rules("shape", {"sgd": _sgd_shape, "momentum": _momentum_shape, "adam": _adam_shape})
