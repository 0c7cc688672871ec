"""Rows of losses and root mean square normalization."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from integration.oracle.inputs import In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "ROWS"]

_FULL = ("float64", "float32")


def _rms_norm(x: Any, weight: Any) -> Any:
    rstd = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)
    return functional.rms_norm(x, (5,), weight, 1e-5), rstd


ROWS = [
    Row("rms_norm", _rms_norm, (In((2, 3, 5)), In((5,))), {"ndims": 1, "eps": 1e-5}, _FULL),
    *(
        Row(
            "huber", lambda x, t, how=how: functional.huber_loss(x, t, how, 0.7),
            (In((300, 400)), In((300, 400))), {"delta": 0.7, "reduction": how}, _FULL, how,
        )
        for how in ("none", "mean", "sum")
    ),
    *(
        Row(
            "pick_class", lambda x, t, how=how: -functional.nll_loss(x, t, reduction=how, ignore_index=2),
            (In((6, 5)), In((6,), "index", 5)), {"ignore_index": 2, "reduction": how}, _FULL, how,
        )
        for how in ("none", "mean", "sum")
    ),
]  # fmt: skip

EXEMPT = {
    "binary_cross_entropy": "compared as a module, whose inputs are probabilities",
    "binary_cross_entropy_grad": "a step of a backward rule: compared through the gradients of the module",
    "huber_grad": "a step of a backward rule: compared through the gradient of huber",
    "pick_class_grad": "a step of a backward rule: compared through the gradient of pick_class",
    "ctc_loss": "compared as a module, behind log_softmax",
    "ctc_loss_grad": "a step of a backward rule: compared through the gradients of the module",
}
