"""Activations: those of lamella.tensor, with torch's arguments where they differ, and their in-place twins."""

from __future__ import annotations

from typing import Any

from lamella import tensor as lt
from lamella.tensor import (
    Tensor,
    celu,
    elu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu6,
    rrelu,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)  # fmt: skip
from lamella.tensor.extend import number

from ._arguments import need_tensor

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid", "mish", "prelu", "relu",
    "relu6", "relu_", "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softmax", "softmin", "softplus",
    "softshrink", "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip


def relu(input: Any, inplace: bool = False) -> Tensor:
    """max(x, 0), written into input where asked for."""
    return need_tensor(input, "relu", "input").relu_() if inplace else lt.relu(input)


def relu_(input: Tensor) -> Tensor:
    """relu written into input."""
    return relu(input, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """elu written into input."""
    return elu(input, alpha, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """celu written into input."""
    return celu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """selu written into input."""
    return selu(input, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """leaky_relu written into input."""
    return leaky_relu(input, negative_slope, inplace=True)


def rrelu_(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """rrelu written into input."""
    return rrelu(input, lower, upper, training, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """hardtanh written into input."""
    return hardtanh(input, min_val, max_val, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """threshold written into input."""
    return lt.threshold(input, threshold, value, inplace=True)


def gelu(input: Any, *, approximate: str = "none") -> Tensor:
    """x * Phi(x) (Hendrycks & Gimpel 2016); approximate='tanh' for their tanh form."""
    return lt.gelu(input, approximate)


def _converted(input: Any, function: str, dim: Any, dtype: Any) -> Tensor:
    if not isinstance(dim, int):
        raise TypeError(f"{function} needs a dim, got {dim!r}")
    x = need_tensor(input, function, "input")
    return x if dtype is None else x.to(dtype)


def softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """exp(x) normalized to sum 1 along dim, computed in dtype where given."""
    return lt.softmax(_converted(input, "softmax", dim, dtype), dim)


def softmin(input: Any, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Softmax of -x along dim, computed in dtype where given."""
    return lt.softmax(-_converted(input, "softmin", dim, dtype), dim)


def log_softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Logarithm of softmax along dim, computed in dtype where given."""
    return lt.log_softmax(_converted(input, "log_softmax", dim, dtype), dim)


def gumbel_softmax(
    logits: Any, tau: float = 1.0, hard: bool = False, dim: int = -1, *, generator: Any = None
) -> Tensor:
    """A sample of the Gumbel-softmax distribution (Jang et al. 2017) along dim.

    With `hard` it is one-hot, with the gradient of the soft sample.
    """
    x = need_tensor(logits, "gumbel_softmax", "logits")
    if not number(tau, "gumbel_softmax: tau") > 0:
        raise ValueError(f"gumbel_softmax needs a positive tau, got {tau}")
    # a uniform draw is never 1; 0 stands for a draw of -inf, which softmax takes
    noise: Tensor = -lt.log(-lt.log(lt.rand(x.shape, dtype=x.dtype, generator=generator)))
    soft = lt.softmax((x + noise) / tau, dim)
    if not hard:
        return soft
    chosen = lt.argmax(soft.detach(), dim, keepdim=True)
    at = dim % x.ndim
    places = lt.arange(x.shape[at]).reshape(*(-1 if d == at else 1 for d in range(x.ndim)))
    one_hot = (places == chosen).to(x.dtype)
    return one_hot - soft.detach() + soft
