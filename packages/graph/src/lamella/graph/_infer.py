"""The types a node must have, from the `shape` rule of its op: the one place where types of the IR come from.

A tensor operand reaches the rule as a `MetaArray`, a Python number as itself, and a host scalar as its `ScalarType`,
which tells its category as a symbolic scalar does. Scalar ops have no shapes: their kinds come from `_scalar`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from lamella.tensor.extend import MetaArray, Op, from_numpy_dtype, rule

from ._graph import Value
from ._scalar import scalar_type
from ._sizes import plain
from ._types import ScalarType, TensorType, Type

__all__ = ["as_type", "infer", "infer_types", "meta"]


def meta(type_: Type) -> MetaArray | ScalarType:
    """What stands for a value of this type in the operands of a shape rule."""
    return MetaArray(type_.shape, type_.dtype.numpy) if isinstance(type_, TensorType) else type_


def infer_types(op: Op, args: Sequence[Any], params: Mapping[str, Any]) -> tuple[Type, ...]:
    """The output types of `op` on these args; what the shape rule raises passes through."""
    results = infer(op, [meta(a.type) if type(a) is Value else a for a in args], params)
    return tuple(map(as_type, results))


def infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> tuple[MetaArray | ScalarType, ...]:
    """The same over what stands for the args, without making types: the verifier's inner loop."""
    if op.spec == "scalar":
        return (scalar_type(op, operands),)
    out = rule(op, "shape")(*operands, **params)
    return out if type(out) is tuple else (out,)


def as_type(result: MetaArray | ScalarType) -> Type:
    """The type that one result stands for."""
    if isinstance(result, ScalarType):
        return result
    shape = plain(result.shape)
    if shape is not result.shape:
        return TensorType(from_numpy_dtype(result.dtype), shape)
    return _tensor_type(result.dtype, shape)


@lru_cache(maxsize=4096)
def _tensor_type(dtype: Any, shape: tuple[int, ...]) -> TensorType:
    # a trace asks for the same few types thousands of times
    return TensorType(from_numpy_dtype(dtype), shape)
