"""A graph as steps: kernels' groups and extern calls in execution order, a program of host scalars, and where each
result comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lamella.compiler._kernel._ir import INT_RANGE
from lamella.compiler._library import LIBRARY, Library
from lamella.compiler._lower._again import compute_again
from lamella.compiler._lower._emit import Emitter, lowerable
from lamella.compiler._lower._group import Grouper
from lamella.compiler._lower._limits import Limits
from lamella.compiler._lower._refs import Ref, Root, Scalar, Subject
from lamella.compiler._lower._steps import Call, Extern, Group, Step, memory_read
from lamella.compiler._scalars import INPUT, Row
from lamella.graph import Graph, Node, ScalarType, TensorType, Value, dce, decompose
from lamella.interfaces import discover
from lamella.tensor.extend import Op

_TAKE_PENDING = frozenset({"add", "cat", "pad"})  # their rules join what nothing has asked for yet
_COPIES = frozenset({"cast", "copy", "cat", "stack", "take", "gather", "flip", "roll", "view_write", "where"})
PROCESSOR = Limits()
EXACT_INT = 2**24  # integers up to it are exact in f32


@dataclass(slots=True)
class Lowered:
    """What planning and printing need of a graph."""

    graph: Graph
    inputs: list[Root | None]  # None for host scalars
    steps: list[Step]
    scalars: list[Row]  # by slot
    results: list[Root | Scalar | Any]
    errors: list[Exception]
    subjects: dict[int, Subject]  # what the checks of kernels are about, by the code they report
    made: list[tuple[Node, tuple[Root, ...]]]  # nodes, and what they made anew


def lower_graph(source: Graph, library: Mapping[str, Library] = LIBRARY, limits: Limits = PROCESSOR) -> Lowered:
    """Lower every node by its row of `library`, its `lower` rule, its body, or as an extern step.

    `library` and `limits` are the C target's; other targets give theirs.
    """
    discover("rules.lower")

    def decomposes(node: Node) -> bool:
        return node.op.body is not None and _lower_rule(node.op) is None and _library_row(node, library) is None

    graph = decompose(dce(source), decomposes)
    discover("rules.lower")  # the tables of this and of other packages attach themselves to their ops
    return _Lowering(graph, library, limits).run()


def _library_row(node: Node, library: Mapping[str, Library]) -> Library | None:
    """The library kernel that does this node, if there is one and it takes these operands."""
    row = library.get(node.op.name)
    types = [a.type if isinstance(a, Value) else a for a in node.args]
    return row if row is not None and row.accepts(types, node.params) else None


def _lower_rule(op: Op) -> Callable[..., Any] | None:
    found: Callable[..., Any] | None = op.rules.get("lower")
    return found


def _copies(op: Op) -> bool:
    return op.spec == "view" or op.name in _COPIES


class _Lowering:
    def __init__(self, graph: Graph, library: Mapping[str, Library], limits: Limits) -> None:
        self.graph, self.library = graph, library
        self.e = Emitter(Grouper(limits))
        self.rows: list[Row] = []
        self.env: dict[Value, Ref | Scalar] = {}
        self.made: list[tuple[Node, tuple[Root, ...]]] = []
        self.regions = {0}

    def run(self) -> Lowered:
        graph, e = self.graph, self.e
        inputs: list[Root | None] = []
        for position, value in enumerate(graph.inputs):
            if isinstance(value.type, TensorType):
                root = e.root(value.type.shape, value.type.dtype.short)
                self.env[value] = root.ref()
                inputs.append(root)
            else:
                self.env[value] = self._scalar(Row(value.type.kind, INPUT, (position,)))
                inputs.append(None)
        for node in graph.nodes:
            self._node(node)
        results = [self._result(v, fresh=False) for v in graph.outputs]
        results += [self._result(effect.value, fresh=True) for effect in graph.effects]
        if any(root.stored and root.pending is not None for root in e.roots):
            raise AssertionError("a number that somebody reads from memory was never placed")
        steps = [s for s in e.grouper.steps if s.merged is None]
        compute_again(steps, e.root)
        return Lowered(graph, inputs, steps, self.rows, results, e.errors, e.subjects, self.made)

    def _result(self, value: Any, *, fresh: bool) -> Any:
        if not isinstance(value, Value):
            return value
        found = self.env[value]
        if isinstance(found, Scalar):
            return found
        found = self.e.settled(found)
        self.e.grouper.made(found.root)
        if not found.whole or found.shape != found.root.shape or (fresh and found.root.step is None):
            found = self.e.copy(found)
            self.e.grouper.made(found.root)
        found.root.stored = True
        return found.root

    # -- nodes --------------------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        self.e.source = node.op.name
        if node.region not in self.regions:  # the later part of a program, which computes some values again
            self.regions.add(node.region)
            self.e.grouper.close()
        if node.op.spec == "scalar":
            self._scalar_node(node)
            return
        operands = tuple(self.env[a] if isinstance(a, Value) else a for a in node.args)
        lower, row = _lower_rule(node.op), _library_row(node, self.library)
        if node.op.name not in _TAKE_PENDING:
            operands = tuple(self.e.settled(o) for o in operands)
        result: Any = NotImplemented
        if row is not None:
            result = self.e.library(row, operands, dict(node.params), self._types(node))
        elif lower is not None and self._loops(node, operands):
            result = lower(self.e, *operands, **node.params)
        if result is NotImplemented:
            made = self._extern(node, tuple(self.e.settled(o) for o in operands))
        else:
            made = result if isinstance(result, tuple) else (result,)
        for value, ref in zip(node.outputs, made, strict=True):
            self.env[value] = ref
        if node.op.spec != "view":
            self.made.append((node, tuple([ref.root for ref in made if isinstance(ref, Ref)])))

    def _loops(self, node: Node, operands: tuple[Any, ...]) -> bool:
        """Whether kernels can do this node: known types, and integer literals that fit them."""
        kinds = [o.dtype for o in operands if isinstance(o, Ref)]
        outs = [v.type.dtype.short for v in node.outputs if isinstance(v.type, TensorType)]
        if not all(map(lowerable, kinds + outs)):
            return False
        if any(kind.startswith("f8") for kind in kinds + outs) and not _copies(node.op):
            return False  # arithmetic on them rounds at every step
        span = INT_RANGE.get(kinds[0]) if kinds else None
        for operand in operands:
            if type(operand) is complex:
                return False
            if node.op.name == "arange" and (type(operand) is not int or abs(operand) > EXACT_INT):
                return False  # numpy's rounding of float steps is its own
            if type(operand) is int:
                if span is not None and not span[0] <= operand <= span[1]:
                    return False
                if not -(2**63) <= operand < 2**63 or (node.op.name == "pow" and span is not None and operand < 0):
                    return False
        return True

    def _extern(self, node: Node, operands: tuple[Any, ...]) -> tuple[Ref, ...]:
        return self.e.extern(node.op, operands, dict(node.params), self._types(node))

    def _types(self, node: Node) -> list[tuple[tuple[int, ...], str]]:
        """Shape and storage type of each result."""
        types = []
        for value in node.outputs:
            if not isinstance(value.type, TensorType):
                raise TypeError(f"{node.op.name} gives a host scalar, which only scalar ops do: {node!r}")
            types.append((value.type.shape, value.type.dtype.short))
        return types

    # -- host scalars -------------------------------------------------------------------------------------------------

    def _scalar(self, row: Row) -> Scalar:
        self.rows.append(row)
        return Scalar(len(self.rows) - 1, row.kind)

    def _scalar_node(self, node: Node) -> None:
        (out,) = node.outputs
        if not isinstance(out.type, ScalarType):
            raise TypeError(f"a scalar op gives a host scalar: {node!r}")
        args: list[str | bool | int | float] = []
        for arg in node.args:
            found = self.env[arg] if isinstance(arg, Value) else arg
            if isinstance(found, Scalar):
                args.append(f"v{found.slot}")
            elif isinstance(found, (bool, int, float)):
                args.append(found)
            else:
                raise TypeError(f"a scalar op takes host scalars and numbers, got {arg!r}: {node!r}")
        self.env[out] = self._scalar(Row(out.type.kind, node.op.name, tuple(args)))


def mark_stored(steps: list[Step]) -> None:
    """A root that another step reads must exist in memory."""
    for step in steps:
        if isinstance(step, Group):
            for item in step.items:
                for operand in item.operands:
                    root = memory_read(operand)
                    if root is not None and root not in step.made:
                        root.stored = True
        elif isinstance(step, Extern | Call):
            for given in step.operands:
                if isinstance(given, Ref):
                    given.root.stored = True
