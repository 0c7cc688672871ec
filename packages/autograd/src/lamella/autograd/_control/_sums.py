"""Gradients of weights out of a backward scan: a sum over steps of small products is one product over all rows.

A step that adds `p.T @ q` to a carry, and uses that carry for nothing else, gives p and q as results instead: stacked,
they are the factors of one product behind the scan. That is worth it where a step has fewer rows than the product has,
for then the carry is the largest thing that a step reads and writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamella.graph import Graph, Node, TensorType, Value, dce
from lamella.tensor import Tensor, flatten, matmul

__all__ = ["Product", "without_sums"]

Producers = Mapping[Value, tuple[Node, int]]


@dataclass(frozen=True, slots=True)
class Product:
    """The sum is the product of two stacks: each a row input by number, or one of the results that were added."""

    left: tuple[str, int]
    right: tuple[str, int]

    def of(self, rows: Sequence[Tensor], stacks: Sequence[Tensor]) -> Tensor:
        """The sum over all steps."""
        p, q = (flatten(rows[at] if kind == "row" else stacks[at], 0, 1) for kind, at in (self.left, self.right))
        return matmul(p.permute(1, 0), q)


def without_sums(graph: Graph, first: int, count: int, result: int, rows: int) -> tuple[Graph, dict[int, Product]]:
    """The body without those of its `count` sums (inputs from `first` on, results from `result` on) that are products;
    their factors are further results. Its inputs from `rows` on are rows.
    """
    graph = dce(graph)  # what is dead uses nothing
    producers = graph.producers()
    uses = graph.uses()
    outputs = list(graph.outputs)
    places = {v: ("row", i - rows) for i, v in enumerate(graph.inputs) if i >= rows}
    added: list[Value] = []
    found: dict[int, Product] = {}
    for k in range(count):
        factors = _factors(outputs[result + k], graph.inputs[first + k], producers, uses)
        if factors is None or graph.inputs[first + k] in outputs:
            continue
        sources = []
        for value in factors:
            if value not in places:
                places[value] = ("stack", len(added))
                added.append(value)
            sources.append(places[value])
        found[k] = Product(*sources)
    inputs = [v for i, v in enumerate(graph.inputs) if i - first not in found]
    kept = [v for i, v in enumerate(outputs) if i - result not in found]
    return dce(Graph(graph.name, inputs, graph.nodes, [*kept, *added])), found


def _factors(out: Any, total: Value, producers: Producers, uses: Mapping[Value, Any]) -> tuple[Value, Value] | None:
    """p and q where `out` is `total + p.T @ q`."""
    node = _node(out, "add", producers)
    if node is None or len(uses.get(total, ())) != 1 or total not in node.args:
        return None
    part = node.args[0] if node.args[1] is total else node.args[1]
    product = _node(part, "matmul", producers)
    if product is None or type(part) is not Value or len(uses.get(part, ())) != 1:
        return None
    turned = _node(product.args[0], "permute", producers)
    if turned is None or turned.params["dims"] != (1, 0):
        return None
    p, q = turned.args[0], product.args[1]
    if type(p) is not Value or type(q) is not Value or not _is_small(p) or not _is_small(q):
        return None
    return p, q


def _node(value: Any, name: str, producers: Producers) -> Node | None:
    node = producers.get(value, (None, 0))[0]
    return node if node is not None and node.op.name == name else None


def _is_small(value: Value) -> bool:
    shape = value.type.shape if isinstance(value.type, TensorType) else ()
    # a size that is known by name only is that of a batch
    return len(shape) == 2 and (type(shape[0]) is not int or (type(shape[1]) is int and shape[0] < shape[1]))
