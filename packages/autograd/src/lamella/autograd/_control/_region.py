"""Tracing a body of control flow: a level on top of all others, whose tensors stand for values of the body.

Every op inside happens at this level or above, whatever its operands: what is older is lifted to it, which captures
it. So the graph has the shapes that the function sees, and neither vmap, jvp nor the tape of the program around is in
it: these are applied to the whole op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from lamella.graph import TensorType
from lamella.graph.control import Body, RegionTrace, open_state
from lamella.tensor import Tensor
from lamella.tensor.extend import (
    OPS,
    Batched,
    Level,
    Op,
    dispatch,
    enter_mode,
    leave_mode,
    level_of,
    tls,
    wrap,
    wrap_outputs,
)

__all__ = ["RegionLevel", "inside", "trace_body"]


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
        with open_state(*self._around):
            yield

    @contextmanager
    def below(self) -> Iterator[None]:
        """The body's trace, with no level open."""
        with open_state(self.trace, (), None):
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
def inside(level: RegionLevel) -> Iterator[None]:
    """The level on top of the thread's stack, its trace open; closed for good at the end."""
    enter_mode()
    try:
        with open_state(level.trace, (*tls.levels, level), level):
            yield
    finally:
        level.alive = False
        leave_mode()


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
