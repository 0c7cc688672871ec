"""Samples of writing through integer indices; what overwrites has no index twice, so that its gradient is one."""

from __future__ import annotations

from lamella.tensor import bool_

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import OpSample, index, normal, places, positive

__all__ = ["SAMPLES"]

NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)
ALL = (*NUMBERS, bool_, *COMPLEX_DTYPES)

SAMPLES = (
    OpSample("put", "", (normal(5, 3), places(2, high=5), normal(2, 3)), {"dim": 0, "accumulate": False}, ALL),
    OpSample(
        "put", "inner", (normal(2, 6, 2), places(2, 2, high=6), normal(2, 2, 2, 2)),
        {"dim": 1, "accumulate": False}, FLOAT_DTYPES,
    ),
    OpSample("put", "add", (normal(3, 5), index(4, high=5), normal(3, 4)), {"dim": 1, "accumulate": True}, NUMBERS),
    OpSample("ravel_index", "", (index(3, 1, high=4), index(2, high=5)), {"sizes": (4, 5)}, INT_DTYPES[3:4]),
    OpSample("scatter", "", (normal(1, 5), places(1, 3, high=5), normal(1, 3)), {"dim": 1}, ALL),
    OpSample("scatter", "smaller", (normal(5, 4), places(2, 2, high=5), normal(3, 4)), {"dim": 0}, FLOAT_DTYPES),
    OpSample(
        "scatter_reduce", "prod", (positive(2, 4), index(2, 3, high=4), positive(2, 3)),
        {"dim": 1, "reduce": "prod"}, NUMBERS,
    ),
    *(
        OpSample(
            "scatter_reduce", name, (normal(4, 3), index(2, 3, high=4), normal(3, 3)),
            {"dim": 0, "reduce": name}, NUMBERS,
        )
        for name in ("amax", "amin")
    ),
)  # fmt: skip
