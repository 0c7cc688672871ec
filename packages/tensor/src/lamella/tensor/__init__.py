"""Tensors in thin layers: the handle, the written op set, dtypes, random numbers, modes.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from typing import TYPE_CHECKING

from lamella.interfaces import on_demand

from . import _scalar as scalar
from ._asked import (
    are_deterministic_algorithms_enabled, get_float32_matmul_precision, is_deterministic_algorithms_warn_only_enabled,
    set_float32_matmul_precision, use_deterministic_algorithms,
)  # fmt: skip
from ._autocast import autocast, custom_bwd, custom_fwd, get_autocast_dtype, is_autocast_enabled
from ._composites import batch_norm, cross_entropy, dropout, gelu, layer_norm, linear, log_softmax, rms_norm, softmax
from ._constants import e, inf, nan, newaxis, pi
from ._creation import (
    arange, empty, empty_like, eye, from_numpy, full, full_like, linspace, ones, ones_like, tensor, zeros, zeros_like,
)  # fmt: skip
from ._device import Device, Device as device
from ._division import div, divide, floor_divide, fmod, remainder, true_divide
from ._drawn import rand, rand_like, randint, randint_like, randn, randn_like, randperm
from ._dtype import (
    DType, DType as dtype, bfloat16, bool_, complex128, complex64, float16, float32, float64, float8_e4m3fn,
    float8_e5m2, int16, int32, int64, int8, uint16, uint32, uint64, uint8,
)  # fmt: skip
from ._dtype_info import can_cast, finfo, iinfo, promote_types, result_type
from ._environment import environment
from ._errors import FileFormatError
from ._exchange import from_arrow, from_dlpack, frombuffer
from ._files import load, save
from ._functions.activation import (
    celu, elu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu6, rrelu,
    selu, silu, softplus, softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from ._functions.affine import addbmm, addmm, addmv, addr, baddbmm
from ._functions.aliases import (
    absolute, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, fix, greater, greater_equal, less,
    less_equal, multiply, negative, not_equal, subtract,
)  # fmt: skip
from ._functions.arithmetic import (
    addcdiv, addcmul, deg2rad, float_power, frac, frexp, heaviside, ldexp, lerp, logit, mvlgamma, polygamma, positive,
    rad2deg, round, rsub, sgn,
)  # fmt: skip
from ._functions.attention import attention
from ._functions.comparison import allclose, equal, isclose, isneginf, isposinf, isreal
from ._functions.complexes import (
    adjoint, angle, complex, conj, conj_physical, imag, is_complex, is_conj, is_floating_point, is_nonzero, polar,
    real, resolve_conj, resolve_neg, view_as_complex, view_as_real,
)  # fmt: skip
from ._functions.conversion import as_tensor, asarray, clone, fill, is_tensor, numel, scalar_tensor
from ._functions.creation import (
    bartlett_window, blackman_window, empty_permuted, empty_strided, hamming_window, hann_window, kaiser_window,
    logspace, vander,
)  # fmt: skip
from ._functions.diagonals import diag, diag_embed, diagflat, diagonal_scatter, select_scatter, slice_scatter
from ._functions.distance import cdist
from ._functions.draws import bernoulli, normal, poisson
from ._functions.elementwise import clamp, clamp_max, clamp_min, clip, masked_fill, nan_to_num, square, where
from ._functions.grids import (
    block_diag, cartesian_prod, combinations, meshgrid, tril_indices, triu_indices, unravel_index,
)  # fmt: skip
from ._functions.indexing import (
    argwhere, gather, index_add, index_copy, index_fill, index_put, index_reduce, index_select, masked_scatter,
    masked_select, nonzero, one_hot, put, scatter, scatter_add, scatter_reduce, take, take_along_dim,
)  # fmt: skip
from ._functions.joining import cat, column_stack, concat, concatenate, dstack, hstack, row_stack, stack, vstack
from ._functions.layout import flip, fliplr, flipud, pad, roll, rot90, tril, triu
from ._functions.movement import expand, flatten, narrow, narrow_copy, permute, reshape, squeeze, transpose, unsqueeze
from ._functions.product import (
    bmm, chain_matmul, cross, dot, ger, inner, kron, matmul, matrix_power, mm, mv, outer, tensordot, vdot,
)  # fmt: skip
from ._functions.quantiles import nanquantile, quantile
from ._functions.reduction import (
    all, amax, amin, aminmax, any, argmax, argmin, count_nonzero, max, mean, min, nanmean, nansum, prod, sum,
)  # fmt: skip
from ._functions.repeating import repeat_interleave, tile
from ._functions.sampling import bincount, histc, histogram, histogramdd, multinomial
from ._functions.scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from ._functions.sorting import (
    argsort, bucketize, isin, kthvalue, msort, searchsorted, sort, topk, unique, unique_consecutive,
)  # fmt: skip
from ._functions.splitting import (
    chunk, dsplit, hsplit, select, split, split_with_sizes, tensor_split, unbind, unsafe_chunk, unsafe_split,
    unsafe_split_with_sizes, vsplit,
)  # fmt: skip
from ._functions.statistics import (
    corrcoef, cov, cumulative_trapezoid, diff, dist, logsumexp, median, mode, nanmedian, norm, renorm, softmin, std,
    std_mean, trace, trapezoid, trapz, var, var_mean,
)  # fmt: skip
from ._functions.striding import as_strided, as_strided_scatter
from ._functions.summation import einsum
from ._functions.views import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_shapes, broadcast_tensors, broadcast_to, detach, diagonal, moveaxis,
    movedim, ravel, swapaxes, swapdims, t, unflatten,
)  # fmt: skip
from ._memory_format import (
    MemoryFormat as memory_format, channels_last, channels_last_3d, contiguous_format, preserve_format,
)  # fmt: skip
from ._modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from ._op import MissingRule
from ._pointwise import (
    abs, acos, acosh, add, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or,
    bitwise_right_shift, bitwise_xor, ceil, copysign, cos, cosh, digamma, eq, erf, erfc, erfinv, exp, exp2, expm1,
    floor, fmax, fmin, gcd, ge, gt, hypot, i0, isfinite, isinf, isnan, lcm, le, lgamma, log, log10, log1p, log2,
    logaddexp, logaddexp2, logical_and, logical_not, logical_or, logical_xor, lt, maximum, minimum, mul, ne, neg,
    nextafter, pow, reciprocal, relu, rsqrt, sigmoid, sign, signbit, sin, sinc, sinh, sqrt, sub, tan, tanh, trunc,
    xlogy,
)  # fmt: skip
from ._print import get_printoptions, printoptions, set_printoptions
from ._promotion import get_default_dtype, set_default_dtype
from ._random import Generator, default_generator, get_num_threads, manual_seed, set_num_threads
from ._rng_state import fork_rng, get_rng_state, initial_seed, seed, set_rng_state
from ._size import Size
from ._state import LevelClosedError
from ._tensor import Tensor

if TYPE_CHECKING:
    from . import array_api, fft, linalg
else:
    __getattr__ = on_demand(__name__, {"array_api": ("array_api",), "fft": ("fft",), "linalg": ("linalg",)})

float = float32
double = float64
half = float16
cfloat = complex64
cdouble = complex128
long = int64
int = int32
short = int16
bool = bool_

__version__ = "0.1.0"

__all__ = [
    "DType", "Device", "FileFormatError", "Generator", "LevelClosedError", "MissingRule", "Size", "Tensor",
    "__version__", "abs", "absolute", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv",
    "addr", "adjoint", "all", "allclose", "amax", "amin", "aminmax", "angle", "any", "arange", "arccos", "arccosh",
    "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "are_deterministic_algorithms_enabled", "argmax", "argmin",
    "argsort", "argwhere", "array_api", "as_strided", "as_strided_scatter", "as_tensor", "asarray", "asin", "asinh",
    "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "attention", "autocast", "baddbmm",
    "bartlett_window", "batch_norm", "bernoulli", "bfloat16", "bincount", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "blackman_window", "block_diag", "bmm", "bool",
    "bool_", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize", "can_cast", "cartesian_prod",
    "cat", "cdist", "cdouble", "ceil", "celu", "cfloat", "chain_matmul", "channels_last", "channels_last_3d", "chunk",
    "clamp", "clamp_max", "clamp_min", "clip", "clone", "column_stack", "combinations", "complex", "complex64",
    "complex128", "concat", "concatenate", "conj", "conj_physical", "contiguous_format", "copysign", "corrcoef",
    "cos", "cosh", "count_nonzero", "cov", "cross", "cross_entropy", "cummax", "cummin", "cumprod", "cumsum",
    "cumulative_trapezoid", "custom_bwd", "custom_fwd", "default_generator", "deg2rad", "detach", "device", "diag",
    "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "diff", "digamma", "dist", "div", "divide", "dot",
    "double", "dropout", "dsplit", "dstack", "dtype", "e", "einsum", "elu", "empty", "empty_like", "empty_permuted",
    "empty_strided", "enable_grad", "environment", "eq", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand",
    "expm1", "eye", "fft", "fill", "finfo", "fix", "flatten", "flip", "fliplr", "flipud", "float", "float8_e4m3fn",
    "float8_e5m2", "float16", "float32", "float64", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod",
    "fork_rng", "frac", "frexp", "from_arrow", "from_dlpack", "from_numpy", "frombuffer", "full", "full_like",
    "gather", "gcd", "ge", "gelu", "ger", "get_autocast_dtype", "get_default_dtype", "get_float32_matmul_precision",
    "get_num_threads", "get_printoptions", "get_rng_state", "glu", "greater", "greater_equal", "gt", "half",
    "hamming_window", "hann_window", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "heaviside", "histc",
    "histogram", "histogramdd", "hsplit", "hstack", "hypot", "i0", "iinfo", "imag", "index_add", "index_copy",
    "index_fill", "index_put", "index_reduce", "index_select", "inf", "inference_mode", "initial_seed", "inner",
    "int", "int8", "int16", "int32", "int64", "is_autocast_enabled", "is_complex", "is_conj",
    "is_deterministic_algorithms_warn_only_enabled", "is_floating_point", "is_grad_enabled",
    "is_inference_mode_enabled", "is_nonzero", "is_tensor", "isclose", "isfinite", "isin", "isinf", "isnan",
    "isneginf", "isposinf", "isreal", "kaiser_window", "kron", "kthvalue", "layer_norm", "lcm", "ldexp", "le",
    "leaky_relu", "lerp", "less", "less_equal", "lgamma", "linalg", "linear", "linspace", "load", "log", "log1p",
    "log2", "log10", "log_softmax", "logaddexp", "logaddexp2", "logcumsumexp", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logit", "logsigmoid", "logspace", "logsumexp", "long", "lt", "manual_seed",
    "masked_fill", "masked_scatter", "masked_select", "matmul", "matrix_power", "max", "maximum", "mean", "median",
    "memory_format", "meshgrid", "min", "minimum", "mish", "mm", "mode", "moveaxis", "movedim", "msort", "mul",
    "multinomial", "multiply", "mv", "mvlgamma", "nan", "nan_to_num", "nanmean", "nanmedian", "nanquantile", "nansum",
    "narrow", "narrow_copy", "ne", "neg", "negative", "newaxis", "nextafter", "no_grad", "nonzero", "norm", "normal",
    "not_equal", "numel", "one_hot", "ones", "ones_like", "outer", "pad", "permute", "pi", "poisson", "polar",
    "polygamma", "positive", "pow", "prelu", "preserve_format", "printoptions", "prod", "promote_types", "put",
    "quantile", "rad2deg", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "real", "reciprocal", "relu", "relu6", "remainder", "renorm", "repeat_interleave", "reshape", "resolve_conj",
    "resolve_neg", "result_type", "rms_norm", "roll", "rot90", "round", "row_stack", "rrelu", "rsqrt", "rsub", "save",
    "scalar", "scalar_tensor", "scatter", "scatter_add", "scatter_reduce", "searchsorted", "seed", "select",
    "select_scatter", "selu", "set_default_dtype", "set_float32_matmul_precision", "set_grad_enabled",
    "set_num_threads", "set_printoptions", "set_rng_state", "sgn", "short", "sigmoid", "sign", "signbit", "silu",
    "sin", "sinc", "sinh", "slice_scatter", "softmax", "softmin", "softplus", "softshrink", "softsign", "sort",
    "split", "split_with_sizes", "sqrt", "square", "squeeze", "stack", "std", "std_mean", "sub", "subtract", "sum",
    "swapaxes", "swapdims", "t", "take", "take_along_dim", "tan", "tanh", "tanhshrink", "tensor", "tensor_split",
    "tensordot", "threshold", "tile", "topk", "trace", "transpose", "trapezoid", "trapz", "tril", "tril_indices",
    "triu", "triu_indices", "true_divide", "trunc", "uint8", "uint16", "uint32", "uint64", "unbind", "unflatten",
    "unique", "unique_consecutive", "unravel_index", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes",
    "unsqueeze", "use_deterministic_algorithms", "vander", "var", "var_mean", "vdot", "view_as_complex",
    "view_as_real", "vsplit", "vstack", "where", "xlogy", "zeros", "zeros_like",
]  # fmt: skip
