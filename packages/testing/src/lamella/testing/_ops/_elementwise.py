"""Samples of elementwise ops."""

from __future__ import annotations

from lamella.tensor import bool_, complex64, complex128, float32, float64, int64

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import OpSample, coins, distinct, mask_of, normal, number, positive, unit

__all__ = ["SAMPLES"]

NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)
WITH_COMPLEX = (*NUMBERS, *COMPLEX_DTYPES)
ALL = (*NUMBERS, bool_)
SMOOTH_UNARY = ("exp", "sin", "cos", "tanh", "sigmoid", "erf", "neg")

SAMPLES = (
    *(
        OpSample(n, "", (normal(3, 4),), {}, (*FLOAT_DTYPES, *COMPLEX_DTYPES) if n not in ("erf",) else FLOAT_DTYPES)
        for n in SMOOTH_UNARY
    ),
    OpSample("neg", "ints", (normal(5),), {}, INT_DTYPES),
    *(
        OpSample(n, "", (positive(3, 4),), {}, (*FLOAT_DTYPES, *COMPLEX_DTYPES))
        for n in ("log", "sqrt", "rsqrt", "reciprocal")
    ),
    OpSample("log1p", "", (unit(3, 4),), {}, FLOAT_DTYPES),
    *(OpSample(n, "", (distinct(3, 4),), {}, NUMBERS) for n in ("abs", "sign", "relu", "floor")),
    OpSample("abs", "scalar", (distinct(),), {}, NUMBERS),
    OpSample("exp", "empty", (normal(0, 3),), {}, FLOAT_DTYPES),
    *(OpSample(n, "", (coins(3, 4),), {}, (*ALL,)) for n in ("logical_not", "isnan")),
    *(OpSample(n, "", (normal(3, 4), normal(3, 4)), {}, WITH_COMPLEX) for n in ("add", "sub", "mul")),
    *(OpSample(n, "broadcast", (normal(3, 1), normal(2, 1, 4)), {}, WITH_COMPLEX) for n in ("add", "sub", "mul")),
    *(OpSample(n, "number", (normal(3, 4), number(2)), {}, NUMBERS) for n in ("add", "sub", "mul")),
    *(OpSample(n, "left-number", (number(3), normal(3, 4)), {}, NUMBERS) for n in ("add", "sub", "mul")),
    OpSample("add", "scalar", (normal(), normal(3)), {}, NUMBERS),
    OpSample("add", "bool", (coins(4), coins(4)), {}, (bool_,)),
    OpSample("mul", "bool", (coins(4), coins(4)), {}, (bool_,)),
    OpSample("div", "", (normal(3, 4), positive(3, 4)), {}, (*FLOAT_DTYPES, *COMPLEX_DTYPES)),
    OpSample("div", "broadcast", (normal(3, 1), positive(4)), {}, FLOAT_DTYPES),
    OpSample("div", "number", (normal(3, 4), number(2.5)), {}, FLOAT_DTYPES),
    OpSample("div", "left-number", (number(2.5), positive(3, 4)), {}, FLOAT_DTYPES),
    OpSample("pow", "", (positive(3, 4), normal(3, 4)), {}, FLOAT_DTYPES),
    OpSample("pow", "square", (normal(3, 4), number(2)), {}, NUMBERS),
    OpSample("pow", "float", (positive(3, 4), number(-1.5)), {}, FLOAT_DTYPES),
    OpSample("pow", "left-number", (number(2.0), normal(3, 4)), {}, FLOAT_DTYPES),
    *(OpSample(n, "", (distinct(3, 4), distinct(3, 4)), {}, NUMBERS, smooth=False) for n in ("maximum", "minimum")),
    *(OpSample(n, "broadcast", (distinct(3, 4), number(0)), {}, NUMBERS) for n in ("maximum", "minimum")),
    *(
        OpSample(n, "", (coins(3, 4), coins(3, 4)), {}, ALL)
        for n in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or")
    ),
    *(OpSample(n, "broadcast", (normal(3, 1), normal(4)), {}, NUMBERS) for n in ("eq", "ne", "lt", "le", "gt", "ge")),
    *(OpSample(n, "number", (normal(3, 4), number(0)), {}, NUMBERS) for n in ("eq", "ne", "lt", "le", "gt", "ge")),
    OpSample("where", "", (mask_of(3, 4), normal(3, 4), normal(3, 4)), {}, (*ALL, *COMPLEX_DTYPES)),
    OpSample("where", "broadcast", (mask_of(3, 1), normal(4), normal(2, 1, 1)), {}, NUMBERS),
    OpSample("where", "number", (mask_of(3, 4), normal(3, 4), number(0)), {}, NUMBERS),
    OpSample("where", "left-number", (mask_of(3, 4), number(1), normal(3, 4)), {}, NUMBERS),
    OpSample("cast", "f64", (normal(3, 4),), {"dtype": float64}, ALL),
    OpSample("cast", "f32", (normal(3, 4),), {"dtype": float32}, ALL, smooth=False),
    OpSample("cast", "i64", (normal(3, 4),), {"dtype": int64}, ALL, smooth=False),
    OpSample("cast", "bool", (normal(3, 4),), {"dtype": bool_}, ALL, smooth=False),
    OpSample("cast", "c128", (normal(3, 4),), {"dtype": complex128}, (float64, float32, complex64), smooth=False),
    OpSample("copy", "", (normal(3, 4),), {}, (*ALL, *COMPLEX_DTYPES)),
)
