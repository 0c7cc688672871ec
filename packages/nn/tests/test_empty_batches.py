"""A batch without examples goes through every module: the shapes of a batch of two with 0 for it, and no gradient.

Where an example has no part in a gradient, it is zero, not nan.
"""

import inspect
import math

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn

N = -2  # stands for the batch in a shape
X, LINE, IMAGE, VOLUME = (N, 4), (N, 4, 6), (N, 4, 6, 6), (N, 4, 6, 6, 6)
SPACE = {1: LINE, 2: IMAGE, 3: VOLUME}
INDEX = ("index", N, 3)


def windows():
    for n, shape in SPACE.items():
        for name in ("MaxPool", "AvgPool", "LPPool", "AdaptiveAvgPool", "AdaptiveMaxPool"):
            yield f"{name}{n}d({'2, 2' if name == 'LPPool' else '2'})", shape
        yield f"Conv{n}d(4, 6, 3, padding=1)", shape
        yield f"ConvTranspose{n}d(4, 6, 3, stride=2)", shape
        for name in ("Reflection", "Replication", "Circular", "Zero"):
            yield f"{name}Pad{n}d(1)", shape
        yield f"ConstantPad{n}d(1, 2.0)", shape
        yield f"BatchNorm{n}d(4)", shape
        yield f"BatchNorm{n}d(4).eval()", shape
        yield f"InstanceNorm{n}d(4, affine=True, track_running_stats=True)", shape
        yield f"Dropout{n}d()", shape
    for text in ("scale_factor=2", "size=5, mode='bilinear'"):
        yield f"Upsample({text})", IMAGE
    for name in ("Nearest", "Bilinear"):
        yield f"Upsampling{name}2d(scale_factor=2)", IMAGE
    yield from [("Fold((4, 4), 2)", (N, 8, 9)), ("Unfold(2)", IMAGE), ("PixelShuffle(2)", IMAGE)]
    yield from [("PixelUnshuffle(2)", IMAGE), ("ChannelShuffle(2)", IMAGE)]


POINTWISE = [
    "CELU()", "ELU()", "GELU()", "GLU()", "Hardshrink()", "Hardsigmoid()",
    "Hardswish()", "Hardtanh()", "Identity()", "LeakyReLU()", "LogSigmoid()", "LogSoftmax(1)",
    "Mish()", "PReLU(4)", "RReLU()", "ReLU()", "ReLU6()", "SELU()",
    "SiLU()", "Sigmoid()", "Softmax(1)", "Softmin(1)", "Softplus()", "Softshrink()",
    "Softsign()", "Tanh()", "Tanhshrink()", "Threshold(0.1,2.0)", "Dropout()", "AlphaDropout()",
    "FeatureAlphaDropout()", "RMSNorm(4)", "LayerNorm(4)", "Linear(4,3)", "BatchNorm1d(4)", "Unflatten(1,(2,2))",
]  # fmt: skip
MODULES = [
    *windows(),
    *((text, X) for text in POINTWISE),
    ("Softmax2d()", IMAGE), ("Flatten()", IMAGE), ("GroupNorm(2, 4)", IMAGE), ("LocalResponseNorm(2)", LINE),
    ("Linear(6, 3)", LINE),
    ("LayerNorm((4, 6))", LINE), ("Bilinear(4, 4, 3)", X, X), ("CosineSimilarity()", X, X),
    ("PairwiseDistance()", X, X), ("Embedding(5, 3)", INDEX), ("EmbeddingBag(5, 3)", INDEX),
    ("RNNCell(4, 3)", X), ("LSTMCell(4, 3)", X), ("GRUCell(4, 3)", X),
    ("RNN(4, 3, bidirectional=True)", (5, N, 4)), ("LSTM(4, 3, 2, batch_first=True)", (N, 5, 4)),
    ("GRU(4, 3)", (5, N, 4)), ("MultiheadAttention(4, 2, batch_first=True)", *[(N, 3, 4)] * 3),
    ("MultiheadAttention(4, 2)", *[(3, N, 4)] * 3), ("TransformerEncoderLayer(4, 2, 8)", (3, N, 4)),
    ("TransformerDecoderLayer(4, 2, 8)", *[(3, N, 4)] * 2), ("Transformer(4, 2, 1, 1, 8)", *[(3, N, 4)] * 2),
    ("TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1)", (3, N, 4)),
    ("TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 1)", *[(3, N, 4)] * 2),
    ("Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())", X),
]  # fmt: skip
ELEMENTS = [
    "L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss",
    "KLDivLoss", "SoftMarginLoss", "HingeEmbeddingLoss", "PoissonNLLLoss", "MultiLabelSoftMarginLoss",
]  # fmt: skip
LOSSES = [
    *((name, X, X) for name in ELEMENTS),
    ("CrossEntropyLoss", X, ("index", N)), ("NLLLoss", X, ("index", N)), ("MultiMarginLoss", X, ("index", N)),
    ("MultiLabelMarginLoss", X, ("index", N, 4)), ("MarginRankingLoss", (N,), (N,), (N,)),
    ("CosineEmbeddingLoss", X, X, (N,)), ("TripletMarginLoss", X, X, X), ("GaussianNLLLoss", X, X, X),
    ("TripletMarginWithDistanceLoss", X, X, X),
]  # fmt: skip
# bases and containers, which compute nothing; what takes indices of a pooling; lengths that are a part of the input
OTHERS = {
    "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "RNNBase", "RNNCellBase", "CTCLoss",
    "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
}  # fmt: skip


def made(text):
    return eval(f"nn.{text}", {"nn": nn})


def operands(shapes, batch):
    xs = []
    for shape in shapes:
        kind, dims = ("index", shape[1:]) if shape[0] == "index" else ("float", shape)
        dims = [batch if d == N else d for d in dims]
        xs.append(lt.zeros(*dims, dtype=lt.int64) if kind == "index" else lt.rand(*dims))
    return xs


def tensors(out):
    return [t for o in out for t in tensors(o)] if isinstance(out, (tuple, list)) else [] if out is None else [out]


def test_every_module_stands_in_a_table():
    modules = {n for n in nn.__all__ if inspect.isclass(getattr(nn, n)) and issubclass(getattr(nn, n), nn.Module)}
    named = {row[0].split("(")[0] for row in MODULES} | {row[0] for row in LOSSES} | OTHERS
    assert modules == named


@pytest.mark.parametrize("row", MODULES, ids=lambda row: f"{row[0]} {len(row[1])}")
def test_a_module(row):
    text, *shapes = row
    module = made(text)
    two = [t.shape for t in tensors(module(*operands(shapes, 2)))]
    before = {name: b.clone() for name, b in module.named_buffers()}
    xs = operands(shapes, 0)
    for x in xs:
        x.requires_grad_(x.is_floating_point())
    outs = tensors(module(*xs))
    for out, full in zip(outs, two, strict=True):
        assert not out.numel()
        assert len(out.shape) == len(full)
        # the dim of the batch is the one that differs
        assert all(a == b or (a == 0 and b % 2 == 0) for a, b in zip(out.shape, full, strict=True))
    followed = [out for out in outs if out.requires_grad]
    sum((out.sum() for out in followed), lt.zeros(())).backward()
    for x in xs:
        assert x.grad is None or x.grad.shape == x.shape
    for name, p in module.named_parameters():
        assert p.grad is None or not p.grad.numpy().any(), name  # nan counts as something
    for name, b in module.named_buffers():
        assert name.endswith("num_batches_tracked") or np.array_equal(b.numpy(), before[name].numpy()), name


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row[0])
@pytest.mark.filterwarnings("ignore:reduction='mean' divides")
def test_a_loss(row, reduction):
    name, *shapes = row
    loss = getattr(nn, name)(reduction=reduction)
    x, *others = operands(shapes, 0)
    x.requires_grad_()
    out = loss(x, *others)
    if reduction == "none":
        assert not out.numel()
        out = out.sum()
    assert math.isnan(out.item()) if reduction == "mean" else out.item() == 0
    out.backward()
    assert x.grad.shape == x.shape


def test_recurrent_layers_need_a_step_all_the_same():
    with pytest.raises(ValueError, match="LSTM needs at least one step"):
        nn.LSTM(3, 4)(lt.ones(0, 2, 3))


def test_one_value_per_channel_is_no_batch():
    with pytest.raises(ValueError, match="more than one value per channel"):
        nn.BatchNorm1d(3)(lt.ones(1, 3))
