"""Samples of unit composites and updates."""

from __future__ import annotations

from lamella.tensor import float32, float64

from .._arrays import FLOAT_DTYPES
from ._sample import OpSample, distinct, index, normal, number, positive, unit

__all__ = ["SAMPLES"]


CROSS = {"label_smoothing": 0.0, "ignore_index": -100, "reduction": "mean"}
COMPOSITES = (
    OpSample("linear", "", (normal(3, 4), normal(2, 4), normal(2)), {}, FLOAT_DTYPES),
    OpSample("linear", "no-bias", (normal(2, 3, 4), normal(2, 4), number(None)), {}, FLOAT_DTYPES),
    OpSample("linear", "vector", (normal(4), normal(2, 4), normal(2)), {}, FLOAT_DTYPES),
    *(OpSample(n, "last", (normal(3, 4),), {"dim": 1}, FLOAT_DTYPES) for n in ("softmax", "log_softmax")),
    *(OpSample(n, "first", (normal(3, 4),), {"dim": 0}, FLOAT_DTYPES) for n in ("softmax", "log_softmax")),
    OpSample("gelu", "erf", (normal(3, 4),), {"approximate": "none"}, FLOAT_DTYPES),
    OpSample("gelu", "tanh", (normal(3, 4),), {"approximate": "tanh"}, FLOAT_DTYPES),
    OpSample("layer_norm", "", (normal(3, 4), positive(4), normal(4)), {"ndims": 1, "eps": 1e-5}, FLOAT_DTYPES),
    OpSample(
        "layer_norm", "plain", (normal(2, 3, 4), number(None), number(None)), {"ndims": 2, "eps": 1e-3}, FLOAT_DTYPES
    ),
    OpSample("rms_norm", "", (normal(3, 4), positive(4)), {"ndims": 1, "eps": 1e-5}, FLOAT_DTYPES),
    OpSample("rms_norm", "plain", (normal(2, 3, 4), number(None)), {"ndims": 2, "eps": 1e-3}, FLOAT_DTYPES),
    OpSample("cross_entropy", "mean", (normal(4, 5), index(4, high=5)), CROSS, FLOAT_DTYPES),
    OpSample("cross_entropy", "none", (normal(4, 5), index(4, high=5)), {**CROSS, "reduction": "none"}, FLOAT_DTYPES),
    OpSample(
        "cross_entropy",
        "smooth-ignore",
        (normal(6, 5), index(6, high=5)),
        {"label_smoothing": 0.1, "ignore_index": 2, "reduction": "mean"},
        FLOAT_DTYPES,
    ),
    OpSample("cross_entropy", "sum", (normal(4, 5), index(4, high=5)), {**CROSS, "reduction": "sum"}, FLOAT_DTYPES),
    OpSample("batch_norm", "", (normal(3, 2, 4), positive(2), normal(2)), {"eps": 1e-5}, FLOAT_DTYPES),
    OpSample("batch_norm", "plain", (normal(5, 3), number(None), number(None)), {"eps": 1e-3}, FLOAT_DTYPES),
    OpSample("dropout", "", (normal(3, 4), number(7), number(5)), {"p": 0.4}, FLOAT_DTYPES),
    OpSample("dropout", "all", (normal(3, 4), number(7), number(5)), {"p": 1.0}, FLOAT_DTYPES),
)
WIDE = (float64, float32)
BACKWARD = (
    *(
        OpSample(n, "", (normal(3, 4), unit(3, 4)), {"dim": 1}, FLOAT_DTYPES)
        for n in ("softmax_grad", "log_softmax_grad")
    ),
    OpSample("relu_grad", "", (normal(3, 4), distinct(3, 4, grad=False)), {}, FLOAT_DTYPES),
    OpSample("batch_norm_grad", "", (normal(3, 2, 4), normal(3, 2, 4), normal(2), positive(2), positive(2)), {}, WIDE),
    OpSample("batch_norm_grad", "plain", (normal(5, 3), normal(5, 3), normal(3), positive(3), number(None)), {}, WIDE),
    *(
        OpSample(n, label, (normal(3, 2, 4), normal(3, 2, 4), mean, positive(3, *stat), weight), {"ndims": ndims}, WIDE)
        for n in ("layer_norm_input_grad", "layer_norm_grad")
        for label, ndims, stat, mean, weight in (
            ("", 1, (2, 1), normal(3, 2, 1), positive(4)),
            ("plain-root-mean-square", 2, (1, 1), number(None), number(None)),
        )
    ),
    OpSample("linear_weight_grad", "", (normal(3, 2), normal(3, 4)), {}, FLOAT_DTYPES),
    OpSample("linear_weight_grad", "cube", (normal(2, 3, 2), normal(2, 3, 4)), {}, FLOAT_DTYPES),
    OpSample("cross_entropy_grad", "mean", (normal(), normal(4, 5), index(4, high=5)), CROSS, FLOAT_DTYPES[:2]),
    OpSample(
        "cross_entropy_grad",
        "none-smooth-ignore",
        (normal(6), normal(6, 5), index(6, high=5)),
        {"label_smoothing": 0.1, "ignore_index": 2, "reduction": "none"},
        FLOAT_DTYPES[:2],
    ),
)
LR = number(0.1)
ADAM = (normal(5), normal(5), normal(5), positive(5), positive(), number(1e-3), number(0.9), number(0.99), number(1e-8))
RMSPROP = (number(0.99), number(1e-8), number(0.01))
MOMENTUM = (normal(5), normal(5), normal(5), LR, number(0.9), number(0.01))
UPDATES = (
    OpSample("sgd", "", (normal(3, 4), normal(3, 4), LR, number(0.0)), {}, WIDE),
    OpSample("sgd", "decay", (normal(3, 4), normal(3, 4), LR, number(0.01)), {}, WIDE),
    OpSample("momentum", "", MOMENTUM, {"nesterov": False}, WIDE),
    OpSample("momentum", "nesterov", MOMENTUM, {"nesterov": True}, WIDE),
    OpSample(
        "damped_momentum",
        "",
        (normal(5), normal(5), normal(5), positive(), LR, number(0.9), number(0.5), number(0.01)),
        {"nesterov": True},
        WIDE,
    ),
    OpSample("amsgrad", "", (*ADAM[:4], positive(5), *ADAM[4:], number(0.01)), {"decoupled": True}, WIDE),
    OpSample("rmsprop", "", (normal(5), normal(5), positive(5), LR, *RMSPROP), {}, WIDE),
    OpSample(
        "rmsprop_momentum",
        "",
        (normal(5), normal(5), positive(5), normal(5), normal(5), LR, *RMSPROP, number(0.9)),
        {"centered": False},
        WIDE,
    ),
    OpSample("ema", "", (normal(5), normal(5), number(0.9)), {}, WIDE),
    OpSample(
        "adagrad",
        "",
        (normal(5), normal(5), positive(5), positive(), LR, *[number(v) for v in (0.1, 1e-8, 0.01)]),
        {},
        WIDE,
    ),
    OpSample("adam", "", (*ADAM, number(0.01)), {"decoupled": False}, WIDE),
    OpSample("adam", "decoupled", (*ADAM, number(0.01)), {"decoupled": True}, WIDE),
    OpSample("adam", "no-decay", (*ADAM, number(0.0)), {"decoupled": True}, WIDE),
)

SAMPLES = (*COMPOSITES, *BACKWARD, *UPDATES)
