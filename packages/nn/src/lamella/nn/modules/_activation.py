"""Activations: modules without state but for PReLU.

With `inplace=True` a module writes its result into its input.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, full
from lamella.tensor.extend import number

from .. import functional as F
from .._module import Module
from .._parameter import Parameter
from ._arguments import positive

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip


class _Activation(Module):
    """Settings are attributes, shown by repr as `name=value`; inplace only where it is on."""

    _settings: tuple[str, ...] = ()
    inplace = False

    def extra_repr(self) -> str:
        """The settings."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self._settings]
        return ", ".join([*shown, "inplace=True"] if self.inplace else shown)


class _InPlace(_Activation):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlace):
    """max(x, 0)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.relu(input, self.inplace)


class ReLU6(_InPlace):
    """x limited to [0, 6]."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.relu6(input, self.inplace)


class SiLU(_InPlace):
    """x * sigmoid(x) (Elfwing et al. 2018)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    """x * tanh(softplus(x)) (Misra 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.mish(input, self.inplace)


class SELU(_InPlace):
    """Scaled ELU that keeps mean and variance (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.selu(input, self.inplace)


class Hardsigmoid(_InPlace):
    """x / 6 + 1/2 limited to [0, 1]."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.hardsigmoid(input, self.inplace)


class Hardswish(_InPlace):
    """x * hardsigmoid(x) (Howard et al. 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.hardswish(input, self.inplace)


class ELU(_Activation):
    """x where positive, else alpha * (exp(x) - 1) (Clevert et al. 2016)."""

    _settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Activation):
    """x where positive, else alpha * (exp(x / alpha) - 1) (Barron 2017)."""

    _settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.celu(input, self.alpha, self.inplace)


class LeakyReLU(_Activation):
    """x where positive, else negative_slope * x (Maas et al. 2013)."""

    _settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class RReLU(_Activation):
    """Leaky ReLU of a random slope an element in training, of the mean slope else (Xu et al. 2015)."""

    _settings = ("lower", "upper")

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Hardtanh(_Activation):
    """x limited to [min_val, max_val]."""

    _settings = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if not number(min_val, "Hardtanh: min_val") < number(max_val, "Hardtanh: max_val"):
            raise ValueError(f"Hardtanh needs min_val < max_val, got {min_val} and {max_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class Threshold(_Activation):
    """x where it is above the threshold, else value."""

    _settings = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.threshold(input, self.threshold, self.value, self.inplace)


class Softplus(_Activation):
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."""

    _settings = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.softplus(input, self.beta, self.threshold)


class _Shrink(_Activation):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The bound."""
        return str(self.lambd)


class Hardshrink(_Shrink):
    """0 where |x| <= lambd, else x."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by lambd, 0 within [-lambd, lambd]."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.softshrink(input, self.lambd)


class GELU(_Activation):
    """x * Phi(x) (Hendrycks & Gimpel 2016); approximate='tanh' for their tanh form."""

    _settings = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate is 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.gelu(input, approximate=self.approximate)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.sigmoid(input)


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x)))."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.logsigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.tanh(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.tanhshrink(input)


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.softsign(input)


class PReLU(Module):
    """x where positive, else weight * x, with one learned weight, or one a channel of dim 1 (He et al. 2015)."""

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = positive("PReLU", "num_parameters", num_parameters)
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init), dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        """Set the weight to what it began with."""
        self.weight.detach().fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"


class _AlongDim(_Activation):
    _settings = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"{type(self).__name__} needs a dim, got {dim!r}")
        self.dim = dim


class Softmax(_AlongDim):
    """exp(x) normalized to sum 1 along dim."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.softmax(input, self.dim)


class Softmin(_AlongDim):
    """Softmax of -x along dim."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.softmin(input, self.dim)


class LogSoftmax(_AlongDim):
    """Logarithm of softmax along dim."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of [N, C, H, W] or [C, H, W]."""

    def forward(self, input: Tensor) -> Tensor:
        """To the same shape."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d needs [N, C, H, W] or [C, H, W], got shape {input.shape}")
        return F.softmax(input, -3)


class GLU(_AlongDim):
    """The first half of x along dim times the sigmoid of the second (Dauphin et al. 2017)."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim)

    def forward(self, input: Tensor) -> Tensor:
        """Halves dim."""
        return F.glu(input, self.dim)
