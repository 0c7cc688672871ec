"""Reductions, scans, sorting, counting and drawing as a user calls them: forms, NaN, edges; bad input by a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import FLOAT_DTYPES, INT_DTYPES, assert_close

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(5)
M = RNG.normal(size=(4, 7))
HALVES = (lt.float16, lt.bfloat16)


def of(array: Any) -> lt.Tensor:
    return lt.from_numpy(np.array(array))


# -- forms


def test_var_takes_torchs_spellings() -> None:
    x = of(M)
    for got, expected in (
        (x.var(), M.var(ddof=1)),
        (x.var(False), M.var()),
        (x.var(unbiased=False), M.var()),
        (x.var(1), M.var(1, ddof=1)),
        (x.var(1, False), M.var(1)),
        (x.var(1, True, True), M.var(1, ddof=1, keepdims=True)),
        (x.var((0, 1), correction=3), M.var(ddof=3)),
        (x.var(axis=0, keepdims=True), M.var(0, ddof=1, keepdims=True)),
        (x.var(0, correction=0.5), M.var(0, ddof=0.5)),
        (x.std(False), M.std()),
        (lt.std(x, 0, keepdim=True, correction=0), M.std(0, keepdims=True)),
    ):
        assert_close(got, expected)
    both = lt.var_mean(x, 1)
    assert_close(both[0], M.var(1, ddof=1))
    assert_close(both[1], M.mean(1))
    assert [t.shape for t in lt.std_mean(x, 1, keepdim=True)] == [(4, 1), (4, 1)]


def test_var_where_nothing_is_left_to_divide_by() -> None:
    x = lt.ones(1, 3)
    assert all(map(math.isnan, x.var(0).tolist()))
    assert math.isnan(lt.zeros(0).var().item())
    assert of([1.0, 3.0]).var(correction=5).item() == INF


def test_var_does_not_cancel() -> None:
    a = (RNG.normal(size=10_000) + 1e4).astype(np.float32)
    exact = a.astype(np.float64)
    assert of(a).var().item() == pytest.approx(exact.var(ddof=1), rel=1e-5)
    assert of(a).std().item() == pytest.approx(exact.std(ddof=1), rel=1e-5)


def test_max_in_its_three_forms() -> None:
    x, y = of(M), of(M[::-1].copy())
    assert x.max().item() == M.max()
    values, indices = x.max(1)
    assert_close(values, M.max(1))
    assert_close(indices, M.argmax(1))
    assert x.min(0, keepdim=True).values.shape == (1, 7)
    assert_close(x.max(y), np.maximum(M, M[::-1]))
    assert_close(lt.min(x, y), np.minimum(M, M[::-1]))
    named = x.max(dim=1)
    assert_close(named.values, values)
    assert_close(named.indices, indices)
    low, high = lt.aminmax(x, dim=0)
    assert_close(low, M.min(0))
    assert_close(lt.aminmax(x).max, high.max())


def test_no_dims() -> None:
    z = lt.tensor(2.5)
    for out in (z.sort(), z.max(0), z.topk(1), z.kthvalue(1), z.median(0), z.mode(), z.cummax(0), z.cummin(-1)):
        assert [t.shape for t in out] == [(), ()]
        assert [t.item() for t in out] == [2.5, 0]
    assert z.cumsum(0).item() == z.cumprod(0).item() == z.logcumsumexp(0).item() == 2.5
    assert z.median().item() == z.norm().item() == 2.5
    assert z.argsort().item() == 0


# -- NaN, infinities, ties


def test_nan_is_the_largest() -> None:
    x = of([2.0, NAN, -INF, INF, NAN, -0.0, 0.0])
    values, indices = x.sort()
    assert indices.tolist() == [2, 5, 6, 0, 3, 1, 4]
    assert np.signbit(values.numpy()[1])
    assert not np.signbit(values.numpy()[2])
    assert x.sort(descending=True).indices.tolist() == [1, 4, 3, 0, 5, 6, 2]
    assert x.topk(3).indices.tolist() == [1, 4, 3]
    assert x.topk(2, largest=False).indices.tolist() == [2, 5]
    assert x.kthvalue(5).values.item() == INF
    assert math.isnan(x.kthvalue(6).values.item())
    assert math.isnan(x.median().item())
    assert x.median(0).indices.item() == 1
    assert x.nanmedian().item() == 0.0
    assert x.argmax().item() == x.max(0).indices.item() == x.min(0).indices.item() == 1
    assert x.cummax(0).indices.tolist() == [0, 1, 1, 1, 4, 4, 4]
    assert len(x.unique()) == 6
    assert math.isnan(lt.nanmedian(of([NAN, NAN])).item())


@pytest.mark.parametrize("size", [50, 5000])
@pytest.mark.parametrize("dtype", (*FLOAT_DTYPES, *INT_DTYPES, lt.bool_), ids=repr)
def test_order_is_stable_in_both_directions(dtype: lt.DType, size: int) -> None:
    a = RNG.integers(0, 5, (3, size)).astype(dtype.numpy)
    if dtype.numpy.kind in "fV":
        a[:, ::7] = NAN
        a[:, 1::11] = -INF
        a[:, 2::13] = -0.0
    wide = a.astype(np.float64)
    for dim in (0, 1):
        up = np.argsort(wide, dim, kind="stable")
        back = np.flip(np.argsort(np.flip(wide, dim), dim, kind="stable"), dim)
        for descending, expected in ((False, up), (True, a.shape[dim] - 1 - back)):
            values, indices = of(a).sort(dim, descending)
            np.testing.assert_array_equal(indices.numpy(), expected)
            np.testing.assert_array_equal(values.numpy().astype(np.float64), np.take_along_axis(wide, expected, dim))
            assert_close(of(a).argsort(dim, descending), expected)


@pytest.mark.parametrize("shape", [(3000,), (4, 900), (900, 4), (2, 3, 300)])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("dtype", [lt.float32, lt.float64, lt.float16, lt.int64, lt.uint8], ids=repr)
def test_topk_and_kthvalue_are_a_sort_cut_off(dtype: lt.DType, ties: bool, shape: tuple[int, ...]) -> None:
    a = (RNG.integers(0, 9, shape) if ties else RNG.permutation(math.prod(shape)).reshape(shape)).astype(dtype.numpy)
    for dim in range(len(shape)):
        x = of(a)
        for largest in (True, False):
            values, indices = x.sort(dim, largest)
            for k in {0, 1, min(3, shape[dim]), shape[dim] // 5, shape[dim]}:
                top = x.topk(k, dim, largest)
                assert_close(top.values, values.narrow(dim, 0, k))
                assert_close(top.indices, indices.narrow(dim, 0, k))
        for k in (1, 2, shape[dim]):
            found = x.kthvalue(k, dim)
            assert_close(found.values, x.sort(dim).values.numpy().take(k - 1, dim))


def test_extremes_of_int64_are_ordered() -> None:
    low, high = -(2**63), 2**63 - 1
    a = np.array([high, 0, low, -1, high, low] * 500)
    assert_close(of(a).sort().indices, np.argsort(a, kind="stable"))
    assert of(a).topk(1).values.item() == high
    assert of(a).topk(1, largest=False).values.item() == low
    assert of(a).median().item() == -1


@pytest.mark.parametrize("dtype", (*INT_DTYPES, lt.bool_), ids=repr)
def test_medians_of_many_integers(dtype: lt.DType) -> None:
    for size in (5000, 5001):
        a = RNG.integers(0, 2 if dtype is lt.bool_ else 120, size).astype(dtype.numpy)
        if dtype.numpy.kind == "i":
            a -= a.dtype.type(60)
        assert of(a).median().item() == np.sort(a)[(size - 1) // 2]
        assert of(a).median(0).values.item() == np.sort(a)[(size - 1) // 2]
    assert of(np.array([-128, 127] * 3000 + [127], np.int8)).median().item() == 127


def test_logsumexp_of_nothing_and_of_infinities() -> None:
    x = of([[-INF, -INF], [INF, 0.0], [1000.0, 1000.0]])
    assert x.logsumexp(1).tolist() == pytest.approx([-INF, INF, 1000 + math.log(2)])
    assert lt.logcumsumexp(of([-INF, -INF, 0.0, -1e4]), 0).tolist() == [-INF, -INF, 0.0, 0.0]


# -- sums with NaN, quantiles


def test_nansum_and_nanmean() -> None:
    a = M.copy()
    a[0, 1] = a[2] = NAN
    x = of(a)
    assert_close(x.nansum(1), np.nansum(a, 1))
    assert x.nansum().item() == pytest.approx(np.nansum(a))
    assert x.nanmean(0).tolist() == pytest.approx(np.nanmean(a, 0).tolist())
    assert math.isnan(x.nanmean(1)[2].item())
    assert math.isnan(of([INF, -INF]).nansum().item())
    assert of([INF, -INF, NAN]).count_nonzero().item() == 3


METHODS = {"linear": "linear", "lower": "lower", "higher": "higher", "midpoint": "midpoint", "nearest": "nearest"}


@pytest.mark.parametrize("how", METHODS)
def test_quantiles_are_numpys(how: str) -> None:
    x = of(M)
    a = M.copy()
    a[1, 2] = a[3, :5] = NAN
    for q in (0.0, 0.1, 0.5, 0.77, 1.0):
        for dim in (None, 0, 1):
            want = np.quantile(M, q, dim, method=METHODS[how], keepdims=True)
            assert_close(x.quantile(q, dim, True, interpolation=how), want)
            want = np.nanquantile(a, q, dim, method=METHODS[how])
            assert_close(of(a).nanquantile(q, dim, interpolation=how), want)
    qs = lt.tensor([0.2, 0.9], dtype=lt.float64)
    assert_close(x.quantile(qs, 1, interpolation=how), np.quantile(M, [0.2, 0.9], 1, method=METHODS[how]))
    assert math.isnan(of(a).quantile(0.5, 1, interpolation=how)[1].item())


# -- distinct elements and counts


def test_unique() -> None:
    a = RNG.integers(0, 4, (5, 6))
    values, inverse, counts = lt.unique(of(a), return_inverse=True, return_counts=True)
    assert_close(values[inverse], a)
    assert_close(counts, np.unique(a, return_counts=True)[1])
    rows, back = lt.unique(of(a % 2), dim=0, return_inverse=True)
    assert_close(rows[back], a % 2)
    half = lt.tensor([2.0, 1.0, 2.0], dtype=lt.bfloat16)
    assert half.unique().dtype is lt.bfloat16
    assert half.unique().tolist() == [1.0, 2.0]
    runs, which, length = lt.unique_consecutive(of([1, 1, 2, 2, 2, 1]), return_inverse=True, return_counts=True)
    assert (runs.tolist(), which.tolist(), length.tolist()) == ([1, 2, 1], [0, 0, 1, 1, 1, 2], [2, 3, 1])
    assert lt.unique_consecutive(lt.zeros(0)).shape == (0,)


def test_places_in_sorted_rows() -> None:
    rows, values = np.sort(RNG.integers(0, 9, (3, 6))), RNG.integers(0, 9, (3, 4))
    for side in ("left", "right"):
        want = np.stack([np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)])
        assert_close(lt.searchsorted(of(rows), of(values), side=side), want)
        assert_close(
            lt.bucketize(of(values), of(rows[0]), right=side == "right"), np.searchsorted(rows[0], values, side)
        )
    shuffled = RNG.permuted(rows, axis=1)
    got = lt.searchsorted(of(shuffled), of(values), sorter=of(shuffled).argsort())
    assert_close(got, lt.searchsorted(of(rows), of(values)))
    assert lt.searchsorted(of([1, 3, 5]), 3.5).item() == 2
    assert lt.searchsorted(of([1, 3, 5]), 3, right=True, out_int32=True).dtype is lt.int32


def test_histograms() -> None:
    a = RNG.normal(size=300)
    x = of(a)
    assert_close(lt.histc(x, 8, -2, 2), np.histogram(a, 8, (-2, 2))[0].astype(np.float64))
    assert lt.histc(x, 5).sum().item() == 300
    assert lt.histc(lt.ones(4), 3).tolist() == [0.0, 4.0, 0.0]
    hist, edges = lt.histogram(x, 6, range=(-1.0, 1.0), density=True)
    want = np.histogram(a, 6, (-1, 1), density=True)
    assert_close(hist, want[0])
    assert_close(edges, want[1])
    points = RNG.normal(size=(50, 2))
    grid, sides = lt.histogramdd(of(points), [3, 4])
    assert_close(grid, np.histogramdd(points, [3, 4])[0])
    assert [s.shape for s in sides] == [(4,), (5,)]
    assert lt.bincount(of([1, 1, 4]), minlength=7).tolist() == [0, 2, 0, 0, 1, 0, 0]
    assert lt.bincount(of([1, 1]), of([0.5, 0.25])).tolist() == [0.0, 0.75]
    assert lt.isin(of([1, 2, 3]), of([2.5, 3.0])).tolist() == [False, False, True]


def test_norms_agree_with_their_meaning() -> None:
    x, y = of(M), of(M[::-1].copy())
    assert lt.dist(x, y).item() == pytest.approx(np.linalg.norm(M - M[::-1]))
    assert lt.norm(x, 1, 0).tolist() == pytest.approx(np.abs(M).sum(0).tolist())
    small = x.renorm(2, 0, 1.0)
    assert (small.norm(2, 1) <= 1 + 1e-6).all().item()
    assert_close(lt.cov(x), np.cov(M))
    assert_close(lt.corrcoef(x), np.corrcoef(M))
    assert_close(lt.trace(x), np.trace(M))
    assert_close(lt.diff(x, 2, 0), np.diff(M, 2, 0))
    assert_close(lt.trapezoid(x, dx=0.5), np.trapezoid(M, dx=0.5))
    assert_close(lt.softmin(x, 1), np.exp(-M) / np.exp(-M).sum(1, keepdims=True))


@pytest.mark.parametrize("dtype", HALVES, ids=repr)
def test_half_types_round_once(dtype: lt.DType) -> None:
    x = lt.full((5000,), 1.0, dtype=dtype)
    assert x.norm().item() == dtype.numpy.type(math.sqrt(5000))
    assert x.nansum().item() == dtype.numpy.type(5000)
    assert x.cumsum(0)[-1].item() == dtype.numpy.type(5000)
    assert x.cumprod(0)[-1].item() == 1.0
    assert (x * 300).var().item() == 0.0


# -- draws


def test_multinomial_draws_by_weight() -> None:
    lt.manual_seed(3)
    weights = lt.tensor([1.0, 0.0, 3.0, 6.0, 0.0])
    drawn = weights.multinomial(20_000, replacement=True).numpy()
    shares = np.bincount(drawn, minlength=5) / len(drawn)
    np.testing.assert_allclose(shares, [0.1, 0.0, 0.3, 0.6, 0.0], atol=0.015)
    assert shares[1] == shares[4] == 0.0
    once = weights.expand(4000, 5).contiguous().multinomial(3).numpy()
    assert (np.sort(once, 1) == [0, 2, 3]).all()
    # the first of them is a draw by weight, the second a draw by the weights that are left
    np.testing.assert_allclose(np.bincount(once[:, 0], minlength=5) / 4000, [0.1, 0, 0.3, 0.6, 0], atol=0.03)
    second = once[once[:, 0] == 3][:, 1]
    np.testing.assert_allclose(np.bincount(second, minlength=3) / len(second), [0.25, 0, 0.75], atol=0.04)


def test_multinomial_is_a_function_of_the_seed() -> None:
    draws = []
    for _ in range(2):
        lt.manual_seed(11)
        p = lt.tensor([[0.2, 0.8], [0.5, 0.5]])
        draws.append((p.multinomial(6, True).tolist(), p.multinomial(2).tolist(), lt.rand(1).item()))
    assert draws[0] == draws[1]
    g = lt.Generator()
    g.manual_seed(11)
    assert lt.multinomial(lt.tensor([[0.2, 0.8], [0.5, 0.5]]), 6, True, generator=g).tolist() == draws[0][0]


# -- in place


def test_running_sums_in_place() -> None:
    x = of([1.0, 2.0, 3.0])
    y = x
    assert y.cumsum_(0) is x
    assert x.tolist() == [1.0, 3.0, 6.0]
    assert x.cumprod_(0).tolist() == [1.0, 3.0, 18.0]
    small = lt.tensor([1, 2], dtype=lt.int32)
    assert small.cumsum_(0).dtype is lt.int32


# -- bad input

BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("lt.zeros(0, 3).max()", ValueError, r"max of an empty tensor has no value; got shape \(0, 3\)"),
    ("lt.zeros(0, 3).max(0)", ValueError, r"max over an empty dim has no value; shape \(0, 3\), dim 0"),
    ("lt.zeros(0, 3).median(0)", ValueError, "median over an empty dim has no value"),
    ("lt.zeros(0, 3).mode(0)", ValueError, "mode over an empty dim has no value"),
    ("lt.zeros(0).norm(float('inf'))", ValueError, "norm of p=inf over an empty dim has no value"),
    ("lt.zeros(0).quantile(0.5)", ValueError, "quantile over no elements has no value"),
    ("x.max((0, 1))", TypeError, "max takes one dim and gives indices too; over several dims use amax"),
    ("x.max(2)", IndexError, "dim 2 is out of range"),
    ("x.sort(5)", IndexError, "dim 5 is out of range"),
    ("x.sort('a')", TypeError, "dim must be an int, got 'a'"),
    ("x.cumprod()", TypeError, "cumprod needs a dim"),
    ("x.cummax()", TypeError, "cummax needs a dim"),
    ("x.topk(4)", ValueError, r"topk needs k in \[0, 3\], the size of dim 1, got 4"),
    ("x.topk(-1)", ValueError, r"topk needs k in \[0, 3\]"),
    ("lt.tensor(1.0).topk(0)", ValueError, "topk of a 0-d tensor needs k=1, got 0"),
    ("x.topk(1.5)", TypeError, "topk: k must be an int, got 1.5"),
    ("x.kthvalue(0)", ValueError, "kthvalue counts from 1 to 3, the size of dim 1, got k=0"),
    ("x.var(0, True, correction=1)", TypeError, "var: give unbiased or correction, not both"),
    ("x.var(True, False)", TypeError, "var: unbiased is given twice"),
    ("x.std(correction='a')", TypeError, "std: correction is a number, got 'a'"),
    ("i.var()", TypeError, "var needs a floating tensor, got int64"),
    ("i.norm()", TypeError, "norm needs a floating tensor, got int64"),
    ("i.nanmean()", TypeError, "nanmean needs a floating tensor, got lamella.int64"),
    ("x.norm('nuc')", ValueError, "norm: p is a number or 'fro', got 'nuc'; norms of matrices are in linalg"),
    ("x.logcumsumexp(3)", IndexError, "dim 3 is out of range"),
    ("i.logcumsumexp(0)", TypeError, "logcumsumexp needs a floating tensor"),
    ("c.sort()", TypeError, "sort is not defined for complex numbers"),
    ("c.nansum()", TypeError, "nansum is not defined for complex numbers"),
    ("c.median()", TypeError, "median is not defined for complex numbers"),
    ("c.unique()", TypeError, "unique is not defined for complex numbers"),
    ("c.cummax(0)", TypeError, "cummax is not defined for complex numbers"),
    ("x.quantile(1.5)", ValueError, r"quantile: q lies in \[0, 1\], got 1.5"),
    ("x.quantile(0.5, interpolation='cubic')", ValueError, "interpolation is one of linear, lower"),
    ("i.quantile(0.5)", TypeError, "quantile needs a float32 or float64 tensor, got lamella.int64"),
    ("x.quantile(lt.zeros(2, 2))", TypeError, r"q is a number, or a 0-d or 1-d tensor of the dtype lamella.float32"),
    ("lt.renorm(lt.ones(3), 2, 0, 1.0)", ValueError, "renorm needs at least 2 dims"),
    ("x.renorm(0, 0, 1.0)", ValueError, "renorm needs p > 0"),
    ("lt.ones(3).trace()", ValueError, r"trace needs a matrix, got shape \(3,\)"),
    ("lt.zeros(2, 2, 2).cov()", ValueError, "cov needs at most 2 dims"),
    ("x.cov(fweights=lt.ones(3))", TypeError, "fweights are counts, integers"),
    ("x.cov(aweights=lt.ones(2))", ValueError, r"aweights needs one weight an observation, \(3,\), got \(2,\)"),
    ("lt.tensor(1.0).diff()", ValueError, "diff needs at least one dim"),
    ("x.diff(-1)", ValueError, "diff needs n >= 0"),
    ("lt.trapezoid(x, x, dx=1.0)", TypeError, "give the places x or their distance dx, not both"),
    ("lt.trapezoid(x, lt.ones(2))", ValueError, "y has 3 values along dim 1 and x 2 places"),
    ("lt.softmin(x)", TypeError, "softmin needs a dim"),
    ("lt.searchsorted(x, lt.zeros(3, 2))", ValueError, "searchsorted needs one sorted sequence, or one a row"),
    ("lt.searchsorted(lt.ones(3), i)", TypeError, "searchsorted needs one dtype"),
    ("lt.searchsorted(lt.ones(3), 1.0, side='up')", ValueError, "side is 'left' or 'right', got 'up'"),
    ("lt.searchsorted(lt.ones(3), 1.0, right=True, side='left')", ValueError, "contradicts right=True"),
    ("lt.searchsorted(lt.ones(3), 1.0, sorter=i)", ValueError, "sorter .* needs the shape of the sequence"),
    ("lt.bucketize(x, x)", ValueError, r"bucketize needs 1-d boundaries, got shape \(2, 3\)"),
    ("lt.bincount(x)", TypeError, "bincount needs a 1-d tensor of integers"),
    ("lt.bincount(lt.tensor([-1]))", ValueError, "bincount needs integers >= 0, got -1"),
    (
        "lt.bincount(lt.tensor([1]), lt.ones(2))",
        ValueError,
        r"bincount needs one weight an element, \(1,\), got \(2,\)",
    ),
    ("lt.histc(x, 0)", ValueError, "histc needs a positive number of bins, got 0"),
    ("lt.histc(x / 0)", ValueError, "histc needs a finite range"),
    ("lt.histogram(x, x)", ValueError, "histogram needs at least 2 edges in a 1-d tensor"),
    ("lt.histogramdd(lt.ones(3), 2)", ValueError, r"histogramdd needs points \[..., D\]"),
    ("lt.multinomial(x, 0)", ValueError, "multinomial needs a positive number of samples, got 0"),
    ("lt.multinomial(lt.ones(3), 4)", ValueError, "multinomial cannot draw 4 of 3 categories without replacement"),
    ("lt.multinomial(x, 1)", ValueError, "at least 1 categories of positive weight in every row"),
    ("lt.multinomial(lt.tensor([1.0, 0.0]), 2)", ValueError, "at least 2 categories of positive weight"),
    ("lt.multinomial(lt.tensor([1.0, -1.0]), 1)", ValueError, "weights that are finite and not negative"),
    ("lt.multinomial(lt.tensor([1.0, float('nan')]), 1)", ValueError, "weights that are finite and not negative"),
    ("lt.multinomial(i, 1)", TypeError, "multinomial needs a floating tensor"),
    ("lt.multinomial(lt.ones(1, 1, 1), 1)", ValueError, r"multinomial needs weights \[n\] or \[m, n\]"),
    ("x.sort(0, 1)", TypeError, "sort: which way and whether in order are True or False, got 1"),
    ("i.cumsum_(0, dtype=lt.float32)", TypeError, "cumsum_ would put float32 values into a int64 tensor"),
)


@pytest.mark.parametrize(("text", "kind", "message"), BAD, ids=[b[0] for b in BAD])
def test_bad_input(text: str, kind: type[Exception], message: str) -> None:
    names = {
        "lt": lt, "x": lt.zeros(2, 3), "i": lt.ones(2, 3, dtype=lt.int64), "c": lt.ones(2, 3, dtype=lt.complex64),
    }  # fmt: skip
    with pytest.raises(kind, match=message):
        eval(text, names)  # each text is one of the table above
