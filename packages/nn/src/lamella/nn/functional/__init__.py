"""Layers as functions: every argument given, nothing kept."""

from ._attention import scaled_dot_product_attention
from ._basic import dropout, embedding, gelu, linear, log_softmax, one_hot, pad, relu, sigmoid, softmax, tanh
from ._convolution import avg_pool2d, conv2d, max_pool2d
from ._loss import cross_entropy, mse_loss
from ._normalization import batch_norm, layer_norm

__all__ = [
    "avg_pool2d", "batch_norm", "conv2d", "cross_entropy", "dropout", "embedding", "gelu", "layer_norm", "linear",
    "log_softmax", "max_pool2d", "mse_loss", "one_hot", "pad", "relu", "scaled_dot_product_attention", "sigmoid",
    "softmax", "tanh",
]  # fmt: skip
