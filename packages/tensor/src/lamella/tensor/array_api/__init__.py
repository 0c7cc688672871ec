"""The Python Array API standard, version 2024.12, with its extensions `linalg` and `fft`.

Use it as `import lamella.tensor.array_api as xp`; `lamella.tensor` does not import it. Its arrays are objects of their
own over the memory of tensors and numpy arrays: `xp.asarray(tensor)` shares, and `from_numpy(numpy.asarray(array))`
gives a tensor over the same memory. Everything that the standard leaves undefined between data types raises.
"""

from __future__ import annotations

from .._dtype import (
    bool_ as bool, complex64, complex128, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
)  # fmt: skip
from . import fft, linalg
from ._array import Array
from ._constants import e, inf, nan, newaxis, pi
from ._creation import (
    arange, asarray, empty, empty_like, eye, from_dlpack, full, full_like, linspace, meshgrid, ones, ones_like,
    tril, triu, zeros, zeros_like,
)  # fmt: skip
from ._data_type import astype, can_cast, finfo, iinfo, isdtype, result_type
from ._elementwise import (
    abs, acos, acosh, add, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_invert, bitwise_left_shift,
    bitwise_or, bitwise_right_shift, bitwise_xor, ceil, clip, conj, copysign, cos, cosh, divide, equal, exp, expm1,
    floor, floor_divide, greater, greater_equal, hypot, imag, isfinite, isinf, isnan, less, less_equal, log, log10,
    log1p, log2, logaddexp, logical_and, logical_not, logical_or, logical_xor, maximum, minimum, multiply, negative,
    nextafter, not_equal, positive, pow, real, reciprocal, remainder, round, sign, signbit, sin, sinh, sqrt, square,
    subtract, tan, tanh, trunc,
)  # fmt: skip
from ._indexing import take, take_along_axis
from ._info import __array_namespace_info__
from ._linear_algebra import matmul, matrix_transpose, tensordot, vecdot
from ._manipulation import (
    broadcast_arrays, broadcast_to, concat, expand_dims, flip, moveaxis, permute_dims, repeat, reshape, roll,
    squeeze, stack, tile, unstack,
)  # fmt: skip
from ._searching import argmax, argmin, count_nonzero, nonzero, searchsorted, where
from ._set import unique_all, unique_counts, unique_inverse, unique_values
from ._sorting import argsort, sort
from ._statistical import cumulative_prod, cumulative_sum, max, mean, min, prod, std, sum, var
from ._utility import all, any, diff

__array_api_version__ = "2024.12"

__all__ = [
    "__array_api_version__", "Array", "bool", "complex64", "complex128", "fft", "float32", "float64", "int8",
    "int16", "int32", "int64", "linalg", "uint8", "uint16", "uint32", "uint64", "e", "inf", "nan", "newaxis", "pi",
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid",
    "ones", "ones_like", "tril", "triu", "zeros", "zeros_like", "astype", "can_cast", "finfo", "iinfo", "isdtype",
    "result_type", "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and",
    "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "clip",
    "conj", "copysign", "cos", "cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide", "greater",
    "greater_equal", "hypot", "imag", "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log10", "log1p",
    "log2", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum",
    "multiply", "negative", "nextafter", "not_equal", "positive", "pow", "real", "reciprocal", "remainder", "round",
    "sign", "signbit", "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh", "trunc", "take",
    "take_along_axis", "__array_namespace_info__", "matmul", "matrix_transpose", "tensordot", "vecdot",
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "repeat",
    "reshape", "roll", "squeeze", "stack", "tile", "unstack", "argmax", "argmin", "count_nonzero", "nonzero",
    "searchsorted", "where", "unique_all", "unique_counts", "unique_inverse", "unique_values", "argsort", "sort",
    "cumulative_prod", "cumulative_sum", "max", "mean", "min", "prod", "std", "sum", "var", "all", "any", "diff",
]  # fmt: skip
