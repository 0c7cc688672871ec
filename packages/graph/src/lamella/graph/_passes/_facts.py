"""What rules ask about values: kinds of dtypes, exactness of casts and factors, and where a zero can have a sign."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lamella.tensor import finfo
from lamella.tensor.extend import FLOAT, INT, DType

from .._graph import Node, Value, as_value

if TYPE_CHECKING:
    from ._rewrite import Walk

__all__ = [
    "fits",
    "halving",
    "holds",
    "is_float",
    "is_int",
    "is_native",
    "is_number",
    "is_plain",
    "is_signed",
    "never_minus_zero",
    "same_shape",
    "size_of",
]

# ops whose results are not -0.0, whatever they are given
_UNSIGNED: Final = frozenset({"exp", "exp2", "abs", "sigmoid", "cos", "cosh"})
_DEPTH: Final = 4


def dtype_of(x: Value) -> DType:
    """The dtype of a tensor."""
    return x.tensor.dtype


def size_of(x: Value) -> int:
    """How many elements a tensor has."""
    return math.prod(x.tensor.shape)


def same_shape(x: Value, y: Value) -> bool:
    """Whether two tensors have one shape."""
    return x.tensor.shape == y.tensor.shape


def is_float(x: Value) -> bool:
    """A real floating tensor."""
    return dtype_of(x).category == FLOAT


def is_int(x: Value) -> bool:
    """An integer tensor; bool is none."""
    return dtype_of(x).category == INT


def is_number(x: Value) -> bool:
    """A tensor of real numbers: neither bool nor complex."""
    return dtype_of(x).category in (INT, FLOAT)


def is_native(x: Value) -> bool:
    """A floating tensor beside which a Python float is one of its own numbers."""
    return dtype_of(x).short in ("f16", "f32", "f64")


def is_plain(x: Value) -> bool:
    """A floating tensor that kernels compute in its own dtype."""
    return dtype_of(x).short in ("f32", "f64")


def is_signed(x: Value) -> bool:
    """Real numbers that may be negative."""
    return is_number(x) and dtype_of(x).is_signed


def holds(wide: DType, narrow: DType) -> bool:
    """Whether `wide` has every value of `narrow`, so that a cast to it and back loses nothing."""
    if wide is narrow or narrow.numpy.kind == "b":
        return True
    if wide.category < narrow.category:
        return False
    if wide.category == INT:
        most, least = np.iinfo(wide.numpy), np.iinfo(narrow.numpy)
        return bool(most.min <= least.min and least.max <= most.max)
    into = finfo(wide.to_real())
    if narrow.category == INT:
        bits = np.iinfo(narrow.numpy)
        return bool(int(bits.max) * into.eps < 2 and float(bits.max) <= into.max)
    own = finfo(narrow.to_real())
    finite = not math.isinf(float(wide.to_real().numpy.type(math.inf)))
    if finite and math.isinf(float(narrow.to_real().numpy.type(math.inf))):
        return False
    # the smallest numbers are tiny * eps: below the smallest normal one, steps stay the same
    return bool(own.eps >= into.eps and own.max <= into.max and own.tiny * own.eps >= into.tiny * into.eps)


def halving(c: float, x: Value) -> bool:
    """Whether dividing x by c is multiplying by 1 / c: a power of two, far from the ends of the exponents."""
    return is_plain(x) and math.frexp(abs(c))[0] == 0.5 and 2.0**-64 <= abs(c) <= 2.0**64


def fits(c: float, x: Value) -> bool:
    """Whether a number beside a tensor is exact in its dtype, so that it may stand for a tensor of that dtype."""
    dtype = dtype_of(x)
    if is_plain(x):
        return True  # rounded once, as the tensor was
    if type(c) is int and dtype.category == INT:
        bits = np.iinfo(dtype.numpy)
        return bool(bits.min <= c <= bits.max)
    return False


def never_minus_zero(x: Any, walk: Walk, depth: int = _DEPTH) -> bool:
    """Whether no element of x can be -0.0, as far as the ops that made it tell."""
    if type(x) is not Value:
        # what is small and negative rounds to -0.0
        return type(x) is int or (type(x) is float and (math.copysign(1, x) > 0 or x <= -1))
    if dtype_of(x).category != FLOAT:
        return dtype_of(x).category < FLOAT  # a complex number has two zeros with signs of their own
    node: Node | None = walk.producers.get(x)
    if node is None or depth == 0:
        return False
    name, args = node.op.name, node.args
    if name in _UNSIGNED:
        return True
    if name == "cast":
        return dtype_of(as_value(args[0])).category < FLOAT
    if name == "add":  # -0.0 only where both are
        return never_minus_zero(args[0], walk, depth - 1) or never_minus_zero(args[1], walk, depth - 1)
    if name == "mul":
        return args[0] is args[1]
    if name == "full":
        return never_minus_zero(args[0], walk, 0)
    if name == "where":
        return all(never_minus_zero(a, walk, depth - 1) for a in args[1:])
    if name == "cat" or node.op.spec == "view":
        return all(never_minus_zero(a, walk, depth - 1) for a in args)
    if name == "pad":
        return never_minus_zero(node.params["value"], walk) and never_minus_zero(args[0], walk, depth - 1)
    return False
