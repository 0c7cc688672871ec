"""Convolution or dense layer and the batch norm behind it as one layer, for inference."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, no_grad

from .._module import Module
from .._parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """A copy of conv that computes bn(conv(x)), both in eval mode; transpose says that conv is a transposed one."""
    return _fused(conv, bn, "fuse_conv_bn_eval", partial(fuse_conv_bn_weights, transpose=transpose))


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """A copy of linear that computes bn(linear(x)), both in eval mode."""
    _check_modules(linear, bn, "fuse_linear_bn_eval")
    outputs = getattr(linear, "out_features", None)
    if bn.num_features not in (outputs, 1):
        raise ValueError(
            f"fuse_linear_bn_eval: the batch norm has {bn.num_features} features, the layer {outputs} outputs"
        )
    return _fused(linear, bn, "fuse_linear_bn_eval", fuse_linear_bn_weights)


def _check_modules(layer: Any, bn: Any, function: str) -> None:
    for given in (layer, bn):
        if not isinstance(given, Module):
            raise TypeError(f"{function} needs a layer and a batch norm, got {type(given).__name__}")


def _fused(layer: Module, bn: Any, function: str, weights: Any) -> Module:
    _check_modules(layer, bn, function)
    if layer.training or bn.training:
        raise ValueError(f"{function} needs both modules in eval mode: call .eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError(f"{function} needs the running statistics of the batch norm (track_running_stats=True)")
    fused: Any = copy.deepcopy(layer)
    fused.weight, fused.bias = weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    done: Module = fused
    return done


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """(weight, bias) of a convolution and the batch norm behind it; both require grad where those of conv did."""
    along = [1] * conv_w.ndim
    along[1 if transpose else 0] = -1
    return _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, along)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """(weight, bias) of a dense layer and the batch norm behind it; both require grad where those of linear did."""
    return _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _folded(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
    scale: Tensor | None,
    shift: Tensor | None,
    along: list[int],
) -> tuple[Parameter, Parameter]:
    with no_grad():
        factor = lt.rsqrt(variance + eps)
        if scale is not None:
            factor = factor * scale
        offset = -mean if bias is None else bias - mean
        offset = offset * factor
        if shift is not None:
            offset = offset + shift
        new = (weight * factor.reshape(along)).to(weight.dtype)
        moved = offset.to(weight.dtype if bias is None else bias.dtype)
    follows = bool(weight.requires_grad)
    return Parameter(new, follows), Parameter(moved, follows if bias is None else bool(bias.requires_grad))
