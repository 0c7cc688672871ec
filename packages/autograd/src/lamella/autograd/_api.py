"""backward() and grad() over a recorded graph, as torch.autograd has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamella.tensor import Tensor, ones, ones_like, zeros, zeros_like
from lamella.tensor.extend import COMPLEX, GRAD, HOT, from_numpy_dtype, level_of, tls, wrap

from . import _engine
from ._accumulate import accumulate, retain_grad
from ._anomaly import check_root
from ._edges import GradientEdge
from ._node import Edge, Leaf, edge_meta
from ._reach import leading_to

__all__ = ["backward", "backward_of", "grad_of", "level_at"]

_ndarray = np.ndarray
_ONES = {np.dtype(kind): np.ones((), kind) for kind in (np.float32, np.float64)}

Cotangents = Tensor | Sequence[Tensor | None] | None
Outputs = Tensor | GradientEdge | Sequence[Tensor | GradientEdge]


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
        if t.dtype.category == COMPLEX:
            raise RuntimeError(
                f"backward of a {t.dtype} tensor needs the gradient argument: only a real value has an implicit 1 "
                f"(take .real or .abs() of it first)"
            )
        if type(t._data) is _ndarray and tls.trace is None:
            return wrap(np.ones_like(t._data))
        with level_at(t):
            return ones_like(t)
    return _checked(given, t.shape, t.dtype)


def _checked(given: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
    if not isinstance(given, Tensor):
        raise TypeError(f"the gradient argument must be a tensor, got {type(given).__name__}")
    if given.shape != shape:
        raise ValueError(f"the gradient argument has shape {given.shape}, the tensor {shape}; they must be equal")
    return given.to(dtype)


def _sequence(given: Any, what: str) -> list[Any]:
    if isinstance(given, (Tensor, GradientEdge)):
        return [given]
    if not isinstance(given, Sequence):
        raise TypeError(f"{what} must be a tensor or a sequence of tensors, got {type(given).__name__}")
    return list(given)


def _root(t: Any, given: Tensor | None) -> tuple[Edge, Tensor]:
    if isinstance(t, GradientEdge):
        edge = t.edge()
        shape, dtype = edge_meta(edge)
        if given is None:
            if shape != ():
                raise RuntimeError(f"backward of a gradient edge of shape {shape} needs the gradient of that shape")
            given = ones((), dtype=from_numpy_dtype(dtype))
        return edge, _checked(given, tuple(shape), from_numpy_dtype(dtype))
    if not isinstance(t, Tensor):
        raise TypeError(f"expected a tensor to differentiate, got {type(t).__name__}")
    if not t.requires_grad:
        level = level_of(t)
        if level is not None:
            if level.kind == "region":
                level.refuse("goes backward", "use grad() or vjp() inside, and return the gradient")
            raise RuntimeError(
                f"nothing requires grad at the level of this {level.kind}: "
                f"what requires grad outside it is recorded outside; "
                f"use grad() inside the transformed function"
            )
        raise RuntimeError(
            "this tensor does not require grad and nothing that made it does; set requires_grad on an input first"
        )
    if tls.anomaly is not None:
        check_root(t)
    return t._edge, _cotangent(t, given)


def _roots(outputs: list[Any], gradients: Cotangents) -> list[tuple[Edge, Tensor]]:
    given = [None] * len(outputs) if gradients is None else _sequence(gradients, "the gradients")
    if len(given) != len(outputs):
        raise ValueError(f"got {len(given)} gradients for {len(outputs)} tensors")
    return [_root(t, g) for t, g in zip(outputs, given, strict=True)]


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
    tensors: Outputs,
    grad_tensors: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Outputs | None = None,
) -> None:
    """Accumulate the gradients of tensors into the leaves' `.grad`, or only into those of `inputs`.

    An input that is the result of an op retains its gradient from then on. A gradient of another dtype is cast to its
    tensor's. RuntimeError for tensors that do not require grad, for a missing gradient of a tensor with several
    elements, and for a graph that was freed.
    """
    roots = _roots(_sequence(tensors, "tensors"), grad_tensors)
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _engine.run(roots, create_graph, retain)
        return
    only = _sequence(inputs, "inputs")
    if not only:
        raise ValueError("inputs of backward() is empty; leave it out to reach every leaf")
    edges = [_input_edge(t, f"input {i} of backward()") for i, t in enumerate(only)]
    for edge in edges:
        retain_grad(edge)  # the walk itself then collects what is no leaf
    targets: dict[Any, Tensor | None] = dict.fromkeys(edges)
    needed, _ = leading_to([e for e, _ in roots], targets, 0)
    _engine.run(roots, create_graph, retain, needed, targets)
    del roots
    while targets:
        edge, g = targets.popitem()
        if g is not None and type(edge) is Leaf:
            accumulate(edge, g, create_graph)


def _input_edge(t: Any, what: str) -> Edge:
    if isinstance(t, GradientEdge):
        return t.edge()
    if not isinstance(t, Tensor):
        raise TypeError(f"{what} must be a tensor, got {type(t).__name__}")
    if not t.requires_grad:
        raise RuntimeError(f"{what} does not require grad")
    return t._edge


def grad_of(
    outputs: Outputs,
    inputs: Outputs | dict[str, Tensor],
    grad_outputs: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Gradients of outputs with respect to inputs, leaving every `.grad` alone.

    With `is_grads_batched` the grad_outputs have a batch dim in front, and so have the results: one walk, vectorized.
    """
    if not only_inputs:
        raise ValueError("only_inputs=False is not supported; use backward() to accumulate into leaves")
    if materialize_grads and allow_unused is False:
        raise ValueError("materialize_grads=True gives zeros for unused inputs, so allow_unused cannot be False")
    if isinstance(inputs, dict):
        found = grad_of(
            outputs, list(inputs.values()), grad_outputs, retain_graph, create_graph, True, allow_unused,
            is_grads_batched, materialize_grads,
        )  # fmt: skip
        return dict(zip(inputs, found, strict=True))
    outs = _sequence(outputs, "outputs")
    ins = _sequence(inputs, "inputs")
    edges = [_input_edge(t, f"input {i} of grad()") for i, t in enumerate(ins)]
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        grads = _batched(outs, edges, grad_outputs, retain, create_graph)
    else:
        grads = _gradients(_roots(outs, grad_outputs), edges, retain, create_graph)
    for i, (t, g) in enumerate(zip(ins, grads, strict=True)):
        if g is not None:
            continue
        if materialize_grads:
            grads[i] = _zeros(t, edges[i])
        elif not allow_unused:
            raise RuntimeError(
                f"input {i} was not used to compute the outputs; say allow_unused=True to get None for it"
            )
    return tuple(grads)


def _gradients(
    roots: list[tuple[Edge, Tensor]], edges: list[Edge], retain: bool, create_graph: bool
) -> list[Tensor | None]:
    targets: dict[Any, Tensor | None] = dict.fromkeys(edges)
    needed, _ = leading_to([e for e, _ in roots], targets, 0)
    _engine.run(roots, create_graph, retain, needed, targets)
    return [targets[e] for e in edges]


def _zeros(t: Any, edge: Edge) -> Tensor:
    if isinstance(t, Tensor):
        with level_at(t):
            return zeros_like(t)
    shape, dtype = edge_meta(edge)
    return zeros(tuple(shape), dtype=from_numpy_dtype(dtype))


def _batched(
    outs: list[Any], edges: list[Edge], grad_outputs: Cotangents, retain: bool, create_graph: bool
) -> list[Tensor | None]:
    """The walk for a batch of cotangents at once; None for an input that no output depends on."""
    from ._transforms import vmap

    given = [] if grad_outputs is None else _sequence(grad_outputs, "the gradients")
    if len(given) != len(outs) or not all(isinstance(g, Tensor) for g in given):
        raise ValueError("is_grads_batched needs one batched tensor in grad_outputs for each output")
    used: list[bool] = []

    def walk(*cotangents: Tensor) -> tuple[Tensor, ...]:
        grads = _gradients(_roots(outs, cotangents), edges, retain, create_graph)
        used.extend(g is not None for g in grads)
        return tuple([g for g in grads if g is not None])

    found = iter(vmap(walk)(*given))
    return [next(found) if use else None for use in used]
