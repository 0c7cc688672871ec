"""Samples of attention and recurrent layers."""

from __future__ import annotations

from typing import Any

from .._arrays import FLOAT_DTYPES
from ._sample import OpSample, mask_of, normal, number

__all__ = ["SAMPLES"]

NONE = number(None)
QKV = (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 3))
# not all gradients depend on these: what depends on them is seen by the second derivatives of `attention`
CONSTANT = normal(2, 3, grad=False)
STEP = (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 3, grad=False))
SLOTS = (number(7), number(5))


def _given(scale: float = 0.5, causal: bool = False, p: float = 0.0) -> dict[str, Any]:
    return {"scale": scale, "causal": causal, "p": p}


ATTENTION = (
    OpSample("attention", "", (*QKV, NONE, NONE, NONE), _given(), FLOAT_DTYPES),
    OpSample(
        "attention", "causal", (normal(4, 3), normal(4, 3), normal(4, 2), NONE, NONE, NONE), _given(0.6, True),
        FLOAT_DTYPES,
    ),
    OpSample("attention", "mask", (*QKV, mask_of(3, 5), NONE, NONE), _given(), FLOAT_DTYPES),
    OpSample("attention", "bias", (*QKV, normal(3, 5), NONE, NONE), _given(), FLOAT_DTYPES),
    OpSample(
        "attention", "grouped", (normal(2, 2, 3, 4), normal(2, 1, 5, 4), normal(2, 1, 5, 3), NONE, NONE, NONE),
        _given(), FLOAT_DTYPES,
    ),
    OpSample("attention", "dropout", (*QKV, NONE, *SLOTS), _given(p=0.4), FLOAT_DTYPES),
    OpSample(
        "attention_grad", "",
        (normal(2, 3, 3), CONSTANT, *STEP, NONE, NONE, NONE, normal(2, 3, 3, grad=False), normal(2, 3)), _given(),
        FLOAT_DTYPES[:2],
    ),
    OpSample(
        "attention_grad", "mask-dropout",
        (normal(2, 3, 3), NONE, *STEP, mask_of(3, 5), *SLOTS, normal(2, 3, 3, grad=False), normal(2, 3)), _given(p=0.4),
        FLOAT_DTYPES[:2],
    ),
)  # fmt: skip

PACKED = {"sizes": (2, 2, 1), "reverse": False}
BACKWARDS = {"sizes": (2, 1, 1), "reverse": True}
RECURRENT = (
    OpSample(
        "rnn_layer", "", (normal(4, 3), normal(2, 3), normal(3, 3)),
        {"sizes": (2, 2), "reverse": False, "nonlinearity": "tanh"}, FLOAT_DTYPES,
    ),
    OpSample(
        "rnn_layer", "relu-packed-reverse", (normal(4, 3), normal(2, 3), normal(3, 3)),
        {**BACKWARDS, "nonlinearity": "relu"}, FLOAT_DTYPES,
    ),
    OpSample(
        "lstm_layer", "", (normal(4, 8), normal(2, 2), normal(2, 2), normal(8, 2), NONE),
        {"sizes": (2, 2), "reverse": False}, FLOAT_DTYPES,
    ),
    OpSample(
        "lstm_layer", "packed-projected", (normal(5, 8), normal(2, 3), normal(2, 2), normal(8, 3), normal(3, 2)),
        PACKED, FLOAT_DTYPES,
    ),
    OpSample(
        "lstm_layer", "packed-reverse", (normal(4, 8), normal(2, 2), normal(2, 2), normal(8, 2), NONE), BACKWARDS,
        FLOAT_DTYPES,
    ),
    OpSample(
        "gru_layer", "", (normal(4, 6), normal(2, 2), normal(6, 2), normal(2)), {"sizes": (2, 2), "reverse": True},
        FLOAT_DTYPES,
    ),
    OpSample("gru_layer", "packed-no-bias", (normal(5, 6), normal(2, 2), normal(6, 2), NONE), PACKED, FLOAT_DTYPES),
    OpSample(
        "rnn_layer_grad", "", (normal(5, 3), normal(3, 3), normal(5, 3)), {**PACKED, "nonlinearity": "tanh"},
        FLOAT_DTYPES[:2],
    ),
    OpSample(
        "lstm_layer_grad", "",
        (
            normal(5, 2), normal(5, 2, grad=False), normal(5, 8, grad=False), normal(2, 2, grad=False),
            normal(8, 2, grad=False), NONE, normal(5, 2, grad=False), normal(5, 8),
        ),
        PACKED, FLOAT_DTYPES[:2],
    ),
    OpSample(
        "gru_layer_grad", "",
        (normal(4, 2), normal(4, 8, grad=False), normal(2, 2, grad=False), normal(6, 2), normal(4, 2), normal(4, 8)),
        BACKWARDS, FLOAT_DTYPES[:2],
    ),
)  # fmt: skip

SAMPLES = (*ATTENTION, *RECURRENT)
