"""Activation functions whose kernel, or whose backward rule, is one pass where a composition would be many.

Each has a step of its backward rule beside it, `NAME_grad(g, x; ...)`: a composite whose body stands in
`_functions/activation.py`. `band_grad` serves all that are linear inside (low, high) and flat outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._blocks import blocked, clip, masked, select
from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from .._special import normal_cdf

__all__ = ["gelu"]


def _sigmoid(out: Any, x: Any) -> None:
    # exp overflows to inf, whose reciprocal is the 0 that it should be
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)


@blocked
def _silu(out: Any, x: Any) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.divide(x, out, out=out)


@blocked
def _silu_grad(out: Any, g: Any, x: Any) -> None:
    # g s (1 + x (1 - s)), s = sigmoid(x)
    s = np.empty_like(out)
    _sigmoid(s, x)
    np.subtract(1, s, out=out)
    out *= x
    out += 1
    out *= s
    out *= g


@blocked
def _leaky_relu(out: Any, x: Any, *, negative_slope: float) -> None:
    np.multiply(x, negative_slope, out=out)
    if 0 < negative_slope <= 1:
        np.maximum(x, out, out=out)
    else:
        select(out, np.greater(x, 0), x, out)


@blocked
def _leaky_relu_grad(out: Any, g: Any, x: Any, *, negative_slope: float) -> None:
    # the larger (or smaller) of 1 or 0 and the slope: the factor of g
    up = np.greater(x, 0).astype(out.dtype)
    if 0 <= negative_slope <= 1:
        clip(out, up, negative_slope, None)
    else:
        select(out, np.greater(x, 0), up, np.full_like(up, negative_slope))
    out *= g


@blocked
def _elu(out: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> None:
    clip(out, x, None, 0)
    if input_scale != 1:
        out *= input_scale
    np.expm1(out, out=out)
    out *= alpha * scale
    up = x if scale == 1 else np.multiply(x, scale)
    select(out, np.greater(x, 0), up, out)


@blocked
def _elu_grad(out: Any, g: Any, x: Any, *, alpha: float, scale: float, input_scale: float) -> None:
    clip(out, x, None, 0)
    if input_scale != 1:
        out *= input_scale
    np.exp(out, out=out)
    out *= alpha * scale * input_scale
    select(out, np.greater(x, 0), np.full_like(out, scale), out)
    out *= g


@blocked
def _softplus(out: Any, x: Any, *, beta: float, threshold: float) -> None:
    # log(1 + exp(z)) = max(z, 0) + log1p(exp(-|z|)), z = beta x
    z = x if beta == 1 else np.multiply(x, beta)
    up = np.abs(z)
    np.negative(up, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    clip(up, z, 0, None)
    out += up
    if beta != 1:
        out /= beta
    np.copyto(out, x, where=np.greater(z, threshold))


@blocked
def _softplus_grad(out: Any, g: Any, x: Any, *, beta: float, threshold: float) -> None:
    z = x if beta == 1 else np.multiply(x, beta)
    _sigmoid(out, z)
    np.copyto(out, 1, where=np.greater(z, threshold))
    out *= g


@blocked
def _hardtanh(out: Any, x: Any, *, min_val: float, max_val: float) -> None:
    clip(out, x, min_val, max_val)


def _hard_sigmoid(out: Any, x: Any) -> None:
    np.add(x, 3, out=out)
    clip(out, out, 0, 6)
    out *= out.dtype.type(1 / 6)


@blocked
def _hardsigmoid(out: Any, x: Any) -> None:
    _hard_sigmoid(out, x)


@blocked
def _hardswish(out: Any, x: Any) -> None:
    _hard_sigmoid(out, x)
    out *= x


@blocked
def _hardswish_grad(out: Any, g: Any, x: Any) -> None:
    # 0 up to -3, x / 3 + 1/2 between, 1 from 3 on
    np.multiply(x, 1 / 3, out=out)
    out += 0.5
    one = np.greater_equal(x, 3).astype(out.dtype)
    select(out, np.less(np.abs(x), 3), out, one)
    out *= g


@blocked
def _band_grad(out: Any, g: Any, x: Any, *, low: float, high: float, scale: float) -> None:
    # not a product with the mask: 0 * inf is no 0
    inside = np.greater(x, low)
    if high != np.inf:
        inside &= np.less(x, high)
    up = g if scale == 1 else np.multiply(g, scale)
    masked(out, inside, up)


_TANH_SCALE = math.sqrt(2 / math.pi)


def _gelu_tanh(out: Any, x: Any) -> Any:
    """out = (1 + tanh of the cubic) / 2; returns x * x."""
    square = x * x
    np.multiply(square, 0.044715, out=out)
    out += 1
    out *= x
    out *= _TANH_SCALE
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return square


@blocked
def gelu(out: Any, x: Any, *, approximate: str) -> None:
    """The kernel of the op `gelu`, a unit composite."""
    if approximate == "tanh":
        _gelu_tanh(out, x)
    else:
        normal_cdf(out, x)
    out *= x


@blocked
def _gelu_grad(out: Any, g: Any, x: Any, *, approximate: str) -> None:
    if approximate == "tanh":
        square = _gelu_tanh(out, x)
        # of tanh: 1 - t^2 = 4 y (1 - y) with y = (1 + t) / 2, halved by the factor in front
        slope = np.subtract(1, out)
        slope *= out
        square *= 3 * 0.044715
        square += 1
        square *= 2 * _TANH_SCALE
        slope *= square
    else:
        slope = normal_cdf(out, x)
        slope *= -0.5
        np.exp(slope, out=slope)
        slope *= 1 / math.sqrt(2 * math.pi)
    slope *= x
    out += slope
    out *= g


_HOLOMORPHIC = ("silu", "silu_grad")


def _shape_of(name: str, *operands: str) -> Callable[..., MetaArray]:
    refused, needed = ("biu", "floating or complex") if name in _HOLOMORPHIC else ("biuc", "real floating")

    def shape(*xs: Any, **_: Any) -> MetaArray:
        for x, operand in zip(xs, operands, strict=True):
            if not hasattr(x, "shape") or x.dtype.kind in refused:
                given = getattr(x, "dtype", type(x).__name__)
                raise TypeError(f"{name}: {operand} must be a {needed} tensor, got {given}; use .to(float32)")
        return MetaArray(broadcast_shapes(*[x.shape for x in xs]), xs[0].dtype)

    return shape


_FORWARD: dict[str, tuple[str, Callable[..., Any]]] = {
    "silu": ("", _silu),
    "leaky_relu": ("negative_slope", _leaky_relu),
    "elu": ("alpha, scale, input_scale", _elu),
    "softplus": ("beta, threshold", _softplus),
    "hardtanh": ("min_val, max_val", _hardtanh),
    "hardsigmoid": ("", _hardsigmoid),
    "hardswish": ("", _hardswish),
}
_BACKWARD: dict[str, tuple[str, Callable[..., Any]]] = {
    "silu_grad": ("", _silu_grad),
    "gelu_grad": ("approximate", _gelu_grad),
    "leaky_relu_grad": ("negative_slope", _leaky_relu_grad),
    "elu_grad": ("alpha, scale, input_scale", _elu_grad),
    "softplus_grad": ("beta, threshold", _softplus_grad),
    "hardswish_grad": ("", _hardswish_grad),
    "band_grad": ("low, high, scale", _band_grad),
}
for _name, (_params, _) in _FORWARD.items():
    Op(_name, f"x; {_params}", "elementwise")
for _name, (_params, _) in _BACKWARD.items():
    Op(_name, f"g, x; {_params}", "elementwise")
register_rules("numpy", {n: k for n, (_, k) in (_FORWARD | _BACKWARD).items()})
register_rules(
    "shape",
    {n: _shape_of(n, "x") for n in _FORWARD} | {n: _shape_of(n, "g", "x") for n in _BACKWARD},
)
