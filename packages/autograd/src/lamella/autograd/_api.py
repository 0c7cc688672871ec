"""backward() and grad() over a recorded graph, as torch.autograd has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamella.tensor import Tensor, ones_like, zeros_like
from lamella.tensor.extend import level_of, tls

from . import _engine
from ._tape import Leaf, Node, Port

__all__ = ["backward", "backward_of", "grad_of", "leading_to", "level_at"]


@contextmanager
def level_at(t: Tensor) -> Iterator[None]:
    """Creations inside belong to the level of t, even while deeper levels are open."""
    levels = tls.levels
    level = level_of(t)
    tls.levels = levels[: levels.index(level) + 1] if level in levels else ()
    try:
        yield
    finally:
        tls.levels = levels


def _cotangent(t: Tensor, given: Tensor | None) -> Tensor:
    if given is None:
        if t.numel() != 1:
            raise RuntimeError(f"backward of a tensor of shape {t.shape} needs the gradient argument; only a single value has an implicit 1")
        with level_at(t):
            return ones_like(t)
    if not isinstance(given, Tensor):
        raise TypeError(f"the gradient argument must be a tensor, got {type(given).__name__}")
    if given.shape != t.shape:
        raise ValueError(f"the gradient argument has shape {given.shape}, the tensor {t.shape}; they must be equal")
    return given


def _roots(outputs: Sequence[Tensor], gradients: Sequence[Tensor | None] | None) -> list[tuple[Any, Tensor]]:
    if gradients is None:
        gradients = [None] * len(outputs)
    if len(gradients) != len(outputs):
        raise ValueError(f"got {len(gradients)} gradients for {len(outputs)} tensors")
    roots = []
    for t, g in zip(outputs, gradients, strict=True):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected a tensor to differentiate, got {type(t).__name__}")
        if not t.requires_grad:
            raise RuntimeError("this tensor does not require grad and nothing that made it does; set requires_grad on an input first")
        roots.append((t._edge, _cotangent(t, g)))
    return roots


def backward_of(t: Tensor, gradient: Tensor | None, retain_graph: bool | None, create_graph: bool, inputs: Any) -> None:
    """Tensor.backward."""
    backward([t], [gradient], retain_graph=retain_graph, create_graph=create_graph, inputs=inputs)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of tensors into the leaves' `.grad`, or only into those of `inputs`."""
    outs = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    cotangents = [grad_tensors] if isinstance(grad_tensors, Tensor) else grad_tensors
    roots = _roots(outs, cotangents)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _engine.run(roots, create_graph=create_graph, retain_graph=retain)
        return
    only = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for t in only:
        if type(t._edge) is not Leaf:
            raise RuntimeError("inputs of backward() must be leaf tensors that require grad; use grad() for the gradient of a result")
    targets: dict[Any, Tensor | None] = {t._edge: None for t in only}
    needed, _ = leading_to([e for e, _ in roots], targets, 0)
    _engine.run(roots, create_graph=create_graph, retain_graph=retain, needed=needed, targets=targets)
    for leaf, g in targets.items():
        if g is not None:
            _engine.accumulate(leaf, g, create_graph)


def grad_of(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of outputs with respect to inputs, leaving every `.grad` alone."""
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    ins = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    cotangents = [grad_outputs] if isinstance(grad_outputs, Tensor) else grad_outputs
    roots = _roots(outs, cotangents)
    for i, t in enumerate(ins):
        if not isinstance(t, Tensor) or not t.requires_grad:
            raise RuntimeError(f"input {i} of grad() does not require grad")
    targets: dict[Any, Tensor | None] = {t._edge: None for t in ins}
    needed, _ = leading_to([e for e, _ in roots], targets, 0)
    _engine.run(
        roots, create_graph=create_graph, retain_graph=create_graph if retain_graph is None else retain_graph, needed=needed, targets=targets
    )
    result = []
    for i, t in enumerate(ins):
        g = targets[t._edge]
        if g is None:
            if materialize_grads:
                with level_at(t):
                    g = zeros_like(t)
            elif not allow_unused:
                raise RuntimeError(f"input {i} was not used to compute the outputs; say allow_unused=True to get None for it")
        result.append(g)
    return tuple(result)


def leading_to(roots: list[Any], targets: dict[Any, Any], epoch: int) -> tuple[set[Any], bool]:
    """The edges and nodes from which a target can be reached, and whether the walk met anything older than `epoch` or a leaf that is no target."""
    needed: set[Any] = set(targets)
    outside = False
    state: dict[Node, bool] = {}
    stack: list[tuple[Any, int]] = [(e.node if type(e) is Port else e, 0) for e in roots]
    while stack:
        node, at = stack[-1]
        if type(node) is Leaf:
            outside = outside or node not in targets
            stack.pop()
            continue
        if at == 0 and node in state:
            stack.pop()
            continue
        if node.seq < epoch:
            state[node] = False
            outside = True
            stack.pop()
            continue
        if at == 0:
            state[node] = False
        if at < len(node.edges):
            stack[-1] = (node, at + 1)
            edge = node.edges[at]
            if edge is not None:
                stack.append((edge.node if type(edge) is Port else edge, 0))
            continue
        stack.pop()
        for edge in node.edges:
            if edge is not None:
                owner = edge.node if type(edge) is Port else edge
                if edge in needed or (type(owner) is Node and owner in needed):
                    needed.add(node)
                    break
    # an edge to output i > 0 of a needed node is needed as well
    for node in state:
        for edge in node.edges:
            if type(edge) is Port and edge.node in needed:
                needed.add(edge)
    return needed, outside
