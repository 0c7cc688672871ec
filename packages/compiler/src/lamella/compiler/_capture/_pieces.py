"""The pieces of a forked program: graphs that take values of the call by id, and give others.

Ids are the same in every capture of one path. A piece is cut out of all that was traced up to its end, so that it can
compute again what it does not take from an earlier piece.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

from lamella.graph import Effect, Graph, Node, TensorType, Value, interpret, kept_for, run_passes

from ._backward import PASSES
from ._forks import converted

__all__ = ["Env", "Leaf", "Piece", "Run", "Section", "Shape", "clean"]

Env: TypeAlias = dict[int, Any]
Run: TypeAlias = Callable[[list[Any]], list[Any]]


class Shape(NamedTuple):
    """What a piece computes, as it was traced, and the ids of the values that it gives to later ones."""

    graph: Graph
    gives: tuple[int, ...]

    @property
    def takes(self) -> frozenset[int]:
        """The ids of what it needs of the call."""
        return frozenset([v.id for v in self.graph.inputs])


class Section:
    """What was traced between two forks, or behind the last, and all that was traced before it.

    `outputs` and `effects` are what it is run for; `always` are the ids of values made here that it gives in any case.
    """

    def __init__(
        self,
        traced: Graph,
        name: str,
        span: tuple[int, int],
        outputs: Sequence[Any] = (),
        effects: Sequence[Effect] = (),
    ) -> None:
        self.name = name
        self.outputs = tuple(outputs)
        self.effects = tuple(effects)
        self.always: frozenset[int] = frozenset()
        self.own, self._earlier = traced.nodes[slice(*span)], traced.nodes[: span[0]]
        self.made = {v.id: v for node in self.own for v in node.outputs}
        self.price: float | None = None  # of a byte, at which it was planned
        self._inputs = frozenset(traced.inputs)
        self._before = {v for node in self._earlier for v in node.outputs}
        self._root = _roots(self._earlier)
        self._shapes: dict[Any, Shape] = {}

    def shape(self, wanted: Collection[int], price: float | None) -> Shape:
        """The piece that gives `wanted`, ids of values made here; where bytes have a price, it takes from the earlier
        sections only what is dear to compute again.
        """
        gives = tuple(sorted(self.always.union(wanted)))
        found = self._shapes.get((gives, price))
        if found is None:
            outputs = [*self.outputs, *[self.made[i] for i in gives]]
            # a view of an input is taken from there: the leaf may write that, and still read this
            given = {v for v in self._before if self._root.get(v) not in self._inputs}
            graph = self._part(outputs, given if price is None else given.difference(self._root))
            if price is not None:
                graph = self._part(outputs, self._kept(graph, price))
            found = Shape(graph, gives)
            # two prices that lead to one piece
            found = self._shapes[gives, price] = self._shapes.setdefault((gives, found.takes), found)
        return found

    def _part(self, outputs: Sequence[Any], given: Collection[Value]) -> Graph:
        return _part(self.name, self._earlier + self.own, outputs, self.effects, {*self._inputs, *given})

    def _kept(self, graph: Graph, price: float) -> set[Value]:
        """What to take of the earlier sections: never a view, which would keep alive all that it looks at."""
        scalars = {v for v in self._before if not isinstance(v.type, TensorType)}
        wanted = [v for v in graph.inputs if v in self._before]
        kept = kept_for(self._earlier, wanted, {*self._inputs, *scalars}, price)
        return scalars | {self._root.get(v, v) for v in kept}


def _roots(nodes: Sequence[Node]) -> dict[Value, Any]:
    """What each view looks at in the end."""
    found: dict[Value, Any] = {}
    for node in nodes:
        if node.op.spec == "view":
            at = node.args[0]
            found.update(dict.fromkeys(node.outputs, found.get(at, at) if type(at) is Value else at))
    return found


def _part(
    name: str,
    nodes: Sequence[Node],
    outputs: Sequence[Any],
    effects: Sequence[Effect] = (),
    given: Collection[Value] = frozenset(),
) -> Graph:
    """What outputs and effects need of some nodes, as a graph that takes `given` and what is made elsewhere."""
    needed = {v for v in outputs if type(v) is Value}
    for effect in effects:
        needed.update([v for v in (effect.target, effect.value) if type(v) is Value])
    kept: list[Node] = []
    for node in reversed(nodes):
        if any(v in needed and v not in given for v in node.outputs):
            kept.append(node)
            needed.update([a for a in node.args if type(a) is Value])
    made = {v for node in kept for v in node.outputs}
    return Graph(name, sorted(needed - made, key=lambda v: v.id), kept[::-1], outputs, effects)


def clean(graph: Graph) -> Graph:
    """The graph after the passes."""
    return run_passes(graph, PASSES)


class Piece:
    """What runs before a fork: `decide` gives the answer.

    `read` is the id of a tensor, given, whose element is the number. `fit` is the graph that keeps the budget, if there
    is one.
    """

    def __init__(
        self,
        shape: Shape,
        fit: Graph | None,
        number: int,
        read: int | None,
        kind: type | None,
        compile_graph: Callable[[Graph], Run],
    ) -> None:
        self.shape = shape
        self.fit = fit
        self._compile = compile_graph
        self._number = number
        self._read = read
        self._kind = kind
        self._ready: tuple[Any, ...] | None = None

    def decide(self, env: Env) -> Any:
        """Run, add the values made to `env`, and give the number that Python asks for."""
        takes, run, gives, single = self._ready or self._prepared()
        if single is not None:
            env[gives[0]] = single([env[i] for i in takes])
        elif run is not None:
            env.update(zip(gives, run([env[i] for i in takes]), strict=True))
        if self._read is not None:
            env[self._number] = env[self._read].item()  # less than a stage of its own
        return converted(env[self._number], self._kind)

    def _prepared(self) -> tuple[Any, ...]:
        graph, gives = self.shape
        graph = clean(graph) if self.fit is None else self.fit
        run = _compiled(graph, self._compile) if gives else None
        takes = [v.id for v in graph.inputs]
        self._ready = ready = takes, run, gives, getattr(run, "single", None)
        return ready

    def explain(self, measure: bool = False) -> str:
        """What its executable says of itself."""
        explains = None if self._ready is None else getattr(self._ready[1], "explain", None)
        return "runs on the interpreter" if explains is None else str(explains(measure))


class Leaf:
    """What runs at the end of a path: results and effects; `graph` is after the passes."""

    def __init__(self, graph: Graph, compile_graph: Callable[[Graph], Run]) -> None:
        self.graph = graph
        self._takes = [v.id for v in graph.inputs]
        self.run = _compiled(graph, compile_graph)
        self._call = getattr(self.run, "run", self.run)

    def values(self, env: Env) -> list[Any]:
        """Outputs and effect values."""
        return self._call([env[i] for i in self._takes])


def _compiled(graph: Graph, compile_graph: Callable[[Graph], Run]) -> Run:
    """The executable of a piece."""
    if all(node.op.spec == "scalar" for node in graph.nodes) and not graph.effects:
        return interpret(graph)  # a few numbers: nothing to compile
    return compile_graph(graph)
