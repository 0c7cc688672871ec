"""Graphs in which a number comes out of a tensor, for executors that compute all host scalars before the first kernel.

A graph is cut at its `scalar.item` nodes: a stage is a graph of its own, whose scalars are known when it starts. What
only a result or a state needs (the loss that a step returns) is read after the last stage, and costs no cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

from ._graph import Effect, Graph, Node, Value
from ._interpret import node_kernel
from ._scalar import ITEM

__all__ = ["Staged", "staged"]

Run: TypeAlias = Callable[[list[Any]], list[Any]]
_Read: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], Value]


def staged(graph: Graph, compile_graph: Callable[[Graph], Any]) -> Any:
    """The executable of a graph, by an executor that has no `scalar.item`."""
    if not any(node.op.name == ITEM for node in graph.nodes):
        return compile_graph(graph)
    return Staged(graph, compile_graph)


class Staged:
    """Stages in order, with numbers read out of tensors between them."""

    def __init__(self, graph: Graph, compile_graph: Callable[[Graph], Any]) -> None:
        self.graph = graph
        level = _levels(graph)
        last = max((level[n.outputs[0]] for n in graph.nodes if n.op.spec != "scalar"), default=0)
        self._committed = [e.kind != "state" and type(e.value) is Value for e in graph.effects]  # by the last stage
        # (what is read before it, inputs, executable, outputs) a stage
        self._stages: list[tuple[list[_Read], list[Value], Any, list[Value]]] = []
        # what is only an effect is no output as well: an executor may write it over its input
        beside = [e.value for e, last_one in zip(graph.effects, self._committed, strict=True) if not last_one]
        wanted = {v for v in [*graph.outputs, *beside] if type(v) is Value}
        for node in reversed(graph.nodes):
            if level[node.outputs[0]] > last or node.op.name == ITEM:
                wanted.update(a for a in node.args if type(a) is Value)
        for n in range(last, -1, -1):
            nodes = [x for x in graph.nodes if level[x.outputs[0]] == n and x.op.name != ITEM]
            effects = list(itertools.compress(graph.effects, self._committed)) if n == last else []
            stage, inputs, outputs = _stage(graph, n, nodes, effects, wanted)
            wanted.update(inputs)
            reads = [_read(x) for x in graph.nodes if x.op.name == ITEM and level[x.outputs[0]] == n]
            self._stages.insert(0, (reads, inputs, compile_graph(stage), outputs))
        after = [x for x in graph.nodes if level[x.outputs[0]] > last]
        # an input may be written where it lies, by the last stage
        self._before = [_read(x) for x in after if x.op.name == ITEM and x.args[0] in graph.inputs]
        self._after = [_read(x) for x in after if not (x.op.name == ITEM and x.args[0] in graph.inputs)]

    def __call__(self, inputs: list[Any]) -> list[Any]:
        """Run once, like the executable of the whole graph."""
        graph = self.graph
        if len(inputs) != len(graph.inputs):
            raise ValueError(f"graph {graph.name!r} takes {len(graph.inputs)} inputs, got {len(inputs)}")
        env: dict[Value, Any] = dict(zip(graph.inputs, inputs, strict=True))
        found: list[Any] = []
        _evaluate(self._before, env)
        for reads, taken, run, outputs in self._stages:
            _evaluate(reads, env)
            found = run([env[v] for v in taken])
            env.update(zip(outputs, found, strict=False))
        _evaluate(self._after, env)
        committed = iter(found[len(self._stages[-1][3]) :])
        out = [env[v] if type(v) is Value else v for v in graph.outputs]
        for effect, is_committed in zip(graph.effects, self._committed, strict=True):
            if is_committed:
                out.append(next(committed))
            else:
                out.append(env[effect.value] if type(effect.value) is Value else effect.value)
        return out

    def let_go(self) -> None:
        """Give back the memory that the stages have worked in."""
        for *_, run, _ in self._stages:
            if hasattr(run, "let_go"):
                run.let_go()

    def explain(self, measure: bool = False) -> str:
        """What the stages say of themselves; `measure` has each step timed."""
        texts = [run.explain(measure) for *_, run, _ in self._stages if hasattr(run, "explain")]
        return "".join(texts)


def _levels(graph: Graph) -> dict[Value, int]:
    """In which stage each value exists; a number read out of a tensor exists from the next one on."""
    level = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        at = max((level[a] for a in node.args if type(a) is Value), default=0) + (node.op.name == ITEM)
        level.update(dict.fromkeys(node.outputs, at))
    return level


def _stage(
    graph: Graph, n: int, nodes: list[Node], effects: list[Effect], wanted: set[Value]
) -> tuple[Graph, list[Value], list[Value]]:
    """One stage as a graph, what it takes and what it gives."""
    made = [v for node in nodes for v in node.outputs]
    inner = set(made)
    needed = [a for node in nodes for a in node.args if type(a) is Value]
    for effect in effects:
        needed += [v for v in (effect.target, effect.value) if type(v) is Value]
    inputs = list(dict.fromkeys(v for v in needed if v not in inner))
    outputs = [v for v in made if v in wanted]
    return Graph(f"{graph.name}_{n}", inputs, nodes, outputs, effects), inputs, outputs


def _read(node: Node) -> _Read:
    return node_kernel(node), node.args, node.outputs[0]


def _evaluate(reads: list[_Read], env: dict[Value, Any]) -> None:
    for kernel, args, out in reads:
        env[out] = kernel(*[env[a] if type(a) is Value else a for a in args])
