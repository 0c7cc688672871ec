"""The open trace of one body of a control flow op: a graph of its own inside an open trace.

What the body meets and did not make is captured: it becomes an input here and an operand of the node outside. A body
has no effects: a write to what is older, a number or a gradient assigned, and a value that Python needs are refused,
naming what to do. Random numbers are drawn at an offset of the body's own; `drawn` says how far it moved, and who
makes the node reserves as much outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from lamella.tensor import Tensor
from lamella.tensor.extend import (
    MetaArray,
    Op,
    SymScalar,
    describe,
    from_numpy_dtype,
    tls,
    user_location,
    wrap,
    wrap_outputs,
)

from ._errors import CaptureError
from ._graph import Graph, Value
from ._sizes import plain
from ._trace import Trace
from ._trace_numbers import source_line
from ._types import ScalarType, TensorType, Type

__all__ = ["RegionTrace"]

_KINDS = ("bool", "i64", "f64")


class RegionTrace(Trace):
    """A body being traced; `outer` is the trace around it, or None where there is none. What `parent` made are inputs
    too, listed in `residuals`.
    """

    def __init__(self, name: str, outer: Any = None, parent: Trace | None = None) -> None:
        super().__init__(name, parent)
        self.outer = outer
        if parent is None and tls.trace is not None:
            self.sizes = tls.trace.sizes
        self.captured: list[tuple[Any, Value]] = []  # (tensor or symbolic number of outside, our input)
        self.drawn: dict[int, list[Any]] = {}  # id(generator) -> [generator, seed, offset, how far it is]
        self._known: dict[int, Tensor] = {}
        self._numbers: dict[int, Any] = {}
        self._inputs: set[int] = set()

    # -- inputs

    def parameter(self, type_: Type) -> Any:
        """A new input, as a traced tensor or a symbolic number."""
        if isinstance(type_, ScalarType):
            hint = {"bool": True, "i64": 1, "f64": 1.0}[type_.kind]
            return self._scalar(self.builder.input(type_), hint)
        data = self._meta_of(type_)
        self._values[id(data)] = (self.builder.input(type_), 0, data)
        self._inputs.add(id(data))
        return self._traced(wrap(data), data)

    def capture(self, t: Tensor) -> Tensor:
        """What stands for a tensor of outside; the same each time it is asked for."""
        found = self._known.get(id(t))
        if found is None:
            type_ = TensorType(from_numpy_dtype(t._data.dtype), plain(tuple(t._data.shape)))
            found = self._known[id(t)] = self.parameter(type_)
            self.captured.append((t, self._values[id(found._data)][0]))
        return found

    def _operand(self, a: Any) -> Any:
        if not isinstance(a, SymScalar) or a.trace is self:
            return super()._operand(a)
        found = self._numbers.get(id(a.value))
        if found is None:
            found = self._numbers[id(a.value)] = self.builder.input(ScalarType(_KINDS[a.category]))
            self.captured.append((a, found))
        return found

    def value_of(self, t: Tensor) -> Value:
        """The SSA value of a tensor; one that this body did not make, such as a table of an op's own, is captured."""
        data = t._data
        if t._view is None and type(data) is not MetaArray and id(data) not in self._values:
            return super().value_of(self.capture(t))
        return super().value_of(t)

    # -- ops

    def record(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """One op: a node. A cut of the gradient is one here, because the graph is differentiated later."""
        if op.name != "detach":
            return super().record(op, args, params)
        (t,) = args
        value = self.value_of(t)
        data = MetaArray(tuple(t._data.shape), t._data.dtype)
        made = self.builder.add(op, (value,), params, [value.type], self.region, source_line())[0]
        out = self._traced(wrap_outputs(op, args, params, data), data)
        self._values[id(data)] = (made, out._cell.version, data)
        return out

    # -- effects

    def refuse(self, what: str, advice: str = "return the value (as part of the carry), or do it outside") -> NoReturn:
        """The error of what a graph cannot hold."""
        raise CaptureError(
            f"{self.builder._name} {what}, at {describe(user_location(2))}; a function of captured control flow has no "
            f"effects and reads no values: {advice}"
        )

    def write(self, t: Tensor, value: Tensor) -> None:
        """Rebind a tensor that the body made; refused for any other."""
        root = t._view.base if t._view is not None else t
        if id(root._data) in self._inputs or id(root._data) not in self._values:
            self.refuse("writes in place into a tensor that it did not make")
        super().write(t, value)

    def constant(self, t: Tensor) -> Tensor:
        """A tensor made of Python values: it belongs to the program around."""
        return t if self.outer is None else self.outer.constant(t)

    def forced(self, t: Tensor, why: str) -> NoReturn:
        """A real value was asked for."""
        self.refuse(
            f"needs the values of a tensor ({why})",
            "keep it a tensor (where, clamp, argmax), or use cond or while_loop",
        )

    def force(self, s: SymScalar) -> Any:
        """The value of a number that the body alone knows."""
        self.refuse("needs the value of a number that differs from step to step", "keep it a number of the program")

    def item(self, t: Tensor) -> Any:
        """A number out of a tensor."""
        self.forced(t, "item()")

    def truth(self, t: Tensor) -> bool:
        """A branch on a tensor."""
        self.forced(t, "bool()")

    def number(self, s: SymScalar, kind: type) -> Any:
        """float() or int() of a number that the body alone knows."""
        self.force(s)

    def read_number(self, container: Any, key: Any, value: Any) -> Any:
        """Numeric state is that of the program around."""
        return value if self.outer is None else self.outer.read_number(container, key, value)

    def write_number(self, container: Any, key: Any, value: Any) -> None:
        """Refused."""
        self.refuse(f"assigns the number {key!r}")

    def read_grad(self, leaf: Any) -> Any:
        """Refused."""
        self.refuse("reads .grad", "use grad() or vjp() inside, or pass it in")

    def write_grad(self, leaf: Any, value: Any) -> None:
        """Refused."""
        self.refuse("assigns .grad", "use grad() or vjp() inside, and return the gradient")

    # -- generators

    def _drawing(self, g: Any) -> list[Any]:
        entry = self.drawn.get(id(g))
        if entry is None:
            i64 = ScalarType("i64")
            entry = self.drawn[id(g)] = [g, self.parameter(i64), self.parameter(i64), 0]
        return entry

    def reserve(self, g: Any, n: int) -> tuple[Any, Any]:
        """The next n slots of a generator, from the body's own offset on."""
        entry = self._drawing(g)
        at = entry[3]
        entry[3] = at + n
        return entry[1], entry[2] + at if at else entry[2]

    def read_offset(self, g: Any) -> Any:
        """How far the body has drawn."""
        return self._drawing(g)[3]

    def swap_offset(self, g: Any, offset: Any) -> Any:
        """Go back to where the body had drawn to before, returning where it is."""
        entry = self._drawing(g)
        entry[3], old = offset, entry[3]
        return old

    # -- the end

    def graph(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
        """The body, its inputs in this order: those that are missing are an error of the caller."""
        made = self.builder.build(outputs)
        if set(made.inputs) != set(inputs):
            raise ValueError(f"{made.name}: the inputs are {list(made.inputs)}, in order {list(inputs)}")
        return Graph(made.name, inputs, made.nodes, made.outputs)
