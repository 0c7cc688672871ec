"""A graph as a picture in text: one line a node, with a rail for each value from where it is made to its last reader.

    ●     %0: f32[64, 8]
    │ ●   %1: f32[16, 8]
    └─┴─● linear(%0, %1, None) -> %2: f32[64, 16]

A dot makes a value, a corner is its last reader, a tee reads it and leaves it alive; rails that a line crosses pass
behind it. Inputs stand right before their first reader. Regions, effects and the graphs of control flow are named.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._graph import Graph, Node, Value
from ._text import constant_text, effect_text

__all__ = ["call_text", "to_picture"]


def to_picture(graph: Graph) -> str:
    """The picture of a graph, ending in a newline; the graphs inside of control flow ops follow, each with its name."""
    lines = [f"graph {graph.name!r}"]
    lines += _Rails(graph).drawn()
    for node in graph.nodes:
        for name, inner in _inside(node):
            lines += [
                "",
                *[f"  {line}".rstrip() for line in f"{node.op.name} {name}: {to_picture(inner)}".splitlines()],
            ]
    return "\n".join(lines) + "\n"


def _inside(node: Node) -> Iterable[tuple[str, Graph]]:
    return [(name, value) for name, value in node.params.items() if type(value) is Graph]


def call_text(node: Node) -> str:
    """A node as a call, its operands by id: what stands in a picture."""
    args = ", ".join([f"%{a.id}" if type(a) is Value else constant_text(a) for a in node.args])
    params = [f"{n}={f'graph {v.name!r}' if type(v) is Graph else constant_text(v)}" for n, v in node.params.items()]
    return f"{node.op.name}({'; '.join([args, ', '.join(params)] if params else [args])})"


class _Rails:
    """The lines so far, and which column each live value stands in."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.columns: list[Value | None] = []
        self.rows: list[tuple[str, str]] = []
        self.last = _last_readers(graph)
        self.met: set[Value] = set()
        self.labels = dict(zip(graph.inputs, graph.sources, strict=True))

    def drawn(self) -> list[str]:
        graph = self.graph
        for at, node in enumerate(graph.nodes):
            self._inputs(node.args)
            made = ", ".join([f"%{v.id}: {v.type}" for v in node.outputs])
            region = f"   region {node.region}" if node.region else ""
            self._row(at, node.args, node.outputs, f"{call_text(node)} -> {made}{region}")
        at = len(graph.nodes)
        self._inputs(graph.results())
        self._row(at, graph.outputs, (), "return " + ", ".join(_named(v) for v in graph.outputs))
        for effect in graph.effects:
            at += 1
            self._row(at, (effect.value,), (), effect_text(effect))
        width = max(len(rails) for rails, _ in self.rows)
        return [f"{rails.ljust(width)} {text}".rstrip() for rails, text in self.rows]

    def _inputs(self, read: Iterable[Any]) -> None:
        for value in dict.fromkeys(read):
            if type(value) is Value and value in self.labels and value not in self.met:
                label = self.labels[value]
                self._row(-1, (), (value,), f"%{value.id}: {value.type}" + (f" from {label!r}" if label else ""))

    def _row(self, at: int, read: Iterable[Any], made: tuple[Value, ...], text: str) -> None:
        self.met.update(made)
        sources = {v for v in read if type(v) is Value}
        ending = {v for v in sources if self.last.get(v, -1) <= at}
        new = {}
        for value in made:
            if None not in self.columns:
                self.columns.append(None)
            new[self.columns.index(None)] = value
            self.columns[self.columns.index(None)] = value
        touched = [c for c, v in enumerate(self.columns) if v in sources or c in new]
        span = range(touched[0], touched[-1] + 1) if touched else range(0)
        marks = []
        for c, held in enumerate(self.columns):
            first, final = c == span.start, c == span.stop - 1
            if c in new:
                mark = "●"
            elif held in sources:
                rails = "╵└┘┴" if held in ending else "│├┤┼"
                mark = rails[0 if first and final else 1 if first else 2 if final else 3]
            elif held is not None:
                mark = "│"
            else:
                mark = "─" if c in span else " "
            marks.append(mark + ("─" if c in span and not final else " "))
        for c, held in enumerate(self.columns):
            if held in ending or (c in new and new[c] not in self.last):
                self.columns[c] = None
        self.rows.append(("".join(marks).rstrip(), text))


def _last_readers(graph: Graph) -> dict[Value, int]:
    last: dict[Value, int] = {}
    for at, node in enumerate(graph.nodes):
        last.update({a: at for a in node.args if type(a) is Value})
    last.update({v: len(graph.nodes) for v in graph.outputs if type(v) is Value})
    last.update({e.value: len(graph.nodes) + 1 + k for k, e in enumerate(graph.effects) if type(e.value) is Value})
    return last


def _named(value: Any) -> str:
    return f"%{value.id}" if type(value) is Value else constant_text(value)
