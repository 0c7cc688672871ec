"""Elementwise ops: one row each. The index map of every operand is the identity, up to broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._blocks import choose, clip
from .._dtype import BY_NUMPY, float8_e4m3fn
from .._meta import MetaArray, broadcast_shapes
from .._moves import fresh
from .._op import Op, register_rules
from .._promotion import refusal
from .._special import erf, sigmoid

__all__ = ["ZERO", "declare"]


def _reciprocal(x: Any) -> Any:
    return np.divide(1, x, dtype=x.dtype)


def _rsqrt(x: Any) -> Any:
    return np.divide(1, np.sqrt(x), dtype=x.dtype)


def _relu(x: Any) -> Any:
    if x.size < _MANY or x.dtype.kind != "f":
        # an array of x's own dtype beside it is half the time of a Python number
        return np.maximum(x, ZERO[x.dtype])
    out = np.empty(x.shape, x.dtype)
    clip(out, x, 0, None)
    return out


def _sign(x: Any) -> Any:
    if x.dtype.kind == "b":
        return fresh(x)
    if x.dtype.kind in "iu":
        return np.sign(x)
    # a NaN is neither above nor below 0, and two comparisons take half the time of numpy's sign
    up, down = np.empty(x.shape, np.bool_), np.empty(x.shape, np.bool_)
    np.greater(x, 0, out=up)
    np.less(x, 0, out=down)
    sign = up.view(np.int8)
    sign -= down.view(np.int8)
    return sign.astype(x.dtype)


def _check_pow(a: Any, b: Any) -> None:
    dtype = _metas((a, b))[0].dtype
    if dtype == _BOOL:
        raise TypeError("pow of bool tensors has no meaning; cast them with .to(int64)")
    if type(b) is int and b < 0 and dtype.kind in "iu":
        raise ValueError("an integer tensor to a negative power is not an integer; cast it to a floating dtype first")


def _pow(a: Any, b: Any) -> Any:
    _check_pow(a, b)
    return np.power(a, b)


def _saturated(x: Any) -> Any:
    """float8_e4m3fn has no infinity: what lies beyond it, infinities too, becomes its largest number; NaN stays."""
    if x.dtype.kind not in "biu":
        x = np.clip(x.astype(np.float32), -_E4M3_LARGEST, _E4M3_LARGEST)
    elif x.dtype.itemsize > 1:
        x = np.clip(x, 0 if x.dtype.kind == "u" else -_E4M3_LARGEST, _E4M3_LARGEST)
    return x.astype(_E4M3)


def _to_uint32(x: Any) -> Any:
    # numpy's conversion of floats that do not fit depends on where in the array they are
    return x.astype(np.int64).astype(np.uint32) if x.dtype.kind in "fV" else x.astype(np.uint32)


_E4M3, _E4M3_LARGEST = float8_e4m3fn.numpy, 448
_CASTS = {_E4M3: _saturated, np.dtype(np.uint32): _to_uint32}


def _cast(x: Any, *, dtype: Any) -> Any:
    """Numbers that a dtype does not hold: integers wrap, floats become infinite or, in float8_e4m3fn, its largest.

    What C leaves undefined, NaN and floats beyond an integer dtype, is as the processor's conversion gives it (on
    x86-64 the smallest int32 or int64, of which narrower types and uint32 take the low bits).
    """
    target = dtype.numpy
    kind = x.dtype.kind
    if kind == "c" and target.kind not in "cb":
        x = x.real  # asked for by name, so that numpy's warning about it would be noise
    elif x.dtype.itemsize == 1 and kind in "fV":
        x = x.astype(np.float32)  # so that integers are made of it as of every other float
    special = _CASTS.get(target)
    return x.astype(target) if special is None else special(x)


def _copy(x: Any) -> Any:
    return fresh(x)


# name: (how dtypes meet, kinds refused, kernel)
_UNARY = {
    "neg": ("same", "b", np.negative),
    "abs": ("same", "", np.absolute),
    "sign": ("same", "c", _sign),
    "exp": ("float", "", np.exp),
    "log": ("float", "", np.log),
    "log1p": ("float", "", np.log1p),
    "sqrt": ("float", "", np.sqrt),
    "rsqrt": ("float", "", _rsqrt),
    "sin": ("float", "", np.sin),
    "cos": ("float", "", np.cos),
    "tanh": ("float", "", np.tanh),
    "sigmoid": ("float", "", sigmoid),
    "erf": ("float", "c", erf),
    "reciprocal": ("float", "", _reciprocal),
    "relu": ("same", "bc", _relu),
    "floor": ("same", "bc", np.floor),
    "logical_not": ("", "", np.logical_not),
    "isnan": ("", "", np.isnan),
}
_BINARY = {
    "add": ("same", "", np.add),
    "sub": ("same", "b", np.subtract),
    "mul": ("same", "", np.multiply),
    "div": ("float", "", np.divide),
    "pow": ("same", "", _pow),
    "maximum": ("same", "c", np.maximum),
    "minimum": ("same", "c", np.minimum),
    "eq": ("bool", "", np.equal),
    "ne": ("bool", "", np.not_equal),
    "lt": ("bool", "c", np.less),
    "le": ("bool", "c", np.less_equal),
    "gt": ("bool", "c", np.greater),
    "ge": ("bool", "c", np.greater_equal),
    "logical_and": ("", "", np.logical_and),
    "logical_or": ("", "", np.logical_or),
}
_TO_BOOL = {"logical_not", "isnan", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"}
_BOOL = np.dtype(np.bool_)
_MANY = 1024  # elements from which a pass over the bits is sooner than numpy's branches
ZERO = {dtype: np.zeros((), dtype) for dtype in BY_NUMPY}
_REAL: dict[Any, Any] = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}


def _metas(args: Any) -> list[Any]:
    # whoever calls a shape rule has metas and symbolic numbers of its own; a meta is what has a shape
    return [a for a in args if hasattr(a, "shape")]


def _shape_of(name: str, refuses: str, to_bool: bool) -> Any:
    def shape(*args: Any) -> MetaArray:
        metas = _metas(args)
        if any(a is None for a in args):
            raise TypeError(f"{name} needs tensors or numbers, got None")
        for m in metas:
            if m.dtype.kind in refuses:
                raise TypeError(refusal(name, m.dtype.kind))
        out = broadcast_shapes(*[m.shape for m in metas])
        return MetaArray(out, _BOOL if to_bool else metas[0].dtype)

    return shape


def _abs_shape(x: Any) -> MetaArray:
    return MetaArray(x.shape, _REAL.get(x.dtype, x.dtype))


def _pow_shape(a: Any, b: Any) -> MetaArray:
    _check_pow(a, b)
    return MetaArray(broadcast_shapes(*[m.shape for m in _metas((a, b))]), _metas((a, b))[0].dtype)


def _where_shape(cond: Any, a: Any, b: Any) -> MetaArray:
    if cond.dtype != _BOOL:
        raise TypeError(f"where needs a bool condition, got {cond.dtype}; compare it first, e.g. cond != 0")
    metas = _metas((a, b))
    return MetaArray(broadcast_shapes(cond.shape, *[m.shape for m in metas]), metas[0].dtype)


def _where(cond: Any, a: Any, b: Any) -> Any:
    if cond.dtype != _BOOL:
        raise TypeError("where needs a bool condition")
    dtype = a.dtype if isinstance(a, np.ndarray) else b.dtype
    a, b = np.asarray(a, dtype), np.asarray(b, dtype)
    if cond.size >= _MANY and dtype.itemsize <= 8:
        shape = cond.shape
        if (a.shape == shape or not a.ndim) and (b.shape == shape or not b.ndim):
            return choose(cond, a, b)
    return np.where(cond, a, b)


def _cast_shape(x: Any, *, dtype: Any) -> MetaArray:
    return MetaArray(x.shape, dtype.numpy)


def _copy_shape(x: Any) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


def declare(
    unary: dict[str, Any], binary: dict[str, Any], to_bool: set[str], shapes: dict[str, Any] | None = None
) -> None:
    """The ops of two tables `{name: (how dtypes meet, kinds refused, kernel)}`; `to_bool` names those that test."""
    rows = unary | binary
    for name, (promotes, refuses, _) in rows.items():
        Op(name, "x" if name in unary else "a, b", "elementwise", promotes=promotes, refuses=refuses)
    register_rules("numpy", {name: kernel for name, (_, _, kernel) in rows.items()})
    own = shapes or {}
    register_rules(
        "shape",
        {n: _shape_of(n, refuses, n in to_bool) for n, (_, refuses, _) in rows.items() if n not in own} | own,
    )


declare(_UNARY, _BINARY, _TO_BOOL, {"abs": _abs_shape, "pow": _pow_shape})
Op("where", "cond, a, b", "elementwise")
Op("cast", "x; dtype", "elementwise")
Op("copy", "x", "elementwise")
register_rules("numpy", {"where": _where, "cast": _cast, "copy": _copy})
register_rules("shape", {"where": _where_shape, "cast": _cast_shape, "copy": _copy_shape})
