"""Custom Functions under the names of torch.autograd.function."""

from ._context import FunctionContext
from ._context import FunctionContext as FunctionCtx
from ._function import Function, once_differentiable

__all__ = ["Function", "FunctionContext", "FunctionCtx", "once_differentiable"]
