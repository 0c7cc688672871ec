"""Layers as functions: every argument given, nothing kept."""

from ._attention import multi_head_attention_forward, scaled_dot_product_attention
from ._basic import dropout, embedding, gelu, linear, log_softmax, one_hot, relu, sigmoid, softmax, tanh
from ._convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from ._grid import affine_grid, grid_sample
from ._layout import channel_shuffle, fold, native_channel_shuffle, pixel_shuffle, pixel_unshuffle, unfold
from ._loss import cross_entropy, mse_loss
from ._normalization import batch_norm, layer_norm
from ._padding import pad
from ._pooling import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d, adaptive_max_pool2d,
    adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, lp_pool1d, lp_pool2d, lp_pool3d, max_pool1d, max_pool2d,
    max_pool3d, max_unpool1d, max_unpool2d, max_unpool3d,
)  # fmt: skip
from ._resize import interpolate, upsample, upsample_bilinear, upsample_nearest

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "affine_grid", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "channel_shuffle",
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cross_entropy",
    "dropout", "embedding", "fold", "gelu", "grid_sample", "interpolate", "layer_norm", "linear", "log_softmax",
    "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "mse_loss", "multi_head_attention_forward", "native_channel_shuffle", "one_hot", "pad",
    "pixel_shuffle", "pixel_unshuffle", "relu", "scaled_dot_product_attention", "sigmoid", "softmax", "tanh", "unfold",
    "upsample", "upsample_bilinear", "upsample_nearest",
]  # fmt: skip
