"""Optimizer updates: each a functional op over one parameter, with a kernel that updates a list of them in place.

A kernel is written once, as an update in place of one parameter's arrays; the functional form copies what it mutates
and runs it, the list form runs it over every row. Large arrays are updated in parts that stay in the cache: a
temporary as large as the parameter would be fresh memory at every step.

Formulas: SGD with momentum (Sutskever et al. 2013, as PyTorch writes it), Adam (Kingma & Ba 2015), decoupled weight
decay (Loshchilov & Hutter 2019), AMSGrad (Reddi et al. 2018), RMSprop (Tieleman & Hinton 2012, centered as in Graves
2013), Adagrad (Duchi et al. 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._meta import MetaArray
from .._op import Op, register_rules

__all__: list[str] = []

_PART = 16384
_asarray = np.asarray


def _parts(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """The arrays, alike in shape, in parts that fit the cache together; as they are where they are small or strided."""
    size = arrays[0].size
    if size <= _PART or not all(a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, size, _PART):
        yield tuple([a[start : start + _PART] for a in flat])


def _array(x: Any) -> Any:
    """numpy makes a scalar of a 0-d result, which cannot be written into."""
    return x if type(x) is np.ndarray else _asarray(x)


def _sgd(p: Any, g: Any, lr: float, weight_decay: float) -> None:
    for q, d in _parts(p, g):
        if weight_decay:
            d = d + q * weight_decay
        q -= d * lr


def _momentum(p: Any, g: Any, buf: Any, lr: float, momentum: float, weight_decay: float, *, nesterov: bool) -> None:
    for q, d, b in _parts(p, g, buf):
        if weight_decay:
            d = d + q * weight_decay
        b *= momentum
        b += d
        q -= (d + b * momentum if nesterov else b) * lr


def _damped_momentum(
    p: Any,
    g: Any,
    buf: Any,
    step: Any,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    *,
    nesterov: bool,
) -> None:
    # the first gradient enters whole: there is nothing to damp it against
    share = 1 - dampening if float(step) else 1.0
    step += 1
    for q, d, b in _parts(p, g, buf):
        if weight_decay:
            d = d + q * weight_decay
        b *= momentum
        b += d * share
        q -= (d + b * momentum if nesterov else b) * lr


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
) -> None:
    step += 1
    first, second, small, rate = _adam_factors(float(step), lr, beta1, beta2, eps, p.dtype)
    for q, d, mean, square in _parts(p, g, m, v):
        d = _decayed(q, d, lr, weight_decay, decoupled)
        # m += (1 - beta1)(g - m), v likewise; the two bias corrections are folded into the step size and into eps
        t = _array(np.subtract(d, mean))
        t *= first
        mean += t
        np.multiply(d, d, out=t)
        t -= square
        t *= second
        square += t
        np.sqrt(square, out=t)
        t += small
        np.divide(mean, t, out=t)
        t *= rate
        q -= t


def _amsgrad(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    largest: Any,
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
    first, second, small, rate = _adam_factors(float(step), lr, beta1, beta2, eps, p.dtype)
    for q, d, mean, square, top in _parts(p, g, m, v, largest):
        d = _decayed(q, d, lr, weight_decay, decoupled)
        mean += (d - mean) * first
        square += (d * d - square) * second
        np.maximum(top, square, out=top)
        q -= mean / (np.sqrt(top) + small) * rate


def _decayed(p: Any, g: Any, lr: float, weight_decay: float, decoupled: bool) -> Any:
    if not weight_decay:
        return g
    if not decoupled:
        return g + p * weight_decay
    p *= 1 - lr * weight_decay
    return g


def _adam_factors(*key: Any) -> tuple[Any, ...]:
    known = _adam_known[0]
    if known[0] == key:
        return known[1]
    n, lr, beta1, beta2, eps, dtype = key
    root = math.sqrt(1 - beta2**n)
    factors = tuple([_asarray(f, dtype) for f in (1 - beta1, 1 - beta2, eps * root, lr * root / (1 - beta1**n))])
    _adam_known[0] = (key, factors)
    return factors


# The factors of the newest step, which most parameters share: as arrays they cost numpy half of what Python numbers do.
_adam_known: list[tuple[Any, tuple[Any, ...]]] = [((), ())]


def _rmsprop(p: Any, g: Any, square: Any, lr: float, alpha: float, eps: float, weight_decay: float) -> None:
    for q, d, s in _parts(p, g, square):
        d = _decayed(q, d, lr, weight_decay, False)
        s *= alpha
        s += d * d * (1 - alpha)
        q -= d / (np.sqrt(s) + eps) * lr


def _rmsprop_momentum(
    p: Any,
    g: Any,
    square: Any,
    mean: Any,
    buf: Any,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    *,
    centered: bool,
) -> None:
    for q, d, s, c, b in _parts(p, g, square, mean, buf):
        d = _decayed(q, d, lr, weight_decay, False)
        s *= alpha
        s += d * d * (1 - alpha)
        spread = s
        if centered:
            c += (d - c) * (1 - alpha)
            spread = s - c * c
        b *= momentum
        b += d / (np.sqrt(spread) + eps)
        q -= b * lr


def _adagrad(
    p: Any, g: Any, total: Any, step: Any, lr: float, lr_decay: float, eps: float, weight_decay: float
) -> None:
    rate = lr / (1 + float(step) * lr_decay)
    step += 1
    for q, d, s in _parts(p, g, total):
        d = _decayed(q, d, lr, weight_decay, False)
        s += d * d
        q -= d / (np.sqrt(s) + eps) * rate


def _ema(average: Any, value: Any, decay: float) -> None:
    for a, v in _parts(average, value):
        a += (v - a) * (1 - decay)


# name: (operands; params, kernel, how many operands from the third on are state and replaced like p, flops an element)
_UPDATES: dict[str, tuple[str, Callable[..., None], int, int]] = {
    "sgd": ("p, g, lr, weight_decay", _sgd, 0, 4),
    "momentum": ("p, g, buf, lr, momentum, weight_decay; nesterov", _momentum, 1, 6),
    "damped_momentum": (
        "p, g, buf, step, lr, momentum, dampening, weight_decay; nesterov", _damped_momentum, 2, 7,
    ),
    "adam": ("p, g, m, v, step, lr, beta1, beta2, eps, weight_decay; decoupled", _adam, 3, 14),
    "amsgrad": ("p, g, m, v, largest, step, lr, beta1, beta2, eps, weight_decay; decoupled", _amsgrad, 4, 15),
    "rmsprop": ("p, g, square, lr, alpha, eps, weight_decay", _rmsprop, 1, 9),
    "rmsprop_momentum": (
        "p, g, square, mean, buf, lr, alpha, eps, weight_decay, momentum; centered", _rmsprop_momentum, 3, 16,
    ),
    "ema": ("average, value, decay", _ema, 0, 3),
    "adagrad": ("p, g, total, step, lr, lr_decay, eps, weight_decay", _adagrad, 2, 8),
}  # fmt: skip


def _declare(name: str, signature: str, kernel: Callable[..., None], states: int, flops: int) -> None:
    mutates = (0, *range(2, 2 + states))
    target, source = ("average", "value") if name == "ema" else ("parameter", "gradient")
    Op(name, signature, "opaque", outputs=len(mutates), mutates=mutates, differentiable=())

    def in_place(*operands: Any, **params: Any) -> None:
        if operands[0].dtype.itemsize >= 4:
            kernel(*operands, **params)
            return
        # half types are updated in float32 and rounded once
        wide = [a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in operands]
        kernel(*wide, **params)
        for i in mutates:
            operands[i][...] = wide[i]

    def functional(*operands: Any, **params: Any) -> Any:
        given = [np.array(a) if i in mutates else a for i, a in enumerate(operands)]
        in_place(*given, **params)
        return given[0] if len(mutates) == 1 else tuple([given[i] for i in mutates])

    def each(rows: list[tuple[Any, ...]], shared: tuple[Any, ...], params: dict[str, Any]) -> None:
        for row in rows:
            in_place(*row, *shared, **params)

    def shape(p: Any, g: Any, *rest: Any, **_: Any) -> Any:
        if p.shape != g.shape or p.dtype != g.dtype:
            raise ValueError(
                f"{name}: the {source} is {g.dtype}{list(g.shape)} and the {target} {p.dtype}{list(p.shape)}; "
                "they must be alike"
            )
        metas = [MetaArray(a.shape, a.dtype) for a in (p, *rest[:states])]
        return metas[0] if len(metas) == 1 else tuple(metas)

    register_rules("numpy", {name: functional})
    register_rules("inplace", {name: each})
    register_rules("shape", {name: shape})
    register_rules("flops", {name: lambda xs, outs, params: flops * math.prod(xs[0].shape)})


for _name, _row in _UPDATES.items():
    _declare(_name, *_row)
