"""Rewriting: one walk over the nodes that holds each against the rows of a table.

Invariants. A row sees operands that are rewritten already, so chains shrink as they are met, and the walk is linear.
What replaces a node has its type. A node whose memory reaches a result of the run keeps memory of its own: it is never
replaced by a value that exists already, nor through a view. New nodes take the region and the source of the node they
replace. What nobody reads afterwards is left to `dce`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lamella.tensor.extend import OPS, Op

from .._graph import Arg, Graph, Node, Value
from .._infer import infer_types
from ._memory import reaching_results
from ._pattern import NUMBERS, Call, Name, Pattern, read
from ._substitute import rebuilt, renamed

__all__ = ["Replacement", "Row", "Rule", "Step", "Table", "Walk", "rewrite"]


@dataclass(frozen=True, slots=True)
class Replacement:
    """The op that takes the place of a node."""

    op: str
    args: tuple[Any, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One rule: `pattern` becomes `replacement` where `when` holds; `exact` says why no result changes.

    `let` names params and numbers that are worked out; it and `when` are functions whose argument names are names of
    the pattern, or `walk`.
    """

    pattern: str
    replacement: str
    exact: str
    when: Callable[..., bool] | None = None
    let: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The rule in one line."""
        return f"{self.pattern} -> {self.replacement}"

    @property
    def ops(self) -> tuple[str, ...]:
        """The ops of the nodes that may match."""
        return (self.pattern.partition("(")[0],)

    @cached_property
    def _pattern(self) -> Pattern:
        return Pattern(read(self.pattern))

    @cached_property
    def _replacement(self) -> Any:
        return read(self.replacement)

    @cached_property
    def _asked(self) -> list[tuple[str | None, Callable[..., Any], tuple[str, ...]]]:
        asked: list[tuple[str | None, Callable[..., Any]]] = [] if self.when is None else [(None, self.when)]
        return [(name, f, tuple(inspect.signature(f).parameters)) for name, f in [*asked, *self.let.items()]]

    def apply(self, walk: Walk, node: Node) -> Replacement | Value | None:
        """What takes the place of the node; None where the rule does not hold."""
        found = self._pattern.match(node, walk.producers)
        if found is None:
            return None
        found["walk"] = walk
        for name, function, words in self._asked:
            answer = function(*[found[w] for w in words])
            if name is not None:
                found[name] = answer
            elif not answer:
                return None
        term = self._replacement
        if isinstance(term, Name):
            value: Value = found[term.word]
            return value
        return Replacement(term.op, tuple([self._built(a, found, walk, node) for a in term.args]), _params(term, found))

    def _built(self, term: Any, found: Mapping[str, Any], walk: Walk, node: Node) -> Any:
        if isinstance(term, Name):
            return found[term.word]
        if isinstance(term, Call):
            args = tuple([self._built(a, found, walk, node) for a in term.args])
            return walk.emit(node, term.op, *args, **_params(term, found))
        return term


@dataclass(frozen=True)
class Step:
    """A rule whose pattern has no fixed form (any elementwise op, any number of operands): `change` is its function."""

    name: str
    ops: tuple[str, ...]
    exact: str
    change: Callable[[Walk, Node], Replacement | Value | None]

    def apply(self, walk: Walk, node: Node) -> Replacement | Value | None:
        """What takes the place of the node; None where the rule does not hold."""
        return self.change(walk, node)


Rule = Row | Step


def _params(term: Call, found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[value.word] if isinstance(value, Name) else value for name, value in term.params}


class Rules:
    """The rules for nodes of one op, by what a node must have: an operand that an op made, a number, nothing."""

    __slots__ = ("always", "first", "number", "operand")

    def __init__(self) -> None:
        self.first: list[Rule] = []  # what drops a node by itself goes first: nothing is made that is dropped next
        self.operand: dict[Op, list[Rule]] = {}
        self.number: list[Rule] = []
        self.always: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """File a rule."""
        args = rule._pattern.term.args if isinstance(rule, Row) else ()
        inner = next((a for a in args if isinstance(a, Call)), None)
        if inner is not None:
            self.operand.setdefault(OPS[inner.op], []).append(rule)
        elif any(not isinstance(a, Name) or a.word in NUMBERS for a in args):
            self.number.append(rule)
        elif isinstance(rule, Row) and isinstance(rule._replacement, Name):
            self.first.append(rule)
        else:
            self.always.append(rule)

    def of(self, node: Node, producers: Mapping[Arg, Node]) -> Iterator[Rule]:
        """Those that may hold for a node."""
        args = node.args
        yield from self.first
        if self.operand:
            for a in args:
                made = producers.get(a) if type(a) is Value else None
                if made is not None:
                    yield from self.operand.get(made.op, ())
        if self.number and any(type(a) is not Value for a in args):
            yield from self.number
        yield from self.always


class Table(dict[Op, "Rules | None"]):
    """The rules by the ops of the nodes they may hold for; those of an op are read when one of its nodes is met."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._rows: dict[Op, list[Rule]] = {}
        for rule in rules:
            for name in rule.ops:
                self._rows.setdefault(OPS[name], []).append(rule)

    def __missing__(self, op: Op) -> Rules | None:
        rows, made = self._rows.get(op), None
        if rows is not None:
            made = Rules()
            for rule in rows:
                made.add(rule)
        self[op] = made
        return made


class Walk:
    """The nodes of the new graph so far, and what rules ask of them."""

    __slots__ = ("_next", "_rules", "fired", "kept", "memo", "nodes", "producers")

    def __init__(self, graph: Graph, rules: Table) -> None:
        self._rules = rules
        self.kept = reaching_results(graph)
        self._next = graph.next_id()
        self.nodes: list[Node] = []
        self.producers: dict[Arg, Node] = {}  # by value; a number has none
        self.fired: list[Rule] = []
        self.memo: dict[Any, Any] = {}  # what a rule worked out for a node, by the node

    def emit(self, like: Node, name: str, *args: Any, **params: Any) -> Any:
        """The result of an op beside `like`: a new value, or what the rules make of it."""
        op = OPS[name]
        (type_,) = infer_types(op, args, params)
        value = Value(self._next, type_)
        self._next += 1
        return self.add(Node(op, args, params, (value,), like.region, like.source))

    def add(self, node: Node) -> Value:
        """Append a node of one output after rewriting it; the value that stands for its output."""
        rules = self._rules[node.op]
        for rule in () if rules is None else rules.of(node, self.producers):
            found = rule.apply(self, node)
            if found is not None and self._fits(node, found):
                self.fired.append(rule)
                if isinstance(found, Value):
                    return found
                return self.add(self._instead(node, found))
        self.nodes.append(node)
        (value,) = node.outputs
        self.producers[value] = node
        return value

    def keep(self, node: Node) -> None:
        """Append a node as it is."""
        self.nodes.append(node)
        for value in node.outputs:
            self.producers[value] = node

    def _fits(self, node: Node, found: Replacement | Value) -> bool:
        (old,) = node.outputs
        if isinstance(found, Value):
            return old not in self.kept and found.type == old.type
        if old in self.kept and "view" in (node.op.spec, OPS[found.op].spec):
            return False
        return infer_types(OPS[found.op], found.args, found.params) == (old.type,)

    @staticmethod
    def _instead(node: Node, found: Replacement) -> Node:
        return Node(OPS[found.op], found.args, found.params, node.outputs, node.region, node.source)


def rewrite(graph: Graph, rules: Table, fired: list[Rule] | None = None) -> Graph:
    """The graph after one walk; `fired` collects the rules that held, in order."""
    walk = Walk(graph, rules)
    names: dict[Value, Any] = {}
    changed = False
    for old in graph.nodes:
        node = old.mapped(lambda g: rewrite(g, rules, fired)) if old.op.spec == "control" else old
        changed = changed or node is not old
        node = renamed(node, names) if names else node
        if len(node.outputs) != 1:
            walk.keep(node)
            continue
        (value,) = node.outputs
        found = walk.add(node)
        if found is not value:
            names[value] = found
    if fired is not None:
        fired += walk.fired
    return rebuilt(graph, walk.nodes, names) if walk.fired or changed else graph
