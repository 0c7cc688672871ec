"""Rows of activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from integration.oracle.inputs import In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "FUNCTIONS", "ROWS", "VALUES"]

_M = In((7, 9))


_ELU = {"alpha": 1.3, "scale": 0.7, "input_scale": 0.5}
_FORWARD: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "silu": ({}, functional.silu),
    "leaky_relu": ({"negative_slope": 0.2}, lambda x: functional.leaky_relu(x, 0.2)),
    "elu": (_ELU, lambda x: torch.ops.aten.elu(x, 1.3, 0.7, 0.5)),
    "softplus": ({"beta": 2.0, "threshold": 1.0}, lambda x: functional.softplus(x, 2.0, 1.0)),
    "hardtanh": ({"min_val": -0.5, "max_val": 1.0}, lambda x: functional.hardtanh(x, -0.5, 1.0)),
    "hardsigmoid": ({}, functional.hardsigmoid),
    "hardswish": ({}, functional.hardswish),
}

ROWS = [
    # the gradient of the oracle's hardsigmoid multiplies by 1/6 in single precision
    *[Row(name, function, (_M,), params, grads=name != "hardsigmoid") for name, (params, function) in _FORWARD.items()],
    Row("silu", functional.silu, (In((300, 200)),), {}, label="many"),
    Row("elu", functional.elu, (In((300, 200)),), {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}, label="many"),
]

_STEP = "a step of a backward rule: compared as the gradient of its activation"
EXEMPT = dict.fromkeys(
    ("silu_grad", "gelu_grad", "leaky_relu_grad", "elu_grad", "softplus_grad", "hardswish_grad", "band_grad"), _STEP
)

VALUES = {"act_w": np.array([0.25, -0.5, 0.1, 2.0]), "act_one": np.array([0.25])}
# texts over `lib`, in which the oracle's functions stand in another module
_F = "(lib if hasattr(lib, 'logsigmoid') else lib.nn.functional)"
FUNCTIONS = [
    f"{_F}.hardsigmoid(x.detach())",
    *(
        f"{_F}.{name}(x)"
        for name in (
            "silu", "mish", "leaky_relu", "elu", "selu", "celu", "softplus", "logsigmoid", "hardtanh", "relu6",
            "hardswish", "hardshrink", "softshrink", "tanhshrink", "softsign", "glu", "rrelu",
        )
    ),
    f"{_F}.leaky_relu(x, 0.3)", f"{_F}.leaky_relu(x, -0.3)", f"{_F}.leaky_relu(x, 1.3)", f"{_F}.celu(x, 0.5)",
    f"{_F}.elu(x * 3, alpha=0.4)", f"{_F}.softplus(x * 9, 3.0, 2.0)", f"{_F}.threshold(x, 0.1, 20.0)",
    f"{_F}.prelu(x, act_w)", f"{_F}.prelu(x, act_one)", f"{_F}.prelu(v, act_one)", f"{_F}.glu(x, 1)",
    f"{_F}.hardshrink(x, lambd=0.2)", f"{_F}.softshrink(x, 0.2)", f"{_F}.rrelu(x, 0.1, 0.5)",
    f"{_F}.silu(x.clone(), inplace=True)", f"{_F}.elu(x * 1, 1.0, True)", f"{_F}.hardtanh(x * 9, -2, 3)",
    f"{_F}.logsigmoid(x * 60)", f"{_F}.mish(x * 30)", "x.prelu(act_one)", "x.hardshrink(0.3)",
]  # fmt: skip
