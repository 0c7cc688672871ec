"""The graph: typed SSA with an effect log, as plain immutable records, and the builder that appends to one.

Invariant: a graph is never changed after it is built; a pass makes a new one and may share nodes and values with the
old, because neither points back at the graph. Uses and producers are computed when asked for. Construction checks
nothing that costs per node: `verify` is the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from lamella.tensor.extend import Op

from ._constant import key
from ._types import TensorType, Type

__all__ = ["EFFECT_KINDS", "Arg", "Constant", "Effect", "Graph", "GraphBuilder", "Node", "Value", "as_value"]

EFFECT_KINDS: Final = ("write", "grad", "state")


class Value:
    """One SSA value: an `id` that is unique in its graph, and a type. Values are equal only to themselves."""

    __slots__ = ("id", "type")

    def __init__(self, id: int, type: Type) -> None:
        self.id = id
        self.type = type

    @property
    def tensor(self) -> TensorType:
        """The type of a tensor; TypeError where the value is a host scalar."""
        if not isinstance(self.type, TensorType):
            raise TypeError(f"expected a tensor, got the host scalar {self!r}")
        return self.type

    def __repr__(self) -> str:
        return f"%{self.id}: {self.type}"


Constant: TypeAlias = None | bool | int | float | complex | str
Arg: TypeAlias = Value | None | bool | int | float | complex
Source: TypeAlias = tuple[str, int]


def as_value(arg: Any) -> Value:
    """An operand that must be a value; TypeError for a number or None."""
    if type(arg) is not Value:
        raise TypeError(f"expected a value of the graph, got {arg!r}")
    return arg


class Node:
    """One application of an op; `region` tells recomputed parts from the main one, 0; `source` is (file, line).

    A param may be a graph: a body that the op runs, with inputs and outputs of its own. It reads nothing of the graph
    around it but through operands, and its ids are its own.
    """

    __slots__ = ("args", "op", "outputs", "params", "region", "source")

    def __init__(
        self,
        op: Op,
        args: tuple[Arg, ...],
        params: Mapping[str, Any],
        outputs: tuple[Value, ...],
        region: int = 0,
        source: Source | None = None,
    ) -> None:
        self.op = op
        self.args = args
        self.params = params
        self.outputs = outputs
        self.region = region
        self.source = source

    def regions(self) -> list[Graph]:
        """The graphs among its params, in the order of the op's signature."""
        return [value for value in self.params.values() if type(value) is Graph]

    def mapped(self, change: Callable[[Graph], Graph]) -> Node:
        """The node with `change` applied to each of its graphs; itself where nothing changes."""
        params = dict(self.params)
        changed = False
        for name, value in self.params.items():
            if type(value) is Graph:
                params[name] = change(value)
                changed = changed or params[name] is not value
        return Node(self.op, self.args, params, self.outputs, self.region, self.source) if changed else self

    def __repr__(self) -> str:
        from ._text import node_text  # the printer imports this module

        return node_text(self)


class Effect:
    """What a run leaves behind, committed by the caller at the end.

    `write`: the tensor input `target` gets `value`, of its own type. `grad`: the gradient slot labelled `target` gets a
    tensor, or None clears it. `state`: the Python location labelled `target` gets a scalar value or a constant.
    """

    __slots__ = ("kind", "target", "value")

    def __init__(self, kind: str, target: Value | str, value: Value | Constant) -> None:
        self.kind = kind
        self.target = target
        self.value = value

    def __repr__(self) -> str:
        from ._text import effect_text

        return effect_text(self)


class Graph:
    """Inputs with their labels in `sources`, nodes, outputs and effects; `==` compares structure, ids included."""

    __slots__ = ("effects", "inputs", "name", "nodes", "outputs", "sources")

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        nodes: Sequence[Node],
        outputs: Sequence[Value | Constant],
        effects: Sequence[Effect] = (),
        sources: Sequence[str | None] | None = None,
    ) -> None:
        self.name = name
        self.inputs = tuple(inputs)
        self.nodes = tuple(nodes)
        self.outputs = tuple(outputs)
        self.effects = tuple(effects)
        self.sources = (None,) * len(self.inputs) if sources is None else tuple(sources)
        if len(self.sources) != len(self.inputs):
            raise ValueError(
                f"graph {name!r} has {len(self.inputs)} inputs and {len(self.sources)} source labels; give one each"
            )

    def replace(
        self,
        nodes: Sequence[Node],
        outputs: Sequence[Value | Constant] | None = None,
        effects: Sequence[Effect] | None = None,
    ) -> Graph:
        """The same signature with another body: what a pass returns."""
        outputs = self.outputs if outputs is None else outputs
        return Graph(self.name, self.inputs, nodes, outputs, self.effects if effects is None else effects, self.sources)

    def producers(self) -> dict[Value, tuple[Node, int]]:
        """Value -> (node, position among its outputs); inputs are absent."""
        return {value: (node, i) for node in self.nodes for i, value in enumerate(node.outputs)}

    def uses(self) -> dict[Value, list[tuple[Node, int]]]:
        """Value -> every (node, arg position) that reads it; outputs and effects are not uses, see `results`."""
        found: dict[Value, list[tuple[Node, int]]] = {}
        for node in self.nodes:
            for i, arg in enumerate(node.args):
                if type(arg) is Value:
                    found.setdefault(arg, []).append((node, i))
        return found

    def regions(self) -> Iterator[Graph]:
        """The graphs that nodes of this one hold as params, and those in them."""
        for node in self.nodes:
            for region in node.regions():
                yield region
                yield from region.regions()

    def results(self) -> tuple[Value | Constant, ...]:
        """Outputs, then effect values: what a run returns, in order."""
        return (*self.outputs, *(e.value for e in self.effects))

    def next_id(self) -> int:
        """The smallest id above every id in use."""
        highest = max((v.id for v in self.inputs), default=-1)
        for node in self.nodes:
            for value in node.outputs:
                highest = max(highest, value.id)
        return highest + 1

    def __str__(self) -> str:
        from ._text import to_text

        return to_text(self)

    def __repr__(self) -> str:
        sizes = {n: len(getattr(self, n)) for n in ("inputs", "nodes", "outputs", "effects")}
        return f"<graph {self.name}: {', '.join(f'{size} {n}' for n, size in sizes.items())}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self._structure() == other._structure()

    def __hash__(self) -> int:
        return hash(str(self))  # graphs are equal where their texts are; only passes over regions ask

    def _structure(self) -> tuple[Any, ...]:
        return (
            self.name,
            [(v.id, v.type) for v in self.inputs],
            self.sources,
            [
                (
                    n.op,
                    [_flat(a) for a in n.args],
                    {k: key(v) for k, v in n.params.items()},
                    [(v.id, v.type) for v in n.outputs],
                    n.region,
                    n.source,
                )
                for n in self.nodes
            ],
            [_flat(v) for v in self.outputs],
            [(e.kind, _flat(e.target), _flat(e.value)) for e in self.effects],
        )


class GraphBuilder:
    """Appends inputs, nodes and effects in any order and hands out fresh ids; `build` freezes the result."""

    __slots__ = ("_effects", "_inputs", "_name", "_next", "_nodes", "_sources")

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0
        self._inputs: list[Value] = []
        self._sources: list[str | None] = []
        self._nodes: list[Node] = []
        self._effects: list[Effect] = []

    @property
    def size(self) -> int:
        """How many nodes there are so far."""
        return len(self._nodes)

    def since(self, first: int) -> Sequence[Node]:
        """The nodes from number `first` on."""
        return self._nodes[first:]

    def attribute(self, first: int, source: Source | None) -> None:
        """Nodes from number `first` on come from this line: a graph is traced again, and the lines are the first's."""
        for node in self.since(first):
            node.source = source

    def input(self, type: Type, source: str | None = None) -> Value:
        """A new input; may come after nodes, since a trace meets its inputs on the way."""
        value = Value(self._next, type)
        self._next += 1
        self._inputs.append(value)
        self._sources.append(source)
        return value

    def add(
        self,
        op: Op,
        args: tuple[Arg, ...],
        params: Mapping[str, Any],
        types: Iterable[Type],
        region: int = 0,
        source: Source | None = None,
    ) -> tuple[Value, ...]:
        """Append a node with one output per entry of `types` and return its outputs."""
        first = self._next
        outputs = tuple([Value(i, t) for i, t in enumerate(types, first)])
        self._next = first + len(outputs)
        self._nodes.append(Node(op, args, params, outputs, region, source))
        return outputs

    def write(self, target: Value, value: Value) -> None:
        """The tensor input `target` holds `value` after the run; TypeError where their types differ."""
        if target.type != value.type or type(target.type) is not TensorType:
            raise TypeError(
                f"a write keeps the type of its tensor target: %{target.id} is {target.type}, the value is {value.type}"
            )
        self._effects.append(Effect("write", target, value))

    def grad(self, target: str, value: Value | None) -> None:
        """The gradient slot labelled `target` holds `value` after the run, or is cleared by None."""
        self._effects.append(Effect("grad", target, value))

    def state(self, target: str, value: Value | Constant) -> None:
        """The Python location labelled `target` holds a scalar after the run."""
        self._effects.append(Effect("state", target, value))

    def build(self, outputs: Sequence[Value | Constant]) -> Graph:
        """The graph so far with these outputs."""
        return Graph(self._name, self._inputs, self._nodes, outputs, self._effects, self._sources)


def _flat(x: Value | Constant) -> Any:
    return ("%", x.id) if type(x) is Value else key(x)
