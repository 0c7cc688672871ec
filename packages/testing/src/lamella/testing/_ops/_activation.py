"""Samples of activation functions and the steps of their backward rules."""

from __future__ import annotations

from typing import Any

from .._arrays import FLOAT_DTYPES
from ._sample import OpSample, distinct, normal

__all__ = ["SAMPLES"]

_ELU = {"alpha": 1.3, "scale": 0.7, "input_scale": 0.5}
_SOFT = {"beta": 2.0, "threshold": 3.0}
_FORWARD: dict[str, tuple[str, dict[str, Any]]] = {
    "silu": ("", {}),
    "leaky_relu": ("", {"negative_slope": 0.2}),
    "elu": ("", _ELU),
    "softplus": ("", _SOFT),
    "hardtanh": ("", {"min_val": -0.5, "max_val": 1.5}),
    "hardsigmoid": ("", {}),
    "hardswish": ("", {}),
}
_BACKWARD: dict[str, dict[str, Any]] = {
    "silu_grad": {},
    "gelu_grad": {"approximate": "none"},
    "leaky_relu_grad": {"negative_slope": 0.2},
    "elu_grad": _ELU,
    "softplus_grad": _SOFT,
    "hardswish_grad": {},
    "band_grad": {"low": -0.5, "high": 1.5, "scale": 0.5},
}

SAMPLES = (
    *(OpSample(n, label, (distinct(3, 4),), params, FLOAT_DTYPES) for n, (label, params) in _FORWARD.items()),
    OpSample("leaky_relu", "steep", (distinct(5),), {"negative_slope": -1.5}, FLOAT_DTYPES),
    OpSample("elu", "selu", (distinct(5),), {"alpha": 1.67, "scale": 1.05, "input_scale": 1.0}, FLOAT_DTYPES),
    OpSample("gelu_grad", "tanh", (normal(5), distinct(5)), {"approximate": "tanh"}, FLOAT_DTYPES),
    *(OpSample(n, "", (normal(3, 4), distinct(3, 4, grad=False)), p, FLOAT_DTYPES) for n, p in _BACKWARD.items()),
)
