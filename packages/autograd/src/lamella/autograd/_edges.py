"""Gradient edges: a place in a graph without the tensor that stands there."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamella.tensor import Tensor

from ._node import Edge, Leaf, Node, Port

__all__ = ["GradientEdge", "get_gradient_edge"]


class GradientEdge(NamedTuple):
    """Output `output_nr` of a node; `grad` and `backward` take it in place of the tensor, whose values may go."""

    node: Any
    output_nr: int

    def edge(self) -> Edge:
        """What the tape calls it."""
        count = 1 if type(self.node) is Leaf else 1 + len(self.node.others)
        if not 0 <= self.output_nr < count:
            raise IndexError(f"output {self.output_nr} of {self.node!r}, which has {count}")
        return self.node if self.output_nr == 0 else Port(self.node, self.output_nr)


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The gradient edge of a tensor; RuntimeError unless it requires grad."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"get_gradient_edge needs a tensor, got {type(tensor).__name__}")
    if not tensor.requires_grad:
        raise RuntimeError("get_gradient_edge needs a tensor that requires grad")
    edge = tensor._edge
    if type(edge) is Port:
        return GradientEdge(edge.node, edge.index)
    assert isinstance(edge, (Leaf, Node))
    return GradientEdge(edge, 0)
