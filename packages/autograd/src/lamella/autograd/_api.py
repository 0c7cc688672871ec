"""backward() and grad() over a recorded graph, as torch.autograd has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamella.tensor import Tensor, ones_like, zeros_like
from lamella.tensor.extend import GRAD, HOT, level_of, tls, wrap

from . import _engine
from ._accumulate import accumulate
from ._reach import leading_to
from ._tape import Edge, Leaf

__all__ = ["backward", "backward_of", "grad_of", "level_at"]

_ndarray = np.ndarray
_ONES = {np.dtype(kind): np.ones((), kind) for kind in (np.float32, np.float64)}

Cotangents = Tensor | Sequence[Tensor | None] | None


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
            raise RuntimeError(
                f"backward of a tensor of shape {t.shape} needs the gradient argument, of that shape; "
                f"only a single value has an implicit 1 (did you mean .sum() or .mean() first?)"
            )
        if type(t._data) is _ndarray and tls.trace is None:
            return wrap(np.ones_like(t._data))
        with level_at(t):
            return ones_like(t)
    if not isinstance(given, Tensor):
        raise TypeError(f"the gradient argument must be a tensor, got {type(given).__name__}")
    if given.shape != t.shape:
        raise ValueError(f"the gradient argument has shape {given.shape}, the tensor {t.shape}; they must be equal")
    return given.to(t.dtype)


def _sequence(given: Any, what: str) -> list[Any]:
    if isinstance(given, Tensor):
        return [given]
    if not isinstance(given, Sequence):
        raise TypeError(f"{what} must be a tensor or a sequence of tensors, got {type(given).__name__}")
    return list(given)


def _roots(outputs: list[Any], gradients: Cotangents) -> list[tuple[Edge, Tensor]]:
    given = [None] * len(outputs) if gradients is None else _sequence(gradients, "the gradients")
    if len(given) != len(outputs):
        raise ValueError(f"got {len(given)} gradients for {len(outputs)} tensors")
    roots = []
    for t, g in zip(outputs, given, strict=True):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected a tensor to differentiate, got {type(t).__name__}")
        if not t.requires_grad:
            level = level_of(t)
            if level is not None:
                raise RuntimeError(
                    f"nothing requires grad at the level of this {level.kind}: "
                    f"what requires grad outside it is recorded outside; "
                    f"use grad() inside the transformed function"
                )
            raise RuntimeError(
                "this tensor does not require grad and nothing that made it does; set requires_grad on an input first"
            )
        roots.append((t._edge, _cotangent(t, g)))
    return roots


def backward_of(t: Tensor, gradient: Tensor | None, retain_graph: bool | None, create_graph: bool, inputs: Any) -> None:
    """Tensor.backward."""
    if gradient is None and inputs is None and t._flags == GRAD and not HOT[0]:
        one = _ONES.get(t._data.dtype)
        if one is not None and t._data.shape == ():
            # what almost every training step does: a plain 0-d loss
            _engine.run(
                ((t._edge, wrap(one.copy())),),
                bool(create_graph),
                bool(create_graph if retain_graph is None else retain_graph),
            )
            return
    if inputs is not None:
        backward(t, None if gradient is None else [gradient], retain_graph, create_graph, inputs)
        return
    roots = _roots([t], None if gradient is None else [gradient])
    _engine.run(roots, bool(create_graph), bool(create_graph if retain_graph is None else retain_graph))


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of tensors into the leaves' `.grad`, or only into those of `inputs`.

    A gradient of another dtype is cast to its tensor's. RuntimeError for tensors that do not require grad, for a
    missing gradient of a tensor with several elements, and for a graph that was freed.
    """
    roots = _roots(_sequence(tensors, "tensors"), grad_tensors)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _engine.run(roots, create_graph, retain)
        return
    only = _sequence(inputs, "inputs")
    if not only:
        raise ValueError("inputs of backward() is empty; leave it out to reach every leaf")
    for t in only:
        if not isinstance(t, Tensor) or type(t._edge) is not Leaf:
            raise RuntimeError(
                "inputs of backward() must be leaf tensors that require grad; use grad() for the gradient of a result"
            )
    targets: dict[Any, Tensor | None] = {t._edge: None for t in only}
    needed, _ = leading_to([e for e, _ in roots], targets, 0)
    _engine.run(roots, create_graph, retain, needed, targets)
    del roots
    while targets:
        leaf, g = targets.popitem()
        if g is not None:
            accumulate(leaf, g, create_graph)


def grad_of(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of outputs with respect to inputs, leaving every `.grad` alone."""
    if materialize_grads and allow_unused is False:
        raise ValueError("materialize_grads=True gives zeros for unused inputs, so allow_unused cannot be False")
    roots = _roots(_sequence(outputs, "outputs"), grad_outputs)
    ins = _sequence(inputs, "inputs")
    for i, t in enumerate(ins):
        if not isinstance(t, Tensor):
            raise TypeError(f"input {i} of grad() must be a tensor, got {type(t).__name__}")
        if not t.requires_grad:
            raise RuntimeError(f"input {i} of grad() does not require grad")
    targets: dict[Any, Tensor | None] = {t._edge: None for t in ins}
    needed, _ = leading_to([e for e, _ in roots], targets, 0)
    _engine.run(roots, create_graph, create_graph if retain_graph is None else retain_graph, needed, targets)
    result = []
    for i, t in enumerate(ins):
        g = targets[t._edge]
        if g is None:
            if materialize_grads:
                with level_at(t):
                    g = zeros_like(t)
            elif not allow_unused:
                raise RuntimeError(
                    f"input {i} was not used to compute the outputs; say allow_unused=True to get None for it"
                )
        result.append(g)
    return tuple(result)
