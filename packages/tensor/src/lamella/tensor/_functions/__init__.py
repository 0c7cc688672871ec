"""Functions of tensors that bring their arguments to canonical form, one file per family.

A family lists its functions in `__all__`, those that are methods in METHODS and those with an in-place twin in
IN_PLACE: the package's `__init__` and the class `Methods` are written from these lists.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from .activation import (
    celu, elu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu6, rrelu,
    selu, silu, softplus, softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from .affine import addbmm, addmm, addmv, addr, baddbmm
from .aliases import (
    absolute, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, fix, greater, greater_equal, less,
    less_equal, multiply, negative, not_equal, subtract,
)  # fmt: skip
from .arithmetic import (
    addcdiv, addcmul, deg2rad, float_power, frac, frexp, heaviside, ldexp, lerp, logit, mvlgamma, polygamma, positive,
    rad2deg, round, rsub, sgn,
)  # fmt: skip
from .attention import attention
from .common import along, require_float, run, selected, tensor_of, to_dtype, wide
from .comparison import allclose, equal, isclose, isneginf, isposinf, isreal
from .complexes import (
    adjoint, angle, complex, conj, conj_physical, imag, is_complex, is_conj, is_floating_point, is_nonzero, polar,
    real, resolve_conj, resolve_neg, view_as_complex, view_as_real,
)  # fmt: skip
from .conversion import as_tensor, asarray, clone, fill, is_tensor, numel, scalar_tensor
from .creation import (
    bartlett_window, blackman_window, empty_permuted, empty_strided, hamming_window, hann_window, kaiser_window,
    logspace, vander,
)  # fmt: skip
from .diagonals import diag, diag_embed, diagflat, diagonal_scatter, select_scatter, slice_scatter
from .distance import cdist
from .draws import bernoulli, normal, poisson
from .elementwise import clamp, clamp_max, clamp_min, clip, masked_fill, nan_to_num, square, where
from .grids import block_diag, cartesian_prod, combinations, meshgrid, tril_indices, triu_indices, unravel_index
from .indexing import (
    argwhere, gather, index_add, index_copy, index_fill, index_put, index_reduce, index_select, masked_scatter,
    masked_select, nonzero, one_hot, put, scatter, scatter_add, scatter_reduce, take, take_along_dim,
)  # fmt: skip
from .joining import cat, column_stack, concat, concatenate, dstack, hstack, row_stack, stack, vstack
from .layout import flip, fliplr, flipud, pad, roll, rot90, tril, triu
from .movement import expand, flatten, narrow, narrow_copy, permute, reshape, squeeze, transpose, unsqueeze
from .product import (
    bmm, chain_matmul, cross, dot, ger, inner, kron, matmul, matrix_power, mm, mv, outer, tensordot, vdot,
)  # fmt: skip
from .quantiles import nanquantile, quantile
from .reduction import (
    all, amax, amin, aminmax, any, argmax, argmin, count_nonzero, max, mean, min, nanmean, nansum, prod, sum,
)  # fmt: skip
from .repeating import repeat_interleave, tile
from .sampling import bincount, histc, histogram, histogramdd, multinomial
from .scan import cummax, cummin, cumprod, cumsum, logcumsumexp
from .sorting import argsort, bucketize, isin, kthvalue, msort, searchsorted, sort, topk, unique, unique_consecutive
from .splitting import (
    chunk, dsplit, hsplit, select, split, split_with_sizes, tensor_split, unbind, unsafe_chunk, unsafe_split,
    unsafe_split_with_sizes, vsplit,
)  # fmt: skip
from .statistics import (
    corrcoef, cov, cumulative_trapezoid, diff, dist, logsumexp, median, mode, nanmedian, norm, renorm, softmin, std,
    std_mean, trace, trapezoid, trapz, var, var_mean,
)  # fmt: skip
from .striding import as_strided, as_strided_scatter
from .summation import einsum
from .views import (
    atleast_1d, atleast_2d, atleast_3d, broadcast_shapes, broadcast_tensors, broadcast_to, detach, diagonal, moveaxis,
    movedim, ravel, swapaxes, swapdims, t, unflatten,
)  # fmt: skip

__all__ = [
    "absolute", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "adjoint", "all", "allclose", "along",
    "amax", "amin", "aminmax", "angle", "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "argsort", "argwhere", "as_strided", "as_strided_scatter", "as_tensor", "asarray",
    "atleast_1d", "atleast_2d", "atleast_3d", "attention", "baddbmm", "bartlett_window", "bernoulli", "bincount",
    "blackman_window", "block_diag", "bmm", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize",
    "cartesian_prod", "cat", "cdist", "celu", "chain_matmul", "chunk", "clamp", "clamp_max", "clamp_min", "clip",
    "clone", "column_stack", "combinations", "complex", "concat", "concatenate", "conj", "conj_physical", "corrcoef",
    "count_nonzero", "cov", "cross", "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "deg2rad",
    "detach", "diag", "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "diff", "dist", "dot", "dsplit",
    "dstack", "einsum", "elu", "empty_permuted", "empty_strided", "equal", "expand", "fill", "fix", "flatten", "flip",
    "fliplr", "flipud", "float_power", "frac", "frexp", "gather", "ger", "glu", "greater", "greater_equal",
    "hamming_window", "hann_window", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "heaviside", "histc",
    "histogram", "histogramdd", "hsplit", "hstack", "imag", "index_add", "index_copy", "index_fill", "index_put",
    "index_reduce", "index_select", "inner", "is_complex", "is_conj", "is_floating_point", "is_nonzero", "is_tensor",
    "isclose", "isin", "isneginf", "isposinf", "isreal", "kaiser_window", "kron", "kthvalue", "ldexp", "leaky_relu",
    "lerp", "less", "less_equal", "logcumsumexp", "logit", "logsigmoid", "logspace", "logsumexp", "masked_fill",
    "masked_scatter", "masked_select", "matmul", "matrix_power", "max", "mean", "median", "meshgrid", "min", "mish",
    "mm", "mode", "moveaxis", "movedim", "msort", "multinomial", "multiply", "mv", "mvlgamma", "nan_to_num",
    "nanmean", "nanmedian", "nanquantile", "nansum", "narrow", "narrow_copy", "negative", "nonzero", "norm", "normal",
    "not_equal", "numel", "one_hot", "outer", "pad", "permute", "poisson", "polar", "polygamma", "positive", "prelu",
    "prod", "put", "quantile", "rad2deg", "ravel", "real", "relu6", "renorm", "repeat_interleave", "require_float",
    "reshape", "resolve_conj", "resolve_neg", "roll", "rot90", "round", "row_stack", "rrelu", "rsub", "run",
    "scalar_tensor", "scatter", "scatter_add", "scatter_reduce", "searchsorted", "select", "select_scatter",
    "selected", "selu", "sgn", "silu", "slice_scatter", "softmin", "softplus", "softshrink", "softsign", "sort",
    "split", "split_with_sizes", "square", "squeeze", "stack", "std", "std_mean", "subtract", "sum", "swapaxes",
    "swapdims", "t", "take", "take_along_dim", "tanhshrink", "tensor_of", "tensor_split", "tensordot", "threshold",
    "tile", "to_dtype", "topk", "trace", "transpose", "trapezoid", "trapz", "tril", "tril_indices", "triu",
    "triu_indices", "unbind", "unflatten", "unique", "unique_consecutive", "unravel_index", "unsafe_chunk",
    "unsafe_split", "unsafe_split_with_sizes", "unsqueeze", "vander", "var", "var_mean", "vdot", "view_as_complex",
    "view_as_real", "vsplit", "vstack", "where", "wide",
]  # fmt: skip
