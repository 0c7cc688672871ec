"""Function: an op with a forward and a backward of the user's own.

The node keeps the context, and the context keeps no node and no tensor after forward: saved tensors are kept as a
node keeps them, so that a write into one is noticed and an output is not held by what it holds.
"""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, no_grad, set_grad_enabled, zeros
from lamella.tensor.extend import FLOAT, GRAD, LEVEL, detached, from_numpy_dtype, set_edge, tls, user_location

from ._engine import Context
from ._tape import Node, Plan, Port, metas_of, new_node, save, unpack

__all__ = ["Function", "FunctionContext"]


class FunctionContext:
    """Carries what forward leaves for backward: tensors through save_for_backward, anything else as attributes."""

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._node: Node | None = None
        self._keep = False
        self._no_grad_outputs: tuple[int, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs of forward; writing into them afterwards is noticed in backward."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward takes tensors, got {type(t).__name__}; keep other values as attributes of ctx"
                )
        self._to_save = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Outputs that carry no gradient; integer and bool outputs never do."""
        self._no_grad_outputs = tuple(id(t) for t in tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept; in backward only."""
        node = self._node
        if node is None or node.saved is None:
            raise RuntimeError("saved_tensors can be read while backward of this Function runs, and not after it")
        return tuple(unpack(node, s, self._keep) for s in node.saved)


class Function:
    """Subclass with static `forward(ctx, *args)` and `backward(ctx, *cotangents)`, then call `apply`.

    backward gets one cotangent per output (zeros where none came) and returns one gradient or None per argument of
    forward.
    """

    @staticmethod
    def forward(ctx: FunctionContext, *args: Any) -> Any:
        """Compute the result; runs unrecorded."""
        raise NotImplementedError("a Function needs a static forward(ctx, *args)")

    @staticmethod
    def backward(ctx: FunctionContext, *cotangents: Any) -> Any:
        """One gradient (or None) per argument of forward."""
        raise NotImplementedError("a Function needs a static backward(ctx, *cotangents)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward and record backward; RuntimeError for tensors of an open vmap or jvp."""
        for a in args:
            if isinstance(a, Tensor) and a._flags & LEVEL:
                a._data.level.check()
                raise RuntimeError(
                    f"{cls.__name__} is a custom Function and has no rule for {a._data.level.kind}; "
                    "write it in ops, or apply it outside"
                )
        ctx = FunctionContext()
        ctx.needs_input_grad = needs = tuple([isinstance(a, Tensor) and bool(a.requires_grad) for a in args])
        with no_grad():
            out = cls.forward(ctx, *args)
        if not (tls.grad and any(needs)):
            ctx._to_save = ()
            return out
        given = out if isinstance(out, tuple) else (out,)
        outs: list[Tensor] = []
        for o in given:
            if not isinstance(o, Tensor):
                raise TypeError(
                    f"{cls.__name__}.forward must return a tensor or a tuple of tensors, got {type(o).__name__}"
                )
            # an argument, or anything that already has a place in a graph, is returned under a handle of its own
            twice = any(o is a for a in args) or any(o is p for p in outs) or bool(o._flags & GRAD)
            outs.append(detached(o) if twice else o)
        edges = tuple([a._edge if isinstance(a, Tensor) else None for a in args])
        mask = sum([1 << i for i, need in enumerate(needs) if need])
        plan = Plan(cls.__name__, _rule(cls, ctx), mask, tuple(range(len(ctx._to_save))))
        node = new_node(plan, edges, [(o._data.shape, o._data.dtype) for o in outs], user_location(2))
        index = {id(o): i for i, o in enumerate(given)}
        node.saved = tuple([save(t, ~index[id(t)] if id(t) in index else 0, None) for t in ctx._to_save])
        ctx._to_save = ()
        for i, o in enumerate(outs):
            if id(given[i]) not in ctx._no_grad_outputs and o.dtype.category == FLOAT:
                set_edge(o, node if i == 0 else Port(node, i))
        return tuple(outs) if isinstance(out, tuple) else outs[0]


def _rule(cls: type[Function], ctx: FunctionContext) -> Any:
    def rule(context: Context, *g: Tensor | None) -> Any:
        node = context.node
        keep = context.keeps_graph
        full = [
            zeros(shape, dtype=from_numpy_dtype(dtype)) if gi is None else gi
            for gi, (shape, dtype) in zip(g, metas_of(node), strict=True)
        ]
        ctx._node, ctx._keep = node, keep
        try:
            with set_grad_enabled(keep):
                grads = cls.backward(ctx, *full)
        finally:
            ctx._node = None
        return _checked(cls.__name__, node, grads)

    return rule


def _checked(name: str, node: Node, given: Any) -> tuple[Any, ...]:
    grads = given if isinstance(given, tuple) else (given,)
    if len(grads) != len(node.edges):
        raise RuntimeError(
            f"{name}.backward returned {len(grads)} gradients; "
            f"forward has {len(node.edges)} arguments, and each needs one (or None)"
        )
    for i, (g, edge) in enumerate(zip(grads, node.edges, strict=True)):
        if g is None:
            continue
        if not isinstance(g, Tensor):
            raise TypeError(f"{name}.backward must return tensors or None, gradient {i} is {type(g).__name__}")
        if edge is not None and tuple(g.shape) != tuple(edge.shape):
            raise RuntimeError(
                f"{name}.backward returned a gradient of shape {g.shape} for argument {i} of shape {tuple(edge.shape)}"
            )
    return grads
