"""The one name `grad`: of tensors, as torch.autograd.grad, and of functions, as a transform."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor

from ._api import grad_of
from ._transforms import transform_grad

__all__ = ["grad"]


def grad(of: Any, *args: Any, **kwargs: Any) -> Any:
    """`grad(f, argnums=0, has_aux=False)` is a function that returns f's gradient; `grad(outputs, inputs, ...)` are
    gradients of tensors.

    The second form takes grad_outputs, retain_graph, create_graph, allow_unused and materialize_grads, and returns a
    tuple.
    """
    if isinstance(of, (Tensor, tuple, list)):
        return grad_of(of, *args, **kwargs)
    if callable(of):
        return transform_grad(of, *args, **kwargs)
    raise TypeError(f"grad takes a function, a tensor or a sequence of tensors, got {type(of).__name__}")
