"""Functions of tensors that bring their arguments to canonical form, one file per family.

A family lists its functions in `__all__`, those that are methods in METHODS and those with an in-place twin in
IN_PLACE: the package's `__init__` and the class `Methods` are written from these lists.

Written by `nox -s generate` from packages/tensor/generate.py; edit that file.
"""

from .activation import (
    celu, elu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, prelu, relu6, rrelu,
    selu, silu, softplus, softshrink, softsign, tanhshrink, threshold,
)  # fmt: skip
from .aliases import (
    absolute, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, fix, greater, greater_equal, less,
    less_equal, multiply, negative, not_equal, subtract,
)  # fmt: skip
from .arithmetic import (
    addcdiv, addcmul, deg2rad, float_power, frac, frexp, heaviside, ldexp, lerp, logit, mvlgamma, polygamma, positive,
    rad2deg, round, rsub, sgn,
)  # fmt: skip
from .common import require_float, run, tensor_of, to_dtype, wide
from .comparison import allclose, equal, isclose, isneginf, isposinf, isreal
from .complexes import (
    adjoint, angle, complex, conj, conj_physical, imag, is_complex, is_conj, is_floating_point, is_nonzero, polar,
    real, resolve_conj, resolve_neg, view_as_complex, view_as_real,
)  # fmt: skip
from .elementwise import clamp, clamp_max, clamp_min, clip, masked_fill, nan_to_num, square, where
from .indexing import gather, scatter_add, take
from .movement import (
    cat, expand, flatten, flip, narrow, pad, permute, reshape, split, squeeze, stack, transpose, unsqueeze,
)  # fmt: skip
from .product import matmul
from .reduction import all, amax, amin, any, argmax, argmin, logsumexp, mean, prod, std, sum, var
from .scan import cumsum

__all__ = [
    "absolute", "addcdiv", "addcmul", "adjoint", "all", "allclose", "amax", "amin", "angle", "any", "arccos",
    "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "cat", "celu", "clamp",
    "clamp_max", "clamp_min", "clip", "complex", "conj", "conj_physical", "cumsum", "deg2rad", "elu", "equal",
    "expand", "fix", "flatten", "flip", "float_power", "frac", "frexp", "gather", "glu", "greater", "greater_equal",
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "heaviside", "imag", "is_complex", "is_conj",
    "is_floating_point", "is_nonzero", "isclose", "isneginf", "isposinf", "isreal", "ldexp", "leaky_relu", "lerp",
    "less", "less_equal", "logit", "logsigmoid", "logsumexp", "masked_fill", "matmul", "mean", "mish", "multiply",
    "mvlgamma", "nan_to_num", "narrow", "negative", "not_equal", "pad", "permute", "polar", "polygamma", "positive",
    "prelu", "prod", "rad2deg", "real", "relu6", "require_float", "reshape", "resolve_conj", "resolve_neg", "round",
    "rrelu", "rsub", "run", "scatter_add", "selu", "sgn", "silu", "softplus", "softshrink", "softsign", "split",
    "square", "squeeze", "stack", "std", "subtract", "sum", "take", "tanhshrink", "tensor_of", "threshold",
    "to_dtype", "transpose", "unsqueeze", "var", "view_as_complex", "view_as_real", "where", "wide",
]  # fmt: skip
