"""Functions of tensors that bring their arguments to canonical form, one file per family.

A family lists its functions in `__all__`, those that are methods in METHODS and those with an in-place twin in
IN_PLACE: the package's `__init__` and the class `Methods` are written from these lists.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from .activation import (
    celu, elu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu6, rrelu,
    selu, silu, softplus, softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from .common import require_float, run, tensor_of, to_dtype, wide
from .elementwise import clamp, square, where
from .indexing import gather, scatter_add, take
from .movement import (
    cat, expand, flatten, flip, narrow, pad, permute, reshape, split, squeeze, stack, transpose, unsqueeze,
)  # fmt: skip
from .product import matmul
from .reduction import all, amax, amin, any, argmax, argmin, logsumexp, mean, prod, std, sum, var
from .scan import cumsum

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cat", "celu", "clamp", "cumsum", "elu", "expand", "flatten",
    "flip", "gather", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid",
    "logsumexp", "matmul", "mean", "mish", "narrow", "pad", "permute", "prelu", "prod", "relu6", "require_float",
    "reshape", "rrelu", "run", "scatter_add", "selu", "silu", "softplus", "softshrink", "softsign", "split", "square",
    "squeeze", "stack", "std", "sum", "take", "tanhshrink", "tensor_of", "threshold", "to_dtype", "transpose",
    "unsqueeze", "var", "where", "wide",
]  # fmt: skip
