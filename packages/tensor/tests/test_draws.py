"""Random tensors and in-place draws: distribution functions, moments, support, reproducibility, bad arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt

N = 40_000


@pytest.fixture(autouse=True)
def _seeded() -> None:
    lt.manual_seed(1234)


def _normal_cdf(mean: float, std: float) -> Callable[[Any], Any]:
    return lambda x: 0.5 * np.array([math.erfc(v) for v in (-(x - mean) / std / math.sqrt(2)).tolist()])


# name: (draw into a tensor, distribution function, mean and std where they are finite, support)
CONTINUOUS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Any, tuple[float, float]]] = {
    "normal_": (lambda t: t.normal_(3, 2), _normal_cdf(3, 2), (3, 2), (-math.inf, math.inf)),
    "uniform_": (lambda t: t.uniform_(-2, 6), lambda x: (x + 2) / 8, (2, 8 / math.sqrt(12)), (-2, 6)),
    "exponential_": (lambda t: t.exponential_(4), lambda x: 1 - np.exp(-4 * x), (0.25, 0.25), (0, math.inf)),
    "cauchy_": (
        lambda t: t.cauchy_(1, 3), lambda x: 0.5 + np.arctan((x - 1) / 3) / math.pi, None, (-math.inf, math.inf),
    ),
    "log_normal_": (
        lambda t: t.log_normal_(0.5, 0.25), lambda x: _normal_cdf(0.5, 0.25)(np.log(x)),
        (math.exp(0.5 + 0.25**2 / 2), math.exp(0.5 + 0.25**2 / 2) * math.sqrt(math.exp(0.25**2) - 1)), (0, math.inf),
    ),
    "normal": (lambda t: lt.normal(3, 2, t.shape, dtype=t.dtype), _normal_cdf(3, 2), (3, 2), (-math.inf, math.inf)),
    "normal-tensors": (
        lambda t: lt.normal(lt.full(t.shape, 3.0, dtype=t.dtype), lt.tensor(2.0, dtype=t.dtype)), _normal_cdf(3, 2),
        (3, 2), (-math.inf, math.inf),
    ),
    "rand": (lambda t: lt.rand_like(t), lambda x: x, (0.5, 1 / math.sqrt(12)), (0, 1)),
    "randn": (lambda t: lt.randn_like(t), _normal_cdf(0, 1), (0, 1), (-math.inf, math.inf)),
}  # fmt: skip


def _distance(sample: Any, cdf: Callable[[Any], Any]) -> float:
    """Kolmogorov's distance times the square root of the number: above 1.95 in one case of 1000."""
    sample = np.sort(sample)
    expected = cdf(sample)
    n = sample.size
    return float(max(np.max(np.arange(1, n + 1) / n - expected), np.max(expected - np.arange(n) / n)) * math.sqrt(n))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name: str, dtype: str) -> None:
    draw, cdf, moments, (low, high) = CONTINUOUS[name]
    t = lt.zeros(N, dtype=getattr(lt, dtype))
    out = draw(t)
    assert (out is t) == name.endswith("_")
    assert out.dtype is t.dtype
    sample = out.double().numpy()
    if dtype != "bfloat16":  # which has too few numbers for the distance
        assert _distance(sample, cdf) < 1.95
    if moments is not None:
        mean, std = moments
        assert abs(sample.mean() - mean) < (5 / math.sqrt(N) + (0.005 if dtype == "bfloat16" else 0)) * std
        assert abs(sample.std() - std) < 0.03 * std
    assert low <= sample.min()
    assert sample.max() < high
    if name in ("exponential_", "log_normal_"):
        assert sample.min() > 0


def test_complex_normals_have_variance_one() -> None:
    for out in (lt.randn(N, dtype=lt.complex64), lt.zeros(N, dtype=lt.complex128).normal_(1, 1) - 1):
        z = out.numpy()
        assert abs(z.mean()) < 5 / math.sqrt(N)
        assert abs((abs(z) ** 2).mean() - 1) < 0.03
        assert _distance(z.real.astype(np.float64), _normal_cdf(0, math.sqrt(0.5))) < 1.95
        assert abs((z.real * z.imag).mean()) < 5 / math.sqrt(N)
    u = lt.rand(N, dtype=lt.complex128).numpy()
    assert _distance(u.real, lambda x: x) < 1.95
    assert _distance(u.imag, lambda x: x) < 1.95


def _chi(counts: Any, expected: Any) -> float:
    """Chi squared over its degrees of freedom."""
    return float(((counts - expected) ** 2 / expected).sum() / (len(expected) - 1))


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "float32", "bfloat16"])
def test_geometric(dtype: str) -> None:
    sample = lt.zeros(N, dtype=getattr(lt, dtype)).geometric_(0.3).double().numpy()
    assert sample.min() == 1
    counts = np.bincount(sample.astype(int), minlength=60)[1:9]
    assert _chi(counts, N * 0.3 * 0.7 ** np.arange(8)) < 4
    assert abs(sample.mean() - 1 / 0.3) < 5 * math.sqrt(0.7) / 0.3 / math.sqrt(N)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int32", "float32", "float16", "bool"])
def test_random_integers(dtype: str) -> None:
    kind = getattr(lt, dtype)
    t = lt.zeros(N, dtype=kind)
    assert t.random_(0, 2) is t
    assert _chi(np.bincount(t.long().numpy(), minlength=2), np.full(2, N / 2)) < 11
    if dtype == "bool":
        return
    sample = t.random_(3, 10).long().numpy()
    assert _chi(np.bincount(sample, minlength=10)[3:], np.full(7, N / 7)) < 4
    assert set(t.random_(5).long().tolist()) == {0, 1, 2, 3, 4}


LARGEST = {

    "float64": 2**53, "float16": 2**11, "bfloat16": 2**8,
}  # fmt: skip


@pytest.mark.parametrize("dtype", LARGEST)
def test_random_without_bounds_reaches_over_the_dtype(dtype: str) -> None:
    sample = lt.zeros(N, dtype=getattr(lt, dtype)).random_().double().numpy()
    assert sample.min() >= 0
    assert sample.min() <= 0.01 * LARGEST[dtype]
    assert 0.99 * LARGEST[dtype] <= sample.max() <= LARGEST[dtype]
    assert abs(sample.mean() / LARGEST[dtype] - 0.5) < 5 / math.sqrt(4 * N)


def test_random_from_a_bound_on() -> None:
    sample = lt.zeros(N, dtype=lt.int8).random_(-128, None).numpy()
    assert (sample.min(), sample.max()) == (-128, 127)
    wide = lt.zeros(N, dtype=lt.int64).random_(-(2**63), None).double().numpy()
    assert wide.min() < -9e18
    assert wide.max() > 9e18


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_coins(dtype: str) -> None:
    kind = getattr(lt, dtype)
    chances = lt.tensor([0.0, 0.1, 0.5, 1.0], dtype=lt.float64)
    for out in (
        lt.zeros(N, 4, dtype=kind).bernoulli_(chances),
        lt.bernoulli(chances.expand(N, 4)).to(kind),
        lt.cat([lt.bernoulli(lt.zeros(N, 1, dtype=kind), p) for p in chances.tolist()], 1),
    ):
        assert out.dtype is kind
        mean = out.double().mean(0).numpy()
        spread = 5 * np.sqrt(chances.numpy() * (1 - chances.numpy()) / N)
        assert (abs(mean - chances.numpy()) <= spread).all()
        assert set(np.unique(out.double().numpy())) == {0.0, 1.0}
    assert lt.zeros(N).bernoulli_().mean().item() == pytest.approx(0.5, abs=5 / math.sqrt(4 * N))


@pytest.mark.parametrize("rate", [0.0, 0.2, 3.0, 9.9, 10.0, 37.5, 1000.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_poisson(rate: float, dtype: str) -> None:
    stats = pytest.importorskip("scipy.stats")
    out = lt.poisson(lt.full((N,), rate, dtype=getattr(lt, dtype)))
    assert out.dtype is getattr(lt, dtype)
    sample = out.double().numpy()
    assert (sample == np.floor(sample)).all()
    assert sample.min() >= 0
    assert abs(sample.mean() - rate) <= 5 * math.sqrt(rate / N)
    assert abs(sample.var() - rate) <= 5 * math.sqrt((rate + 2 * rate**2) / N) + 1e-12
    if rate:
        low, high = (int(stats.poisson.ppf(p, rate)) for p in (0.001, 0.999))
        edges = np.unique(np.linspace(low, high, 20).astype(int))
        counts = np.histogram(sample, [-1, *edges + 0.5, np.inf])[0]
        chances = np.diff([0, *stats.poisson.cdf(edges, rate), 1])
        kept = chances * N > 5
        if kept.sum() > 1:
            assert _chi(counts[kept], chances[kept] * N) < 3.5


def test_poisson_of_large_rates_is_nearly_normal() -> None:
    sample = lt.poisson(lt.full((N,), 1e12, dtype=lt.float64)).numpy()
    assert _distance((sample - 1e12) / 1e6, _normal_cdf(0, 1)) < 1.95
    mixed = lt.poisson(lt.tensor([0.0, 5.0, 1e6, 20.0], dtype=lt.float64).expand(N, 4)).mean(0).numpy()
    assert (abs(mixed - [0, 5, 1e6, 20]) <= 5 * np.sqrt(np.array([0, 5, 1e6, 20]) / N)).all()


def test_a_uniform_range_excludes_its_end() -> None:
    for dtype in (lt.float32, lt.bfloat16, lt.float16):
        t = lt.zeros(200_000, dtype=dtype).uniform_(1, 2)
        assert t.max().item() < 2
        assert t.min().item() >= 1


def test_tails_of_exponential_draws_are_those_of_doubles() -> None:
    assert lt.zeros(1_000_000).exponential_().max().item() < 38
    assert (lt.zeros(2000).exponential_(float("inf")) == 0).all()


DRAWS: tuple[str, ...] = (
    "lt.zeros(3).normal_(generator=g)", "lt.zeros(3).uniform_(generator=g)", "lt.zeros(3).bernoulli_(generator=g)",
    "lt.zeros(3).exponential_(generator=g)", "lt.zeros(3).cauchy_(generator=g)", "lt.zeros(3).random_(generator=g)",
    "lt.zeros(3).log_normal_(generator=g)", "lt.zeros(3).geometric_(0.5, generator=g)", "lt.rand(3, generator=g)",
    "lt.normal(0.0, 1.0, (3,), generator=g)", "lt.normal(lt.zeros(3), 1.0, generator=g)", "lt.randn(3, generator=g)",
    "lt.bernoulli(lt.full((3,), 0.5), generator=g)", "lt.bernoulli(lt.zeros(3), 0.5, generator=g)",
    "lt.randint(9, (3,), generator=g)", "lt.randint_like(lt.zeros(3), 9, generator=g)", "lt.randperm(3, generator=g)",
    "lt.poisson(lt.full((3,), 30.0), generator=g)", "lt.rand_like(lt.zeros(3), generator=g)",
    "lt.randn_like(lt.zeros(3), generator=g)",
)  # fmt: skip


@pytest.mark.parametrize("text", DRAWS)
def test_a_generator_gives_the_numbers_and_moves_by_the_elements(text: str) -> None:
    before = lt.rand(1)
    lt.manual_seed(1234)
    g = lt.Generator(7)
    first = eval(text, {"lt": lt, "g": g})
    assert g.position() == (7, 3)
    assert eval(text, {"lt": lt, "g": lt.Generator(7)}).tolist() == first.tolist()
    assert lt.rand(1).tolist() == before.tolist()  # the default generator stayed where it was


def test_a_draw_with_a_gradient_refuses_a_leaf_and_cuts_others() -> None:
    leaf = lt.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf tensor that requires grad is written in place"):
        leaf.exponential_()
    assert not lt.bernoulli(lt.full((3,), 0.5, requires_grad=True)).requires_grad
    assert not lt.normal(leaf, 1.0).requires_grad


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("lt.normal(0.0, -1.0, (2,))", ValueError, "needs std >= 0, got -1.0"),
    ("lt.normal(lt.zeros(2), -1.0)", ValueError, "normal needs std >= 0, got -1.0"),
    ("lt.normal(lt.zeros(2), lt.tensor([-1.0, 1.0]))", ValueError, "normal needs std >= 0, got -1 to 1"),
    ("lt.normal(0.0, 1.0)", TypeError, "normal of two numbers needs a size"),
    ("lt.normal(lt.zeros(2), 1.0, (2,))", TypeError, "normal of tensors takes shape, dtype and device from them"),
    ("lt.normal(lt.tensor([1, 2]), 1.0)", TypeError, "normal needs floating tensors, got lamella.int64"),
    ("lt.normal(lt.zeros(2), lt.ones(3))", ValueError, "broadcast"),
    ("lt.bernoulli(lt.tensor([0.5, 2.0]))", ValueError, r"probabilities in \[0, 1\], got 0.5 to 2"),
    ("lt.bernoulli(lt.tensor([math.nan]))", ValueError, "probabilities"),
    ("lt.bernoulli(lt.tensor([1]))", TypeError, "bernoulli needs a floating tensor, got the integer dtype"),
    ("lt.bernoulli(0.5)", TypeError, "bernoulli needs a tensor, got float"),
    ("lt.bernoulli(lt.ones(2), 1.5)", ValueError, r"bernoulli needs a probability in \[0, 1\], got 1.5"),
    ("lt.bernoulli(lt.ones(2), 'a')", TypeError, "bernoulli needs a probability or a tensor of them, got str"),
    ("lt.poisson(lt.tensor([-1.0, 2.0]))", ValueError, "poisson needs finite rates >= 0, got -1 to 2"),
    ("lt.poisson(lt.tensor([math.nan]))", ValueError, "poisson needs finite rates >= 0"),
    ("lt.poisson(lt.tensor([math.inf]))", ValueError, "poisson needs finite rates >= 0"),
    ("lt.poisson(i)", TypeError, "poisson needs a floating tensor, got the integer dtype"),
    ("lt.poisson(3.0)", TypeError, "poisson needs a tensor, got float"),
    ("x.bernoulli_(-0.5)", ValueError, r"bernoulli_ needs a probability in \[0, 1\], got -0.5"),
    ("x.bernoulli_(lt.ones(3))", ValueError, "cannot expand"),
    ("x.bernoulli_(lt.ones(2, dtype=lt.int64))", TypeError, "bernoulli_ needs a floating tensor"),
    ("c.bernoulli_()", TypeError, "bernoulli_ draws 0 and 1, not lamella.complex64"),
    ("x.exponential_(0)", ValueError, "exponential_ needs lambd > 0, got 0"),
    ("x.exponential_(math.nan)", ValueError, "exponential_ needs lambd > 0, got nan"),
    ("x.exponential_('a')", TypeError, "exponential_: lambd must be a number, got 'a'"),
    ("i.exponential_()", TypeError, "exponential_ draws real numbers, which a tensor of lamella.int64 cannot hold"),
    ("c.exponential_()", TypeError, "exponential_ draws real numbers"),
    ("x.cauchy_(0, 0)", ValueError, "cauchy_ needs sigma > 0, got 0"),
    ("x.cauchy_('a')", TypeError, "cauchy_: median must be a number, got 'a'"),
    ("i.cauchy_()", TypeError, "cauchy_ draws real numbers"),
    ("x.log_normal_(0, 0)", ValueError, "log_normal_ needs std > 0, got 0"),
    ("i.log_normal_()", TypeError, "log_normal_ draws real numbers"),
    ("x.geometric_(0)", ValueError, r"geometric_ needs a probability in \(0, 1\), got 0"),
    ("x.geometric_(1)", ValueError, "geometric_ needs a probability"),
    ("b.geometric_(0.5)", TypeError, "geometric_ draws integers from 1 on, which a tensor of lamella.bool cannot hold"),
    ("x.normal_(0, -1)", ValueError, "normal_ needs std >= 0, got -1"),
    ("x.normal_(lt.ones(2))", TypeError, r"normal_: mean must be a number, got a tensor of shape \(2,\)"),
    ("i.normal_()", TypeError, "normal_ draws real numbers"),
    ("x.uniform_(1, 0)", ValueError, r"uniform_ needs low <= high, got \[1, 0\)"),
    ("x.uniform_(math.nan, 0)", ValueError, "uniform_ needs low <= high"),
    ("x.uniform_(0, math.inf)", ValueError, "does not fit lamella.float32"),
    ("x.half().uniform_(-60000, 60000)", ValueError, "does not fit lamella.float16"),
    ("i.uniform_()", TypeError, "uniform_ draws real numbers"),
    ("x.random_(5, 5)", ValueError, r"random_ needs low < high, got \[5, 5\)"),
    ("x.random_(0)", ValueError, r"random_ needs low < high, got \[0, 0\)"),
    ("x.random_(1.5)", TypeError, "random_: high must be an int, got 1.5"),
    ("lt.zeros(2, dtype=lt.uint8).random_(0, 300)", ValueError, "does not fit lamella.uint8, which holds 0 to 255"),
    ("lt.zeros(2, dtype=lt.uint8).random_(-1, 3)", ValueError, "does not fit lamella.uint8"),
    ("lt.zeros(2, dtype=lt.float16).random_(0, 2**40)", ValueError, "does not fit lamella.float16"),
    ("c.random_()", TypeError, "random_ draws integers or floats, got dtype lamella.complex64"),
    ("lt.randint(300, (2,), dtype=lt.uint8)", ValueError, "does not fit lamella.uint8"),
    ("lt.randint(0, 2**64, (2,))", ValueError, "does not fit lamella.int64"),
    ("lt.randint(0.5, 3, (2,))", TypeError, "randint: low must be an int, got 0.5"),
    ("lt.randint_like(lt.ones(2))", TypeError, "randint_like needs an end"),
    ("lt.randperm(2.5)", TypeError, "randperm: n must be an int, got 2.5"),
    ("lt.randperm(300, dtype=lt.uint8)", ValueError, "lamella.uint8 does not hold the integers below 300"),
    ("lt.rand(2, dtype=lt.int64)", TypeError, "rand makes floating tensors, got dtype lamella.int64"),
    ("lt.rand_like(i)", TypeError, "rand makes floating tensors"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "error", "message"), BAD, ids=[b[0][:50] for b in BAD])
def test_bad_arguments(text: str, error: type[Exception], message: str) -> None:
    names = {
        "x": lt.zeros(2), "i": lt.zeros(2, dtype=lt.int64), "c": lt.zeros(2, dtype=lt.complex64),
        "b": lt.zeros(2, dtype=lt.bool),
    }  # fmt: skip
    with pytest.raises(error, match=message):
        eval(text, {"lt": lt, "math": math, **names})
