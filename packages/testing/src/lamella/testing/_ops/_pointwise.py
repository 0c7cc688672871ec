"""Samples of elementary and special functions, rounding, bits, pairs, and views of complex numbers."""

from __future__ import annotations

from lamella.tensor import bool_, complex128, float32, float64, int32

from .._arrays import COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES
from ._sample import OpSample, above, coins, distinct, normal, number, positive, unit

__all__ = ["SAMPLES"]

_NUMBERS = (*FLOAT_DTYPES, *INT_DTYPES)
_WITH_COMPLEX = (*FLOAT_DTYPES, *COMPLEX_DTYPES)
_WIDE = (float64, float32)
_BITS = (*INT_DTYPES, bool_)

SAMPLES = (
    *(OpSample(n, "", (normal(3, 4),), {}, _WITH_COMPLEX) for n in ("exp2", "expm1", "sinh", "cosh", "sinc", "conj")),
    *(OpSample(n, "", (normal(3, 4),), {}, FLOAT_DTYPES) for n in ("atan", "asinh", "erfc", "i0", "i1")),
    *(OpSample(n, "", (positive(3, 4),), {}, FLOAT_DTYPES) for n in ("log2", "log10", "lgamma", "digamma")),
    *(OpSample(n, "", (unit(3, 4),), {}, FLOAT_DTYPES) for n in ("tan", "asin", "acos", "atanh", "erfinv")),
    OpSample("acosh", "", (above(3, 4),), {}, _WITH_COMPLEX),
    OpSample("polygamma", "1", (positive(3, 4),), {"n": 1}, FLOAT_DTYPES),
    OpSample("polygamma", "2", (positive(4),), {"n": 2}, FLOAT_DTYPES),
    *(OpSample(n, "", (distinct(3, 4),), {}, _NUMBERS) for n in ("ceil", "trunc", "round")),
    *(OpSample(n, "", (distinct(3, 4),), {}, _NUMBERS) for n in ("isfinite", "isinf", "signbit")),
    OpSample("exponent", "", (distinct(3, 4),), {}, FLOAT_DTYPES),
    OpSample("nan_to_num", "", (normal(3, 4),), {"nan": 0.5, "posinf": 2.0, "neginf": -2.0}, FLOAT_DTYPES),
    *(
        OpSample(n, "", (normal(3, 4), normal(3, 4)), {}, FLOAT_DTYPES)
        for n in ("atan2", "hypot", "logaddexp", "logaddexp2")
    ),
    *(OpSample(n, "broadcast", (normal(3, 1), normal(4)), {}, FLOAT_DTYPES) for n in ("atan2", "logaddexp")),
    OpSample("copysign", "", (distinct(3, 4), distinct(3, 4)), {}, FLOAT_DTYPES),
    OpSample("copysign", "number", (distinct(3, 4), number(-1.0)), {}, FLOAT_DTYPES),
    OpSample("nextafter", "", (normal(3, 4), normal(3, 4)), {}, _WIDE, smooth=False),
    OpSample("xlogy", "", (normal(3, 4), positive(3, 4)), {}, FLOAT_DTYPES),
    OpSample("xlogy", "number", (normal(3, 4), number(2.5)), {}, FLOAT_DTYPES),
    *(OpSample(n, "", (distinct(3, 4), positive(3, 4)), {}, _WIDE) for n in ("fmod", "remainder", "floor_divide")),
    *(
        OpSample(n, "number", (distinct(3, 4), number(3)), {}, (float64, *INT_DTYPES), smooth=False)
        for n in ("fmod", "remainder", "floor_divide")
    ),
    *(OpSample(n, "", (distinct(3, 4), normal(3, 4)), {}, _NUMBERS) for n in ("fmax", "fmin")),
    OpSample("fmax", "number", (distinct(3, 4), number(0)), {}, _NUMBERS),
    OpSample("clamp", "numbers", (distinct(3, 4), number(-1), number(1)), {}, (*FLOAT_DTYPES, int32)),
    OpSample("clamp", "low", (distinct(3, 4), normal(4), number(None)), {}, FLOAT_DTYPES),
    OpSample("clamp", "tensors", (distinct(3, 4), normal(3, 1), positive(4)), {}, FLOAT_DTYPES),
    *(OpSample(n, "", (normal(3, 4), positive(3, 4)), {}, INT_DTYPES) for n in ("gcd", "lcm")),
    OpSample("logical_xor", "", (coins(3, 4), coins(3, 4)), {}, (*_NUMBERS, bool_)),
    OpSample("bitwise_not", "", (normal(3, 4),), {}, _BITS),
    *(OpSample(n, "", (normal(3, 4), normal(4)), {}, _BITS) for n in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    *(
        OpSample(n, "", (normal(3, 4), number(2)), {}, INT_DTYPES)
        for n in ("bitwise_left_shift", "bitwise_right_shift")
    ),
    OpSample("view_as_real", "", (normal(3, 4),), {}, COMPLEX_DTYPES),
    OpSample("view_as_complex", "", (normal(3, 4, 2),), {}, _WIDE, smooth=False),
    OpSample("view_dtype", "wider", (normal(3, 4),), {"dtype": complex128}, (float64,)),
    OpSample("view_dtype", "narrower", (normal(3, 4),), {"dtype": int32}, (float64,)),
)
