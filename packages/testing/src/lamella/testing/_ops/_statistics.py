"""Samples of statistics over dims, scans, selections along a dim and lookups."""

from __future__ import annotations

from lamella.tensor import bool_, float32, float64

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import Operand, OpSample, distinct, index, normal, positive, unit

__all__ = ["SAMPLES"]

NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)
LAST = {"dims": (1,), "keepdim": False}
ALL_DIMS = {"dims": (0, 1), "keepdim": False}

STATISTICS = (
    OpSample("nansum", "last", (normal(3, 4),), LAST, NUMBERS),
    OpSample("prod", "zeros", (Operand("coins", (3, 2)),), {"dims": (0, 1), "keepdim": False}, (float32, float64)),
    OpSample("prod", "zero", (Operand("coins", (2, 3)),), {"dims": (0,), "keepdim": False}, (float32, float64)),
    OpSample("count_nonzero", "first", (normal(3, 4),), {"dims": (0,), "keepdim": False}, (*NUMBERS, bool_)),
    OpSample("count_nonzero", "all", (normal(3, 4),), {"dims": (0, 1), "keepdim": True}, (*NUMBERS, bool_)),
    OpSample("mean", "last", (normal(3, 4),), LAST, (*FLOAT_DTYPES, *COMPLEX_DTYPES)),
    OpSample("mean", "all-keep", (normal(3, 4),), {"dims": (0, 1), "keepdim": True}, FLOAT_DTYPES),
    OpSample("var", "last", (normal(3, 4),), {**LAST, "correction": 1.0}, FLOAT_DTYPES),
    OpSample("var", "all-keep", (normal(3, 4),), {"dims": (0, 1), "correction": 0.0, "keepdim": True}, FLOAT_DTYPES),
    OpSample("std", "first-keep", (normal(3, 4),), {"dims": (0,), "correction": 1.0, "keepdim": True}, FLOAT_DTYPES),
    OpSample("norm", "2", (distinct(3, 4),), {"p": 2.0, **LAST}, FLOAT_DTYPES),
    *(
        OpSample("norm", str(p), (distinct(2, 3),), {"p": p, **ALL_DIMS}, (float32, float64))
        for p in (0.0, 0.5, 1.0, 1.5, 3.0, float("inf"), float("-inf"))
    ),
    OpSample("logsumexp", "last", (normal(3, 4),), LAST, FLOAT_DTYPES),
    OpSample("logsumexp", "all-keep", (normal(2, 3),), {"dims": (0, 1), "keepdim": True}, FLOAT_DTYPES),
    OpSample("median", "all", (distinct(3, 4),), ALL_DIMS, NUMBERS),
    OpSample("nanmedian", "last", (distinct(3, 4),), LAST, NUMBERS),
)
SCANS = (
    OpSample("cumprod", "", (positive(3, 4),), {"dim": 1}, (*FLOAT_DTYPES, *INT_DTYPES[2:4])),
    OpSample("cumprod", "zeros", (Operand("coins", (2, 4)),), {"dim": 1}, (float32, float64)),
    OpSample("logcumsumexp", "", (normal(3, 4),), {"dim": 0}, FLOAT_DTYPES),
    OpSample("cummax", "", (distinct(3, 4),), {"dim": 1}, NUMBERS),
    OpSample("cummin", "", (distinct(3, 4),), {"dim": 0}, NUMBERS),
)
SELECTIONS = (
    OpSample("sort", "", (distinct(3, 4),), {"dim": 1, "descending": False}, NUMBERS),
    OpSample("sort", "down", (distinct(3, 4),), {"dim": 0, "descending": True}, NUMBERS),
    OpSample("argsort", "", (distinct(3, 4),), {"dim": 1, "descending": True}, NUMBERS),
    OpSample("topk", "", (distinct(3, 5),), {"k": 2, "dim": 1, "largest": True}, NUMBERS),
    OpSample("topk", "smallest", (distinct(4, 3),), {"k": 3, "dim": 0, "largest": False}, NUMBERS),
    OpSample("kthvalue", "", (distinct(3, 4),), {"k": 2, "dim": 1, "keepdim": True}, NUMBERS),
    OpSample("median_along", "", (distinct(3, 4),), {"dim": 1, "skip_nan": False, "keepdim": False}, NUMBERS),
    OpSample("mode", "", (distinct(3, 4),), {"dim": 0, "keepdim": False}, NUMBERS),
    OpSample("max_along", "", (distinct(3, 4),), {"dim": 1, "keepdim": False}, NUMBERS),
    OpSample("min_along", "", (distinct(3, 4),), {"dim": 0, "keepdim": True}, NUMBERS),
    OpSample("place", "", (normal(1, 3), index(1, 3, high=5)), {"dim": 0, "size": 5}, NUMBERS),
)
LOOKUPS = (
    OpSample("searchsorted", "", (normal(1), normal(2, 3)), {"right": False}, NUMBERS),
    OpSample("searchsorted", "rows", (normal(2, 1), normal(2, 3)), {"right": True}, NUMBERS),
    OpSample("isin", "", (normal(2, 3), normal(4)), {"assume_unique": False}, NUMBERS),
    OpSample("multinomial", "", (positive(2, 4), unit(2, 3)), {"count": 3, "replacement": True}, FLOAT_DTYPES),
    OpSample("poisson", "", (positive(2, 3), index(2, 3, high=9)), {}, FLOAT_DTYPES),
    OpSample("multinomial", "once", (positive(4), unit(4)), {"count": 2, "replacement": False}, FLOAT_DTYPES),
)

SAMPLES = (*STATISTICS, *SCANS, *SELECTIONS, *LOOKUPS)
