"""Activation functions, named as in torch.nn.functional: ops of one pass, or compositions; and the bodies of the steps
of their backward rules.

`inplace=True` writes the result into x, as `relu_` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .. import _pointwise as p
from .._arguments import number
from .._dims import dim_of
from .._drawn import rand
from .._inplace import assign
from .._op import OPS
from .common import require_float, run, tensor_of, to_dtype
from .elementwise import where
from .movement import narrow, reshape

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = [
    "celu", "elu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
    "prelu", "relu6", "rrelu", "selu", "silu", "softplus", "softshrink", "softsign", "tanhshrink", "threshold",
]  # fmt: skip
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("hardshrink", "prelu")
IN_PLACE: tuple[str, ...] = ()

# constants for which the outputs of a self-normalizing layer keep mean 0 and variance 1 (Klambauer et al. 2017)
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _inplace(fn: Callable[..., Tensor], x: Any, *args: Any) -> Tensor:
    return cast("Tensor", assign(fn, tensor_of(x, fn.__name__), args, {}))


def silu(x: Any, inplace: bool = False) -> Tensor:
    """x * sigmoid(x) (Elfwing et al. 2018); TypeError unless floating."""
    return _inplace(silu, x) if inplace else run("silu", (require_float(x, "silu"),))


def mish(x: Any, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019); TypeError unless floating."""
    if inplace:
        return _inplace(mish, x)
    return p.mul(x, p.tanh(softplus(x, threshold=math.inf)))


def leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else negative_slope * x (Maas et al. 2013); TypeError unless floating."""
    if inplace:
        return _inplace(leaky_relu, x, negative_slope)
    return run(
        "leaky_relu",
        (require_float(x, "leaky_relu"),),
        negative_slope=float(number(negative_slope, "leaky_relu: negative_slope")),
    )


def prelu(x: Any, weight: Any) -> Tensor:
    """x where positive, else weight * x (He et al. 2015): one weight, or one a channel, which is dim 1."""
    t, w = require_float(x, "prelu"), require_float(weight, "prelu")
    if w.ndim > 1 or (w.numel() != 1 and (t.ndim < 2 or w.shape[0] != t.shape[1])):
        raise ValueError(f"prelu needs a weight of one element or one a channel (dim 1 of x {t.shape}), got {w.shape}")
    if w.ndim and t.ndim != 1:
        w = reshape(w, (1, -1, *(1,) * (t.ndim - 2)) if t.ndim else ())
    return where(p.gt(t, 0), t, p.mul(t, w))


def rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """Leaky ReLU of a random slope an element, uniform in [lower, upper), in training; of their mean else."""
    if inplace:
        return _inplace(rrelu, x, lower, upper, training)
    t = require_float(x, "rrelu")
    lower, upper = number(lower, "rrelu: lower"), number(upper, "rrelu: upper")
    if lower > upper:
        raise ValueError(f"rrelu needs lower <= upper, got {lower} and {upper}")
    if not training:
        return leaky_relu(t, (lower + upper) / 2)
    slope = rand(t.shape, dtype=t.dtype)
    return where(p.gt(t, 0), t, p.mul(t, p.add(p.mul(slope, upper - lower), lower)))


def elu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else alpha * (exp(x) - 1) (Clevert et al. 2016); TypeError unless floating."""
    return _inplace(elu, x, alpha) if inplace else _elu("elu", x, alpha, 1.0, 1.0)


def selu(x: Any, inplace: bool = False) -> Tensor:
    """elu scaled to keep mean and variance (Klambauer et al. 2017); TypeError unless floating."""
    return _inplace(selu, x) if inplace else _elu("selu", x, _SELU_ALPHA, _SELU_SCALE, 1.0)


def celu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else alpha * (exp(x / alpha) - 1) (Barron 2017); TypeError unless floating."""
    if number(alpha, "celu: alpha") == 0:
        raise ZeroDivisionError("celu divides by alpha, which cannot be 0")
    return _inplace(celu, x, alpha) if inplace else _elu("celu", x, alpha, 1.0, 1 / alpha)


def _elu(name: str, x: Any, alpha: float, scale: float, input_scale: float) -> Tensor:
    return run(
        "elu",
        (require_float(x, name),),
        alpha=float(number(alpha, f"{name}: alpha")),
        scale=float(scale),
        input_scale=float(input_scale),
    )


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold; TypeError unless floating."""
    beta, threshold = number(beta, "softplus: beta"), number(threshold, "softplus: threshold")
    if beta == 0:
        raise ZeroDivisionError("softplus divides by beta, which cannot be 0")
    return run("softplus", (require_float(x, "softplus"),), beta=float(beta), threshold=float(threshold))


def logsigmoid(x: Any) -> Tensor:
    """log(1 / (1 + exp(-x))), exact for large |x|; TypeError unless floating."""
    return p.neg(softplus(p.neg(require_float(x, "logsigmoid")), threshold=math.inf))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val], flat at both; TypeError unless floating."""
    if inplace:
        return _inplace(hardtanh, x, min_val, max_val)
    min_val, max_val = number(min_val, "hardtanh: min_val"), number(max_val, "hardtanh: max_val")
    if min_val > max_val:
        raise ValueError(f"hardtanh needs min_val <= max_val, got {min_val} and {max_val}")
    return run("hardtanh", (require_float(x, "hardtanh"),), min_val=float(min_val), max_val=float(max_val))


def relu6(x: Any, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]; TypeError unless floating."""
    return hardtanh(x, 0.0, 6.0, inplace)


def hardsigmoid(x: Any, inplace: bool = False) -> Tensor:
    """x / 6 + 1/2 limited to [0, 1]; TypeError unless floating."""
    return _inplace(hardsigmoid, x) if inplace else run("hardsigmoid", (require_float(x, "hardsigmoid"),))


def hardswish(x: Any, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x) (Howard et al. 2019); TypeError unless floating."""
    return _inplace(hardswish, x) if inplace else run("hardswish", (require_float(x, "hardswish"),))


def hardshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """0 where |x| <= lambd, else x; TypeError unless floating."""
    t = require_float(x, "hardshrink")
    return where(p.le(p.abs(t), lambd), 0.0, t)


def softshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, 0 within [-lambd, lambd]; ValueError for a negative lambd."""
    lambd = number(lambd, "softshrink: lambd")
    if lambd < 0:
        raise ValueError(f"softshrink needs lambd >= 0, got {lambd}")
    t = require_float(x, "softshrink")
    return p.sub(t, hardtanh(t, -lambd, lambd))


def tanhshrink(x: Any) -> Tensor:
    """x - tanh(x)."""
    t = require_float(x, "tanhshrink")
    return p.sub(t, p.tanh(t))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)."""
    t = require_float(x, "softsign")
    return p.div(t, p.add(p.abs(t), 1))


def threshold(x: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, else value."""
    if inplace:
        return _inplace(_threshold, x, threshold, value)
    return _threshold(x, threshold, value)


def _threshold(x: Any, bound: float, value: float) -> Tensor:
    t = tensor_of(x, "threshold")
    return to_dtype(where(p.le(t, bound), value, t), t.dtype)  # NaN is not at or below the bound


def glu(x: Any, dim: int = -1) -> Tensor:
    """The first half of x along dim times the sigmoid of the second (Dauphin et al. 2017)."""
    t = require_float(x, "glu")
    at = dim_of(dim, t.ndim)
    if not t.ndim or t.shape[at] % 2:
        raise ValueError(f"glu halves dim {dim}, whose size must be even, of a tensor of shape {t.shape}")
    n = t.shape[at] // 2
    return p.mul(narrow(t, at, 0, n), p.sigmoid(narrow(t, at, n, n)))


# -- bodies of the steps of the backward rules: what the kernels compute, as compositions


def _silu_grad(g: Any, x: Any) -> Tensor:
    s = p.sigmoid(x)
    return p.mul(g, p.mul(s, p.add(p.mul(x, p.sub(1, s)), 1)))


def _gelu_grad(g: Any, x: Any, *, approximate: str) -> Tensor:
    if approximate == "tanh":
        scale = math.sqrt(2 / math.pi)
        square = p.mul(x, x)
        t = p.tanh(p.mul(p.mul(p.add(p.mul(square, 0.044715), 1.0), x), scale))
        slope = p.mul(p.sub(1.0, p.mul(t, t)), p.mul(p.add(p.mul(square, 3 * 0.044715), 1.0), scale))
        return p.mul(g, p.mul(p.add(p.add(t, 1.0), p.mul(x, slope)), 0.5))
    cdf = p.mul(p.add(p.erf(p.mul(x, math.sqrt(0.5))), 1.0), 0.5)
    density = p.mul(p.exp(p.mul(p.mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
    return p.mul(g, p.add(cdf, p.mul(x, density)))


def _leaky_relu_grad(g: Any, x: Any, *, negative_slope: float) -> Tensor:
    return where(p.gt(x, 0), g, p.mul(g, negative_slope))


def _elu_grad(g: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> Tensor:
    up = p.gt(x, 0)
    # exp of what is not chosen could be infinite, and its gradient no number
    steep = p.mul(p.exp(p.mul(where(up, 0.0, x), input_scale)), alpha * scale * input_scale)
    return p.mul(g, where(up, scale, steep))


def _softplus_grad(g: Any, x: Any, *, beta: float, threshold: float) -> Tensor:
    z = p.mul(x, beta)
    return p.mul(g, where(p.gt(z, threshold), 1.0, p.sigmoid(z)))


def _hardswish_grad(g: Any, x: Any) -> Tensor:
    slope = where(p.lt(p.abs(x), 3), p.add(p.mul(x, 1 / 3), 0.5), where(p.ge(x, 3), 1.0, p.mul(x, 0.0)))
    return p.mul(g, slope)


def _band_grad(g: Any, x: Any, *, low: float, high: float, scale: float) -> Tensor:
    inside = p.logical_and(p.gt(x, low), p.lt(x, high))
    return where(inside, p.mul(g, scale), 0.0)


_BODIES: dict[str, Callable[..., Any]] = {
    "silu_grad": _silu_grad,
    "gelu_grad": _gelu_grad,
    "leaky_relu_grad": _leaky_relu_grad,
    "elu_grad": _elu_grad,
    "softplus_grad": _softplus_grad,
    "hardswish_grad": _hardswish_grad,
    "band_grad": _band_grad,
}
for _name, _body in _BODIES.items():
    OPS[_name].body = _body
