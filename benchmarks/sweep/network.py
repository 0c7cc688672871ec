"""Layers and losses as functions."""

from __future__ import annotations

from benchmarks.sweep._row import SweepRow

__all__ = ["ROWS"]

_FLOATS = ("f32", "bf16")
_F32 = ("f32",)

ROWS: tuple[SweepRow, ...] = (
    SweepRow("conv2d", "F.conv2d(img, img[:1, :, :3, :3].contiguous(), padding=1)", _F32),
    SweepRow("max_pool2d", "F.max_pool2d(img, 2)", _F32),
    SweepRow("avg_pool2d", "F.avg_pool2d(img, 2)", _F32),
    SweepRow("adaptive_avg_pool2d", "F.adaptive_avg_pool2d(img, 5)", _F32),
    SweepRow("interpolate-nearest", "F.interpolate(img, scale_factor=2)", _F32),
    SweepRow("interpolate-bilinear", "F.interpolate(img, scale_factor=2, mode='bilinear')", _F32),
    SweepRow("unfold2d", "F.unfold(img, 3)", _F32),
    SweepRow("pixel_shuffle", "F.pixel_shuffle(img.reshape(1, 4, -1, 5), 2)", _F32),
    SweepRow("layer_norm", "F.layer_norm(m, (r,))", _FLOATS),
    SweepRow("layer_norm-affine", "F.layer_norm(m, (r,), v, v)", _FLOATS),
    SweepRow("rms_norm", "F.rms_norm(m, (r,), v)", _FLOATS),
    SweepRow("group_norm", "F.group_norm(img, 1)", _F32),
    SweepRow("batch_norm", "F.batch_norm(m, None, None, training=True)", _F32),
    SweepRow("attention", "F.scaled_dot_product_attention(m, m, m)", _FLOATS),
    SweepRow("dropout", "F.dropout(x, 0.5)", _FLOATS),
    SweepRow("cross_entropy", "F.cross_entropy(m, j)", _FLOATS),
    SweepRow("nll_loss", "F.nll_loss(m, j)", _F32),
    SweepRow("mse_loss", "F.mse_loss(x, y)", _FLOATS),
    SweepRow("l1_loss", "F.l1_loss(x, y)", _F32),
    SweepRow("smooth_l1_loss", "F.smooth_l1_loss(x, y)", _F32),
    SweepRow("huber_loss", "F.huber_loss(x, y)", _F32),
    SweepRow("binary_cross_entropy", "F.binary_cross_entropy(u, u.detach())", _F32),
    SweepRow("bce_with_logits", "F.binary_cross_entropy_with_logits(x, u.detach())", _F32),
    SweepRow("kl_div", "F.kl_div(x, u.detach(), reduction='batchmean')", _F32),
    SweepRow("cosine_similarity", "F.cosine_similarity(m, w)", _F32),
    SweepRow("normalize", "F.normalize(m)", _F32),
    SweepRow("one_hot", "F.one_hot(j)", ("i64",), False, ("100", "10k")),
)
