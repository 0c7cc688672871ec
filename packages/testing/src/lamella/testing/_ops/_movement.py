"""Samples of ops that copy elements to other places."""

from __future__ import annotations

from lamella.tensor import bool_

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import OpSample, normal

__all__ = ["SAMPLES"]

NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)
ALL = (*NUMBERS, bool_, *COMPLEX_DTYPES)
AROUND = {"reflect": ((0, 0), (2, 1)), "replicate": ((0, 0), (3, 0)), "circular": ((0, 0), (3, 2))}

VIEWS = (
    OpSample("diagonal", "", (normal(3, 4),), {"place": (1, 0, 1)}, ALL),
    OpSample("diagonal", "planes", (normal(3, 2, 4),), {"place": (-1, 2, 0)}, FLOAT_DTYPES),
    OpSample("unfold", "", (normal(2, 7),), {"window": (1, 3, 2)}, ALL),
    OpSample("unfold", "apart", (normal(7, 2),), {"window": (0, 2, 3)}, FLOAT_DTYPES),
    OpSample("as_strided", "", (normal(3, 4),), {"layout": ((2, 3), (5, 2), 1)}, ALL),
    OpSample("as_strided", "apart", (normal(3, 4),), {"layout": ((3, 2), (1, 4), 4)}, FLOAT_DTYPES),
    OpSample("view_grad", "", (normal(3),), {"shape": (3, 4), "chain": (("diagonal", (1, 0, 1)),)}, ALL),
    OpSample("view_grad", "windows", (normal(2, 3, 3),), {"shape": (2, 7), "chain": (("unfold", (1, 3, 2)),)}, NUMBERS),
    OpSample(
        "view_grad",
        "chain",
        (normal(2, 3),),
        {"shape": (3, 4), "chain": (("permute", (1, 0)), ("as_strided", ((2, 3), (5, 2), 1)))},
        (*NUMBERS, *COMPLEX_DTYPES),
    ),
)
SAMPLES = (
    *VIEWS,
    OpSample("pad", "", (normal(2, 3),), {"pads": ((1, 0), (2, 1)), "value": 0}, ALL),
    OpSample("pad", "value", (normal(2, 3),), {"pads": ((0, 0), (2, 1)), "value": 1}, NUMBERS),
    *(OpSample("pad_around", m, (normal(2, 3),), {"pads": p, "mode": m}, NUMBERS) for m, p in AROUND.items()),
    OpSample("pad_around", "planes", (normal(2, 3, 2),), {"pads": ((0, 0), (1, 2), (1, 1)), "mode": "reflect"}, ALL),
    *(
        OpSample("pad_around_grad", m, (normal(2, 3 + sum(p[1])),), {"pads": p, "mode": m}, FLOAT_DTYPES)
        for m, p in AROUND.items()
    ),
    OpSample("flip", "", (normal(3, 4),), {"dims": (0, 1)}, ALL),
    OpSample("roll", "", (normal(3, 4),), {"shifts": (-1,), "dims": (1,)}, ALL),
    OpSample("roll", "both", (normal(3, 4),), {"shifts": (1, 6), "dims": (0, 1)}, FLOAT_DTYPES),
    OpSample("stack", "", (normal(2, 3), normal(2, 3)), {"dim": 0}, ALL),
    OpSample("stack", "last", (normal(2, 3), normal(2, 3), normal(2, 3)), {"dim": 2}, FLOAT_DTYPES),
    OpSample("block_diag", "", (normal(2, 3), normal(1, 2)), {}, ALL),
    OpSample("tril", "", (normal(3, 4),), {"diagonal": 0}, ALL),
    OpSample("triu", "", (normal(2, 4, 3),), {"diagonal": -1}, ALL),
)
