"""A forked program in pieces: pure segments, each ending in a number that Python looks at, and a leaf with all results
and effects.

Segments are shared by the programs that begin alike: one segment gives what any of them needs later. A run keeps the
values it has, by id, which is the same in every capture of one path.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from lamella.graph import CaptureError, Graph, Node, Value, as_value, interpret, run_passes

from ._backward import PASSES
from ._forks import Fork, converted
from ._refused import Refusal

__all__ = ["Leaf", "Segment", "Segments", "cut"]

Env: TypeAlias = dict[int, Any]
Run: TypeAlias = Callable[[list[Any]], list[Any]]


class _Ready(NamedTuple):
    """A segment that can run: the ids that it takes and gives, those of what may lie in older memory, and the run, or
    that of a single result.
    """

    takes: list[int]
    run: Run | None
    gives: list[int]
    views: frozenset[int]
    single: Callable[[list[Any]], Any] | None


class Segment:
    """The nodes between two forks; `decide` runs them and gives the answer of the second."""

    def __init__(self, body: Graph, fork: Fork, compile_graph: Callable[[Graph], Run]) -> None:
        self.body = body  # its one output is the number
        self.kind = fork.kind
        self.place = fork.place
        self._compile = compile_graph
        self._made = {v.id: v for node in body.nodes for v in node.outputs}
        self._views = _views_of_inputs(body)
        self._wanted: frozenset[int] = frozenset({as_value(body.outputs[0]).id} & self._made.keys())
        self._read = _read_of(body)  # (id of a tensor made here, id of the number), where it is only its element
        self._ready: _Ready | None = None
        self._refusal: Refusal | None = None  # captures beyond this segment that failed

    @property
    def takes(self) -> set[int]:
        """The ids of the values that its nodes need."""
        return {v.id for v in self.body.inputs}

    @property
    def makes(self) -> set[int]:
        """The ids of the values that its nodes make."""
        return set(self._made)

    def same(self, other: Segment) -> bool:
        """Whether another capture recorded the same."""
        return self.kind is other.kind and self.body == other.body

    def export(self, needed: Iterable[int]) -> None:
        """Give these values too, as far as they are made here, from the next run on."""
        wanted = self._wanted | (self._made.keys() & set(needed))
        if wanted != self._wanted:
            self._wanted = wanted
            self._ready = None

    def decide(self, env: Env) -> Any:
        """Run, add the values made to `env`, and give the number that Python asks for."""
        takes, run, gives, views, single = self._ready or self._prepared()
        if single is not None:
            env[gives[0]] = single([env[i] for i in takes])
        elif run is not None:
            env.update(zip(gives, run([env[i] for i in takes]), strict=True))
            for i in views:
                env[i] = env[i].copy()  # the leaf may write older memory where it lies, and still read this
        if self._read is not None:
            env[self._read[1]] = env[self._read[0]].item()
        return converted(env[as_value(self.body.outputs[0]).id], self.kind)

    def _prepared(self) -> _Ready:
        wanted, nodes = self._wanted, self.body.nodes
        if self._read is not None:
            # one read in Python is less than a stage of its own
            tensor, number = self._read
            wanted, nodes = wanted - {number} | {tensor}, nodes[:-1]
        gives = sorted(wanted)
        graph = Graph(self.body.name, self.body.inputs, nodes, [self._made[i] for i in gives])
        run = _compiled(graph, self._compile) if gives else None
        takes, views = [v.id for v in graph.inputs], self._views & set(gives)
        self._ready = ready = _Ready(takes, run, gives, views, getattr(run, "single", None))
        return ready

    def refused(self, error: CaptureError) -> None:
        """A capture of another way from here could not be made."""
        if self._refusal is None:
            self._refusal = Refusal(error, None)
        else:
            self._refusal.again(error)

    def check(self) -> None:
        """CaptureError where another attempt is not due yet."""
        if self._refusal is not None:
            self._refusal.check()

    def explain(self, measure: bool = False) -> str:
        """What its executable says of itself."""
        run = None if self._ready is None else self._ready.run
        explains = getattr(run, "explain", None)
        return "runs on the interpreter" if explains is None else str(explains(measure))


class Leaf:
    """The end of a path: what is left of the graph, results and effects."""

    def __init__(self, body: Graph, compile_graph: Callable[[Graph], Run]) -> None:
        self.graph = run_passes(body, PASSES)
        self.takes = [v.id for v in body.inputs]
        self.run = _compiled(self.graph, compile_graph)
        self._call = getattr(self.run, "run", self.run)

    def values(self, env: Env) -> list[Any]:
        """Outputs and effect values."""
        return self._call([env[i] for i in self.takes])


def _read_of(body: Graph) -> tuple[int, int] | None:
    last = body.nodes[-1] if body.nodes else None
    if last is None or last.op.name != "scalar.item" or last.outputs[0] is not body.outputs[0]:
        return None
    tensor = last.args[0]
    made = any(tensor is v for node in body.nodes for v in node.outputs)
    return (tensor.id, last.outputs[0].id) if type(tensor) is Value and made else None


def _views_of_inputs(graph: Graph) -> frozenset[int]:
    """The ids of values that may lie in the memory of an input."""
    found = set(graph.inputs)
    for node in graph.nodes:
        if node.op.spec == "view" and node.args[0] in found:
            found.update(node.outputs)
    return frozenset(v.id for v in found.difference(graph.inputs))


def _compiled(graph: Graph, compile_graph: Callable[[Graph], Run]) -> Run:
    graph = run_passes(graph, PASSES)
    if all(node.op.spec == "scalar" for node in graph.nodes) and not graph.effects:
        return interpret(graph)  # a few numbers: nothing to compile
    return compile_graph(graph)


class Segments:
    """The segments of one compiled function, found by what comes before them: programs that begin alike share them.

    They live as long as a program that has them.
    """

    def __init__(self) -> None:
        self._after: weakref.WeakKeyDictionary[Any, list[weakref.ref[Segment]]] = weakref.WeakKeyDictionary()

    def shared(self, before: Segment | None, new: Segment) -> Segment:
        """The segment that stands after another in an earlier program, where it is the same; else the new one."""
        known = self._after.setdefault(self if before is None else before, [])
        for reference in known:
            found = reference()
            if found is not None and found.same(new):
                return found
        known[:] = [reference for reference in known if reference() is not None]
        known.append(weakref.ref(new))
        return new


def cut(
    graph: Graph, path: Sequence[Fork], ends: Sequence[int], segments: Segments, compile_graph: Callable[[Graph], Run]
) -> tuple[tuple[Segment, ...], Leaf]:
    """The segments and the leaf of a traced graph; `ends` says after how many nodes each fork stands.

    Every segment is told what the rest of the path needs of it.
    """
    of_id = {v.id: v for v in (*graph.inputs, *(v for node in graph.nodes for v in node.outputs))}
    found: list[Segment] = []
    start = 0
    for n, (fork, end) in enumerate(zip(path, ends, strict=True)):
        body = _part(f"{graph.name}_{n}", graph.nodes[start:end], [of_id[fork.value.id]])
        found.append(segments.shared(found[-1] if found else None, Segment(body, fork, compile_graph)))
        start = end
    leaf = Leaf(_part(graph.name, graph.nodes[start:], graph.outputs, graph.effects), compile_graph)
    needed = set(leaf.takes)
    for segment in reversed(found):
        segment.export(needed)
        needed |= segment.takes | {as_value(segment.body.outputs[0]).id}
    return tuple(found), leaf


def _part(name: str, nodes: Sequence[Node], outputs: Sequence[Any], effects: Sequence[Any] = ()) -> Graph:
    """Some nodes of a graph as a graph of their own."""
    made = {v for node in nodes for v in node.outputs}
    needed = [a for node in nodes for a in node.args if type(a) is Value]
    needed += [v for v in outputs if type(v) is Value]
    for effect in effects:
        needed += [v for v in (effect.target, effect.value) if type(v) is Value]
    inputs = list(dict.fromkeys(v for v in needed if v not in made))
    return Graph(name, inputs, nodes, outputs, effects)
