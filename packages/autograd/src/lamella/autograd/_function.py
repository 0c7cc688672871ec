"""Function: an op with a forward and a backward of the user's own."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, no_grad, set_grad_enabled, zeros
from lamella.tensor.extend import GRAD, LEVEL, detached, from_numpy_dtype, set_edge, tls, user_location

from ._tape import Node, Port, Vjp, _save, next_sequence, unpack

__all__ = ["Function", "FunctionContext"]


class FunctionContext:
    """Carries what forward leaves for backward: tensors through save_for_backward, anything else as attributes."""

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._node: Any = None
        self._keep = False
        self.needs_input_grad: tuple[bool, ...] = ()
        self._no_grad_outputs: tuple[int, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs of forward; writing into them afterwards is noticed in backward."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward takes tensors, got {type(t).__name__}; keep other values as attributes of ctx")
        self._to_save = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Outputs that carry no gradient."""
        self._no_grad_outputs = tuple(id(t) for t in tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept."""
        if self._node is None:
            return self._to_save
        if self._node.saved is None:
            raise RuntimeError("the graph was freed: a second backward needs retain_graph=True in the first")
        return tuple(unpack(self._node, s, self._keep) for s in self._node.saved)


class Function:
    """Subclass with static `forward(ctx, *args)` and `backward(ctx, *cotangents)` (one result per argument of forward), then call `apply`."""

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
        """Run forward and record backward."""
        tensors = [a for a in args if isinstance(a, Tensor)]
        for t in tensors:
            if t._flags & LEVEL:
                raise RuntimeError(
                    f"{cls.__name__} is a custom Function and has no rule for {t._data.level.kind}; write it in ops, or apply it outside"
                )
        ctx = FunctionContext()
        recording = tls.grad and any(t.requires_grad for t in tensors)
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and bool(a._flags & GRAD) for a in args)
        with no_grad():
            out = cls.forward(ctx, *args)
        if not recording:
            return out
        several = isinstance(out, tuple)
        outs = list(out) if several else [out]
        for i, o in enumerate(outs):
            if not isinstance(o, Tensor):
                raise TypeError(f"{cls.__name__}.forward must return tensors, got {type(o).__name__}")
            if any(o is a for a in args):
                outs[i] = detached(o)
        node: Any = object.__new__(Node)
        node.name = cls.__name__
        node.edges = [a._edge if isinstance(a, Tensor) else None for a in args]
        node.mask = sum(1 << i for i, e in enumerate(node.edges) if e is not None)
        node.params = {}
        node.seq = next_sequence()
        node.level = None
        node.hooks = node.pre_hooks = None
        node.location = user_location(2)
        node.metas = tuple((o._data.shape, o._data.dtype) for o in outs)
        index = {id(o): i for i, o in enumerate(out if several else (out,))}
        node.saved = tuple(_save(t, ~index[id(t)] if id(t) in index else 0, None) for t in ctx._to_save)
        node.plan = tuple(range(len(node.saved)))
        node.vjp = Vjp(_rule(cls, ctx, len(args)), ())
        ctx._node = node
        for i, o in enumerate(outs):
            if index and id((out if several else (out,))[i]) in ctx._no_grad_outputs:
                continue
            set_edge(o, node if i == 0 else Port(node, i))
        return tuple(outs) if several else outs[0]


def _rule(cls: type[Function], ctx: FunctionContext, count: int) -> Any:
    def rule(context: Any, *g: Any) -> Any:
        ctx._keep = context._keep
        full = [
            zeros(shape, dtype=from_numpy_dtype(dtype)) if gi is None else gi for gi, (shape, dtype) in zip(g, ctx._node.metas, strict=True)
        ]
        with set_grad_enabled(context._keep):
            grads = cls.backward(ctx, *full)
        grads = grads if isinstance(grads, tuple) else (grads,)
        if len(grads) != count:
            raise RuntimeError(f"{cls.__name__}.backward returned {len(grads)} gradients for the {count} arguments of forward")
        for i, gi in enumerate(grads):
            if gi is not None and not isinstance(gi, Tensor):
                raise TypeError(f"{cls.__name__}.backward must return tensors or None, gradient {i} is {type(gi).__name__}")
        return grads

    return rule
