"""Attention and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from integration.oracle.inputs import In
from integration.oracle.row import Row

__all__ = ["EXEMPT", "FUNCTIONS", "ROWS", "VALUES"]

_FULL = ("float64", "float32")  # the oracle's residuals have no half types, or other ones


def _attention(scale: float, causal: bool) -> Callable[..., Any]:
    def attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        s = q @ k.transpose(-1, -2) * scale
        if mask is not None:
            s = s + mask if mask.dtype.is_floating_point else s.masked_fill(~mask, -torch.inf)
        if causal:
            s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
        return torch.softmax(s, -1) @ v, torch.logsumexp(s, -1)

    return attention


ROWS = [
    Row(
        "attention", _attention(0.4, causal), (In((2, 3, 5)), In((2, 4, 5)), In((2, 4, 6)), *mask),
        {"scale": 0.4, "causal": causal, "p": 0.0}, _FULL, f"{causal}-{label}",
        extra=(None, None) if mask else (None, None, None),
    )
    for label, mask in (("plain", ()), ("added", (In((2, 3, 4)),)))
    for causal in (False, True)
]  # fmt: skip
EXEMPT = {"attention_grad": "a step of attention's backward rule, compared by its gradients"}
_SDPA = "lib.nn.functional.scaled_dot_product_attention"
FUNCTIONS: list[str] = []
VALUES: dict[str, Any] = {}
