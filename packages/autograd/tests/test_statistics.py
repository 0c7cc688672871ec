"""Transforms of statistics, selections and draws: named results, kinks, empty weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.autograd import grad, jvp, vmap
from lamella.testing import assert_close

INF = math.inf
RNG = np.random.default_rng(5)
M = RNG.normal(size=(4, 7))


def of(array):
    return lt.from_numpy(np.array(array))


def test_results_with_names_pass_through_transforms() -> None:
    x = of(M)
    out = vmap(lambda row: row.sort(descending=True))(x)
    assert type(out).__name__ == "Selected"
    assert_close(out.values, -np.sort(-M, 1))
    value, moved = jvp(lambda t: t.max(1), (x,), (lt.ones_like(x),))
    assert_close(value.values, M.max(1))
    assert_close(moved.values, np.ones(4))
    slope = grad(lambda t: t.topk(2).values.sum())(x)
    assert slope.sum().item() == 8.0


def test_gradients_at_kinks_are_finite() -> None:
    x = lt.zeros(3, requires_grad=True)
    for out in (x.std(), x.norm(), x.norm(1), x.norm(3), x.norm(0.5), x.norm(INF), x.norm(0)):
        (g,) = grad([out], [x])
        assert g.tolist() == [0.0, 0.0, 0.0]


def test_a_quantile_has_the_gradient_of_its_neighbours() -> None:
    x = of([3.0, 1.0, 2.0]).requires_grad_()
    assert grad([x.quantile(0.75)], [x])[0].tolist() == [0.5, 0.0, 0.5]


def test_vmap_of_places_in_several_sorted_rows() -> None:
    rows, values = np.sort(RNG.normal(size=(3, 6))), RNG.normal(size=(3, 2, 4))
    got = vmap(lt.searchsorted)(of(rows), of(values))
    assert_close(got, np.stack([np.searchsorted(r, v) for r, v in zip(rows, values, strict=True)]))


def test_multinomial_under_vmap() -> None:
    p = lt.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    drawn = vmap(lambda w: w.multinomial(4, True), randomness="different")(p)
    assert drawn.tolist() == [[1] * 4, [2] * 4]


def test_logsumexp_of_nothing_pulls_nothing() -> None:
    x = of([[-INF, -INF], [1000.0, 1000.0]]).requires_grad_()
    (g,) = grad([x.logsumexp(1).sum()], [x])
    assert_close(g, np.array([[0.0, 0.0], [0.5, 0.5]]), factor=100)


def test_max_along_a_dim_goes_to_the_first_and_max_of_all_is_shared() -> None:
    x = of([[1.0, 1.0, 0.0]]).requires_grad_()
    assert grad([x.max(1).values.sum()], [x])[0].tolist() == [[1.0, 0.0, 0.0]]
    assert grad([x.max()], [x])[0].tolist() == [[0.5, 0.5, 0.0]]
    assert grad([x.median()], [x])[0].tolist() == [[0.5, 0.5, 0.0]]


def test_products_beside_zeros() -> None:
    for row in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [2.0, 5.0, 3.0]):
        x = of(row).requires_grad_()
        others = [math.prod(row[:i] + row[i + 1 :]) for i in range(3)]
        assert grad([x.prod()], [x])[0].tolist() == others
        running = [sum(math.prod(row[:i] + row[i + 1 : n]) for n in range(i + 1, 4)) for i in range(3)]
        assert grad([x.cumprod(0).sum()], [x])[0].tolist() == running


def norm_of(p):
    return lambda x: x.norm(p, 1)


COMPLEX = {
    "sum": lambda x: x.sum(0),
    "mean": lambda x: x.mean(),
    "prod": lambda x: x.prod(1),
    "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(1),
    "var": lambda x: x.var(1),
    "std": lambda x: x.std(0),
    "mean beside var": lambda x: lt.var_mean(x, 1)[1],
    **{f"norm {p}": norm_of(p) for p in (0.5, 1, 1.5, 2, 3, INF)},
    "trace": lt.trace,
    "diff": lambda x: x.diff(),
    "cov": lambda x: x.cov(),
}


@pytest.mark.parametrize(
    ("name", "zeros"),
    # a norm has a kink at 0
    [(name, zeros) for name in COMPLEX for zeros in (False, True) if not (zeros and name.startswith("norm"))],
)
def test_complex_gradients_equal_differences(name: str, zeros: bool) -> None:
    """L = Re(conj(c) . f(x)) moves by Re(conj(gradient) . dx), the convention of the stack."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))
    if zeros:
        a[0, 1] = a[1, 0] = a[1, 2] = 0
    fn = COMPLEX[name]
    out = fn(of(a)).numpy()
    c = rng.normal(size=out.shape) + (1j * rng.normal(size=out.shape) if out.dtype.kind == "c" else 0)
    x = of(a).requires_grad_()
    (g,) = grad([fn(x)], [x], [of(c)])

    def loss(at):
        return float((np.conj(c) * fn(of(at)).numpy()).sum().real)

    for step in (1e-6, 1e-6j):
        for i in np.ndindex(a.shape):
            d = np.zeros_like(a)
            d[i] = step
            slope = (loss(a + d) - loss(a - d)) / 2
            assert (np.conj(g.numpy()[i]) * step).real == pytest.approx(slope, rel=1e-5, abs=1e-14)
