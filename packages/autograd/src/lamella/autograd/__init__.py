"""Automatic differentiation in thin layers: a tape, backward, and the transforms grad, vjp, jvp, vmap and Jacobians."""

from lamella.tensor import enable_grad, is_grad_enabled, no_grad, set_grad_enabled

from ._api import backward
from ._checkpoint import checkpoint
from ._function import Function, FunctionContext
from ._grad import grad
from ._jacobian import hessian, jacfwd, jacrev
from ._transforms import jvp, value_and_grad, vjp, vmap

__version__ = "0.1.0"

__all__ = [
    "Function",
    "FunctionContext",
    "__version__",
    "backward",
    "checkpoint",
    "enable_grad",
    "grad",
    "hessian",
    "is_grad_enabled",
    "jacfwd",
    "jacrev",
    "jvp",
    "no_grad",
    "set_grad_enabled",
    "value_and_grad",
    "vjp",
    "vmap",
]
