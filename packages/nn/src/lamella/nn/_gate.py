"""The identity at which backward hooks of modules stand; loaded with the first such hook."""

from __future__ import annotations

from typing import Any

from lamella.autograd import Function

__all__ = ["Gate"]


class Gate(Function):
    """Tensors as they are; in backward, fn(gradients) replaces their gradients (None where none came)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(ctx: Any, fn: Any, *tensors: Any) -> Any:
        ctx.fn = fn
        ctx.set_materialize_grads(False)
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.fn(grads))
