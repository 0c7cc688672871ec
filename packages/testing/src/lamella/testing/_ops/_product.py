"""Samples of cross products and distances; `matmul` stands with the layout."""

from __future__ import annotations

from lamella.tensor import float32, float64

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import OpSample, distinct, normal

__all__ = ["SAMPLES"]

SAMPLES = (
    OpSample("cross", "", (normal(2, 3), normal(2, 3)), {"dim": -1}, (*FLOAT_DTYPES, *INT_DTYPES, *COMPLEX_DTYPES)),
    OpSample("cross", "broadcast", (normal(3, 1), normal(2, 3, 2)), {"dim": -2}, (float32, float64)),
    OpSample("cdist", "2", (normal(2, 3, 4), normal(2, 2, 4)), {"p": 2.0, "mm": False}, FLOAT_DTYPES),
    OpSample("cdist", "mm", (normal(3, 4), normal(2, 4)), {"p": 2.0, "mm": True}, (float32, float64)),
    *(
        OpSample("cdist", str(p), (distinct(3, 2), normal(2, 2)), {"p": p, "mm": False}, (float32, float64))
        for p in (0.0, 0.5, 1.0, 3.0, float("inf"))
    ),
)
