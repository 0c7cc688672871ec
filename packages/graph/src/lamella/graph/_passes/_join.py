"""Gradients of parts put together: pads of zeros that are added up and fill a dim become one `cat`.

`x.split(n)` gives as many gradients of the whole size as there are parts, each of them nearly all zeros, and adds them
up. Where the parts are disjoint and leave no gap, each element of the sum is one element of one part plus 0.0, so that
`add(cat(parts), 0.0)` has the same bits; with another gradient h that was added before, `add(add(h, cat(parts)), 0.0)`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from lamella.tensor.extend import FLOAT, OPS

from .._graph import Arg, Graph, Node, Value
from ._facts import is_float, never_minus_zero
from ._memory import reaching_results
from ._rewrite import Table, Walk

__all__ = ["join_pads"]


@dataclass(slots=True)
class _Sum:
    """A sum of disjoint parts along `dim`, and of `rest` if there is one."""

    dim: int
    rest: Any
    starts: list[int] = field(default_factory=list)
    parts: list[Value] = field(default_factory=list)
    covered: int = 0

    def width(self, part: Value) -> int:
        size: int = part.tensor.shape[self.dim]
        return size

    def take(self, start: int, part: Value) -> bool:
        """Add a part; False where it meets another."""
        at, width = bisect_left(self.starts, start), self.width(part)
        if at < len(self.starts) and start + width > self.starts[at]:
            return False
        if at and self.starts[at - 1] + self.width(self.parts[at - 1]) > start:
            return False
        self.starts.insert(at, start)
        self.parts.insert(at, part)
        self.covered += width
        return True


def join_pads(graph: Graph) -> Graph:
    """The graph with sums of pads that fill a dim written as `cat`."""
    if not any(node.op.name == "pad" or node.op.spec == "control" for node in graph.nodes):
        return graph
    uses: dict[Any, int] = {}
    for node in graph.nodes:
        for a in node.args:
            uses[a] = uses.get(a, 0) + 1
    kept = reaching_results(graph)
    walk = Walk(graph, Table(()))
    sums: dict[Arg, _Sum] = {}
    joined = False
    for old in graph.nodes:
        node = old.mapped(join_pads) if old.op.spec == "control" else old
        joined = joined or node is not old
        found = _part(node)
        if found is None and node.op.name == "add":
            found = _added(node, [sums.get(a) if uses[a] == 1 and a not in kept else None for a in node.args])
            if found is not None and found.covered == node.outputs[0].tensor.shape[found.dim]:
                node, found, joined = _cat(walk, node, found), None, True
        if found is not None:
            sums[node.outputs[0]] = found
        walk.keep(node)
    return graph.replace(walk.nodes) if joined else graph


def _part(node: Node) -> _Sum | None:
    """A pad of zeros along one dim."""
    if node.op.name != "pad" or node.params["value"] != 0:
        return None
    (x,) = node.args
    dims = [d for d, (lo, hi) in enumerate(node.params["pads"]) if lo or hi]
    if len(dims) != 1 or type(x) is not Value:
        return None
    out = _Sum(dims[0], None)
    out.take(node.params["pads"][dims[0]][0], x)
    return out


def _added(node: Node, found: list[_Sum | None]) -> _Sum | None:
    """The sum that an addition makes of what its operands are."""
    left, right = [
        part if type(a) is Value and a.type == node.outputs[0].type else None
        for a, part in zip(node.args, found, strict=True)
    ]
    if left is None or (right is not None and len(right.parts) > len(left.parts)):
        left, right, other = right, left, node.args[0]
    else:
        other = node.args[1]
    if left is None:
        return None
    if right is None:
        # another gradient after the first parts would be added in another order
        if left.rest is not None or len(left.parts) != 1:
            return None
        left.rest = other
        return left
    if right.rest is not None or right.dim != left.dim:
        return None
    for start, part in zip(right.starts, right.parts, strict=True):
        if not left.take(start, part):
            return None
    return left


def _cat(walk: Walk, node: Node, found: _Sum) -> Node:
    """The nodes of the sum but the last, which takes the place of the addition."""
    (out,) = node.outputs
    args, params = tuple(found.parts), {"dim": found.dim}
    dtype = out.tensor.dtype
    name = "cat"
    operands: tuple[Any, ...] = args
    if found.rest is not None:
        name, operands, params = "add", (found.rest, walk.emit(node, "cat", *args, **params)), {}
    if dtype.category >= FLOAT and not (is_float(out) and all(never_minus_zero(p, walk) for p in args)):
        name, operands, params = "add", (walk.emit(node, name, *operands, **params), 0.0), {}
    return Node(OPS[name], operands, params, node.outputs, node.region, node.source)
