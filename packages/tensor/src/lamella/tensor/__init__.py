"""Tensors in thin layers: the handle, the written op set, dtypes, random numbers, modes.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from . import _scalar as scalar
from ._autocast import autocast, custom_bwd, custom_fwd, get_autocast_dtype, is_autocast_enabled
from ._composites import batch_norm, cross_entropy, dropout, gelu, layer_norm, linear, log_softmax, softmax
from ._creation import (
    arange, bernoulli, empty, empty_like, eye, from_numpy, full, full_like, linspace, one_hot, ones, ones_like, rand,
    rand_like, randint, randn, randn_like, randperm, tensor, tril, zeros, zeros_like,
)  # fmt: skip
from ._device import Device, as_device as device
from ._division import floor_divide, remainder
from ._dtype import (
    DType, bfloat16, bool_, complex128, complex64, float16, float32, float64, float8_e4m3fn, float8_e5m2, int16,
    int32, int64, int8, uint16, uint32, uint64, uint8,
)  # fmt: skip
from ._errors import FileFormatError
from ._files import load, save
from ._functions.activation import (
    celu, elu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu6, rrelu,
    selu, silu, softplus, softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from ._functions.attention import attention
from ._functions.elementwise import clamp, square, where
from ._functions.indexing import (
    argwhere, gather, index_add, index_copy, index_fill, index_put, index_reduce, index_select, masked_scatter,
    masked_select, nonzero, put, scatter, scatter_add, scatter_reduce, take, take_along_dim,
)  # fmt: skip
from ._functions.movement import (
    cat, expand, flatten, flip, narrow, pad, permute, reshape, split, squeeze, stack, transpose, unsqueeze,
)  # fmt: skip
from ._functions.product import matmul
from ._functions.quantiles import nanquantile, quantile
from ._functions.reduction import (
    all, amax, amin, aminmax, any, argmax, argmin, count_nonzero, max, mean, min, nanmean, nansum, prod, sum,
)  # fmt: skip
from ._functions.sampling import bincount, histc, histogram, histogramdd, multinomial
from ._functions.scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from ._functions.sorting import (
    argsort, bucketize, isin, kthvalue, msort, searchsorted, sort, topk, unique, unique_consecutive,
)  # fmt: skip
from ._functions.statistics import (
    corrcoef, cov, cumulative_trapezoid, diff, dist, logsumexp, median, mode, nanmedian, norm, renorm, softmin, std,
    std_mean, trace, trapezoid, trapz, var, var_mean,
)  # fmt: skip
from ._modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from ._op import MissingRule
from ._pointwise import (
    abs, add, cos, div, eq, erf, exp, floor, ge, gt, isnan, le, log, log1p, logical_and, logical_not, logical_or, lt,
    maximum, minimum, mul, ne, neg, pow, reciprocal, relu, rsqrt, sigmoid, sign, sin, sqrt, sub, tanh,
)  # fmt: skip
from ._promotion import get_default_dtype, result_type, set_default_dtype
from ._random import Generator, get_num_threads, manual_seed, set_num_threads
from ._state import LevelClosedError
from ._tensor import Tensor

float = float32
double = float64
half = float16
long = int64
int = int32
bool = bool_

__version__ = "0.1.0"

__all__ = [
    "DType", "Device", "FileFormatError", "Generator", "LevelClosedError", "MissingRule", "Tensor", "__version__",
    "abs", "add", "all", "amax", "amin", "aminmax", "any", "arange", "argmax", "argmin", "argsort", "argwhere",
    "attention", "autocast", "batch_norm", "bernoulli", "bfloat16", "bincount", "bool", "bool_", "bucketize", "cat",
    "celu", "clamp", "complex128", "complex64", "corrcoef", "cos", "count_nonzero", "cov", "cross_entropy", "cummax",
    "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "custom_bwd", "custom_fwd", "device", "diff", "dist",
    "div", "double", "dropout", "elu", "empty", "empty_like", "enable_grad", "eq", "erf", "exp", "expand", "eye",
    "flatten", "flip", "float", "float16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "floor",
    "floor_divide", "from_numpy", "full", "full_like", "gather", "ge", "gelu", "get_autocast_dtype",
    "get_default_dtype", "get_num_threads", "glu", "gt", "half", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "histc", "histogram", "histogramdd", "index_add", "index_copy", "index_fill", "index_put", "index_reduce",
    "index_select", "inference_mode", "int", "int16", "int32", "int64", "int8", "is_autocast_enabled",
    "is_grad_enabled", "is_inference_mode_enabled", "isin", "isnan", "kthvalue", "layer_norm", "le", "leaky_relu",
    "linear", "linspace", "load", "log", "log1p", "log_softmax", "logcumsumexp", "logical_and", "logical_not",
    "logical_or", "logsigmoid", "logsumexp", "long", "lt", "manual_seed", "masked_scatter", "masked_select", "matmul",
    "max", "maximum", "mean", "median", "min", "minimum", "mish", "mode", "msort", "mul", "multinomial", "nanmean",
    "nanmedian", "nanquantile", "nansum", "narrow", "ne", "neg", "no_grad", "nonzero", "norm", "one_hot", "ones",
    "ones_like", "pad", "permute", "pow", "prelu", "prod", "put", "quantile", "rand", "rand_like", "randint", "randn",
    "randn_like", "randperm", "reciprocal", "relu", "relu6", "remainder", "renorm", "reshape", "result_type", "rrelu",
    "rsqrt", "save", "scalar", "scatter", "scatter_add", "scatter_reduce", "searchsorted", "selu",
    "set_default_dtype", "set_grad_enabled", "set_num_threads", "sigmoid", "sign", "silu", "sin", "softmax",
    "softmin", "softplus", "softshrink", "softsign", "sort", "split", "sqrt", "square", "squeeze", "stack", "std",
    "std_mean", "sub", "sum", "take", "take_along_dim", "tanh", "tanhshrink", "tensor", "threshold", "topk", "trace",
    "transpose", "trapezoid", "trapz", "tril", "uint16", "uint32", "uint64", "uint8", "unique", "unique_consecutive",
    "unsqueeze", "var", "var_mean", "where", "zeros", "zeros_like",
]  # fmt: skip
