"""Functions of tensors that bring their arguments to canonical form, one file per family.

A family lists its functions in `__all__`, those that are methods in METHODS and those with an in-place twin in
IN_PLACE: the package's `__init__` and the class `Methods` are written from these lists.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from .activation import (
    celu, elu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu6, rrelu,
    selu, silu, softplus, softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from .attention import attention
from .common import along, require_float, run, selected, tensor_of, to_dtype, wide
from .elementwise import clamp, square, where
from .indexing import (
    argwhere, gather, index_add, index_copy, index_fill, index_put, index_reduce, index_select, masked_scatter,
    masked_select, nonzero, put, scatter, scatter_add, scatter_reduce, take, take_along_dim,
)  # fmt: skip
from .movement import (
    cat, expand, flatten, flip, narrow, pad, permute, reshape, split, squeeze, stack, transpose, unsqueeze,
)  # fmt: skip
from .product import matmul
from .quantiles import nanquantile, quantile
from .reduction import (
    all, amax, amin, aminmax, any, argmax, argmin, count_nonzero, max, mean, min, nanmean, nansum, prod, sum,
)  # fmt: skip
from .sampling import bincount, histc, histogram, histogramdd, multinomial
from .scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from .sorting import argsort, bucketize, isin, kthvalue, msort, searchsorted, sort, topk, unique, unique_consecutive
from .statistics import (
    corrcoef, cov, cumulative_trapezoid, diff, dist, logsumexp, median, mode, nanmedian, norm, renorm, softmin, std,
    std_mean, trace, trapezoid, trapz, var, var_mean,
)  # fmt: skip

__all__ = [
    "all", "along", "amax", "amin", "aminmax", "any", "argmax", "argmin", "argsort", "argwhere", "attention",
    "bincount", "bucketize", "cat", "celu", "clamp", "corrcoef", "count_nonzero", "cov", "cummax", "cummin",
    "cumprod", "cumsum", "cumulative_trapezoid", "diff", "dist", "elu", "expand", "flatten", "flip", "gather", "glu",
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "histc", "histogram", "histogramdd", "index_add",
    "index_copy", "index_fill", "index_put", "index_reduce", "index_select", "isin", "kthvalue", "leaky_relu",
    "logcumsumexp", "logsigmoid", "logsumexp", "masked_scatter", "masked_select", "matmul", "max", "mean", "median",
    "min", "mish", "mode", "msort", "multinomial", "nanmean", "nanmedian", "nanquantile", "nansum", "narrow",
    "nonzero", "norm", "pad", "permute", "prelu", "prod", "put", "quantile", "relu6", "renorm", "require_float",
    "reshape", "rrelu", "run", "scatter", "scatter_add", "scatter_reduce", "searchsorted", "selected", "selu", "silu",
    "softmin", "softplus", "softshrink", "softsign", "sort", "split", "square", "squeeze", "stack", "std", "std_mean",
    "sum", "take", "take_along_dim", "tanhshrink", "tensor_of", "threshold", "to_dtype", "topk", "trace", "transpose",
    "trapezoid", "trapz", "unique", "unique_consecutive", "unsqueeze", "var", "var_mean", "where", "wide",
]  # fmt: skip
