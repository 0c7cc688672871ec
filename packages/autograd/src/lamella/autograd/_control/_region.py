"""Tracing a body of control flow: a level on top of all others, whose tensors stand for values of the body.

Every op inside happens at this level or above, whatever its operands: what is older is lifted to it, which captures
it. So the graph has the shapes that the function sees, and neither vmap, jvp nor the tape of the program around is in
it: these are applied to the whole op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from lamella.graph import Graph, RegionTrace, ScalarType, TensorType, Type, Value, plain
from lamella.tensor import Tensor
from lamella.tensor.extend import (
    OPS,
    Batched,
    Level,
    Mode,
    Op,
    dispatch,
    enter_mode,
    from_numpy_dtype,
    leave_mode,
    level_of,
    tls,
    wrap,
    wrap_outputs,
)

__all__ = ["Body", "RegionLevel", "inside", "shared", "trace_body", "trace_plain", "tracing", "type_of"]


def type_of(t: Any) -> TensorType:
    """The graph's type of a tensor at its own level: that of one example."""
    return TensorType(from_numpy_dtype(t._data.dtype), plain(tuple(t._data.shape)))


class RegionLevel(Level):
    """The level of a body that is being traced."""

    __slots__ = ("_around", "_grad", "trace")

    def __init__(self, trace: RegionTrace) -> None:
        super().__init__("region")
        self.trace = trace
        self._around = (tls.trace, tls.levels, tls.floor)
        self._grad = tls.grad

    def refuse(self, what: str, advice: str = "return the value (as part of the carry), or do it outside") -> NoReturn:
        """The error of what a graph cannot hold."""
        self.trace.refuse(what, advice)

    def lifted(self, t: Tensor) -> Tensor:
        """What stands for an older tensor."""
        return self.wrapped(self.trace.capture(t), False)

    def wrapped(self, t: Tensor, owned: bool = True) -> Tensor:
        """A tensor of the trace as one of this level."""
        return wrap(Batched(t, self, False, owned))

    def payload(self, t: Tensor) -> Tensor:
        """The traced tensor behind one of this level, or behind what stands for an older one."""
        t.requires_grad  # noqa: B018 - brings a stale view up to date
        mine: Tensor = t._data.tensor if level_of(t) is self else self.trace.capture(t)
        return mine

    @contextmanager
    def outside(self) -> Iterator[None]:
        """The program around, for a while."""
        with _state(*self._around):
            yield

    @contextmanager
    def below(self) -> Iterator[None]:
        """The body's trace, with no level open."""
        with _state(self.trace, (), None):
            yield

    def apply(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """One op of the body."""
        payloads = tuple([self.payload(a) if isinstance(a, Tensor) else a for a in args])
        with self.below():
            out = dispatch(op, payloads, params)
            if not tls.grad and self._grad:
                out = _cut(out)  # what is computed under no_grad stays cut off when the graph is differentiated
        if type(out) is tuple:
            return tuple([self.wrapped(o) for o in out])
        if op.spec != "view":
            return self.wrapped(out)
        base = args[0] if level_of(args[0]) is self else self.lifted(args[0])
        return wrap_outputs(op, (base, *args[1:]), params, Batched(out, self, False, bool(base._data.owned)))

    def control(self, op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> tuple[Tensor, ...]:
        """A control flow op of the body."""
        from ._apply import apply

        payloads = [self.payload(a) if isinstance(a, Tensor) else a for a in operands]
        with self.below():
            out = apply(op, payloads, params)
            if not tls.grad and self._grad:
                out = _cut(out)
        return tuple([self.wrapped(o) for o in out])


def _cut(out: Any) -> Any:
    if type(out) is tuple:
        return tuple(map(_cut, out))
    return out if out._data.dtype.kind not in "fcV" else dispatch(OPS["detach"], (out,))


@contextmanager
def _state(trace: Any, levels: tuple[Level, ...], floor: Any) -> Iterator[None]:
    before = tls.trace, tls.levels, tls.floor
    tls.trace, tls.levels, tls.floor = trace, levels, floor
    try:
        yield
    finally:
        tls.trace, tls.levels, tls.floor = before


@contextmanager
def inside(level: RegionLevel) -> Iterator[None]:
    """The level on top of the thread's stack, its trace open; closed for good at the end."""
    enter_mode()
    try:
        with _state(level.trace, (*tls.levels, level), level):
            yield
    finally:
        level.alive = False
        leave_mode()


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


def trace_body(name: str, fn: Callable[[list[Tensor]], list[Tensor]], types: Sequence[TensorType]) -> Body:
    """Trace a function of tensors of these types, at the top of the thread's levels."""
    trace = RegionTrace(name, tls.trace)
    level = RegionLevel(trace)
    stand_ins = [trace.parameter(t) for t in types]
    inputs = [trace.value_of(t) for t in stand_ins]
    with inside(level):
        out = fn([level.wrapped(t, False) for t in stand_ins])
        payloads = [level.payload(t) for t in out]
    return Body(trace, inputs, payloads)


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
        with _state(trace, (), None), Mode(autocast=None, inference=False):
            yield
    finally:
        leave_mode()
