"""Attention and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from integration.oracle.inputs import In
from integration.oracle.row import Row
from lamella.nn import functional

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


_ATTENTION = [
    Row(
        "attention", _attention(0.4, causal), (In((2, 3, 5)), In((2, 4, 5)), In((2, 4, 6)), *mask),
        {"scale": 0.4, "causal": causal, "p": 0.0}, _FULL, f"{causal}-{label}",
        extra=(None, None) if mask else (None, None, None),
    )
    for label, mask in (("plain", ()), ("added", (In((2, 3, 4)),)))
    for causal in (False, True)
]  # fmt: skip


def _rnn(x: Any, h: Any, w: Any) -> Any:
    y, _ = torch.ops.aten.rnn_tanh(
        x.unflatten(0, (3, 2)), h.unsqueeze(0), [torch.eye(4, dtype=x.dtype), w], False, 1, 0.0, True, False, False
    )
    return y.flatten(0, 1)


ROWS = [
    *_ATTENTION,
    Row(
        "rnn_layer", _rnn, (In((6, 4)), In((2, 4)), In((4, 4))),
        {"sizes": (2, 2, 2), "reverse": False, "nonlinearity": "tanh"}, _FULL,
    ),
]  # fmt: skip
EXEMPT = {
    **dict.fromkeys(
        ("attention_grad", "rnn_layer_grad", "lstm_layer_grad", "gru_layer_grad"),
        "a step of a backward rule: compared as the gradient of what it belongs to",
    ),
    **dict.fromkeys(("lstm_layer", "gru_layer"), "returns gates that the oracle has no name for: compared as a module"),
}

_RNG = np.random.default_rng(8)
VALUES = {
    "seq_q": _RNG.normal(size=(2, 4, 3, 5)), "seq_k": _RNG.normal(size=(2, 2, 6, 5)),
    "seq_v": _RNG.normal(size=(2, 2, 6, 7)), "seq_bias": _RNG.normal(size=(4, 3, 6)),
    "seq_look": _RNG.random((2, 1, 3, 6)) < 0.7, "seq_dead": np.array([[True] * 6, [False] * 6, [True] * 6]),
}  # fmt: skip
# texts over `lib`, in which the oracle's function stands in another module
_SDPA = "(lamella_sdpa if lib.__name__.startswith('lamella') else lib.nn.functional.scaled_dot_product_attention)"
VALUES["lamella_sdpa"] = functional.scaled_dot_product_attention
_ONE = "seq_q[:, :2], seq_k, seq_v"
FUNCTIONS = [
    *(
        f"{_SDPA}({_ONE}{more})"
        for more in (
            "", ", is_causal=True", ", scale=0.3", ", seq_look", ", seq_bias[:2]", ", seq_dead", ", dropout_p=0.0",
        )
    ),
    f"{_SDPA}(seq_q, seq_k, seq_v, enable_gqa=True)",
    f"{_SDPA}(seq_q, seq_k, seq_v, seq_bias, enable_gqa=True, scale=0.5)",
    f"{_SDPA}(seq_q, seq_k, seq_v, seq_look, enable_gqa=True)",
    f"{_SDPA}(seq_q, seq_k, seq_v, is_causal=True, enable_gqa=True)",
    f"{_SDPA}(seq_q[0, 0], seq_k[0, 0], seq_v[0, 0])",
    f"{_SDPA}(seq_q[:, :1], seq_k, seq_v)",
]  # fmt: skip
