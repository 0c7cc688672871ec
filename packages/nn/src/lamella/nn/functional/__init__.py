"""Layers as functions: every argument given, nothing kept.

Written by `nox -s generate` from packages/nn/generate.py; edit that file, or the `__all__` of a family.
"""

from typing import TYPE_CHECKING

from lamella.interfaces import on_demand


if TYPE_CHECKING:
    from ._activation import (
        celu, celu_, elu, elu_, gelu, glu, gumbel_softmax, hardshrink, hardsigmoid, hardswish, hardtanh, hardtanh_,
        leaky_relu, leaky_relu_, log_softmax, logsigmoid, mish, prelu, relu, relu6, relu_, rrelu, rrelu_, selu, selu_,
        sigmoid, silu, softmax, softmin, softplus, softshrink, softsign, tanh, tanhshrink, threshold, threshold_,
    )  # fmt: skip
    from ._attention import attend, multi_head_attention_forward, scaled_dot_product_attention
    from ._convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
    from ._dense import bilinear, linear
    from ._distance import cosine_similarity, normalize, pairwise_distance, pdist
    from ._dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
    from ._embedding import embedding, embedding_bag, one_hot
    from ._grid import affine_grid, grid_sample
    from ._layout import channel_shuffle, fold, native_channel_shuffle, pixel_shuffle, pixel_unshuffle, unfold
    from ._loss import (
        binary_cross_entropy, binary_cross_entropy_with_logits, gaussian_nll_loss, huber_loss, kl_div, l1_loss,
        mse_loss, poisson_nll_loss, smooth_l1_loss, soft_margin_loss,
    )  # fmt: skip
    from ._loss_classes import (
        cross_entropy, multi_margin_loss, multilabel_margin_loss, multilabel_soft_margin_loss, nll_loss,
    )  # fmt: skip
    from ._loss_ctc import ctc_loss
    from ._loss_pairs import (
        cosine_embedding_loss, hinge_embedding_loss, margin_ranking_loss, triplet_margin_loss,
        triplet_margin_with_distance_loss,
    )  # fmt: skip
    from ._normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, rms_norm
    from ._padding import pad
    from ._pooling import (
        adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d, adaptive_max_pool2d,
        adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, lp_pool1d, lp_pool2d, lp_pool3d, max_pool1d,
        max_pool2d, max_pool3d, max_unpool1d, max_unpool2d, max_unpool3d,
    )  # fmt: skip
    from ._resize import interpolate, upsample, upsample_bilinear, upsample_nearest
else:
    __getattr__ = on_demand(
        __name__,
        {
            "_activation": (
                "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid",
                "hardswish", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid", "mish",
                "prelu", "relu", "relu6", "relu_", "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softmax",
                "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
            ),
            "_attention": ("attend", "multi_head_attention_forward", "scaled_dot_product_attention"),
            "_convolution": ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
            "_dense": ("bilinear", "linear"),
            "_distance": ("cosine_similarity", "normalize", "pairwise_distance", "pdist"),
            "_dropout": ("alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"),
            "_embedding": ("embedding", "embedding_bag", "one_hot"),
            "_grid": ("affine_grid", "grid_sample"),
            "_layout": (
                "channel_shuffle", "fold", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "unfold",
            ),
            "_loss": (
                "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss", "kl_div",
                "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
            ),
            "_loss_classes": (
                "cross_entropy", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
                "nll_loss",
            ),
            "_loss_ctc": ("ctc_loss",),
            "_loss_pairs": (
                "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "triplet_margin_loss",
                "triplet_margin_with_distance_loss",
            ),
            "_normalization": (
                "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm",
            ),
            "_padding": ("pad",),
            "_pooling": (
                "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
                "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d",
                "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d",
                "max_unpool3d",
            ),
            "_resize": ("interpolate", "upsample", "upsample_bilinear", "upsample_nearest"),
        },
    )  # fmt: skip


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "affine_grid", "alpha_dropout", "attend", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "batch_norm", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "celu_",
    "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "ctc_loss", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "elu", "elu_", "embedding", "embedding_bag", "feature_alpha_dropout", "fold", "gaussian_nll_loss",
    "gelu", "glu", "grid_sample", "group_norm", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "hardtanh_", "hinge_embedding_loss", "huber_loss", "instance_norm", "interpolate", "kl_div",
    "l1_loss", "layer_norm", "leaky_relu", "leaky_relu_", "linear", "local_response_norm", "log_softmax",
    "logsigmoid", "lp_pool1d", "lp_pool2d", "lp_pool3d", "margin_ranking_loss", "max_pool1d", "max_pool2d",
    "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d", "mish", "mse_loss", "multi_head_attention_forward",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "native_channel_shuffle",
    "nll_loss", "normalize", "one_hot", "pad", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle",
    "poisson_nll_loss", "prelu", "relu", "relu6", "relu_", "rms_norm", "rrelu", "rrelu_",
    "scaled_dot_product_attention", "selu", "selu_", "sigmoid", "silu", "smooth_l1_loss", "soft_margin_loss",
    "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
    "triplet_margin_loss", "triplet_margin_with_distance_loss", "unfold", "upsample", "upsample_bilinear",
    "upsample_nearest",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
