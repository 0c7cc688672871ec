"""Expanding composites: the body of an op runs on tensors without memory, and the ops it calls take the place of the
node.

Invariant: expanded nodes keep the region and the source of their node, give values of the same types, and never hand
back an operand itself, because the op would have given fresh memory. A body that looks at the value of a scalar or
reads a tensor that is not its operand is refused: neither exists in a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from lamella.tensor import Tensor
from lamella.tensor.extend import OPS, Op, SymScalar, enter_mode, leave_mode, tls, wrap

from .._errors import GraphError
from .._graph import Graph, Node, Value
from .._infer import infer_types, meta
from .._sizes import Sizes
from .._types import ScalarType
from ._substitute import rebuilt, renamed

__all__ = ["decompose"]

_HINTS: dict[str, bool | int | float] = {"bool": True, "i64": 1, "f64": 1.0}


def decompose(graph: Graph, which: Callable[[Node], bool] | None = None) -> Graph:
    """The graph with the composites for which `which` holds (by default all) replaced by their bodies."""
    expander = _Expander(graph.next_id(), which or _any)
    names: dict[Value, Any] = {}
    for node in graph.nodes:
        expander.emit(renamed(node, names) if names else node, names)
    return rebuilt(graph, expander.nodes, names) if names or expander.inside else graph


def _any(_: Node) -> bool:
    return True


@contextmanager
def _open(recorder: Any) -> Iterator[None]:
    """Every op of this thread goes to the recorder, whatever trace, transform or mode is open around the pass."""
    before = tls.trace, tls.levels, tls.floor, tls.grad, tls.autocast
    tls.trace, tls.levels, tls.floor, tls.grad, tls.autocast = recorder, (), None, False, None
    enter_mode()
    try:
        yield
    finally:
        leave_mode()
        tls.trace, tls.levels, tls.floor, tls.grad, tls.autocast = before


class _Expander:
    """The nodes of the new graph so far, and where the ids of new values start."""

    __slots__ = ("inside", "next", "nodes", "which")

    def __init__(self, first: int, which: Callable[[Node], bool]) -> None:
        self.next = first
        self.nodes: list[Node] = []
        self.which = which
        self.inside = False  # whether a graph inside a node has changed

    def emit(self, node: Node, names: dict[Value, Any]) -> None:
        if node.op.spec == "control":
            found = node.mapped(lambda region: decompose(region, self.which))
            self.inside = self.inside or found is not node
            self.nodes.append(found)
            return
        if node.op.body is None or not self.which(node):
            self.nodes.append(node)
            return
        recorder = _Recorder(self, node)
        outputs = recorder.run()
        inner: dict[Value, Any] = {}
        for made in recorder.nodes:
            self.emit(renamed(made, inner), inner)
        names.update({old: inner.get(new, new) for old, new in zip(node.outputs, outputs, strict=True)})


class _Recorder:
    """What stands in the place of an open trace while one body runs."""

    __slots__ = ("__weakref__", "expander", "keep", "node", "nodes", "sizes", "values")

    def __init__(self, expander: _Expander, node: Node) -> None:
        self.expander = expander
        self.node = node
        self.nodes: list[Node] = []
        self.values: dict[int, Value] = {}
        self.sizes = Sizes()
        self.keep: list[Any] = []  # tensors are known by id(): none may be freed before the body ends

    def run(self) -> tuple[Value, ...]:
        op = self.node.op
        args = [self.handle(a) if type(a) is Value else a for a in self.node.args]
        with _open(self):
            results = op.body(*args, **self.node.params)  # type: ignore[misc]  # only composites come here
            given = set(self.node.args)
            outputs: list[Value] = []
            for result in results if isinstance(results, tuple) else (results,):
                value = self.value(result)
                if value in given or value in outputs:
                    value = self.value(self.record(OPS["copy"], (result,), {}))
                outputs.append(value)
        if [v.type for v in outputs] != [v.type for v in self.node.outputs]:
            made, declared = (", ".join(str(v.type) for v in some) for some in (outputs, self.node.outputs))
            raise GraphError(f"the body of {op.name} gives {made} where the op gives {declared}, in `{self.node!r}`")
        return tuple(outputs)

    def handle(self, value: Value) -> Any:
        if isinstance(value.type, ScalarType):
            return SymScalar(self, value, _HINTS[value.type.kind])
        tensor = wrap(meta(value.type))
        self.values[id(tensor)] = value
        self.keep.append(tensor)
        return tensor

    def value(self, x: Any) -> Any:
        if isinstance(x, SymScalar):
            return x.value
        if not isinstance(x, Tensor):
            return x
        value = self.values.get(id(x))
        if value is None:
            self.refuse("reads a tensor that is not one of its operands")
        return value

    def add(self, op: Op, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        operands = tuple(map(self.value, args))
        types = infer_types(op, operands, params)
        outputs = tuple([Value(self.expander.next + i, t) for i, t in enumerate(types)])
        self.expander.next += len(outputs)
        self.nodes.append(Node(op, operands, params, outputs, self.node.region, self.node.source))
        handles = tuple(map(self.handle, outputs))
        return handles if len(handles) > 1 else handles[0]

    # -- what tensor calls on an open trace

    def record(self, op: Op, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        return self.add(op, args, params)

    def function(self, name: str, fn: Any, metas: Any) -> Any:
        from .._body import trace_function  # which is made of traces

        return trace_function(name, fn, metas)

    def scalar_op(self, name: str, args: tuple[Any, ...]) -> Any:
        return self.add(OPS["scalar." + name], args, {})

    def force(self, _: SymScalar) -> NoReturn:
        self.refuse("needs the value of a scalar operand")

    def forced(self, _: Tensor, why: str) -> NoReturn:
        self.refuse(f"needs the values of a tensor ({why})")

    def item(self, _: Tensor) -> NoReturn:
        self.refuse("needs the values of a tensor (item())")

    truth = item

    def number(self, _: SymScalar, __: type) -> NoReturn:
        self.refuse("needs the value of a scalar operand")

    def constant(self, _: Tensor) -> NoReturn:
        self.refuse("makes a tensor of values, which a graph does not hold; make it with full or arange")

    def write(self, _: Tensor, __: Tensor) -> NoReturn:
        self.refuse("writes a tensor in place; a body returns new values")

    def reserve(self, _: Any, __: int) -> NoReturn:
        self.refuse("draws from a generator; seed and offset are operands")

    def read_number(self, _: Any, __: Any, ___: Any) -> NoReturn:
        self.refuse("reads numeric state; what a body needs is an operand or a param")

    def write_number(self, _: Any, __: Any, ___: Any) -> NoReturn:
        self.refuse("writes numeric state")

    def refuse(self, what: str) -> NoReturn:
        raise GraphError(f"the body of {self.node.op.name} cannot be expanded: it {what}")
