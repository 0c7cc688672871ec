"""The judge of a graph: every rule of the IR, checked in one linear pass.

A graph that passes has unique ids defined before use, known ops with operands and params of the right number and kind,
output types that the op's shape rule gives, effects on existing targets of the same type, and defined results. Passes
may rely on all of it. Every refusal is a GraphError that names the node and its line in the printed text.
"""

from __future__ import annotations

from typing import Any, NoReturn

from lamella.tensor.extend import OPS, MetaArray, MissingRule

from ._bound import named_sizes
from ._constant import NUMBERS, is_static
from ._errors import GraphError
from ._graph import EFFECT_KINDS, Effect, Graph, Node, Value
from ._infer import as_type, infer, meta
from ._text import effect_text, node_line, node_text
from ._types import ScalarType, TensorType, Type

__all__ = ["verify"]


def verify(graph: Graph) -> Graph:
    """The graph itself if it keeps every rule of the IR; GraphError naming the first node that does not.

    A graph with named sizes is verified for each set of numbers: GraphError asks to bind them.
    """
    open_sizes = named_sizes(graph)
    if open_sizes:
        names = ", ".join(sorted(open_sizes))
        raise GraphError(f"graph {graph.name!r} has open sizes ({names}); verify bound(graph, sizes)")
    _Verifier(graph).run()
    return graph


class _Verifier:
    """One walk: values defined so far by id, and what stands for each in shape rules."""

    __slots__ = ("by_id", "graph", "inputs", "metas")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.inputs = frozenset(graph.inputs)
        self.by_id: dict[int, Value] = {}
        self.metas: dict[Value, Any] = {}

    def run(self) -> None:
        graph = self.graph
        for i, value in enumerate(graph.inputs):
            problem = self.define(value)
            if problem:
                raise GraphError(f"graph {graph.name!r}, input {i}: {problem}")
        for i, node in enumerate(graph.nodes):
            problem = self.node(node)
            if problem:
                self.reject(i, node, problem)
        line = node_line(graph, len(graph.nodes))
        for i, result in enumerate(graph.outputs):
            problem = self.result(result)
            if problem:
                raise GraphError(f"graph {graph.name!r}, output {i} (line {line}): {problem}")
        written: set[Any] = set()
        for i, effect in enumerate(graph.effects):
            problem = self.effect(effect, written)
            if problem:
                where = f"effect {i} (line {line + 1 + i}), `{_shown(effect_text, effect)}`"
                raise GraphError(f"graph {graph.name!r}, {where}: {problem}")

    def reject(self, index: int, node: Node, problem: str) -> NoReturn:
        line = node_line(self.graph, index)
        raise GraphError(
            f"graph {self.graph.name!r}, node {index} (line {line}), `{_shown(node_text, node)}`: {problem}"
        )

    def define(self, value: Value) -> str | None:
        kind = type(value.type)
        if kind is not TensorType and kind is not ScalarType:
            return f"%{value.id} has {value.type!r} for a type; it must be a TensorType or a ScalarType"
        if type(value.id) is not int or value.id < 0:
            return f"the id of a value must be an int from 0 on, got {value.id!r}"
        if value.id in self.by_id:
            return f"%{value.id} is defined twice"
        self.by_id[value.id] = value
        self.metas[value] = meta(value.type)
        return None

    def node(self, node: Node) -> str | None:
        op = node.op
        if OPS.get(op.name) is not op:
            return f"its op is not the one that is registered as {op.name!r}"
        problem = self.operands(node) or self.params(node)
        if problem:
            return problem
        if type(node.region) is not int or node.region < 0:
            return f"its region must be an int from 0 on, got {node.region!r}"
        return self.types(node)

    def operands(self, node: Node) -> str | None:
        op, args = node.op, node.args
        if op.variadic:
            if not args and not node.regions():
                return f"{op.name} needs at least one operand"
        elif len(args) != len(op.operands):
            return f"it has {len(args)} operands, {op.name} takes {len(op.operands)} ({', '.join(op.operands)})"
        for i, arg in enumerate(args):
            if type(arg) is Value:
                known = self.by_id.get(arg.id)
                if known is not arg:
                    return _unknown(arg, known)
            elif arg is None:
                if op.variadic or i not in op.optional:
                    return f"operand {i} ({op.operands[0 if op.variadic else i]}) is None, but it is not optional"
            elif type(arg) not in NUMBERS:
                given = f"operand {i} is {arg!r} of type {type(arg).__name__}"
                return f"{given}; an operand is a value, a Python number or None"
            elif type(arg) is int and not is_static(arg):
                return f"operand {i} is an int with too many digits"
        return None

    def params(self, node: Node) -> str | None:
        op, params = node.op, node.params
        if len(params) != len(op.params) or any(name not in params for name in op.params):
            return f"its params are ({', '.join(params)}), {op.name} takes exactly ({', '.join(op.params)})"
        for name, value in params.items():
            if type(value) is Graph:
                problem = _region(value)
                if problem:
                    return f"param {name}: {problem}"
            elif not is_static(value):
                given = f"param {name} is {value!r} of type {type(value).__name__}"
                return f"{given}; a param is None, bool, int, float, str, DType, a tuple of these, or a graph"
        return None

    def types(self, node: Node) -> str | None:
        metas = self.metas
        try:
            results = infer(node.op, [metas[a] if type(a) is Value else a for a in node.args], node.params)
        except MissingRule as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - rules meet whatever a text may hold: each failure is a refusal
            return f"its shape rule refuses: {_said(error)}"
        problem = self.mixture(node) if node.op.spec == "elementwise" else None
        if problem:
            return problem
        if len(results) != len(node.outputs):
            return f"it has {len(node.outputs)} outputs, its shape rule gives {len(results)}"
        for value, result in zip(node.outputs, results, strict=True):
            problem = self.define(value)
            if problem:
                return problem
            declared = value.type
            if isinstance(declared, TensorType) and isinstance(result, MetaArray):
                if result.shape == declared.shape and result.dtype == declared.dtype.numpy:
                    continue
            elif result == declared:
                continue
            return f"%{value.id} is declared {declared}, the shape rule of {node.op.name} gives {_given(result)}"
        return None

    def mixture(self, node: Node) -> str | None:
        """Tensors of an elementwise op have one dtype, beside the condition of `where`."""
        chosen = node.args[1:] if node.op.name == "where" else node.args
        types = [a.type for a in chosen if type(a) is Value and type(a.type) is TensorType]
        if len(types) < 2 or all(t.dtype is types[0].dtype for t in types):
            return None
        given = ", ".join(t.dtype.short for t in types)
        return f"{node.op.name} takes tensors of one dtype, got {given}; promotion is a cast of its own"

    def result(self, value: Any) -> str | None:
        if type(value) is Value:
            known = self.by_id.get(value.id)
            return None if known is value else _unknown(value, known)
        if type(value) in NUMBERS or value is None or type(value) is str:
            return None
        return f"{value!r} of type {type(value).__name__} is neither a value nor a Python constant"

    def effect(self, effect: Effect, written: set[Any]) -> str | None:
        kind, target, value = effect.kind, effect.target, effect.value
        if kind not in EFFECT_KINDS:
            return f"{kind!r} is not a kind of effect; the kinds are {', '.join(EFFECT_KINDS)}"
        problem = self.result(value)
        if problem:
            return problem
        place = (kind, target)
        if place in written:
            return f"there are two effects {kind!r} on this target; the last value alone is what a run leaves"
        written.add(place)
        type_: Type | None = value.type if type(value) is Value else None
        if kind == "write":
            if type(target) is not Value or target not in self.inputs:
                return "the target of a write must be an input of the graph"
            if type_ is None or type(type_) is not TensorType or type_ != target.type:
                given = type_ or repr(value)
                return f"a write keeps the type of its tensor target, {target.type}, and the value is {given}"
            return None
        if type(target) is not str:
            return f"the target of a {kind!r} effect is a label, got {target!r}"
        if kind == "grad":
            if value is not None and type(type_) is not TensorType:
                return f"a gradient is a tensor or None, got {type_ or repr(value)}"
        elif type(type_) is TensorType:
            return f"a state effect stores a host scalar or a constant, got a tensor of type {type_}"
        return None


def _region(region: Graph) -> str | None:
    """What is wrong with a graph that is a param: it keeps every rule, and has no effects."""
    if region.effects:
        return f"a graph inside a node has no effects, {region.name!r} has {len(region.effects)}"
    try:
        verify(region)
    except GraphError as error:
        return str(error)
    return None


def _unknown(value: Value, known: Value | None) -> str:
    if known is None:
        return f"%{value.id} is used before it is defined"
    return f"%{value.id} is used, but that id stands for another value of this graph"


def _shown(text: Any, item: Any) -> str:
    try:
        shown = text(item)
    except GraphError as error:
        return f"no text: {error}"
    first, more, _ = shown.partition("\n")  # a node with graphs goes on in lines that the problem names itself
    return first if len(first) <= 200 and not more else f"{first[:197]}..."


def _said(error: Exception) -> str:
    # the rules' own refusals speak for themselves; anything else does not without its name
    return str(error) if isinstance(error, (ValueError, TypeError)) else f"{type(error).__name__}: {error}"


def _given(result: Any) -> str:
    try:
        return str(as_type(result))
    except (ValueError, TypeError) as error:
        return f"what is no type: {error}"
