"""Dense layers, embeddings, activations, normalization, distances and containers."""

from __future__ import annotations

from integration.oracle.inputs import In
from integration.oracle.module_row import ModuleRow

__all__ = ["ROWS"]

_X = In((4, 6))
_WIDE = In((3, 5, 8))
_IMAGE = In((4, 6, 5, 3))
_INDEX = In((3, 5), "index", 7)

_ACTIVATIONS = (
    "ReLU()", "ReLU6()", "ELU()", "ELU(alpha=0.5)", "SELU()", "CELU(alpha=2.0)", "GELU()", "GELU(approximate='tanh')",
    "SiLU()", "Mish()", "Softplus()", "Softplus(beta=2, threshold=1)", "Softsign()", "Tanhshrink()", "Tanh()",
    "Sigmoid()", "Hardtanh()", "Hardtanh(-0.3, 0.6)", "Hardswish()", "Hardshrink(0.3)",
    "Softshrink(0.3)", "LeakyReLU(0.2)", "PReLU()", "Threshold(0.1, 2.0)", "GLU(dim=1)", "LogSigmoid()",
    "Softmax(dim=1)", "LogSoftmax(dim=0)", "Softmin(dim=1)",
)  # fmt: skip

_NORMS = [
    ModuleRow("nn.BatchNorm1d(6)", (_X,)),
    ModuleRow("nn.BatchNorm1d(6, momentum=None, eps=1e-3)", (In((4, 6, 5)),)),
    ModuleRow("nn.BatchNorm1d(6)", (_X,), train=False),
    ModuleRow("nn.BatchNorm2d(6)", (_IMAGE,)),
    ModuleRow("nn.BatchNorm2d(6, affine=False)", (_IMAGE,)),
    ModuleRow("nn.BatchNorm2d(6, track_running_stats=False)", (_IMAGE,), train=False),
    ModuleRow("nn.BatchNorm3d(6, momentum=0.3)", (In((2, 6, 3, 2, 4)),)),
    ModuleRow("nn.InstanceNorm1d(6)", (In((4, 6, 5)),)),
    ModuleRow("nn.InstanceNorm2d(6, affine=True)", (_IMAGE,)),
    ModuleRow("nn.InstanceNorm2d(6, affine=True, track_running_stats=True)", (_IMAGE,)),
    ModuleRow("nn.InstanceNorm2d(6, track_running_stats=True)", (_IMAGE,), train=False),
    ModuleRow("nn.InstanceNorm3d(3)", (In((2, 3, 3, 2, 4)),)),
    ModuleRow("nn.LayerNorm(8)", (_WIDE,)),
    ModuleRow("nn.LayerNorm((5, 8), eps=1e-3)", (_WIDE,)),
    ModuleRow("nn.LayerNorm(8, bias=False)", (_WIDE,)),
    ModuleRow("nn.LayerNorm(8, elementwise_affine=False)", (_WIDE,)),
    ModuleRow("nn.RMSNorm(8)", (_WIDE,)),
    ModuleRow("nn.RMSNorm((5, 8), eps=1e-3, elementwise_affine=False)", (_WIDE,)),
    ModuleRow("nn.GroupNorm(2, 6)", (_IMAGE,)),
    ModuleRow("nn.GroupNorm(2, 6, affine=False)", (In((4, 6, 3)),)),
    ModuleRow("nn.LocalResponseNorm(3)", (_IMAGE,)),
    ModuleRow("nn.LocalResponseNorm(2, alpha=0.5, beta=0.5, k=2.0)", (In((2, 5, 4)),)),
]

_DENSE = [
    ModuleRow("nn.Linear(6, 3)", (_X,)),
    ModuleRow("nn.Linear(8, 3, bias=False)", (_WIDE,)),
    ModuleRow("nn.Bilinear(6, 4, 3)", (_X, In((4, 4)))),
    ModuleRow("nn.Bilinear(6, 4, 3, bias=False)", (In((2, 3, 6)), In((2, 3, 4)))),
    ModuleRow("nn.Embedding(7, 4)", (_INDEX,)),
    ModuleRow("nn.Embedding(7, 4, padding_idx=2)", (_INDEX,)),
    # the oracle's factor has the precision of float32
    ModuleRow("nn.Embedding(7, 4, scale_grad_by_freq=True)", (_INDEX,), dtypes=("float32",)),
    ModuleRow("nn.Embedding(7, 4, max_norm=1.0)", (_INDEX,)),
    ModuleRow("nn.EmbeddingBag(7, 4)", (_INDEX,)),
    ModuleRow("nn.EmbeddingBag(7, 4, mode='sum', padding_idx=1)", (_INDEX,)),
    ModuleRow("nn.EmbeddingBag(7, 4, mode='max')", (_INDEX,)),
    ModuleRow("nn.EmbeddingBag(7, 4, mode='sum')", (In((6,), "index", 7),), "m(xs[0], lib.tensor([0, 2, 2, 5]))"),
    ModuleRow(
        "nn.EmbeddingBag(7, 4, mode='mean', include_last_offset=True)", (In((6,), "index", 7),),
        "m(xs[0], lib.tensor([0, 2, 6]))",
    ),
    ModuleRow("nn.EmbeddingBag(7, 4, mode='sum')", (_INDEX, In((3, 5))), "m(xs[0], per_sample_weights=xs[1])"),
    ModuleRow("nn.CosineSimilarity(dim=1)", (_X, _X)),
    ModuleRow("nn.PairwiseDistance(p=2.0)", (_X, In((6,)))),
    ModuleRow("nn.PairwiseDistance(p=1.0, keepdim=True)", (_X, In((4, 6)))),
    ModuleRow("nn.Flatten(1, 2)", (_IMAGE,)),
    ModuleRow("nn.Unflatten(1, (2, 3))", (_X,)),
    ModuleRow("nn.Identity()", (_X,)),
    ModuleRow("nn.Hardsigmoid()", (_X,), dtypes=("float32",)),  # the oracle's sixth has the precision of float32
    ModuleRow("nn.Softmax2d()", (_IMAGE,)),
    ModuleRow("nn.RReLU()", (_X,), train=False),
    ModuleRow("nn.Dropout(0.3)", (_X,), train=False),
    ModuleRow("nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Dropout(0.0), nn.Linear(3, 2))", (_X,)),
    ModuleRow("nn.ModuleList([nn.Linear(6, 6), nn.ReLU()])", (_X,), "m[1](m[0](*xs))"),
    ModuleRow("nn.ModuleDict({'a': nn.Linear(6, 6), 'b': nn.ReLU()})", (_X,), "m['b'](m['a'](*xs))"),
]  # fmt: skip

ROWS = [*[ModuleRow(f"nn.{text}", (_X,)) for text in _ACTIVATIONS], *_NORMS, *_DENSE]
