"""Tracing functions into bodies of control flow, below all transforms: what the rules of autograd and the loops of
composites are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamella.tensor import Tensor
from lamella.tensor.extend import Level, Mode, enter_mode, from_numpy_dtype, leave_mode, tls

from ._errors import GraphError
from ._graph import Graph, Value
from ._region import RegionTrace
from ._sizes import plain
from ._types import ScalarType, TensorType, Type

__all__ = ["Body", "open_state", "shared", "trace_function", "trace_plain", "tracing", "type_of"]


def type_of(t: Any) -> TensorType:
    """The graph's type of a tensor at its own level: that of one example."""
    return TensorType(from_numpy_dtype(t._data.dtype), plain(tuple(t._data.shape)))


@contextmanager
def open_state(trace: Any, levels: tuple[Level, ...], floor: Any) -> Iterator[None]:
    before = tls.trace, tls.levels, tls.floor
    tls.trace, tls.levels, tls.floor = trace, levels, floor
    try:
        yield
    finally:
        tls.trace, tls.levels, tls.floor = before


class Body:
    """A traced function: its trace, the values of its operands, and the tensors of the trace that it returned."""

    __slots__ = ("inputs", "outputs", "trace")

    def __init__(self, trace: RegionTrace, inputs: list[Value], outputs: list[Tensor]) -> None:
        self.trace = trace
        self.inputs = inputs
        self.outputs = outputs

    def types(self) -> list[TensorType]:
        """The types of what it returns."""
        return [type_of(t) for t in self.outputs]

    def graph(self, behind: int = 0) -> Graph:
        """The graph over what it captured and its operands; `behind` of these stand before what it captured."""
        outputs = [self.trace.value_of(t) for t in self.outputs]
        captured = [value for _, value in self.trace.captured]
        return self.trace.graph([*self.inputs[:behind], *captured, *self.inputs[behind:]], outputs)


def shared(bodies: Sequence[Body], operands: Sequence[Any]) -> tuple[list[Any], list[Graph]]:
    """Bodies over the same operands as graphs over all that any of them captured, and the operands with that."""
    outputs = [[body.trace.value_of(t) for t in body.outputs] for body in bodies]
    captured: dict[int, Any] = {}
    for body in bodies:
        captured.update({_key(t): t for t, _ in body.trace.captured})
    graphs = []
    for body, out in zip(bodies, outputs, strict=True):
        mine = {_key(t): value for t, value in body.trace.captured}
        front = [mine[k] if k in mine else body.trace.builder.input(_type(t)) for k, t in captured.items()]
        graphs.append(body.trace.graph([*front, *body.inputs], out))
    return [*captured.values(), *operands], graphs


def _key(t: Any) -> int:
    return id(t) if isinstance(t, Tensor) else id(t.value)


def _type(t: Any) -> Type:
    return type_of(t) if isinstance(t, Tensor) else ScalarType(("bool", "i64", "f64")[t.category])


def trace_plain(name: str, fn: Callable[..., list[Tensor]], types: Sequence[Type]) -> Body:
    """Trace a function of ours over plain tensors and numbers of these types, below all levels and without autocast."""
    trace = RegionTrace(name)
    parameters = [trace.parameter(t) for t in types]
    inputs = [trace.value_of(p) if isinstance(p, Tensor) else p.value for p in parameters]
    with tracing(trace):
        outputs = fn(*parameters)
    return Body(trace, inputs, outputs)


@contextmanager
def tracing(trace: RegionTrace) -> Iterator[None]:
    """This trace open, with no level and no mode that changes what ops compute."""
    enter_mode()
    try:
        with open_state(trace, (), None), Mode(autocast=None, inference=False):
            yield
    finally:
        leave_mode()


def trace_function(name: str, fn: Callable[..., list[Tensor]], metas: Sequence[tuple[Any, Any]]) -> Graph:
    """The graph of a function over plain tensors of these shapes and numpy dtypes, which reads nothing else."""
    types = [TensorType(from_numpy_dtype(dtype), plain(tuple(shape))) for shape, dtype in metas]
    body = trace_plain(name, fn, types)
    graph = body.graph()
    if body.trace.captured:
        raise GraphError(
            f"{name} reads a tensor that is not one of its operands, of shape {body.trace.captured[0][0].shape}"
        )
    return graph
