"""Samples of losses."""

from __future__ import annotations

from .._arrays import FLOAT_DTYPES
from ._sample import OpSample, distinct, index, normal, same, unit

__all__ = ["SAMPLES"]

_BCE = (unit(3, 4), unit(3, 4))
# of 5 steps 4 count; the labels 0 and 1, the blank 2
_CTC = (normal(5, 2, 3), index(2, 2, high=2), same(2, value=4), index(2, high=3))

SAMPLES = (
    *(
        OpSample("huber", how, (distinct(3, 4), normal(3, 4)), {"delta": 0.7, "reduction": how}, FLOAT_DTYPES)
        for how in ("none", "mean", "sum")
    ),
    *(
        OpSample(
            "huber_grad",
            how,
            (normal(*shape), distinct(3, 4, grad=False), normal(3, 4, grad=False)),
            {"delta": 0.7, "reduction": how},
            FLOAT_DTYPES,
        )
        for how, shape in (("none", (3, 4)), ("mean", ()))
    ),
    OpSample("binary_cross_entropy", "", _BCE, {}, FLOAT_DTYPES),
    OpSample("binary_cross_entropy_grad", "", (normal(3, 4), *_BCE), {}, FLOAT_DTYPES),
    OpSample("ctc_loss", "", _CTC, {"blank": 2}, FLOAT_DTYPES),
    OpSample(
        "ctc_loss",
        "one",
        (normal(3, 1, 2), index(1, 1, high=1), same(1, value=3), same(1, value=1)),
        {"blank": 1},
        FLOAT_DTYPES,
    ),
    OpSample("ctc_loss_grad", "", (normal(2), *_CTC), {"blank": 2}, FLOAT_DTYPES),
    OpSample(
        "pick_class", "", (normal(4, 5), index(4, high=5)), {"ignore_index": None, "reduction": "none"}, FLOAT_DTYPES
    ),
    OpSample(
        "pick_class",
        "ignoring",
        (normal(6, 3), index(6, high=3)),
        {"ignore_index": 1, "reduction": "mean"},
        FLOAT_DTYPES,
    ),
    OpSample(
        "pick_class",
        "image-sum",
        (normal(2, 3, 4), index(2, 4, high=3)),
        {"ignore_index": 1, "reduction": "sum"},
        FLOAT_DTYPES,
    ),
    *(
        OpSample(
            "pick_class_grad",
            how,
            (normal(*shape), index(2, 4, high=3)),
            {"classes": 3, "ignore_index": 1, "reduction": how},
            FLOAT_DTYPES,
        )
        for how, shape in (("none", (2, 4)), ("mean", ()))
    ),
)
