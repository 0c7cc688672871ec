"""Functions over unit composites, and the bodies of those ops: the definition that the compiler and kernel-less
backends use.

A body takes the op's own operands and params and returns its outputs, residuals included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from . import _functions as f
from . import _pointwise as p
from ._arguments import number, sizes
from ._base import TensorBase
from ._dims import dim_of, the_dim
from ._dispatch import dispatch
from ._drawn import draw, reserve
from ._dtype import bool_, float32, from_numpy_dtype
from ._op import OPS
from ._state import tls

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "batch_norm",
    "cross_entropy",
    "dropout",
    "gelu",
    "layer_norm",
    "linear",
    "log_softmax",
    "rms_norm",
    "softmax",
]

METHODS = ("softmax", "log_softmax")
REDUCTIONS = ("none", "mean", "sum")


def _run(name: str, args: tuple[Any, ...], **params: Any) -> Any:
    return dispatch(OPS[name], args, params)


def _wide(x: Any) -> Any:
    # half types are computed in float32 and rounded once, at the end
    return f.to_dtype(x, float32) if x._data.dtype.itemsize < 4 else x


def _moments(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    """(mean square of x less its mean, the mean with all its dims); squares of complex numbers are no distances."""
    if x._data.dtype.kind != "c":
        return _run("var", (x,), dims=dims, correction=0.0, keepdim=keepdim)
    mean = f.mean(x, dims, True)
    c = p.sub(x, mean)
    return f.mean(p.mul(c, c), dims, keepdim), mean


_linear = OPS["linear"]
_cross_entropy = OPS["cross_entropy"]


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """x [..., in] @ weight [out, in].T + bias [out]."""
    if not isinstance(x, TensorBase) or not isinstance(weight, TensorBase):
        name, v = ("weight", weight) if isinstance(x, TensorBase) else ("x", x)
        raise TypeError(f"linear needs tensors, got {name}={type(v).__name__}")
    return cast("Tensor", dispatch(_linear, (x, weight, bias)))


def _linear_body(x: Any, w: Any, bias: Any) -> Any:
    y = f.matmul(x, f.permute(w, 1, 0))
    return y if bias is None else p.add(y, bias)


def softmax(x: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """exp(x) normalized to sum 1 along dim."""
    return _along("softmax", x, dim, axis)


def log_softmax(x: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """Logarithm of softmax along dim, without underflow."""
    return _along("log_softmax", x, dim, axis)


def _along(name: str, x: Any, dim: Any, axis: Any) -> Tensor:
    t = f.require_float(x, name)
    at = the_dim(dim, axis)
    if at is None:
        raise TypeError(f"{name} needs a dim, e.g. {name}(x, dim=-1)")
    if not t._data.ndim:
        dim_of(at, 0)
        return f.reshape(cast("Tensor", _run(name, (f.reshape(t, 1),), dim=0)), ())
    return cast("Tensor", _run(name, (t,), dim=dim_of(at, t._data.ndim)))


def _softmax_body(x: Any, *, dim: int) -> Any:
    xw = _wide(x)
    e = p.exp(p.sub(xw, _run("amax", (xw,), dims=(dim,), keepdim=True)))
    return f.to_dtype(p.div(e, _run("sum", (e,), dims=(dim,), keepdim=True)), from_numpy_dtype(x._data.dtype))


def _log_softmax_body(x: Any, *, dim: int) -> Any:
    xw = _wide(x)
    s = p.sub(xw, _run("amax", (xw,), dims=(dim,), keepdim=True))
    y = p.sub(s, p.log(_run("sum", (p.exp(s),), dims=(dim,), keepdim=True)))
    return f.to_dtype(y, from_numpy_dtype(x._data.dtype))


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x * Phi(x) (Hendrycks & Gimpel 2016); approximate='tanh' for their tanh form."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return cast("Tensor", _run("gelu", (f.require_float(x, "gelu"),), approximate=approximate))


def _gelu_body(x: Any, *, approximate: str) -> Any:
    xw = _wide(x)
    if approximate == "tanh":
        inner = p.mul(p.mul(xw, p.add(p.mul(p.mul(xw, xw), 0.044715), 1.0)), math.sqrt(2 / math.pi))
        y = p.mul(p.mul(p.add(p.tanh(inner), 1.0), xw), 0.5)
    else:
        y = p.mul(p.mul(p.add(p.erf(p.mul(xw, math.sqrt(0.5))), 1.0), xw), 0.5)
    return f.to_dtype(y, from_numpy_dtype(x._data.dtype))


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Normalize over the last dims, which must equal normalized_shape (Ba et al. 2016)."""
    t = f.require_float(x, "layer_norm")
    inner = sizes(normalized_shape, "layer_norm: normalized_shape")
    if not inner or tuple(t._data.shape[-len(inner) :]) != inner:
        raise ValueError(f"layer_norm over {inner} needs x to end in these dims, got {tuple(t._data.shape)}")
    return cast("Tensor", _run("layer_norm", (t, weight, bias), ndims=len(inner), eps=float(eps))[0])


def _layer_norm_body(x: Any, weight: Any, bias: Any, *, ndims: int, eps: float) -> Any:
    rank = x._data.ndim
    dims = tuple(range(rank - ndims, rank))
    xw = _wide(x)
    var, mean = _moments(xw, dims, True)
    rstd = p.rsqrt(p.add(var, eps))
    y = p.mul(p.sub(xw, mean), rstd)
    if weight is not None:
        y = p.mul(y, _wide(weight))
    if bias is not None:
        y = p.add(y, _wide(bias))
    return f.to_dtype(y, from_numpy_dtype(x._data.dtype)), mean, rstd


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Divide by the root of the mean square over the last dims, which must equal normalized_shape (Zhang & Sennrich
    2019).

    eps is added to the mean square; the machine epsilon of the dtype unless given.
    """
    t = f.require_float(x, "rms_norm")
    inner = sizes(normalized_shape, "rms_norm: normalized_shape")
    if not inner or tuple(t._data.shape[-len(inner) :]) != inner:
        raise ValueError(f"rms_norm over {inner} needs x to end in these dims, got {tuple(t._data.shape)}")
    if eps is None:
        # half types are computed in float32, whose epsilon counts
        eps = _EPSILON[8 if t._data.dtype.itemsize == 8 else 4]
    return cast("Tensor", _run("rms_norm", (t, weight), ndims=len(inner), eps=float(eps))[0])


_EPSILON = {4: 2.0**-23, 8: 2.0**-52}


def _rms_norm_body(x: Any, weight: Any, *, ndims: int, eps: float) -> Any:
    rank = x._data.ndim
    dims = tuple(range(rank - ndims, rank))
    xw = _wide(x)
    rstd = p.rsqrt(p.add(f.mean(p.mul(xw, xw), dims, True), eps))
    y = p.mul(xw, rstd)
    if weight is not None:
        y = p.mul(y, _wide(weight))
    return f.to_dtype(y, from_numpy_dtype(x._data.dtype)), rstd


def cross_entropy(
    logits: Any, target: Any, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """Negative log likelihood of integer classes [N, d...] under logits [N, C, d...].

    The mean is over targets that are not ignored.
    """
    t = f.require_float(logits, "cross_entropy")
    if reduction not in REDUCTIONS:
        raise ValueError(f"cross_entropy: reduction is one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing lies in [0, 1], got {label_smoothing}")
    if not isinstance(target, TensorBase):
        raise TypeError(f"cross_entropy needs target as an integer tensor, got {type(target).__name__}")
    shape = t._data.shape
    out = target._data.shape
    if len(shape) != 2 or out != shape[:1]:
        expected = () if len(shape) == 1 else (*shape[:1], *shape[2:])
        if tuple(out) != expected:
            raise ValueError(f"cross_entropy: logits {tuple(shape)} need targets {expected}, got {tuple(out)}")
    if len(shape) == 1:
        t, target = f.reshape(t, 1, -1), f.reshape(target, 1)
    elif len(shape) > 2:
        t = f.reshape(f.permute(t, 0, *range(2, len(shape)), 1), -1, shape[1])
        target = f.reshape(target, -1)
    params = {"label_smoothing": float(label_smoothing), "ignore_index": int(ignore_index), "reduction": reduction}
    loss = dispatch(_cross_entropy, (t, target), params)[0]
    return f.reshape(loss, out) if reduction == "none" else cast("Tensor", loss)


def _cross_entropy_body(logits: Any, target: Any, *, label_smoothing: float, ignore_index: int, reduction: str) -> Any:
    classes = logits._data.shape[1]
    logp = _log_softmax_body(_wide(logits), dim=1)
    keep = p.ne(target, ignore_index)
    at = f.where(keep, target, 0)
    picked = f.reshape(f.gather(logp, 1, f.unsqueeze(at, 1)), -1)
    loss = p.neg(picked)
    if label_smoothing:
        loss = p.sub(
            p.mul(loss, 1 - label_smoothing),
            p.mul(_run("sum", (logp,), dims=(1,), keepdim=False), label_smoothing / classes),
        )
    loss = f.where(keep, loss, 0.0)
    if reduction != "none":
        total = _run("sum", (loss,), dims=(0,), keepdim=False)
        loss = total
        if reduction == "mean":
            count = f.to_dtype(_run("sum", (keep,), dims=(0,), keepdim=False), from_numpy_dtype(total._data.dtype))
            loss = p.div(total, count)
    return f.to_dtype(loss, from_numpy_dtype(logits._data.dtype)), logp


def _channel(v: Any, rank: int) -> Any:
    return f.reshape(v, 1, -1, *(1,) * (rank - 2))


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize [N, C, ...] per channel by the batch's own statistics (Ioffe & Szegedy 2015).

    Returns (y, mean [C], rstd [C]).
    """
    t = f.require_float(x, "batch_norm")
    return cast("tuple[Tensor, Tensor, Tensor]", _run("batch_norm", (t, weight, bias), eps=float(eps)))


def _batch_norm_body(x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    rank = x._data.ndim
    dims = (0, *range(2, rank))
    xw = _wide(x)
    var, kept = _moments(xw, dims, False)
    mean, rstd = f.reshape(kept, -1), p.rsqrt(p.add(var, eps))
    y = p.mul(p.sub(xw, kept), _channel(rstd, rank))
    if weight is not None:
        y = p.mul(y, _channel(_wide(weight), rank))
    if bias is not None:
        y = p.add(y, _channel(_wide(bias), rank))
    return f.to_dtype(y, from_numpy_dtype(x._data.dtype)), mean, rstd


def dropout(x: Any, p: float = 0.5, training: bool = True, *, generator: Any = None) -> Tensor:
    """Zero each element with probability p and scale the rest by 1/(1-p) (Srivastava et al. 2014).

    Outside training it is x itself.
    """
    t = f.require_float(x, "dropout")
    if not 0 <= number(p, "dropout: p") <= 1:
        raise ValueError(f"dropout needs a probability in [0, 1], got {p}")
    if not training or p == 0:
        return t
    maps = [lv for lv in tls.levels if lv.kind == "vmap"]
    if any(lv.randomness == "error" for lv in maps):
        raise RuntimeError(
            "dropout inside vmap: say vmap(..., randomness='different') for a mask per example, or 'same' for one mask"
        )
    count = math.prod(t._data.shape) * math.prod(lv.size for lv in maps if lv.randomness == "different")
    seed, offset = reserve(generator, count)
    if maps:
        mask = draw("bernoulli", seed, offset, tuple(t._data.shape), p=1 - float(p), dtype=bool_)
        return cast("Tensor", _scaled(t, mask, float(p)))
    return cast("Tensor", _run("dropout", (t, seed, offset), p=float(p))[0])


def _scaled(x: Any, mask: Any, p_drop: float) -> Any:
    y = p.mul(x, f.to_dtype(mask, from_numpy_dtype(x._data.dtype)))
    return p.mul(y, 1 / (1 - p_drop)) if p_drop < 1 else y


def _dropout_body(x: Any, seed: Any, offset: Any, *, p: float) -> Any:
    mask = _run("bernoulli", (seed, offset), p=1 - p, shape=tuple(x._data.shape), dtype=bool_)
    return _scaled(x, mask, p), mask


def _huber_body(x: Any, target: Any, *, delta: float, reduction: str) -> Any:
    d = p.abs(p.sub(x, target))
    c = p.minimum(d, delta)
    loss = p.mul(c, p.sub(d, p.mul(c, 0.5)))
    return f.mean(loss) if reduction == "mean" else f.sum(loss) if reduction == "sum" else loss


_BODIES: dict[str, Callable[..., Any]] = {
    "linear": _linear_body,
    "softmax": _softmax_body,
    "log_softmax": _log_softmax_body,
    "gelu": _gelu_body,
    "layer_norm": _layer_norm_body,
    "rms_norm": _rms_norm_body,
    "cross_entropy": _cross_entropy_body,
    "batch_norm": _batch_norm_body,
    "dropout": _dropout_body,
    "huber": _huber_body,
}
for _name, _body in _BODIES.items():
    OPS[_name].body = _body
