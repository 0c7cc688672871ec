"""Layers against numpy formulas in float64, and their gradients against finite differences."""

import math

import numpy as np
import pytest

import lamella.nn.functional as F
import lamella.tensor as lt
from lamella import nn

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def t(array):
    return lt.tensor(array, dtype=lt.float64 if np.asarray(array).dtype.kind == "f" else lt.int64)


def close(got, want, tolerance=1e-11):
    got = got.detach().numpy() if isinstance(got, lt.Tensor) else got
    assert got.shape == np.shape(want)
    assert np.max(np.abs(got - want), initial=0) <= tolerance * max(1.0, np.max(np.abs(want), initial=0))


erf = np.vectorize(math.erf)


def linear(x, w, b):
    return x @ w.T + b


def conv2d(x, w, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    n, _, h, wide = x.shape
    o, cg, kh, kw = w.shape
    oh, ow = (h - dh * (kh - 1) - 1) // sh + 1, (wide - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((n, o, oh, ow))
    for at in range(o):
        first = at // (o // groups) * cg
        for i in range(oh):
            for j in range(ow):
                patch = x[:, first : first + cg, i * sh : i * sh + dh * kh : dh, j * sw : j * sw + dw * kw : dw]
                y[:, at, i, j] = (patch * w[at]).sum((1, 2, 3)) + b[at]
    return y


def pool(x, kernel, stride, padding, fill, reduce):
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    windows = [[x[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw] for j in range(ow)] for i in range(oh)]
    return np.stack([np.stack([reduce(w, axis=(2, 3)) for w in row], -1) for row in windows], -2)


def softmax(x, dim):
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def layer_norm(x, w, b, dims, eps):
    c = x - x.mean(dims, keepdims=True)
    return c / np.sqrt((c * c).mean(dims, keepdims=True) + eps) * w + b


def channel(v, x):
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))


def batch_norm(x, w, b, eps):
    dims = (0, *range(2, x.ndim))
    mean, var = x.mean(dims), x.var(dims)
    return (x - channel(mean, x)) / np.sqrt(channel(var, x) + eps) * channel(w, x) + channel(b, x)


X4 = normal(2, 4, 6, 5)
W4 = normal(6, 2, 3, 2)
B6 = normal(6)
X3 = normal(3, 4, 5)
W5 = normal(5)
TABLE = normal(7, 3)
INDEX = np.array([[0, 6, 2], [2, 2, -1]])
BIG = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
VALUES = [
    ("linear", lambda x, w, b: F.linear(x, w, b), linear, (X3, normal(2, 5), normal(2))),
    ("conv2d", lambda x, w, b: F.conv2d(x, w, b), conv2d, (X4, normal(6, 4, 3, 2), B6)),
    ("conv2d all", lambda x, w, b: F.conv2d(x, w, b, **BIG), lambda x, w, b: conv2d(x, w, b, **BIG), (X4, W4, B6)),
    ("relu", F.relu, lambda x: np.maximum(x, 0), (X3,)),
    ("gelu", F.gelu, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, (X3,)),
    (
        "gelu tanh",
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        (X3,),
    ),
    ("sigmoid", F.sigmoid, lambda x: 1 / (1 + np.exp(-x)), (X3,)),
    ("tanh", F.tanh, np.tanh, (X3,)),
    ("softmax", lambda x: F.softmax(x, 1), lambda x: softmax(x, 1), (X3,)),
    ("log_softmax", lambda x: F.log_softmax(x, -1), lambda x: np.log(softmax(x, -1)), (X3,)),
    (
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (5,), w, b),
        lambda x, w, b: layer_norm(x, w, b, -1, 1e-5),
        (X3, W5, normal(5)),
    ),
    (
        "batch_norm training",
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: batch_norm(x, w, b, 1e-5),
        (X4, normal(4), normal(4)),
    ),
    (
        "batch_norm eval",
        lambda x, w, b: F.batch_norm(x, t(np.arange(4.0)), t(np.arange(4.0) + 1), w, b),
        lambda x, w, b: (
            (x - channel(np.arange(4.0), x)) / np.sqrt(channel(np.arange(4.0) + 1, x) + 1e-5) * channel(w, x)
            + channel(b, x)
        ),
        (X4, normal(4), normal(4)),
    ),
    ("mse_loss", lambda x: F.mse_loss(x, t(X3 * 0.5)), lambda x: np.mean((x - X3 * 0.5) ** 2), (X3,)),
    (
        "mse_loss sum",
        lambda x: F.mse_loss(x, t(X3 * 0.5), reduction="sum"),
        lambda x: np.sum((x - X3 * 0.5) ** 2),
        (X3,),
    ),
    ("mse_loss none", lambda x: F.mse_loss(x, t(X3 * 0), reduction="none"), lambda x: x**2, (X3,)),
    (
        "cross_entropy",
        lambda x: F.cross_entropy(x, t(np.array([1, 0, 3]))),
        lambda x: -np.mean(np.log(softmax(x, 1))[range(3), [1, 0, 3]]),
        (normal(3, 4),),
    ),
    (
        "cross_entropy smooth, ignoring",
        lambda x: F.cross_entropy(x, t(np.array([1, -7, 3])), ignore_index=-7, label_smoothing=0.2),
        lambda x: (
            -np.mean(
                [0.8 * np.log(softmax(x, 1))[i, c] + 0.2 * np.log(softmax(x, 1))[i].mean() for i, c in ((0, 1), (2, 3))]
            )
        ),
        (normal(3, 4),),
    ),
    ("max_pool2d", lambda x: F.max_pool2d(x, 2), lambda x: pool(x, (2, 2), (2, 2), (0, 0), 0, np.max), (X4,)),
    (
        "max_pool2d all",
        lambda x: F.max_pool2d(x, (3, 2), (1, 2), 1),
        lambda x: pool(x, (3, 2), (1, 2), (1, 1), -np.inf, np.max),
        (X4,),
    ),
    (
        "avg_pool2d",
        lambda x: F.avg_pool2d(x, (3, 2), (1, 2), 1),
        lambda x: pool(x, (3, 2), (1, 2), (1, 1), 0, np.mean),
        (X4,),
    ),
    ("embedding", lambda w: F.embedding(t(INDEX), w), lambda w: w[INDEX], (TABLE,)),
    (
        "attention",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        lambda q, k, v: softmax(q @ k.swapaxes(-1, -2) / math.sqrt(5), -1) @ v,
        (normal(2, 3, 5), normal(2, 4, 5), normal(2, 4, 6)),
    ),
    (
        "attention causal, scaled",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
        lambda q, k, v: softmax(np.where(np.tri(4, dtype=bool), q @ k.swapaxes(-1, -2) * 0.3, -np.inf), -1) @ v,
        (normal(2, 4, 5), normal(2, 4, 5), normal(2, 4, 6)),
    ),
]


@pytest.mark.parametrize(("ours", "formula", "arrays"), [v[1:] for v in VALUES], ids=[v[0] for v in VALUES])
def test_values_and_gradients(ours, formula, arrays):
    tensors = [t(a).requires_grad_() for a in arrays]
    out = ours(*tensors)
    close(out, formula(*arrays))
    weight = np.cos(np.arange(out.numel(), dtype=float)).reshape(out.shape)
    (out * t(weight)).sum().backward()
    for i, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):
        numeric = np.zeros_like(array)
        for at in np.ndindex(array.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = [a.copy() for a in arrays]
                moved[i][at] += step
                sides.append(float((formula(*moved) * weight).sum()))
            numeric[at] = (sides[0] - sides[1]) / 2e-5
        close(tensor.grad, numeric, 1e-6)


@pytest.mark.parametrize("kernel", [1, 2, 3, (2, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_keeps_the_size(kernel, dilation):
    layer = nn.Conv2d(3, 2, kernel, padding="same", dilation=dilation).double()
    x = normal(2, 3, 9, 12)
    y = layer(t(x))
    assert y.shape == (2, 2, 9, 12)
    kh, kw = layer.kernel_size
    total = (dilation * (kh - 1), dilation * (kw - 1))
    around = [(s // 2, s - s // 2) for s in total]
    padded = np.pad(x, ((0, 0), (0, 0), *around))
    w, b = (p.detach().numpy() for p in (layer.weight, layer.bias))
    close(y, conv2d(padded, w, b, dilation=(dilation, dilation)))


def test_one_image_is_a_batch_of_one():
    x = t(normal(3, 6, 6))
    for layer in (nn.Conv2d(3, 2, 3).double(), nn.MaxPool2d(2), nn.AvgPool2d(2, padding=1)):
        close(layer(x), layer(x.unsqueeze(0)).detach().numpy()[0])


@pytest.mark.parametrize(
    ("layer", "x", "formula"),
    [
        (nn.ReLU(), X3, lambda x: np.maximum(x, 0)),
        (nn.GELU("tanh"), X3, lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        (nn.Sigmoid(), X3, lambda x: 1 / (1 + np.exp(-x))),
        (nn.Tanh(), X3, np.tanh),
        (nn.Softmax(dim=0), X3, lambda x: softmax(x, 0)),
        (nn.LogSoftmax(dim=-1), X3, lambda x: np.log(softmax(x, -1))),
        (nn.Flatten(), X4, lambda x: x.reshape(2, -1)),
        (nn.Flatten(0, 1), X4, lambda x: x.reshape(8, 6, 5)),
        (nn.Identity(), X3, lambda x: x),
        (nn.Dropout(0.5).eval(), X3, lambda x: x),
        (nn.Dropout(0.0), X3, lambda x: x),
        (nn.Dropout(1.0), X3, lambda x: x * 0),
        (nn.MaxPool2d(3, 2, 1), X4, lambda x: pool(x, (3, 3), (2, 2), (1, 1), -np.inf, np.max)),
        (nn.AvgPool2d((2, 1)), X4, lambda x: pool(x, (2, 1), (2, 1), (0, 0), 0, np.mean)),
        (nn.LayerNorm((4, 5)), X3, lambda x: layer_norm(x, 1, 0, (1, 2), 1e-5)),
        (nn.LayerNorm(5, elementwise_affine=False), X3, lambda x: layer_norm(x, 1, 0, -1, 1e-5)),
        (nn.LayerNorm(5, bias=False), X3, lambda x: layer_norm(x, 1, 0, -1, 1e-5)),
        (nn.BatchNorm1d(4), X3, lambda x: batch_norm(x, np.ones(4), np.zeros(4), 1e-5)),
        (nn.BatchNorm2d(4, affine=False), X4, lambda x: batch_norm(x, np.ones(4), np.zeros(4), 1e-5)),
    ],
    ids=lambda v: repr(v) if isinstance(v, nn.Module) else "",
)
def test_layers_without_weights(layer, x, formula):
    close(layer.double()(t(x)), formula(x))


def test_layers_use_their_weights():
    for layer, x in ((nn.Linear(5, 2), X3), (nn.Linear(5, 2, bias=False), X3), (nn.Conv2d(4, 6, 3, bias=False), X4)):
        layer.double()
        w = layer.weight.detach().numpy()
        b = np.zeros(len(w)) if layer.bias is None else layer.bias.detach().numpy()
        close(layer(t(x)), (linear if isinstance(layer, nn.Linear) else conv2d)(x, w, b))
    table = nn.Embedding(7, 3)
    close(table(t(INDEX)), table.weight.detach().numpy()[INDEX])


@pytest.mark.parametrize("momentum", [0.1, 0.5, None])
@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (2, 3, 4, 5)])
def test_batch_norm_follows_the_batches(shape, momentum):
    layer = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(3, momentum=momentum).double()
    buffers = dict(layer.named_buffers())
    mean, var = np.zeros(3), np.ones(3)
    dims = (0, *range(2, len(shape)))
    for step in range(1, 6):
        x = normal(*shape) * step + step
        rate = 1 / step if momentum is None else momentum
        mean = (1 - rate) * mean + rate * x.mean(dims)
        var = (1 - rate) * var + rate * x.var(dims, ddof=1)
        layer(t(x))
        close(layer.running_mean, mean)
        close(layer.running_var, var)
        assert layer.num_batches_tracked.item() == step
    assert all(getattr(layer, k) is v for k, v in buffers.items()), "buffers are moved in place"
    assert not layer.running_mean.requires_grad
    layer.eval()
    x = normal(*shape)
    ones = (1, 3, *(1,) * (len(shape) - 2))
    close(layer(t(x)), (x - mean.reshape(ones)) / np.sqrt(var.reshape(ones) + 1e-5))
    assert layer.num_batches_tracked.item() == 5
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1, 1, 1]


def test_batch_norm_without_running_statistics_always_uses_the_batch():
    layer = nn.BatchNorm1d(4, track_running_stats=False).double().eval()
    assert not dict(layer.named_buffers())
    close(layer(t(X3)), batch_norm(X3, np.ones(4), np.zeros(4), 1e-5))


@pytest.mark.parametrize("dtype", [lt.float16, lt.bfloat16])
def test_batch_norm_of_half_types_rounds_once(dtype):
    layer = nn.BatchNorm1d(4).to(dtype)
    nn.init.uniform_(layer.running_mean, -3, 3)
    nn.init.uniform_(layer.running_var, 0.1, 3)
    nn.init.normal_(layer.weight)
    x = lt.tensor(X3, dtype=dtype)
    wide = nn.BatchNorm1d(4)
    wide.load_state_dict(layer.state_dict())
    for _ in range(2):
        want, got = wide(x.float()), layer(x)
        assert got.dtype is dtype
        assert got.tolist() == want.to(dtype).tolist()
        wide.load_state_dict(layer.state_dict())
        layer.eval()
        wide.eval()


def test_dropout_drops_scales_and_draws_anew():
    layer = nn.Dropout(0.25)
    x = lt.ones(100_000)
    lt.manual_seed(3)
    a, b = layer(x), layer(x)
    lt.manual_seed(3)
    assert layer(x).tolist() == a.tolist() != b.tolist()
    values = a.numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((values == 0).mean() - 0.25) < 0.01


def test_embedding_padding_row_is_zero_and_gets_no_gradient():
    table = nn.Embedding(5, 2, padding_idx=-2)
    assert table.padding_idx == 3
    assert table.weight[3].tolist() == [0, 0]
    table(lt.tensor([3, 1, 3, 4])).sum().backward()
    assert table.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [1, 1]]


def test_one_hot_and_pad():
    assert F.one_hot(lt.tensor([[0, 2]])).tolist() == [[[1, 0, 0], [0, 0, 1]]]
    assert F.one_hot(lt.tensor([1]), 4).tolist() == [[0, 1, 0, 0]]
    close(F.pad(t(X3), (1, 2, 0, 1)), np.pad(X3, ((0, 0), (0, 1), (1, 2))))
    close(F.pad(t(X3), (1, 2), value=-3.0), np.pad(X3, ((0, 0), (0, 0), (1, 2)), constant_values=-3.0))


# -- attention


def heads(x, n):
    return x.reshape(*x.shape[:2], n, -1).swapaxes(1, 2)


def attend(layer, q, k, v, allowed):
    w, b = layer.in_proj_weight.detach().numpy(), layer.in_proj_bias.detach().numpy()
    e = layer.embed_dim
    q, k, v = (heads(x @ w[i * e : (i + 1) * e].T + b[i * e : (i + 1) * e], 2) for i, x in enumerate((q, k, v)))
    scores = np.where(allowed, q @ k.swapaxes(-1, -2) / math.sqrt(e // 2), -np.inf)
    weights = softmax(scores, -1)
    out = (weights @ v).swapaxes(1, 2).reshape(q.shape[0], -1, e)
    return out @ layer.out_proj.weight.detach().numpy().T + layer.out_proj.bias.detach().numpy(), weights


KEEP = np.array([[1, 1, 0, 1], [0, 1, 1, 1]], bool).reshape(2, 1, 1, 4)
LOOK = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0]], bool)
MASKS = {
    "none": ({}, np.True_),
    "causal": ({"is_causal": True}, np.tri(4, dtype=bool)),
    "bool": ({"attn_mask": lt.tensor(~LOOK)}, LOOK),
    "bool per example": ({"attn_mask": lt.tensor(np.stack([~LOOK, ~LOOK.T]))}, np.stack([LOOK, LOOK.T])[:, None]),
    "bool per head": (
        {"attn_mask": lt.tensor(np.stack([~LOOK, ~LOOK.T, ~LOOK, ~LOOK]))},
        np.stack([LOOK, LOOK.T, LOOK, LOOK]).reshape(2, 2, 4, 4),
    ),
    "float": ({"attn_mask": lt.tensor(np.where(LOOK, 0.0, -np.inf))}, LOOK),
    "padding": ({"key_padding_mask": lt.tensor(~KEEP[:, 0, 0])}, KEEP),
    "padding and bool": ({"key_padding_mask": lt.tensor(~KEEP[:, 0, 0]), "attn_mask": lt.tensor(~LOOK)}, KEEP & LOOK),
    "padding and float": (
        {"key_padding_mask": lt.tensor(~KEEP[:, 0, 0]), "attn_mask": lt.tensor(np.where(LOOK, 0.0, -np.inf))},
        KEEP & LOOK,
    ),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("same", [True, False])
def test_multihead_attention(name, same):
    options, allowed = MASKS[name]
    layer = nn.MultiheadAttention(6, 2, batch_first=True).double()
    nn.init.normal_(layer.in_proj_bias)
    q = normal(2, 4, 6)
    k, v = (q, q) if same else (normal(2, 4, 6), normal(2, 4, 6))
    a = t(q)
    args = (a, a, a) if same else (a, t(k), t(v))
    want, weights = attend(layer, q, k, v, allowed)
    out, got = layer(*args, **options)
    close(out, want)
    close(got, weights.mean(1))
    close(layer(*args, average_attn_weights=False, **options)[1], weights)
    out, none = layer(*args, need_weights=False, **options)
    close(out, want)
    assert none is None


def test_a_query_that_may_look_nowhere_gives_zero_and_finite_gradients():
    q, k, v = (t(normal(1, 2, 3)).requires_grad_() for _ in range(3))
    mask = lt.tensor([[True, True], [False, False]])
    for drop in (0.0, 1e-12):
        out = F.scaled_dot_product_attention(q, k, v, mask, drop)
        assert out[0, 1].tolist() == [0, 0, 0]
        out.sum().backward()
        assert all(np.isfinite(x.grad.numpy()).all() for x in (q, k, v))


def test_attention_dropout_drops_whole_weights():
    lt.manual_seed(0)
    layer = nn.MultiheadAttention(4, 1, dropout=0.5, batch_first=True)
    x = lt.randn(1, 8, 4)
    assert layer(x, x, x)[0].tolist() != layer(x, x, x)[0].tolist()
    layer.eval()
    assert layer(x, x, x)[0].tolist() == layer(x, x, x)[0].tolist()
    ones = lt.ones(1, 200, 200)
    out = F.scaled_dot_product_attention(lt.zeros(1, 200, 4), lt.zeros(1, 200, 4), ones, None, 0.25)
    assert abs(out.mean().item() - 1) < 0.05


# -- bad input

BAD = [
    (lambda: nn.Linear(0, 1), ValueError, "in_features must be positive"),
    (lambda: nn.Linear(1.0, 1), TypeError, "in_features must be an int"),
    (lambda: nn.Linear(2, 3)(lt.ones(4, 3)), ValueError, r"linear needs x \[\.\.\., in\]"),
    (lambda: nn.Linear(2, 3)(lt.ones(4, 2, dtype=lt.float64)), TypeError, "linear needs one dtype"),
    (lambda: nn.Linear(2, 3)([1.0, 2.0]), TypeError, "linear needs tensors"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "multiples of groups 2"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, "padding_mode is one of zeros, reflect"),
    (lambda: nn.Conv2d(3, 4, 3, padding="half"), ValueError, "'valid' or 'same'"),
    (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), ValueError, "stride 1"),
    (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "pair of ints"),
    (lambda: nn.Conv2d(3, 4, 3, stride=0), ValueError, "stride is an int or a pair of ints, at least 1"),
    (lambda: nn.Conv2d(3, 4, 3)(lt.ones(1, 2, 5, 5)), ValueError, "input has 2 channels"),
    (lambda: nn.Conv2d(3, 4, 7)(lt.ones(1, 3, 5, 5)), ValueError, "larger than the padded input"),
    (lambda: nn.Conv2d(3, 4, 3)(lt.ones(5, 5)), ValueError, r"\[N, C, H, W\] or \[C, H, W\]"),
    (lambda: F.conv2d(lt.ones(1, 1, 3, 3), lt.ones(1, 1, 2)), ValueError, "weight with 4 dims"),
    (lambda: F.conv2d(lt.ones(1, 1, 3, 3), lt.ones(1, 1, 2, 2), lt.ones(2)), ValueError, r"bias must be \[1\]"),
    (lambda: F.conv2d(lt.ones(1, 1, 3, 3), lt.ones(1, 1, 2, 2), groups=0), ValueError, "groups"),
    (lambda: F.conv2d(lt.ones(1, 1, 3, 3), lt.ones(1, 1, 2, 2), padding="full"), ValueError, "'full'"),
    (lambda: F.conv2d(lt.ones(1, 1, 3, 3), lt.ones(1, 1, 2, 2), stride=2, padding="same"), ValueError, "stride 1"),
    (lambda: nn.MaxPool2d(2, padding=2)(lt.ones(1, 1, 4, 4)), ValueError, "at most half"),
    (lambda: nn.AvgPool2d(9)(lt.ones(1, 1, 4, 4)), ValueError, "larger than the padded input"),
    (lambda: nn.BatchNorm1d(3)(lt.ones(2, 4)), ValueError, r"BatchNorm1d\(3\) needs input \[N, C\] or \[N, C, L\]"),
    (lambda: nn.BatchNorm2d(3)(lt.ones(2, 3)), ValueError, r"\[N, C, H, W\]"),
    (lambda: nn.BatchNorm1d(3)(lt.ones(1, 3)), ValueError, "more than one value per channel"),
    (lambda: F.batch_norm(lt.ones(2, 3), None, None), ValueError, "running_mean and running_var"),
    (lambda: F.batch_norm(lt.ones(2, 3), lt.ones(3), None), ValueError, "together"),
    (lambda: F.batch_norm(lt.ones(2, 3), lt.ones(4), lt.ones(4)), ValueError, r"running_mean must be \[3\]"),
    (lambda: F.batch_norm(lt.ones(3), None, None, training=True), ValueError, r"\[N, C, \.\.\.\]"),
    (lambda: nn.LayerNorm(()), ValueError, "at least one dim"),
    (lambda: nn.LayerNorm(3)(lt.ones(2, 4)), ValueError, r"layer_norm over \(3,\)"),
    (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "no row"),
    (lambda: nn.Embedding(3, 2)(lt.tensor([3])), IndexError, "index 3 is out of range"),
    (lambda: nn.Embedding(3, 2)(lt.ones(2)), TypeError, "integer indices"),
    (lambda: F.embedding(lt.tensor([0]), lt.ones(2)), ValueError, r"weight \[rows, width\]"),
    (lambda: F.embedding(lt.tensor([0]), lt.ones(2, 2), 5), ValueError, "padding_idx 5"),
    (lambda: nn.Dropout(1.5), ValueError, r"p must lie in \[0, 1\]"),
    (lambda: nn.Dropout("x"), TypeError, "p must be a number"),
    (lambda: F.dropout(lt.arange(3), 0.5), TypeError, "floating"),
    (lambda: nn.GELU("fast"), ValueError, "'none' or 'tanh'"),
    (lambda: nn.Softmax(None), TypeError, "needs a dim"),
    (lambda: nn.Softmax(3)(lt.ones(2)), IndexError, "3"),
    (lambda: F.softmax([1.0], 0), TypeError, "softmax needs input as a tensor"),
    (lambda: nn.CrossEntropyLoss(weight=lt.ones(2))(lt.ones(2, 3), lt.tensor([0, 1])), ValueError, "weight"),
    (lambda: nn.CrossEntropyLoss(reduction="avg")(lt.ones(2, 3), lt.tensor([0, 1])), ValueError, "avg"),
    (lambda: nn.CrossEntropyLoss()(lt.ones(2, 3), lt.tensor([0, 3])), IndexError, "target 3"),
    (lambda: nn.CrossEntropyLoss()(lt.ones(2, 3), lt.ones(2)), ValueError, "probabilities must have the shape"),
    (lambda: nn.CrossEntropyLoss()(lt.ones(2, 3), lt.tensor([0, 1, 2])), ValueError, "target"),
    (lambda: nn.MSELoss()(lt.ones(2, 1), lt.ones(2)), ValueError, "one shape"),
    (lambda: nn.MSELoss(reduction="x")(lt.ones(2), lt.ones(2)), ValueError, "reduction is one of"),
    (lambda: nn.MSELoss()(1.0, lt.ones(2)), TypeError, "input as a tensor, got float"),
    (lambda: F.one_hot(lt.tensor([0]), 0), ValueError, "num_classes is positive"),
    (lambda: F.one_hot(lt.tensor([3]), 3), IndexError, "index 3"),
    (lambda: F.one_hot(lt.tensor([-1]), 3), IndexError, "index -1"),
    (lambda: F.one_hot(lt.tensor([0.5]), 3), TypeError, "integer index"),
    (lambda: F.one_hot(lt.zeros(0, dtype=lt.int64)), ValueError, "needs num_classes"),
    (lambda: F.pad(lt.ones(2), (1, 1), "mirror"), ValueError, "mode is one of constant, reflect"),
    (lambda: F.pad(lt.ones(2), (-3, 1)), ValueError, "cuts more than the size 2"),
    (lambda: nn.MultiheadAttention(5, 2), ValueError, "multiple of num_heads"),
    (lambda: nn.MultiheadAttention(4, 2)(lt.ones(3, 4), lt.ones(3, 1, 4), lt.ones(3, 4)), ValueError, r"\[N, L, E\]"),
    (lambda: nn.MultiheadAttention(4, 2)(*[lt.ones(1, 3, 6)] * 3), ValueError, "the last of 4"),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[lt.ones(1, 3, 4)] * 3, attn_mask=lt.ones(2, 3)),
        ValueError,
        "attn_mask must have one of the shapes",
    ),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[lt.ones(3, 1, 4)] * 3, attn_mask=lt.ones(3, 3, dtype=lt.int64)),
        TypeError,
        "bool or floating",
    ),
    (
        lambda: nn.MultiheadAttention(4, 2)(*[lt.ones(1, 3, 4)] * 3, key_padding_mask=lt.ones(1, 3)),
        ValueError,
        r"key_padding_mask must be \[3, 1\]",
    ),
    (lambda: F.scaled_dot_product_attention(1, lt.ones(1, 1), lt.ones(1, 1)), TypeError, "query as a tensor"),
]


@pytest.mark.parametrize(("act", "error", "text"), BAD, ids=[b[2] for b in BAD])
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()


def test_empty_batches_pass_through():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    out = net(lt.zeros(0, 1, 6, 6))
    assert out.shape == (0, 3)
    out.sum().backward()
    assert net[0].weight.grad.abs().sum().item() == 0
