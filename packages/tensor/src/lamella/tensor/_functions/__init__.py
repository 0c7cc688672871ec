"""Functions of tensors that bring their arguments to canonical form, one file per family.

A family lists its functions in `__all__`, those that are methods in METHODS and those with an in-place twin in
IN_PLACE: the package's `__init__` and the class `Methods` are written from these lists.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

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
    "all", "amax", "amin", "any", "argmax", "argmin", "cat", "clamp", "cumsum", "expand", "flatten", "flip", "gather",
    "logsumexp", "matmul", "mean", "narrow", "pad", "permute", "prod", "require_float", "reshape", "run",
    "scatter_add", "split", "square", "squeeze", "stack", "std", "sum", "take", "tensor_of", "to_dtype", "transpose",
    "unsqueeze", "var", "where", "wide",
]  # fmt: skip
