"""Initializers: torch's distributions, judged by bounds, mean, spread and shape of a large draw."""

import math

import numpy as np
import pytest

import lamella.tensor as lt
from lamella import nn
from lamella.nn import init

SHAPE = (200, 50, 3, 2)
FAN_IN, FAN_OUT = 50 * 6, 200 * 6
UNIFORM = [
    (lambda t: init.uniform_(t, -2, 3), -2, 3),
    (init.xavier_uniform_, *(s * math.sqrt(6 / (FAN_IN + FAN_OUT)) for s in (-1, 1))),
    (lambda t: init.xavier_uniform_(t, gain=3), *(s * 3 * math.sqrt(6 / (FAN_IN + FAN_OUT)) for s in (-1, 1))),
    (init.kaiming_uniform_, *(s * math.sqrt(6 / FAN_IN) for s in (-1, 1))),
    (lambda t: init.kaiming_uniform_(t, math.sqrt(5)), *(s / math.sqrt(FAN_IN) for s in (-1, 1))),
    (
        lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="tanh"),
        *(s * 5 / 3 * math.sqrt(3 / FAN_OUT) for s in (-1, 1)),
    ),
]
NORMAL = [
    (lambda t: init.normal_(t, 1, 2), 1, 2),
    (init.xavier_normal_, 0, math.sqrt(2 / (FAN_IN + FAN_OUT))),
    (init.kaiming_normal_, 0, math.sqrt(2 / FAN_IN)),
    (lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), 0, math.sqrt(2 / FAN_OUT)),
]


@pytest.mark.parametrize(("fill", "low", "high"), UNIFORM)
def test_uniform(fill, low, high):
    lt.manual_seed(1)
    t = lt.empty(*SHAPE)
    assert fill(t) is t
    x = t.numpy()
    assert low <= x.min() < low + 1e-3 * (high - low)
    assert high - 1e-3 * (high - low) < x.max() <= high
    assert abs(x.mean() - (low + high) / 2) < 0.01 * (high - low)
    assert abs(x.std() / ((high - low) / math.sqrt(12)) - 1) < 0.01


@pytest.mark.parametrize(("fill", "mean", "std"), NORMAL)
def test_normal(fill, mean, std):
    lt.manual_seed(1)
    x = fill(lt.empty(*SHAPE)).numpy()
    z = (x - mean) / std
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.01
    assert abs((np.abs(z) < 1).mean() - math.erf(1 / math.sqrt(2))) < 0.01


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"), [(0, 1, -2, 2), (1, 2, -1, 9), (0, 1, 2, 3), (0, 0.02, -0.04, 0.04)]
)
def test_trunc_normal(mean, std, a, b):
    lt.manual_seed(1)
    x = np.sort(init.trunc_normal_(lt.empty(100_000, dtype=lt.float64), mean, std, a, b).numpy())
    assert a <= x[0] <= x[-1] <= b

    def cdf(v):
        return 0.5 * (1 + np.vectorize(math.erf)((np.asarray(v) - mean) / (std * math.sqrt(2))))

    uniform = (cdf(x[::100]) - cdf(a)) / (cdf(b) - cdf(a))
    assert np.abs(uniform - np.linspace(0, 1, len(uniform))).max() < 0.01


def test_constants():
    t = nn.Parameter(lt.empty(2, 3))
    assert init.constant_(t, 3.5).tolist() == [[3.5] * 3] * 2
    assert init.ones_(t).tolist() == [[1] * 3] * 2
    assert init.zeros_(t).tolist() == [[0] * 3] * 2
    assert init.eye_(t).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert t.is_leaf
    assert init.ones_(lt.empty(2, dtype=lt.int64)).tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(8, 8), (20, 5), (5, 20), (6, 2, 3, 2), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [lt.float64, lt.float32, lt.float16])
def test_orthogonal(shape, dtype):
    t = lt.empty(*shape, dtype=dtype)
    assert init.orthogonal_(t, gain=3, generator=lt.Generator(2)) is t
    m = t.double().numpy().reshape(shape[0], -1)
    product = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    assert np.allclose(product, 9 * np.eye(len(product)), atol={8: 1e-13, 4: 1e-5, 2: 1e-2}[dtype.itemsize])


def test_orthogonal_is_uniform_over_signs_and_axes():
    # the first column of a uniform orthogonal matrix is a uniform unit vector: mean 0, mean square 1/n
    columns = np.array([init.orthogonal_(lt.empty(4, 4), generator=lt.Generator(i))[:, 0].numpy() for i in range(800)])
    assert np.abs(columns.mean(0)).max() < 0.07
    assert np.abs((columns**2).mean(0) - 0.25).max() < 0.03


@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 3, 5), 1), ((4, 2, 3, 3), 1), ((2, 5, 4), 1), ((6, 2, 3, 3, 3), 3), ((4, 1, 3), 2)]
)
def test_dirac_passes_channels_on(shape, groups):
    out, channels, *window = shape
    w = init.dirac_(lt.empty(*shape), groups)
    assert w.sum().item() == groups * min(out // groups, channels)
    x = lt.rand(2, channels * groups, *[7 for _ in window])
    conv = {1: nn.functional.conv1d, 2: nn.functional.conv2d, 3: nn.functional.conv3d}[len(window)]
    y = conv(x, w, padding=[n // 2 for n in window], groups=groups)
    for group in range(groups):
        for i in range(min(out // groups, channels)):
            cut = tuple(slice(0, 7) for _ in window)
            wanted = x[(slice(None), group * channels + i)]
            assert np.array_equal(y[(slice(None), group * (out // groups) + i, *cut)].numpy(), wanted.numpy())


def test_sparse_zeroes_a_share_of_every_column():
    t = init.sparse_(lt.empty(500, 40), 0.3001, std=2.0, generator=lt.Generator(3))
    x = t.numpy()
    assert ((x == 0).sum(0) == 151).all()
    assert abs(x[x != 0].std() - 2) < 0.03
    assert len({tuple(column) for column in (x == 0).T}) == 40
    share = (x == 0).mean(1)
    assert abs(share.mean() - 0.302) < 1e-6
    assert share.std() < 0.1


@pytest.mark.parametrize("fill", [init.orthogonal_, init.xavier_uniform_, init.kaiming_normal_, init.trunc_normal_])
def test_nothing_is_drawn_for_a_tensor_without_elements_or_memory(fill):
    for t in (lt.empty(0, 3), lt.empty(2, 0), lt.empty(3, 2, device="meta")):
        assert fill(t) is t


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("conv_transpose3d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("selu", None, 0.75),
        ("leaky_relu", None, math.sqrt(2 / (1 + 1e-4))),
        ("leaky_relu", 0.2, math.sqrt(2 / 1.04)),
    ],
)
def test_gains(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


def test_a_generator_of_its_own_decides():
    draws = [init.normal_(lt.empty(4), generator=lt.Generator(7)).tolist() for _ in range(2)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("layer", "bound"),
    [
        (nn.Linear(30, 400), 1 / math.sqrt(30)),
        (nn.Conv2d(4, 400, 3, groups=2), 1 / math.sqrt(18)),
    ],
)
def test_layers_start_within_their_bounds(layer, bound):
    for p in layer.parameters():
        x = p.detach().numpy()
        assert 0.9 * bound < np.abs(x).max() <= bound
        assert abs(x.mean()) < 0.15 * bound


def test_tables_and_attention_start_as_in_torch():
    assert abs(nn.Embedding(100, 100).weight.std().item() - 1) < 0.05
    layer = nn.MultiheadAttention(64, 4)
    assert layer.in_proj_weight.abs().amax().item() <= math.sqrt(6 / 256)
    assert layer.in_proj_bias.abs().sum().item() == layer.out_proj.bias.abs().sum().item() == 0


def test_seeds_decide_the_start():
    starts = []
    for seed in (0, 0, 1):
        lt.manual_seed(seed)
        starts.append(nn.Linear(3, 3).weight.tolist())
    assert starts[0] == starts[1] != starts[2]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: init.uniform_(lt.ones(2), 1, 0), ValueError, "a <= b"),
        (lambda: init.uniform_([1.0]), TypeError, "needs a tensor"),
        (lambda: init.normal_(lt.arange(3)), TypeError, "floating"),
        (lambda: init.normal_(lt.ones(2), 0, -1), ValueError, "non-negative std"),
        (lambda: init.kaiming_uniform_(lt.ones(3)), ValueError, "at least 2 dims"),
        (lambda: init.kaiming_uniform_(lt.ones(3, 3), mode="in"), ValueError, "fan_in"),
        (lambda: init.kaiming_normal_(lt.ones(3, 3), nonlinearity="x"), ValueError, "no gain is known for 'x'"),
        (lambda: init.trunc_normal_(lt.ones(3), a=2, b=1), ValueError, "a < b"),
        (lambda: init.trunc_normal_(lt.ones(3), a=50, b=60), ValueError, "no draw falls there"),
        (lambda: init.eye_(lt.ones(3)), ValueError, "matrix"),
        (lambda: init.zeros_(3), TypeError, "needs a tensor"),
        (lambda: init.orthogonal_(lt.ones(3)), ValueError, "at least 2 dims"),
        (lambda: init.orthogonal_(lt.ones(3, 3, dtype=lt.int64)), TypeError, "floating"),
        (lambda: init.dirac_(lt.ones(3, 3)), ValueError, "3 to 5 dims"),
        (lambda: init.dirac_(lt.ones(3, 3, 3), 2), ValueError, "3 outputs cannot be cut into 2 groups"),
        (lambda: init.dirac_(lt.ones(3, 3, 3), 0), ValueError, "into 0 groups"),
        (lambda: init.sparse_(lt.ones(3), 0.5), ValueError, "matrix"),
        (lambda: init.sparse_(lt.ones(3, 3), 1.5), ValueError, r"sparsity in \[0, 1\]"),
        (lambda: init.calculate_gain("leaky_relu", True), ValueError, "is a number, got True"),
    ],
)
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
