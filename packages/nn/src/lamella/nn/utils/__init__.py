"""Helpers over modules and collections of parameters."""

from typing import TYPE_CHECKING

from lamella.interfaces import on_demand

if TYPE_CHECKING:
    from . import parametrizations, parametrize, rnn, stateless
    from ._clip import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
    from ._fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
    from ._older_norms import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm
    from ._skip import skip_init
    from ._vector import parameters_to_vector, vector_to_parameters
else:
    __getattr__ = on_demand(
        __name__,
        {
            "parametrizations": ("parametrizations",),
            "parametrize": ("parametrize",),
            "rnn": ("rnn",),
            "stateless": ("stateless",),
            "_clip": ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"),
            "_fusion": (
                "fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights",
            ),
            "_older_norms": ("remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"),
            "_skip": ("skip_init",),
            "_vector": ("parameters_to_vector", "vector_to_parameters"),
        },
    )  # fmt: skip

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "fuse_conv_bn_eval", "fuse_conv_bn_weights",
    "fuse_linear_bn_eval", "fuse_linear_bn_weights", "get_total_norm", "parameters_to_vector", "parametrizations",
    "parametrize", "remove_spectral_norm", "remove_weight_norm", "rnn", "skip_init", "spectral_norm", "stateless",
    "vector_to_parameters", "weight_norm",
]  # fmt: skip
