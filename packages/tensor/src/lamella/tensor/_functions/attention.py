"""Attention (Vaswani et al. 2017), and the bodies of its op and of the step of its backward rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from .. import _pointwise as p
from .._arguments import number
from .._creation import arange
from .._dispatch import dispatch
from .._drawn import draw, reserve
from .._dtype import BOOL, bool_, float32, from_numpy_dtype
from .._meta import broadcast_shapes
from .._op import OPS
from .._state import tls
from .common import require_float, to_dtype
from .elementwise import where
from .movement import expand, reshape, transpose
from .product import matmul
from .reduction import amax
from .reduction import sum as sum_

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["attention"]
METHODS: tuple[str, ...] = ()
IN_PLACE: tuple[str, ...] = ()


def _wide(x: Any) -> Any:
    return to_dtype(x, float32) if x._data.dtype.itemsize < 4 else x


def attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    scale: float | None = None,
    causal: bool = False,
    dropout_p: float = 0.0,
    generator: Any = None,
) -> Tensor:
    """softmax(q k^T * scale + mask) v for q [..., L, E], k [..., S, E], v [..., S, V]; a fully masked row gives 0.

    A bool mask is True where a query may look; causal lets query i look at keys 0..i. dropout_p > 0 drops weights.
    """
    t = require_float(q, "attention")
    if scale is None:
        scale = 1 / math.sqrt(t._data.shape[-1]) if t._data.shape[-1:] != (0,) else 1.0
    scale, dropout_p = number(scale, "attention: scale"), number(dropout_p, "attention: dropout_p")
    params: dict[str, Any] = {"scale": float(scale), "causal": bool(causal), "p": float(dropout_p)}
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"attention: dropout_p is a probability in [0, 1], got {dropout_p}")
    if not dropout_p:
        return cast("Tensor", dispatch(OPS["attention"], (t, k, v, mask, None, None), params)[0])
    maps = [lv for lv in tls.levels if lv.kind == "vmap"]
    if any(lv.randomness == "error" for lv in maps):
        raise RuntimeError(
            "dropout inside vmap: say vmap(..., randomness='different') for a mask per example, or 'same' for one mask"
        )
    shape = _scores_shape(t, k, v)
    seed, offset = reserve(
        generator, math.prod(shape) * math.prod(lv.size for lv in maps if lv.randomness == "different")
    )
    if maps:
        keep = draw("bernoulli", seed, offset, shape, p=1 - float(dropout_p), dtype=bool_)
        return cast("Tensor", _attended(t, k, v, mask, keep, **params)[0])
    return cast("Tensor", dispatch(OPS["attention"], (t, k, v, mask, seed, offset), params)[0])


def _scores_shape(q: Any, k: Any, v: Any) -> tuple[int, ...]:
    q, k, v = q._data.shape, k._data.shape, v._data.shape
    return (*broadcast_shapes(q[:-2], k[:-2], v[:-2]), q[-2], k[-2])


def scores_of(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    """The masked scores [..., L, S] of attention, -inf where masked."""
    s = matmul(p.mul(_wide(q), scale), transpose(_wide(k), -1, -2))
    if mask is not None:
        is_bool = from_numpy_dtype(mask._data.dtype).category == BOOL
        s = where(expand(mask, tuple(s._data.shape)), s, -math.inf) if is_bool else p.add(s, mask)
    if causal:
        rows, cols = s._data.shape[-2:]
        s = where(expand(p.le(arange(cols), reshape(arange(rows), -1, 1)), tuple(s._data.shape)), s, -math.inf)
    return s


def _kept(shape: tuple[int, ...], seed: Any, offset: Any, p: float) -> Any:
    if seed is None:
        return None
    return dispatch(OPS["bernoulli"], (seed, offset), {"p": 1 - p, "shape": shape, "dtype": bool_})


def _dropped(weights: Any, keep: Any, p_drop: float) -> Any:
    if keep is None:
        return weights
    y = p.mul(weights, to_dtype(keep, from_numpy_dtype(weights._data.dtype)))
    return p.mul(y, 1 / (1 - p_drop)) if p_drop < 1 else y


def _attention_body(
    q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, *, scale: float, causal: bool, p: float
) -> Any:
    keep = _kept(_scores_shape(q, k, v), seed, offset, p)
    return _attended(q, k, v, mask, keep, scale=scale, causal=causal, p=p)


def _attended(q: Any, k: Any, v: Any, mask: Any, keep: Any, *, scale: float, causal: bool, **drop: float) -> Any:
    s = scores_of(q, k, mask, scale, causal)
    if not s._data.shape[-1]:  # no key at all
        none = p.sub(sum_(s, -1), math.inf)
        return to_dtype(matmul(s, _wide(v)), from_numpy_dtype(q._data.dtype)), none
    top = amax(s, -1, True)
    top = where(p.eq(top, -math.inf), 0.0, top)
    e = p.exp(p.sub(s, top))
    weight = sum_(e, -1, True)
    o = p.div(matmul(_dropped(e, keep, drop["p"]), _wide(v)), where(p.eq(weight, 0.0), 1.0, weight))
    lse = reshape(p.add(p.log(weight), top), *tuple(s._data.shape[:-1]))
    return to_dtype(o, from_numpy_dtype(q._data.dtype)), lse


def attention_backward(
    go: Any, gl: Any, q: Any, k: Any, v: Any, mask: Any, seed: Any, offset: Any, o: Any, lse: Any, *,
    scale: float, causal: bool, **drop: float,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """Cotangents of (q, k, v, scores) of attention from those of its outputs, as ops; gl may be None."""
    p_drop = drop["p"]
    s = scores_of(q, k, mask, scale, causal)
    row = reshape(lse, *tuple(lse._data.shape), 1)
    # a fully masked row has lse = -inf and no weight anywhere
    dead = p.eq(row, -math.inf)
    w = where(dead, 0.0, p.exp(p.sub(s, where(dead, 0.0, row))))
    keep = _kept(tuple(s._data.shape), seed, offset, p_drop)
    go = _wide(go)
    gv = matmul(transpose(_dropped(w, keep, p_drop), -1, -2), go)
    gw = _dropped(matmul(go, transpose(_wide(v), -1, -2)), keep, p_drop)
    level = sum_(p.mul(go, _wide(o)), -1, True)
    if gl is not None:
        level = p.sub(level, reshape(gl, *tuple(gl._data.shape), 1))
    gs = p.mul(w, p.sub(gw, level))
    gq = p.mul(matmul(gs, _wide(k)), scale)
    gk = p.mul(matmul(transpose(gs, -1, -2), _wide(q)), scale)
    return _summed(gq, q), _summed(gk, k), _summed(gv, v), gs


def _summed(g: Any, like: Any) -> Any:
    """g summed over the batch dims that an operand was broadcast along."""
    shape = tuple(like._data.shape)
    given = tuple(g._data.shape)
    if given == shape:
        return g
    missing = len(given) - len(shape)
    dims = [d for d in range(len(given)) if d < missing or (shape[d - missing] == 1 and given[d] != 1)]
    return reshape(sum_(g, tuple(dims), True), *shape)


def _attention_grad_body(*args: Any, **params: Any) -> Any:
    return attention_backward(*args, **params)[:3]


OPS["attention"].body = _attention_body
OPS["attention_grad"].body = _attention_grad_body
