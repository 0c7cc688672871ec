"""Samples of reductions, products, views, indexing, layout and creation ops."""

from __future__ import annotations

from lamella.tensor import bool_, int32

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import SAME, OpSample, coins, distinct, index, normal, number, positive

__all__ = ["SAMPLES"]

NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)
ALL = (*NUMBERS, bool_, *COMPLEX_DTYPES)
LAST = {"dims": (1,), "keepdim": False}

REDUCTIONS = (
    OpSample("sum", "all", (normal(3, 4),), {"dims": (0, 1), "keepdim": False}, ALL),
    OpSample("sum", "last", (normal(3, 4),), LAST, ALL),
    OpSample("sum", "outer-keep", (normal(2, 3, 4),), {"dims": (0, 2), "keepdim": True}, ALL),
    OpSample("sum", "scalar", (normal(),), {"dims": (), "keepdim": False}, NUMBERS),
    OpSample("sum", "empty", (normal(0, 3),), {"dims": (0,), "keepdim": False}, NUMBERS),
    OpSample("prod", "all", (positive(2, 3),), {"dims": (0, 1), "keepdim": False}, NUMBERS),
    OpSample("prod", "first-keep", (positive(3, 2),), {"dims": (0,), "keepdim": True}, NUMBERS),
    *(OpSample(n, "all", (distinct(3, 4),), {"dims": (0, 1), "keepdim": False}, NUMBERS) for n in ("amax", "amin")),
    *(OpSample(n, "first-keep", (distinct(3, 4),), {"dims": (0,), "keepdim": True}, NUMBERS) for n in ("amax", "amin")),
    *(OpSample(n, "last", (coins(3, 4),), LAST, (*NUMBERS, bool_)) for n in ("any", "all")),
    *(OpSample(n, "all", (coins(2, 2),), {"dims": (0, 1), "keepdim": True}, (*NUMBERS, bool_)) for n in ("any", "all")),
    *(OpSample(n, "flat", (distinct(3, 4),), {"dim": None, "keepdim": False}, NUMBERS) for n in ("argmax", "argmin")),
    *(OpSample(n, "last-keep", (distinct(3, 4),), {"dim": 1, "keepdim": True}, NUMBERS) for n in ("argmax", "argmin")),
)
PRODUCTS = (
    OpSample("matmul", "", (normal(3, 4), normal(4, 2)), {}, (*NUMBERS, *COMPLEX_DTYPES)),
    OpSample("matmul", "vectors", (normal(4), normal(4)), {}, NUMBERS),
    OpSample("matmul", "left-vector", (normal(4), normal(4, 2)), {}, FLOAT_DTYPES),
    OpSample("matmul", "right-vector", (normal(3, 4), normal(4)), {}, FLOAT_DTYPES),
    OpSample("matmul", "batch", (normal(2, 1, 3, 4), normal(5, 4, 2)), {}, FLOAT_DTYPES),
    OpSample("matmul", "batch-vector", (normal(2, 3, 4), normal(4)), {}, FLOAT_DTYPES),
)
VIEWS = (
    OpSample("reshape", "", (normal(3, 4),), {"shape": (2, 6)}, ALL),
    OpSample("reshape", "scalar", (normal(1, 1),), {"shape": ()}, ALL),
    OpSample("permute", "", (normal(2, 3, 4),), {"dims": (2, 0, 1)}, ALL),
    OpSample("expand", "", (normal(3, 1),), {"shape": (2, 3, 4)}, ALL),
    OpSample("slice", "", (normal(4, 5),), {"index": ((1, 4, 2), (0, 5, 1))}, ALL),
    OpSample("slice", "int", (normal(4, 5),), {"index": (2, (4, -1, -2))}, ALL),
    OpSample("slice", "element", (normal(4, 5),), {"index": (2, 3)}, ALL),
    OpSample("slice", "empty", (normal(4, 5),), {"index": ((2, 2, 1), (0, 5, 1))}, ALL),
    OpSample("alias", "", (normal(3),), {}, ALL),
    OpSample("detach", "", (normal(3),), {}, ALL),
    OpSample(
        "view_write", "slice", (normal(4, 5), normal(2, 5)), {"chain": (("slice", ((0, 4, 2), (0, 5, 1))),)}, NUMBERS
    ),
    OpSample(
        "view_write",
        "chain",
        (normal(4, 5), normal(4)),
        {"chain": (("permute", (1, 0)), ("slice", (1, (0, 4, 1))))},
        NUMBERS,
    ),
)
INDEXING = (
    OpSample("take", "", (normal(5, 3), index(4, high=5)), {"dim": 0}, ALL),
    OpSample("take", "matrix", (normal(3, 5), index(2, 3, high=5)), {"dim": 1}, FLOAT_DTYPES),
    OpSample("take", "int32", (normal(5), index(6, high=5, dtype=int32)), {"dim": 0}, FLOAT_DTYPES),
    OpSample("take_grad", "", (normal(4, 3), index(4, high=5)), {"dim": 0, "size": 5}, NUMBERS),
    OpSample("take_grad", "matrix", (normal(3, 2, 3), index(2, 3, high=5)), {"dim": 1, "size": 5}, FLOAT_DTYPES),
    OpSample("gather", "", (normal(3, 5), index(3, 2, high=5)), {"dim": 1}, ALL),
    OpSample("gather", "smaller", (normal(5, 4), index(2, 3, high=5)), {"dim": 0}, FLOAT_DTYPES),
    OpSample("scatter_add", "", (normal(3, 5), index(3, 4, high=5), normal(3, 4)), {"dim": 1}, NUMBERS),
    OpSample("scatter_add", "smaller", (normal(5, 4), index(2, 3, high=5), normal(3, 4)), {"dim": 0}, FLOAT_DTYPES),
    OpSample("cat", "", (normal(2, 3), normal(1, 3), normal(4, 3)), {"dim": 0}, ALL),
    OpSample("cat", "last", (normal(2, 3), normal(2, 0), normal(2, 2)), {"dim": 1}, FLOAT_DTYPES),
    OpSample("cumsum", "", (normal(3, 4),), {"dim": 1}, (*NUMBERS, bool_)),
    OpSample("cumsum", "first", (normal(3, 4),), {"dim": 0}, FLOAT_DTYPES),
)
CREATION = (
    OpSample("full", "", (number(3),), {"shape": (2, 3), "dtype": SAME}, ALL),
    OpSample("full", "scalar", (number(1),), {"shape": (), "dtype": SAME}, ALL),
    OpSample("arange", "", (number(1), number(8), number(3)), {"dtype": SAME}, NUMBERS),
    OpSample("arange", "down", (number(4), number(-1), number(-1)), {"dtype": SAME}, FLOAT_DTYPES),
    OpSample("rand", "", (number(7), number(3)), {"shape": (2, 3), "dtype": SAME}, FLOAT_DTYPES),
    OpSample("randn", "", (number(7), number(3)), {"shape": (2, 3), "dtype": SAME}, FLOAT_DTYPES),
    OpSample("bernoulli", "", (number(7), number(3)), {"p": 0.3, "shape": (2, 3), "dtype": SAME}, (*NUMBERS, bool_)),
    OpSample("randint", "", (number(7), number(3)), {"low": 0, "high": 9, "shape": (2, 3), "dtype": SAME}, NUMBERS),
    OpSample("randperm", "", (number(7), number(3)), {"n": 6}, NUMBERS[4:5]),
)

SAMPLES = (*REDUCTIONS, *PRODUCTS, *VIEWS, *INDEXING, *CREATION)
