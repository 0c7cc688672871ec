"""Elementwise ops: one row each. The index map of every operand is the identity, up to broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._meta import MetaArray, broadcast_shapes
from .._op import Op, register_rules
from .._special import erf, sigmoid

__all__: list[str] = []


def _reciprocal(x: Any) -> Any:
    return np.divide(1, x, dtype=x.dtype)


def _rsqrt(x: Any) -> Any:
    return np.divide(1, np.sqrt(x), dtype=x.dtype)


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _sub(a: Any, b: Any) -> Any:
    if getattr(a, "dtype", None) == np.bool_ or getattr(b, "dtype", None) == np.bool_:
        raise TypeError("sub of bool tensors has no meaning; use logical_xor, or cast them with .to(int64)")
    return np.subtract(a, b)


def _pow(a: Any, b: Any) -> Any:
    if isinstance(b, int) and b < 0 and a.dtype.kind in "iu":
        raise ValueError("an integer tensor to a negative power is not an integer; cast it to a floating dtype first")
    return np.power(a, b)


def _cast(x: Any, *, dtype: Any) -> Any:
    return x.astype(dtype.numpy)


def _copy(x: Any) -> Any:
    return x.copy()


# name: (operands, how dtypes meet, kernel)
_UNARY = {
    "neg": ("same", np.negative),
    "abs": ("same", np.absolute),
    "sign": ("same", np.sign),
    "exp": ("float", np.exp),
    "log": ("float", np.log),
    "log1p": ("float", np.log1p),
    "sqrt": ("float", np.sqrt),
    "rsqrt": ("float", _rsqrt),
    "sin": ("float", np.sin),
    "cos": ("float", np.cos),
    "tanh": ("float", np.tanh),
    "sigmoid": ("float", sigmoid),
    "erf": ("float", erf),
    "reciprocal": ("float", _reciprocal),
    "relu": ("same", _relu),
    "floor": ("same", np.floor),
    "logical_not": ("", np.logical_not),
    "isnan": ("", np.isnan),
}
_BINARY = {
    "add": ("same", np.add),
    "sub": ("same", _sub),
    "mul": ("same", np.multiply),
    "div": ("float", np.divide),
    "pow": ("same", _pow),
    "maximum": ("same", np.maximum),
    "minimum": ("same", np.minimum),
    "eq": ("bool", np.equal),
    "ne": ("bool", np.not_equal),
    "lt": ("bool", np.less),
    "le": ("bool", np.less_equal),
    "gt": ("bool", np.greater),
    "ge": ("bool", np.greater_equal),
    "logical_and": ("", np.logical_and),
    "logical_or": ("", np.logical_or),
}
_TO_BOOL = {"logical_not", "isnan", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"}
_BOOL = np.dtype(np.bool_)


def _shape_of(name: str) -> Any:
    to_bool = name in _TO_BOOL

    def shape(*args: Any) -> MetaArray:
        metas = [a for a in args if not isinstance(a, (int, float, complex)) and hasattr(a, "shape")]
        out = broadcast_shapes(*[m.shape for m in metas])
        return MetaArray(out, _BOOL if to_bool else metas[0].dtype)

    return shape


def _no_bool_neg(x: Any) -> MetaArray:
    if x.dtype == _BOOL:
        raise TypeError("neg of a bool tensor has no meaning; use logical_not, or cast it with .to(int64)")
    return MetaArray(x.shape, x.dtype)


def _sub_shape(a: Any, b: Any) -> MetaArray:
    if getattr(a, "dtype", None) == _BOOL or getattr(b, "dtype", None) == _BOOL:
        raise TypeError("sub of bool tensors has no meaning; use logical_xor, or cast them with .to(int64)")
    out: MetaArray = _shape_of("sub")(a, b)
    return out


def _where_shape(cond: Any, a: Any, b: Any) -> MetaArray:
    if cond.dtype != _BOOL:
        raise TypeError(f"where needs a bool condition, got {cond.dtype}; compare it first, e.g. cond != 0")
    metas = [m for m in (a, b) if hasattr(m, "shape")]
    return MetaArray(broadcast_shapes(cond.shape, *[m.shape for m in metas]), metas[0].dtype)


def _where(cond: Any, a: Any, b: Any) -> Any:
    if cond.dtype != _BOOL:
        raise TypeError("where needs a bool condition")
    dtype = a.dtype if isinstance(a, np.ndarray) else b.dtype
    return np.where(cond, np.asarray(a, dtype), np.asarray(b, dtype))


def _cast_shape(x: Any, *, dtype: Any) -> MetaArray:
    return MetaArray(x.shape, dtype.numpy)


def _copy_shape(x: Any) -> MetaArray:
    return MetaArray(x.shape, x.dtype)


for _name, (_promotes, _) in _UNARY.items():
    Op(_name, "x", "elementwise", promotes=_promotes)
for _name, (_promotes, _) in _BINARY.items():
    Op(_name, "a, b", "elementwise", promotes=_promotes)
Op("where", "cond, a, b", "elementwise")
Op("cast", "x; dtype", "elementwise")
Op("copy", "x", "elementwise")

register_rules(
    "numpy",
    {n: k for n, (_, k) in (_UNARY | _BINARY).items()} | {"where": _where, "cast": _cast, "copy": _copy},
)
register_rules(
    "shape",
    {n: _shape_of(n) for n in (_UNARY | _BINARY) if n not in ("neg", "sub")}
    | {"neg": _no_bool_neg, "sub": _sub_shape, "where": _where_shape, "cast": _cast_shape, "copy": _copy_shape},
)
