"""Automatic differentiation in thin layers: a tape, backward, and the transforms grad, vjp, jvp, vmap and Jacobians."""

from typing import TYPE_CHECKING

from lamella.interfaces import on_demand
from lamella.tensor import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

from ._anomaly import detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
from ._api import backward
from ._context import FunctionContext
from ._function import Function, once_differentiable
from ._grad import grad
from ._transforms import grad_and_value, jvp, value_and_grad, vjp, vmap

if TYPE_CHECKING:
    from . import forward_ad, functional, graph
    from ._control._api import cond, map, scan, while_loop
    from ._checkpoint import checkpoint, checkpoint_sequential
    from ._custom import custom_op
    from ._gradcheck import GradcheckError, gradcheck, gradgradcheck
    from ._jacobian import hessian, jacfwd, jacrev
else:
    __getattr__ = on_demand(
        __name__,
        {
            "forward_ad": ("forward_ad",),
            "functional": ("functional",),
            "graph": ("graph",),
            "_control._api": ("cond", "map", "scan", "while_loop"),
            "_checkpoint": ("checkpoint", "checkpoint_sequential"),
            "_custom": ("custom_op",),
            "_gradcheck": ("GradcheckError", "gradcheck", "gradgradcheck"),
            "_jacobian": ("hessian", "jacfwd", "jacrev"),
        },
    )

__version__ = "0.1.0"

__all__ = [
    "Function", "FunctionContext", "GradcheckError", "__version__", "backward", "checkpoint", "checkpoint_sequential",
    "cond", "custom_op", "detect_anomaly", "enable_grad", "forward_ad", "functional", "grad", "grad_and_value",
    "gradcheck", "gradgradcheck", "graph", "hessian", "inference_mode", "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled", "is_grad_enabled", "is_inference_mode_enabled", "jacfwd", "jacrev", "jvp", "map", "no_grad",
    "once_differentiable", "scan", "set_detect_anomaly", "set_grad_enabled", "value_and_grad", "vjp", "vmap",
    "while_loop",
]  # fmt: skip
